/* Requests to the host, by the generated bindings. */
#include <stdlib.h>
#include <string.h>

#include "bindings/bindings.h"
#include "internal.h"

static bindings_string_t lent(sink_text text) { return (bindings_string_t){(uint8_t *)text.data, text.size}; }

static bool is_utf8(const char *string) {
    sink_text text = sink_text_of(string);
    return sink_utf8_until(text) == text.size;
}

/* Whether everything may cross that does so as text; NULL, or what may not. */
static const char *flaw_of(const sink_request *request) {
    if (request->method == NULL || request->url == NULL) return "it has no method or no URL";
    if (!is_utf8(request->method) || !is_utf8(request->url)) return "its method or its URL is not UTF-8";
    for (size_t i = 0; i < request->header_count; i++)
        if (!is_utf8(request->headers[i].name) || !is_utf8(request->headers[i].value)) return "a header is not UTF-8";
    return NULL;
}

/* Lent to the host but for the list of headers, which is for free(). */
static danube_sink_http_request_t lowered(const sink_request *request) {
    danube_sink_http_request_t raw = {
        .method = lent(sink_text_of(request->method)),
        .url = lent(sink_text_of(request->url)),
        .headers = {sink_allocate(request->header_count * sizeof(bindings_tuple2_string_string_t)), request->header_count},
        .timeout_ms = {request->timeout_ms > 0, request->timeout_ms},
    };
    for (size_t i = 0; i < request->header_count; i++) {
        const sink_header *header = &request->headers[i];
        raw.headers.ptr[i] =
            (bindings_tuple2_string_string_t){lent(sink_text_of(header->name)), lent(sink_text_of(header->value))};
    }
    raw.body.is_some = request->body.present;
    if (!request->body.present) return raw;
    sink_text body = request->body.bytes;
    raw.body.val.tag = sink_utf8_until(body) == body.size ? DANUBE_SINK_HTTP_BODY_TEXT : DANUBE_SINK_HTTP_BODY_BINARY;
    raw.body.val.val.binary = (bindings_list_u8_t){(uint8_t *)body.data, body.size};
    return raw;
}

/* Takes the response of the bindings. */
static sink_response lifted(const danube_sink_http_response_t *raw) {
    return (sink_response){
        .status = raw->status,
        .headers = (const sink_pair *)(const void *)raw->headers.ptr,
        .header_count = raw->headers.len,
        .body = {(const char *)raw->body.val.binary.ptr, raw->body.val.binary.len},
    };
}

void sink_response_free(sink_response *response) {
    danube_sink_http_response_t raw = {
        .headers = {(bindings_tuple2_string_string_t *)(void *)response->headers, response->header_count},
        .body = {.tag = DANUBE_SINK_HTTP_BODY_BINARY},
    };
    raw.body.val.binary = (bindings_list_u8_t){(uint8_t *)response->body.data, response->body.size};
    danube_sink_http_response_free(&raw);
    *response = (sink_response){0};
}

/* Takes the error of the bindings. */
static sink_result failure_of(danube_sink_http_http_error_t *error) {
    sink_text why = {(const char *)error->val.denied.ptr, error->val.denied.len};
    sink_result result;
    switch (error->tag) {
    case DANUBE_SINK_HTTP_HTTP_ERROR_DENIED: result = sink_fatal("%.*s", SINK_TEXT_ARGS(why)); break;
    case DANUBE_SINK_HTTP_HTTP_ERROR_INVALID_REQUEST: result = sink_fatal("invalid request: %.*s", SINK_TEXT_ARGS(why)); break;
    case DANUBE_SINK_HTTP_HTTP_ERROR_REQUEST_TOO_LARGE: result = sink_rejected("request too large: %.*s", SINK_TEXT_ARGS(why)); break;
    case DANUBE_SINK_HTTP_HTTP_ERROR_CONNECT: result = sink_retryable("cannot connect: %.*s", SINK_TEXT_ARGS(why)); break;
    case DANUBE_SINK_HTTP_HTTP_ERROR_TLS: result = sink_retryable("no TLS session: %.*s", SINK_TEXT_ARGS(why)); break;
    case DANUBE_SINK_HTTP_HTTP_ERROR_TIMEOUT: result = sink_retryable("timed out: %.*s", SINK_TEXT_ARGS(why)); break;
    case DANUBE_SINK_HTTP_HTTP_ERROR_TOO_LARGE: result = sink_rejected("response too large: %.*s", SINK_TEXT_ARGS(why)); break;
    default: result = sink_retryable("broken response: %.*s", SINK_TEXT_ARGS(why));
    }
    danube_sink_http_http_error_free(error);
    return result;
}

sink_result sink_http_send(const sink_request *request, sink_response *response) {
    *response = (sink_response){0};
    const char *flaw = flaw_of(request);
    if (flaw != NULL) return sink_fatal("invalid request: %s", flaw);
    danube_sink_http_request_t raw = lowered(request);
    danube_sink_http_response_t answer;
    danube_sink_http_http_error_t error;
    bool answered = danube_sink_http_send(&raw, &answer, &error);
    free(raw.headers.ptr);
    if (!answered) return failure_of(&error);
    *response = lifted(&answer);
    return SINK_OK;
}

void sink_http_send_all(const sink_request *requests, size_t count, sink_response *responses, sink_result *results) {
    danube_sink_http_request_t *raw = sink_allocate(count * sizeof *raw);
    danube_sink_http_list_request_t list = {raw, 0};
    size_t *places = sink_allocate(count * sizeof *places);
    for (size_t i = 0; i < count; i++) {
        responses[i] = (sink_response){0};
        const char *flaw = flaw_of(&requests[i]);
        results[i] = flaw != NULL ? sink_fatal("invalid request: %s", flaw) : SINK_OK;
        if (flaw != NULL) continue;
        places[list.len] = i;
        raw[list.len++] = lowered(&requests[i]);
    }
    danube_sink_http_list_result_response_http_error_t answers = {NULL, 0};
    if (list.len > 0) danube_sink_http_send_all(&list, &answers);
    for (size_t i = 0; i < list.len; i++) {
        size_t place = places[i];
        if (i >= answers.len)
            results[place] = sink_retryable("broken response: the host gave too few answers");
        else if (answers.ptr[i].is_err)
            results[place] = failure_of(&answers.ptr[i].val.err);
        else
            responses[place] = lifted(&answers.ptr[i].val.ok);
        free(raw[i].headers.ptr);
    }
    if (answers.len > 0) free(answers.ptr);
    free(places);
    free(raw);
}
