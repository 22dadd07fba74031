/* The guest that the behaviour suite drives: it posts what it is given, and reads outcomes from the answer. */
#include <inttypes.h>
#include <stdlib.h>

#include "danube_sink.h"

static struct config {
    char *url, *health_url;
    sink_json topic_mappings;
} config;

static const sink_field config_fields[] = {
    SINK_REQUIRED(struct config, url, SINK_STRING),
    SINK_OPTIONAL(struct config, health_url, SINK_STRING),
    SINK_REQUIRED(struct config, topic_mappings, SINK_JSON),
};

static sink_result initialize(const sink_context *context) {
    return sink_read_settings(context, config_fields, SINK_COUNT(config_fields), &config);
}

static void crash_if_told(const sink_record *record) {
    sink_json payload, crash;
    bool told = false;
    if (sink_record_json(record, &payload) && sink_json_get(payload, "crash", &crash) && sink_json_bool(crash, &told) && told)
        sink_abort("told to crash");
}

static void add_payload(sink_buffer *body, const sink_record *record) {
    switch (record->kind) {
    case SINK_PAYLOAD_JSON: sink_buffer_add(body, record->payload); break;
    case SINK_PAYLOAD_TEXT: sink_buffer_add_string(body, record->payload); break;
    case SINK_PAYLOAD_BINARY:
        sink_buffer_print(body, "\"");
        sink_buffer_add_base64(body, record->payload);
        sink_buffer_print(body, "\"");
    }
}

static void add_schema(sink_buffer *body, const sink_schema *schema) {
    if (schema == NULL) {
        sink_buffer_print(body, "null");
        return;
    }
    sink_buffer_print(body, "{\"id\":%" PRIu64 ",\"version\":%" PRIu32 ",\"subject\":", schema->id, schema->version);
    sink_buffer_add_string(body, schema->subject);
    sink_buffer_print(body, ",\"type\":");
    sink_buffer_add_string(body, schema->type);
    sink_buffer_print(body, "}");
}

static void add(sink_buffer *body, const sink_batch *batch, const sink_record *record) {
    static const char *const kinds[] = {"json", "text", "binary"}, *const orders[] = {"any", "by-key", "strict"};
    sink_buffer_print(body, "{\"topic\":");
    sink_buffer_add_string(body, record->topic);
    sink_buffer_print(body, ",\"offset\":%" PRIu64 ",\"publish_time\":%" PRIu64, record->offset, record->publish_time);
    sink_buffer_print(body, ",\"producer\":");
    sink_buffer_add_string(body, record->producer);
    sink_buffer_print(body, ",\"partition\":");
    if (record->has_partition)
        sink_buffer_print(body, "%" PRIu32, record->partition);
    else
        sink_buffer_print(body, "null");
    sink_buffer_print(body, ",\"key\":");
    if (record->has_routing_key)
        sink_buffer_add_string(body, record->routing_key);
    else
        sink_buffer_print(body, "null");
    sink_buffer_print(body, ",\"attributes\":{");
    for (size_t i = 0; i < record->attribute_count; i++) {
        if (i > 0) sink_buffer_print(body, ",");
        sink_buffer_add_string(body, record->attributes[i].name);
        sink_buffer_print(body, ":");
        sink_buffer_add_string(body, record->attributes[i].value);
    }
    sink_buffer_print(body, "},\"schema\":");
    add_schema(body, record->schema);
    sink_buffer_print(body, ",\"kind\":\"%s\",\"payload\":", kinds[record->kind]);
    add_payload(body, record);
    sink_buffer_print(body, ",\"attempt\":%" PRIu32 ",\"order\":\"%s\"}", batch->attempt, orders[batch->order]);
}

static sink_result post(sink_text body, sink_response *response) {
    const sink_header headers[] = {{"content-type", "application/json"}};
    const sink_request request = {
        .method = "POST", .url = config.url, .headers = headers, .header_count = 1, .body = sink_body(body)};
    return sink_http_send(&request, response);
}

/* What the target says of a record, as a result. */
static sink_result said(sink_json outcome) {
    sink_json text, after;
    uint64_t after_ms = 0;
    bool retry = sink_json_get(outcome, "retry", &text);
    if (!retry && !sink_json_get(outcome, "reject", &text)) return SINK_OK;
    if (sink_json_get(outcome, "after_ms", &after)) sink_json_u64(after, &after_ms);
    char *reason = sink_json_string(text, NULL);
    sink_result result = retry ? sink_retryable_after((uint32_t)after_ms, "%s", reason) : sink_rejected("%s", reason);
    free(reason);
    return result;
}

static sink_result read_outcomes(sink_text answer, sink_outcomes *outcomes) {
    sink_json list;
    if (!sink_json_parse(answer, &list)) return SINK_OK;
    for (sink_json_walk walk = sink_json_begin(list); sink_json_next(&walk);) {
        sink_json index;
        uint64_t at;
        if (!sink_json_get(walk.value, "index", &index) || !sink_json_u64(index, &at)) continue;
        sink_result result = sink_outcomes_set(outcomes, (size_t)at, said(walk.value));
        if (sink_failed(&result)) return result;
    }
    return SINK_OK;
}

static sink_result process_batch(const sink_batch *batch, sink_outcomes *outcomes) {
    sink_buffer body = {0};
    for (size_t i = 0; i < batch->count; i++) {
        crash_if_told(&batch->records[i]);
        sink_buffer_print(&body, i == 0 ? "[" : ",");
        add(&body, batch, &batch->records[i]);
    }
    sink_buffer_print(&body, "]");
    sink_response response;
    sink_result result = post(sink_buffer_text(&body), &response);
    sink_buffer_free(&body);
    if (sink_failed(&result)) return result;
    result = sink_check_status(&response);
    if (!sink_failed(&result)) result = read_outcomes(response.body, outcomes);
    sink_response_free(&response);
    return result;
}

static sink_result health_check(void) {
    if (config.health_url == NULL) return SINK_OK;
    const sink_request request = {.method = "GET", .url = config.health_url};
    sink_response response;
    sink_result result = sink_http_send(&request, &response);
    if (sink_failed(&result)) return result;
    int status = response.status;
    sink_response_free(&response);
    return status / 100 == 2 ? SINK_OK : sink_retryable("the target is not well: status %d", status);
}

static sink_result shutdown(void) {
    sink_response response;
    sink_result result = post(sink_text_of("{\"shutdown\":true}"), &response);
    sink_response_free(&response);
    return result;
}

SINK_REGISTER(.initialize = initialize, .process_batch = process_batch, .health_check = health_check, .shutdown = shutdown);
