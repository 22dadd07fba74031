/* The reader of JSON. Values are views of a text that was checked once, so that what reads them can rely on its shape. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { DEEPEST = 128 };

static const char *space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

static const char *digits(const char *at, const char *end) {
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at;
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* Behind the string that begins at `at`; NULL if it is none. */
static const char *string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at != '\\') continue;
        if (++at == end) return NULL;
        if (*at == 'u') {
            if (end - at < 5) return NULL;
            for (int i = 1; i < 5; i++)
                if (hex(at[i]) < 0) return NULL;
            at += 4;
        } else if (*at == 0 || strchr("\"\\/bfnrt", *at) == NULL) {
            return NULL;
        }
    }
    return at < end ? at + 1 : NULL;
}

static const char *number(const char *at, const char *end) {
    if (*at == '-') at++;
    const char *whole = at;
    at = digits(at, end);
    if (at == whole || (*whole == '0' && at - whole > 1)) return NULL;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = digits(fraction, end);
        if (at == fraction) return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        const char *exponent = at;
        at = digits(at, end);
        if (at == exponent) return NULL;
    }
    return at;
}

static const char *word(const char *at, const char *end, const char *expected) {
    size_t size = strlen(expected);
    return (size_t)(end - at) >= size && memcmp(at, expected, size) == 0 ? at + size : NULL;
}

/* Behind the value that begins at `at`; NULL if it is none. */
static const char *value(const char *at, const char *end, int depth);

static const char *list(const char *at, const char *end, int depth) {
    bool object = *at == '{';
    char closing = object ? '}' : ']';
    at = space(at + 1, end);
    if (at < end && *at == closing) return at + 1;
    while (at < end) {
        if (object) {
            if (*at != '"' || (at = string(at, end)) == NULL) return NULL;
            at = space(at, end);
            if (at == end || *at != ':') return NULL;
            at = space(at + 1, end);
        }
        if ((at = value(at, end, depth + 1)) == NULL) return NULL;
        at = space(at, end);
        if (at == end) return NULL;
        if (*at == closing) return at + 1;
        if (*at != ',') return NULL;
        at = space(at + 1, end);
    }
    return NULL;
}

static const char *value(const char *at, const char *end, int depth) {
    if (at == end || depth > DEEPEST) return NULL;
    switch (*at) {
    case '{':
    case '[': return list(at, end, depth);
    case '"': return string(at, end);
    case 't': return word(at, end, "true");
    case 'f': return word(at, end, "false");
    case 'n': return word(at, end, "null");
    default: return number(at, end);
    }
}

bool sink_json_parse(sink_text text, sink_json *parsed) {
    const char *end = text.data + text.size;
    const char *begin = space(text.data, end);
    const char *behind = sink_utf8_until(text) == text.size ? value(begin, end, 0) : NULL;
    if (behind == NULL || space(behind, end) != end) return false;
    parsed->text = (sink_text){begin, (size_t)(behind - begin)};
    return true;
}

sink_json_kind sink_json_kind_of(sink_json json) {
    switch (json.text.data[0]) {
    case '{': return SINK_JSON_OBJECT;
    case '[': return SINK_JSON_ARRAY;
    case '"': return SINK_JSON_STRING;
    case 't':
    case 'f': return SINK_JSON_BOOL;
    case 'n': return SINK_JSON_NULL;
    default: return SINK_JSON_NUMBER;
    }
}

/* Behind a value of a checked text, without a look into it. */
static const char *skip(const char *at, const char *end) {
    int depth = 0;
    do {
        if (*at == '"') {
            for (at++; *at != '"'; at++)
                if (*at == '\\') at++;
            at++;
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            while (at < end && strchr(",]} \t\r\n", *at) == NULL) at++;
        }
    } while (depth > 0);
    return at;
}

sink_json_walk sink_json_begin(sink_json json) {
    sink_json_kind kind = sink_json_kind_of(json);
    if (kind != SINK_JSON_ARRAY && kind != SINK_JSON_OBJECT) return (sink_json_walk){.rest = NULL};
    const char *behind = json.text.data + json.text.size;
    return (sink_json_walk){.rest = json.text.data + 1, .behind = behind, .closing = kind == SINK_JSON_OBJECT ? '}' : ']'};
}

bool sink_json_next(sink_json_walk *walk) {
    if (walk->rest == NULL) return false;
    const char *end = walk->behind;
    const char *at = space(walk->rest, end);
    if (*at == walk->closing) {
        walk->rest = NULL;
        return false;
    }
    if (*at == ',') at = space(at + 1, end);
    if (walk->closing == '}') {
        const char *behind = skip(at, end);
        walk->key.text = (sink_text){at, (size_t)(behind - at)};
        at = space(space(behind, end) + 1, end);
    }
    walk->rest = skip(at, end);
    walk->value.text = (sink_text){at, (size_t)(walk->rest - at)};
    return true;
}

bool sink_json_get(sink_json object, const char *key, sink_json *found) {
    if (sink_json_kind_of(object) != SINK_JSON_OBJECT) return false;
    for (sink_json_walk walk = sink_json_begin(object); sink_json_next(&walk);) {
        if (!sink_json_is(walk.key, key)) continue;
        *found = walk.value;
        return true;
    }
    return false;
}

bool sink_json_bool(sink_json json, bool *out) {
    if (sink_json_kind_of(json) != SINK_JSON_BOOL) return false;
    *out = json.text.data[0] == 't';
    return true;
}

bool sink_json_u64(sink_json json, uint64_t *out) {
    uint64_t sum = 0;
    for (size_t i = 0; i < json.text.size; i++) {
        char digit = json.text.data[i];
        if (digit < '0' || digit > '9') return false;
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(digit - '0'), &sum)) return false;
    }
    *out = sum;
    return true;
}

bool sink_json_i64(sink_json json, int64_t *out) {
    bool negative = json.text.data[0] == '-';
    sink_json size = {{json.text.data + negative, json.text.size - negative}};
    uint64_t amount;
    if (!sink_json_u64(size, &amount) || amount > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - amount) : (int64_t)amount;
    return true;
}

bool sink_json_double(sink_json json, double *out) {
    if (sink_json_kind_of(json) != SINK_JSON_NUMBER) return false;
    char *copy = sink_text_copy(json.text); /* Nothing says that the text does not go on behind a number. */
    double read = strtod(copy, NULL);
    free(copy);
    if (!isfinite(read)) return false;
    *out = read;
    return true;
}

static uint32_t escape(const char *at) {
    return (uint32_t)(hex(at[0]) << 12 | hex(at[1]) << 8 | hex(at[2]) << 4 | hex(at[3]));
}

static char *add_code(char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

char *sink_json_string(sink_json json, size_t *size) {
    if (sink_json_kind_of(json) != SINK_JSON_STRING) return NULL;
    const char *at = json.text.data + 1, *end = json.text.data + json.text.size - 1;
    char *copy = sink_allocate(json.text.size), *out = copy; /* No escape is shorter than what it stands for. */
    while (at < end) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
        const char *name = strchr(names, at[1]);
        if (at[1] != 'u') {
            *out++ = name != NULL ? meant[name - names] : at[1];
            at += 2;
            continue;
        }
        uint32_t code = escape(at + 2);
        at += 6;
        bool high = code >= 0xd800 && code < 0xdc00;
        if (high && end - at >= 6 && at[0] == '\\' && at[1] == 'u' && escape(at + 2) >= 0xdc00 && escape(at + 2) < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (escape(at + 2) - 0xdc00);
            at += 6;
        } else if (code >= 0xd800 && code < 0xe000) {
            code = 0xfffd; /* Half a pair is no character. */
        }
        out = add_code(out, code);
    }
    *out = 0;
    if (size != NULL) *size = (size_t)(out - copy);
    return copy;
}

bool sink_json_is(sink_json json, const char *expected) {
    if (sink_json_kind_of(json) != SINK_JSON_STRING) return false;
    sink_text inside = {json.text.data + 1, json.text.size - 2};
    if (memchr(inside.data, '\\', inside.size) == NULL) return sink_text_is(inside, expected);
    size_t size;
    char *copy = sink_json_string(json, &size);
    bool is = size == strlen(expected) && memcmp(copy, expected, size) == 0;
    free(copy);
    return is;
}
