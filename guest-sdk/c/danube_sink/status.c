/* What a response means for the records of its request. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

/* How much of a body goes into a reason, in characters. */
enum { EXCERPT = 200 };

static bool same_name(sink_text name, const char *other) {
    if (name.size != strlen(other)) return false;
    for (size_t i = 0; i < name.size; i++) {
        char a = name.data[i], b = other[i];
        if (a >= 'A' && a <= 'Z') a = (char)(a + 32);
        if (b >= 'A' && b <= 'Z') b = (char)(b + 32);
        if (a != b) return false;
    }
    return true;
}

bool sink_response_header(const sink_response *response, const char *name, sink_text *value) {
    for (size_t i = 0; i < response->header_count; i++) {
        if (!same_name(response->headers[i].name, name)) continue;
        *value = response->headers[i].value;
        return true;
    }
    return false;
}

/* The status and the beginning of the body, on one line; for free(). */
static char *refusal(const sink_response *response) {
    sink_text body = response->body;
    while (body.size > 0 && (unsigned char)body.data[0] <= ' ') body.data++, body.size--;
    while (body.size > 0 && (unsigned char)body.data[body.size - 1] <= ' ') body.size--;
    size_t size = 0;
    for (int characters = 0; size < body.size; size++) {
        bool begins = ((unsigned char)body.data[size] >> 6) != 2;
        if (begins && characters++ == EXCERPT) break;
    }
    if (size == 0) return sink_print("status %d", response->status);
    char *excerpt = sink_text_copy((sink_text){body.data, size});
    for (char *at = excerpt; at < excerpt + size; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f) *at = ' ';
    char *text = sink_print("status %d: %s", response->status, excerpt);
    free(excerpt);
    return text;
}

static uint32_t two_digits(const char *at, int offset) {
    char tens = at[offset], ones = at[offset + 1];
    return tens >= '0' && tens <= '9' && ones >= '0' && ones <= '9' ? (uint32_t)(tens - '0') * 10 + (uint32_t)(ones - '0') : 100;
}

/* Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`. False: it is none. */
static bool date(sink_text text, uint64_t *seconds) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size != 29 || memcmp(text.data + 25, " GMT", 4) != 0) return false;
    uint32_t day = two_digits(text.data, 5), century = two_digits(text.data, 12), year = two_digits(text.data, 14);
    uint32_t hour = two_digits(text.data, 17), minute = two_digits(text.data, 20), second = two_digits(text.data, 23);
    uint32_t month = 0;
    while (month < 12 && memcmp(text.data + 8, months + month * 3, 3) != 0) month++;
    if (month == 12 || day < 1 || day > 31 || century > 99 || year > 99 || hour > 23 || minute > 59 || second > 60) return false;
    /* Years from March on, so that the leap day is the last one. */
    uint32_t full = century * 100 + year;
    if (full < 1970) return false;
    uint32_t shifted = month < 2 ? full - 1 : full;
    uint32_t from_march = (month + 10) % 12;
    uint64_t days = (uint64_t)shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (from_march * 153 + 2) / 5 + day - 1;
    *seconds = (days - 719468) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

uint32_t sink_retry_after(sink_text value, uint64_t now) {
    while (value.size > 0 && value.data[0] == ' ') value.data++, value.size--;
    while (value.size > 0 && value.data[value.size - 1] == ' ') value.size--;
    uint64_t seconds;
    bool digits = value.size > 0 && value.size <= 10;
    if (!digits || !sink_json_u64((sink_json){value}, &seconds)) {
        if (!date(value, &seconds)) return 0;
        seconds = seconds > now ? seconds - now : 0;
    }
    return seconds > UINT32_MAX / 1000 ? UINT32_MAX : (uint32_t)seconds * 1000;
}

sink_result sink_check_status(const sink_response *response) {
    int status = response->status;
    if (status >= 200 && status < 300) return SINK_OK;
    sink_result result = {SINK_RETRYABLE, NULL, 0};
    if (status >= 300 && status < 400) {
        sink_text location = sink_text_of("nowhere");
        sink_response_header(response, "location", &location);
        return sink_fatal("status %d: redirected to `%.*s`, and redirects are not followed", status, SINK_TEXT_ARGS(location));
    }
    bool refused = status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
    bool unauthorized = status == 401 || status == 407;
    /* No final response is below 200 or above 599: whatever sent it does not work as it should just now. */
    if (refused) result.status = unauthorized ? SINK_FATAL : SINK_REJECTED;
    result.reason = refusal(response);
    sink_text pause;
    if (!refused && sink_response_header(response, "retry-after", &pause))
        result.after_ms = sink_retry_after(pause, (uint64_t)time(NULL));
    return result;
}
