/* Results, text, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void *sink_allocate(size_t size) { return sink_reallocate(NULL, size); }

void *sink_reallocate(void *memory, size_t size) {
    memory = realloc(memory, size > 0 ? size : 1);
    if (memory == NULL) abort();
    return memory;
}

sink_text sink_text_of(const char *string) { return (sink_text){string, strlen(string)}; }

bool sink_text_is(sink_text text, const char *string) {
    return text.size == strlen(string) && (text.size == 0 || memcmp(text.data, string, text.size) == 0);
}

char *sink_text_copy(sink_text text) {
    char *copy = sink_allocate(text.size + 1);
    if (text.size > 0) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

char *sink_vprint(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    char *text = sink_allocate(size < 0 ? 1 : (size_t)size + 1);
    text[0] = 0;
    if (size > 0) vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

char *sink_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = sink_vprint(format, arguments);
    va_end(arguments);
    return text;
}

#define MAKE(status, after_ms)                                                           \
    va_list arguments;                                                                   \
    va_start(arguments, format);                                                         \
    sink_result result = {status, sink_vprint(format, arguments), after_ms};             \
    va_end(arguments);                                                                   \
    return result

sink_result sink_retryable(const char *format, ...) { MAKE(SINK_RETRYABLE, 0); }
sink_result sink_retryable_after(uint32_t after_ms, const char *format, ...) { MAKE(SINK_RETRYABLE, after_ms); }
sink_result sink_rejected(const char *format, ...) { MAKE(SINK_REJECTED, 0); }
sink_result sink_fatal(const char *format, ...) { MAKE(SINK_FATAL, 0); }

void sink_result_free(sink_result *result) {
    free(result->reason);
    *result = SINK_OK;
}

/* How many bytes the character at the beginning has; 0 if it is none. */
static size_t character(const unsigned char *bytes, size_t size) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = bytes[0];
    size_t length = first < 0x80 ? 1 : (first >> 5) == 6 ? 2 : (first >> 4) == 14 ? 3 : (first >> 3) == 30 ? 4 : 0;
    if (length == 0 || length > size) return 0;
    if (length == 1) return 1;
    uint32_t code = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] >> 6) != 2) return 0;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < smallest[length] || code > 0x10ffff || surrogate ? 0 : length;
}

size_t sink_utf8_until(sink_text text) {
    size_t at = 0;
    while (at < text.size) {
        size_t length = character((const unsigned char *)text.data + at, text.size - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

void sink_make_utf8(char *text) {
    for (;;) {
        text += sink_utf8_until(sink_text_of(text));
        if (*text == 0) return;
        *text++ = '?';
    }
}
