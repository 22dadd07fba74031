/* The component's side of the contract: what the host calls, and calls to the host. All use of the generated bindings. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bindings/bindings.h"
#include "internal.h"

/* What is handed through as it is must lie in memory alike. */
_Static_assert(sizeof(sink_text) == sizeof(bindings_string_t), "text");
_Static_assert(sizeof(sink_pair) == sizeof(bindings_tuple2_string_string_t), "pair");

/* The bindings want an object file with the contract's types to be linked; `danube-wasm componentize` adds those. */
extern void __component_type_object_force_link_bindings(void);
void __component_type_object_force_link_bindings(void) {}

typedef exports_danube_sink_sink_sink_error_t sink_error;

/* What initialize was told, for as long as the instance lives. */
static sink_context told;

static sink_text text_of(bindings_string_t string) { return (sink_text){(const char *)string.ptr, string.len}; }
static bindings_string_t lent(sink_text text) { return (bindings_string_t){(uint8_t *)text.data, text.size}; }
static bindings_string_t lent_string(const char *string) { return lent(sink_text_of(string)); }

/* A text for the host to keep; takes the reason. */
static bindings_string_t reason_of(sink_result *result) {
    char *reason = result->reason != NULL ? result->reason : sink_print("no reason given");
    sink_make_utf8(reason);
    result->reason = NULL;
    return (bindings_string_t){(uint8_t *)reason, strlen(reason)};
}

static danube_sink_records_retry_hint_t hint_of(sink_result *result) {
    return (danube_sink_records_retry_hint_t){reason_of(result), {result->after_ms > 0, result->after_ms}};
}

/* True if done, like the bindings; takes the result. */
static bool answer(sink_result result, sink_error *error) {
    switch (result.status) {
    case SINK_DONE: sink_result_free(&result); return true;
    case SINK_RETRYABLE: error->tag = DANUBE_SINK_RECORDS_SINK_ERROR_RETRYABLE; error->val.retryable = hint_of(&result); return false;
    case SINK_REJECTED: error->tag = DANUBE_SINK_RECORDS_SINK_ERROR_REJECTED; error->val.rejected = reason_of(&result); return false;
    case SINK_FATAL: break;
    }
    error->tag = DANUBE_SINK_RECORDS_SINK_ERROR_FATAL;
    error->val.fatal = reason_of(&result);
    return false;
}

bool exports_danube_sink_sink_initialize(exports_danube_sink_sink_context_t *context, sink_error *error) {
    told = (sink_context){.connector_name = text_of(context->connector_name), .instance = context->instance};
    if (!sink_json_parse(text_of(context->settings), &told.settings))
        return answer(sink_fatal("settings: no JSON, or nested more than 128 deep"), error);
    bool writes = sink_registered.process != NULL || sink_registered.process_batch != NULL;
    if (sink_registered.initialize == NULL || !writes)
        return answer(sink_fatal("SINK_REGISTER needs `.initialize` and one of `.process` and `.process_batch`"), error);
    return answer(sink_registered.initialize(&told), error);
}

/* Text for the host to keep. */
static bindings_string_t kept(const char *string) {
    return (bindings_string_t){(uint8_t *)sink_text_copy(sink_text_of(string)), strlen(string)};
}

static bindings_option_string_t kept_unless_null(const char *string) {
    if (string == NULL) return (bindings_option_string_t){.is_some = false};
    return (bindings_option_string_t){true, kept(string)};
}

static danube_sink_records_consumer_config_t config_of(const sink_consumer *consumer) {
    bindings_list_string_t filters = {NULL, consumer->key_filter_count};
    if (filters.len > 0) filters.ptr = sink_allocate(filters.len * sizeof *filters.ptr);
    for (size_t i = 0; i < filters.len; i++) filters.ptr[i] = kept(consumer->key_filters[i]);
    return (danube_sink_records_consumer_config_t){
        .topic = kept(consumer->topic),
        .subscription = kept(consumer->subscription),
        .consumer_name = kept_unless_null(consumer->consumer_name),
        .subscription_type = (danube_sink_records_subscription_type_t)consumer->subscription_type,
        .key_filters = filters,
        .expected_schema_subject = kept_unless_null(consumer->expected_schema_subject),
        .batch_size = {consumer->batch_size > 0, consumer->batch_size},
        .batch_bytes = {consumer->batch_bytes > 0, consumer->batch_bytes},
        .flush_interval_ms = {consumer->flush_interval_ms > 0, consumer->flush_interval_ms},
        .payload_format =
            consumer->raw ? DANUBE_SINK_RECORDS_PAYLOAD_FORMAT_RAW : DANUBE_SINK_RECORDS_PAYLOAD_FORMAT_DECODED,
    };
}

bool exports_danube_sink_sink_consumer_configs(exports_danube_sink_sink_list_consumer_config_t *out, sink_error *error) {
    sink_consumers consumers = {0};
    sink_result result = sink_registered.consumer_configs != NULL ? sink_registered.consumer_configs(&told, &consumers)
                                                                 : sink_consumers_of_settings(&told, &consumers);
    bool done = answer(result, error);
    if (done) {
        *out = (exports_danube_sink_sink_list_consumer_config_t){NULL, consumers.count};
        if (out->len > 0) out->ptr = sink_allocate(out->len * sizeof *out->ptr);
        for (size_t i = 0; i < out->len; i++) out->ptr[i] = config_of(&consumers.list[i]);
    }
    sink_consumers_free(&consumers);
    return done;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t sink_time_left_ms(const sink_batch *batch) {
    uint64_t now = now_ms();
    return now < batch->deadline_ms ? (uint32_t)(batch->deadline_ms - now) : 0;
}

static sink_record record_of(const danube_sink_records_sink_record_t *raw, sink_text topic, const sink_schema *schemas, size_t count) {
    sink_record record = {
        .topic = topic,
        .offset = raw->offset,
        .publish_time = raw->publish_time,
        .producer = text_of(raw->producer),
        .has_partition = raw->partition.is_some,
        .partition = raw->partition.is_some ? raw->partition.val : 0,
        .has_routing_key = raw->routing_key.is_some,
        .attributes = (const sink_pair *)(const void *)raw->attributes.ptr,
        .attribute_count = raw->attributes.len,
        .schema = raw->schema.is_some && raw->schema.val < count ? &schemas[raw->schema.val] : NULL,
        .payload = {(const char *)raw->payload.val.binary.ptr, raw->payload.val.binary.len},
    };
    if (raw->routing_key.is_some) record.routing_key = text_of(raw->routing_key.val);
    switch (raw->payload.tag) {
    case DANUBE_SINK_RECORDS_PAYLOAD_JSON: record.kind = SINK_PAYLOAD_JSON; break;
    case DANUBE_SINK_RECORDS_PAYLOAD_TEXT: record.kind = SINK_PAYLOAD_TEXT; break;
    default: record.kind = SINK_PAYLOAD_BINARY;
    }
    return record;
}

/* What the outcomes name as failed, for the host to keep; takes them. */
static exports_danube_sink_sink_list_record_failure_t failures_of(sink_outcomes *outcomes) {
    exports_danube_sink_sink_list_record_failure_t failures = {NULL, 0};
    for (size_t i = 0; i < outcomes->count; i++) {
        sink_result *result = &outcomes->results[i];
        if (!sink_failed(result)) continue;
        if (failures.ptr == NULL) failures.ptr = sink_allocate(outcomes->count * sizeof *failures.ptr);
        danube_sink_records_record_failure_t *failure = &failures.ptr[failures.len++];
        failure->index = (uint32_t)i;
        if (result->status == SINK_RETRYABLE) {
            failure->failure.tag = DANUBE_SINK_RECORDS_FAILURE_RETRY;
            failure->failure.val.retry = hint_of(result);
        } else {
            failure->failure.tag = DANUBE_SINK_RECORDS_FAILURE_REJECT;
            failure->failure.val.reject = reason_of(result);
        }
    }
    return failures;
}

static sink_result process(const sink_batch *batch, sink_outcomes *outcomes) {
    if (sink_registered.process_batch != NULL) return sink_registered.process_batch(batch, outcomes);
    return sink_process_each(batch, outcomes, sink_registered.process);
}

bool exports_danube_sink_sink_process_batch(exports_danube_sink_sink_batch_t *raw, exports_danube_sink_sink_list_record_failure_t *out,
                                            sink_error *error) {
    size_t count = raw->records.len, schema_count = raw->schemas.len;
    sink_schema *schemas = sink_allocate(schema_count * sizeof *schemas);
    for (size_t i = 0; i < schema_count; i++) {
        const danube_sink_records_schema_info_t *schema = &raw->schemas.ptr[i];
        schemas[i] = (sink_schema){schema->id, text_of(schema->subject), schema->version, text_of(schema->schema_type)};
    }
    sink_record *records = sink_allocate(count * sizeof *records);
    for (size_t i = 0; i < count; i++) records[i] = record_of(&raw->records.ptr[i], text_of(raw->topic), schemas, schema_count);
    const sink_batch batch = {
        .topic = text_of(raw->topic),
        .attempt = raw->attempt,
        .order = (sink_order)raw->order,
        .time_limit_ms = raw->time_limit_ms,
        .deadline_ms = now_ms() + raw->time_limit_ms,
        .records = records,
        .count = count,
    };
    sink_outcomes outcomes = {sink_allocate(count * sizeof(sink_result)), count};
    for (size_t i = 0; i < count; i++) outcomes.results[i] = SINK_OK;
    bool done = answer(process(&batch, &outcomes), error);
    if (done) *out = failures_of(&outcomes);
    for (size_t i = 0; i < count; i++) sink_result_free(&outcomes.results[i]);
    free(outcomes.results);
    free(records);
    free(schemas);
    exports_danube_sink_sink_batch_free(raw);
    return done;
}

bool exports_danube_sink_lifecycle_health_check(exports_danube_sink_lifecycle_sink_error_t *error) {
    return answer(sink_registered.health_check != NULL ? sink_registered.health_check() : SINK_OK, error);
}

bool exports_danube_sink_lifecycle_shutdown(exports_danube_sink_lifecycle_sink_error_t *error) {
    return answer(sink_registered.shutdown != NULL ? sink_registered.shutdown() : SINK_OK, error);
}

static void log_text(sink_level level, char *text) {
    sink_make_utf8(text);
    bindings_string_t line = lent_string(text);
    danube_sink_log_log((danube_sink_log_level_t)level, &line);
    free(text);
}

void sink_log(sink_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_text(level, sink_vprint(format, arguments));
    va_end(arguments);
}

_Noreturn void sink_abort(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_text(SINK_ERROR, sink_vprint(format, arguments));
    va_end(arguments);
    abort();
}
