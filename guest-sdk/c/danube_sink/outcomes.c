/* What became of records, and the walk through a batch in waves. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

char *sink_record_id(const sink_record *record) {
    unsigned long long offset = record->offset;
    if (!record->has_partition) return sink_print("%.*s@%llu", SINK_TEXT_ARGS(record->topic), offset);
    return sink_print("%.*s-part-%u@%llu", SINK_TEXT_ARGS(record->topic), (unsigned)record->partition, offset);
}

sink_text sink_record_order_key(const sink_record *record) {
    return record->has_routing_key ? record->routing_key : record->producer;
}

bool sink_record_attribute(const sink_record *record, const char *name, sink_text *value) {
    for (size_t i = 0; i < record->attribute_count; i++) {
        if (!sink_text_is(record->attributes[i].name, name)) continue;
        *value = record->attributes[i].value;
        return true;
    }
    return false;
}

bool sink_record_json(const sink_record *record, sink_json *value) {
    return record->kind == SINK_PAYLOAD_JSON && sink_json_parse(record->payload, value);
}

sink_result sink_record_read(const sink_record *record, const sink_field *fields, size_t count, void *into) {
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == SINK_STRING) *(char **)((char *)into + fields[i].offset) = NULL;
    sink_json json;
    char *mistake = sink_record_json(record, &json) ? sink_read_fields(json, fields, count, into, "", true, NULL)
                                                    : sink_print("it is no JSON, or nested too deep");
    if (mistake == NULL) return SINK_OK;
    sink_fields_free(fields, count, into);
    char *id = sink_record_id(record);
    sink_result result = sink_rejected("payload of %s: %s", id, mistake);
    free(id);
    free(mistake);
    return result;
}

sink_result sink_outcomes_set(sink_outcomes *outcomes, size_t index, sink_result result) {
    if (result.status == SINK_FATAL) return result;
    if (index >= outcomes->count) {
        sink_result_free(&result);
        return sink_fatal("a bug in the sink: it gave an outcome for record %zu of a batch of %zu", index, outcomes->count);
    }
    sink_result_free(&outcomes->results[index]);
    outcomes->results[index] = result;
    return SINK_OK;
}

enum state { WAITING, READY, GIVEN, SAID };

static const size_t NONE = SIZE_MAX;

struct sink_waves {
    const sink_batch *batch;
    sink_outcomes *outcomes;
    /* For each record, the next one of its group, or NONE. */
    size_t *next;
    unsigned char *states;
    /* No record before this one is ready. */
    size_t foremost;
};

/* Sorts by group, then by place. */
static int by_group(const sink_batch *batch, size_t a, size_t b) {
    const sink_record *one = &batch->records[a], *other = &batch->records[b];
    if (one->has_partition != other->has_partition) return one->has_partition ? 1 : -1;
    if (one->has_partition && one->partition != other->partition) return one->partition < other->partition ? -1 : 1;
    if (batch->order != SINK_ORDER_BY_KEY) return 0;
    sink_text left = sink_record_order_key(one), right = sink_record_order_key(other);
    size_t common = left.size < right.size ? left.size : right.size;
    int order = common == 0 ? 0 : memcmp(left.data, right.data, common);
    if (order != 0 || left.size == right.size) return order;
    return left.size < right.size ? -1 : 1;
}

/* Of the sort below; an instance does one thing at a time. */
static const sink_batch *sorted;

static int compare(const void *a, const void *b) {
    size_t one = *(const size_t *)a, other = *(const size_t *)b;
    int order = by_group(sorted, one, other);
    return order != 0 ? order : one < other ? -1 : 1;
}

sink_waves *sink_waves_begin(const sink_batch *batch, sink_outcomes *outcomes) {
    sink_waves *waves = sink_allocate(sizeof *waves);
    size_t count = batch->count;
    *waves = (sink_waves){batch, outcomes, sink_allocate(count * sizeof(size_t)), sink_allocate(count), 0};
    for (size_t i = 0; i < count; i++) {
        waves->next[i] = NONE;
        waves->states[i] = READY;
    }
    if (batch->order == SINK_ORDER_ANY) return waves;
    size_t *places = sink_allocate(count * sizeof *places);
    for (size_t i = 0; i < count; i++) places[i] = i;
    sorted = batch;
    qsort(places, count, sizeof *places, compare);
    for (size_t i = 1; i < count; i++) {
        if (by_group(batch, places[i - 1], places[i]) != 0) continue;
        waves->next[places[i - 1]] = places[i];
        waves->states[places[i]] = WAITING;
    }
    free(places);
    return waves;
}

size_t sink_waves_next(sink_waves *waves, size_t *indices, size_t limit) {
    size_t given = 0;
    while (given < limit && waves->foremost < waves->batch->count) {
        size_t index = waves->foremost++;
        if (waves->states[index] != READY) continue;
        waves->states[index] = GIVEN;
        indices[given++] = index;
    }
    return given;
}

/* Asks for another try of a record and of those behind it in its group. */
static void retry_group(sink_waves *waves, size_t first, const char *reason, uint32_t after_ms) {
    for (size_t index = first; index != NONE; index = waves->next[index]) {
        waves->states[index] = SAID;
        sink_result result = sink_retryable_after(after_ms, "%s", reason);
        sink_result_free(&waves->outcomes->results[index]);
        waves->outcomes->results[index] = result;
    }
}

sink_result sink_waves_set(sink_waves *waves, size_t index, sink_result result) {
    if (index >= waves->batch->count || waves->states[index] != GIVEN) {
        sink_result_free(&result);
        return sink_fatal("a bug in the sink: it gave an outcome for record %zu out of turn", index);
    }
    waves->states[index] = SAID;
    size_t next = waves->next[index];
    if (result.status == SINK_RETRYABLE && next != NONE) {
        char *id = sink_record_id(&waves->batch->records[index]);
        char *reason = sink_print("held back behind %s: %s", id, result.reason);
        retry_group(waves, next, reason, result.after_ms);
        free(reason);
        free(id);
    } else if (result.status != SINK_FATAL && next != NONE) {
        waves->states[next] = READY;
        if (next < waves->foremost) waves->foremost = next;
    }
    return sink_outcomes_set(waves->outcomes, index, result);
}

void sink_waves_end(sink_waves *waves) {
    for (size_t i = 0; i < waves->batch->count; i++)
        if (waves->states[i] == READY || waves->states[i] == GIVEN) retry_group(waves, i, "not written in this call", 0);
    free(waves->next);
    free(waves->states);
    free(waves);
}

sink_result sink_process_each(const sink_batch *batch, sink_outcomes *outcomes, sink_result (*process)(const sink_record *)) {
    sink_waves *waves = sink_waves_begin(batch, outcomes);
    sink_result result = SINK_OK;
    size_t index;
    while (!sink_failed(&result) && sink_waves_next(waves, &index, 1) > 0)
        result = sink_waves_set(waves, index, process(&batch->records[index]));
    sink_waves_end(waves);
    return result;
}
