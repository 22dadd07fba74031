/* Text that grows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Makes room for `more` bytes and a 0 behind them. */
static char *room_for(sink_buffer *buffer, size_t more) {
    size_t needed = buffer->size + more + 1;
    if (needed < more) abort();
    if (needed > buffer->room) {
        buffer->room = needed > buffer->room * 2 ? needed : buffer->room * 2;
        buffer->data = sink_reallocate(buffer->data, buffer->room);
    }
    return buffer->data + buffer->size;
}

void sink_buffer_add(sink_buffer *buffer, sink_text text) {
    char *at = room_for(buffer, text.size);
    if (text.size > 0) memcpy(at, text.data, text.size);
    buffer->size += text.size;
    buffer->data[buffer->size] = 0;
}

void sink_buffer_print(sink_buffer *buffer, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size > 0) {
        vsnprintf(room_for(buffer, (size_t)size), (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
    va_end(arguments);
}

void sink_buffer_add_string(sink_buffer *buffer, sink_text text) {
    sink_buffer_add(buffer, (sink_text){"\"", 1});
    size_t from = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        sink_buffer_add(buffer, (sink_text){text.data + from, i - from});
        if (byte < 0x20)
            sink_buffer_print(buffer, "\\u%04x", byte);
        else
            sink_buffer_print(buffer, "\\%c", byte);
        from = i + 1;
    }
    sink_buffer_add(buffer, (sink_text){text.data + from, text.size - from});
    sink_buffer_add(buffer, (sink_text){"\"", 1});
}

void sink_buffer_add_base64(sink_buffer *buffer, sink_text bytes) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = room_for(buffer, (bytes.size + 2) / 3 * 4);
    const unsigned char *in = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t three = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        *out++ = alphabet[three >> 18];
        *out++ = alphabet[three >> 12 & 63];
        *out++ = left > 1 ? alphabet[three >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[three & 63] : '=';
    }
    *out = 0;
    buffer->size = (size_t)(out - buffer->data);
}

sink_text sink_buffer_text(const sink_buffer *buffer) { return (sink_text){buffer->data, buffer->size}; }

void sink_buffer_free(sink_buffer *buffer) {
    free(buffer->data);
    *buffer = (sink_buffer){0};
}
