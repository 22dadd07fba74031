/* Writes orders to an HTTP API, those of a batch in one request. */
#include <inttypes.h>
#include <stdlib.h>

#include "danube_sink.h"

/* The table [my-sink] of the connector's file. A key that is not here is refused, and so is one that is missing. */
static struct config {
    char *url;
} config;

static const sink_field config_fields[] = {SINK_REQUIRED(struct config, url, SINK_STRING)};

/* What a record must be. What does not fit is rejected. */
struct order {
    uint64_t order;
    char *customer, *item;
    uint32_t quantity;
    sink_json price; /* As it is written, with every digit. */
};

static const sink_field order_fields[] = {
    SINK_REQUIRED(struct order, order, SINK_U64),      SINK_REQUIRED(struct order, customer, SINK_STRING),
    SINK_REQUIRED(struct order, item, SINK_STRING),    SINK_REQUIRED(struct order, quantity, SINK_U32),
    SINK_REQUIRED(struct order, price, SINK_JSON),
};

static sink_result initialize(const sink_context *context) {
    sink_result result = sink_read_settings(context, config_fields, SINK_COUNT(config_fields), &config);
    if (!sink_failed(&result)) sink_log(SINK_INFO, "%.*s writes to %s", SINK_TEXT_ARGS(context->connector_name), config.url);
    return result;
}

static void add(sink_buffer *body, const struct order *order) {
    sink_buffer_print(body, "%s{\"order\":%" PRIu64 ",\"customer\":", body->size > 1 ? "," : "", order->order);
    sink_buffer_add_string(body, sink_text_of(order->customer));
    sink_buffer_print(body, ",\"item\":");
    sink_buffer_add_string(body, sink_text_of(order->item));
    sink_buffer_print(body, ",\"quantity\":%" PRIu32 ",\"price\":%.*s}", order->quantity, SINK_TEXT_ARGS(order->price.text));
}

static sink_result post(sink_text body) {
    const sink_header headers[] = {{"content-type", "application/json"}};
    const sink_request request = {
        .method = "POST", .url = config.url, .headers = headers, .header_count = 1, .body = sink_body(body)};
    sink_response response;
    sink_result result = sink_http_send(&request, &response); /* A refused connection: all of the batch is tried again. */
    if (sink_failed(&result)) return result;
    result = sink_check_status(&response); /* 503: tried again. 400: all of it is rejected. */
    sink_response_free(&response);
    return result;
}

static sink_result process_batch(const sink_batch *batch, sink_outcomes *outcomes) {
    sink_buffer body = {0};
    sink_buffer_print(&body, "[");
    for (size_t index = 0; index < batch->count; index++) {
        struct order order;
        sink_result result = sink_record_read(&batch->records[index], order_fields, SINK_COUNT(order_fields), &order);
        if (sink_failed(&result)) {
            result = sink_outcomes_set(outcomes, index, result);
            if (sink_failed(&result)) return result;
            continue;
        }
        add(&body, &order);
        sink_fields_free(order_fields, SINK_COUNT(order_fields), &order);
    }
    bool any = body.size > 1;
    sink_buffer_print(&body, "]");
    sink_result result = any ? post(sink_buffer_text(&body)) : SINK_OK;
    sink_buffer_free(&body);
    return result;
}

SINK_REGISTER(.initialize = initialize, .process_batch = process_batch);
