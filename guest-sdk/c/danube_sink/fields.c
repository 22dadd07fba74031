/* JSON objects into structs, and the settings of a connector. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char *const expected[] = {
    [SINK_STRING] = "a string", [SINK_BOOL] = "a boolean", [SINK_U32] = "a whole number from 0 to 4294967295",
    [SINK_U64] = "a whole number from 0 to 18446744073709551615", [SINK_I64] = "a whole number of 64 bits",
    [SINK_DOUBLE] = "a number", [SINK_JSON] = "a value",
};

static bool read_value(sink_json value, sink_field_kind kind, void *into) {
    switch (kind) {
    case SINK_STRING: {
        size_t size;
        char *string = sink_json_string(value, &size);
        if (string == NULL || strlen(string) != size) {
            free(string);
            return false;
        }
        free(*(char **)into);
        *(char **)into = string;
        return true;
    }
    case SINK_BOOL: return sink_json_bool(value, into);
    case SINK_U32: {
        uint64_t wide;
        if (!sink_json_u64(value, &wide) || wide > UINT32_MAX) return false;
        *(uint32_t *)into = (uint32_t)wide;
        return true;
    }
    case SINK_U64: return sink_json_u64(value, into);
    case SINK_I64: return sink_json_i64(value, into);
    case SINK_DOUBLE: return sink_json_double(value, into);
    case SINK_JSON: *(sink_json *)into = value; return true;
    }
    return false;
}

static char *unknown(sink_json key, const sink_field *fields, size_t count) {
    sink_buffer text = {0};
    char *name = sink_json_string(key, NULL);
    sink_buffer_print(&text, "unknown key `%s`", name);
    for (size_t i = 0; i < count; i++) sink_buffer_print(&text, "%s`%s`", i == 0 ? ", expected " : ", ", fields[i].key);
    free(name);
    return text.data;
}

char *sink_read_fields(sink_json object, const sink_field *fields, size_t count, void *into, const char *place, bool unknown_keys,
                       const char *always_known) {
    if (sink_json_kind_of(object) != SINK_JSON_OBJECT) return sink_print("an object is expected");
    uint64_t seen = 0; /* Nobody has more than 64 fields; those beyond are taken for seen. */
    for (sink_json_walk walk = sink_json_begin(object); sink_json_next(&walk);) {
        size_t i = 0;
        while (i < count && !sink_json_is(walk.key, fields[i].key)) i++;
        if (i == count) {
            bool known = unknown_keys || (always_known != NULL && sink_json_is(walk.key, always_known));
            if (!known) return unknown(walk.key, fields, count);
            continue;
        }
        bool absent = sink_json_kind_of(walk.value) == SINK_JSON_NULL && !fields[i].required;
        if (!absent && !read_value(walk.value, fields[i].kind, (char *)into + fields[i].offset))
            return sink_print("`%s%s`: %s is expected", place, fields[i].key, expected[fields[i].kind]);
        if (i < 64) seen |= (uint64_t)1 << i;
    }
    for (size_t i = 0; i < count && i < 64; i++)
        if (fields[i].required && (seen >> i & 1) == 0) return sink_print("missing key `%s%s`", place, fields[i].key);
    return NULL;
}

void sink_fields_free(const sink_field *fields, size_t count, void *into) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind != SINK_STRING) continue;
        char **string = (char **)((char *)into + fields[i].offset);
        free(*string);
        *string = NULL;
    }
}

/* Takes the mistake. */
static sink_result wrong_settings(char *mistake) {
    sink_result result = sink_fatal("settings: %s", mistake);
    free(mistake);
    return result;
}

sink_result sink_read_settings(const sink_context *context, const sink_field *fields, size_t count, void *into) {
    char *mistake = sink_read_fields(context->settings, fields, count, into, "", false, "topic_mappings");
    return mistake == NULL ? SINK_OK : wrong_settings(mistake);
}

/* One of the settings' topic_mappings, as written. */
struct mapping {
    char *topic, *subscription, *subscription_type, *consumer_name, *expected_schema_subject, *payload_format;
    sink_json key_filters, batch_bytes;
    uint32_t batch_size, flush_interval_ms;
};

static const sink_field mapping_fields[] = {
    SINK_REQUIRED(struct mapping, topic, SINK_STRING),
    SINK_REQUIRED(struct mapping, subscription, SINK_STRING),
    SINK_OPTIONAL(struct mapping, subscription_type, SINK_STRING),
    SINK_OPTIONAL(struct mapping, consumer_name, SINK_STRING),
    SINK_OPTIONAL(struct mapping, key_filters, SINK_JSON),
    SINK_OPTIONAL(struct mapping, expected_schema_subject, SINK_STRING),
    SINK_OPTIONAL(struct mapping, batch_size, SINK_U32),
    SINK_OPTIONAL(struct mapping, batch_bytes, SINK_JSON),
    SINK_OPTIONAL(struct mapping, flush_interval_ms, SINK_U32),
    SINK_OPTIONAL(struct mapping, payload_format, SINK_STRING),
};

static bool subscription_type(const char *name, sink_subscription_type *type) {
    static const char *const names[] = {"shared", "exclusive", "failover", "keyshared"};
    char plain[16];
    size_t size = 0;
    for (; *name != 0; name++) {
        if (*name == '-' || *name == '_') continue;
        if (size == sizeof plain - 1) return false;
        plain[size++] = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
    }
    plain[size] = 0;
    for (size_t i = 0; i < SINK_COUNT(names); i++) {
        if (strcmp(plain, names[i]) != 0) continue;
        *type = (sink_subscription_type)i;
        return true;
    }
    return false;
}

/* Reads the list of key filters. They are the consumer's, also after a mistake. */
static char *key_filters(sink_json list, const char *place, sink_consumer *consumer) {
    const char **filters = NULL;
    for (sink_json_walk walk = sink_json_begin(list); sink_json_next(&walk);) {
        char *filter = sink_json_string(walk.value, NULL);
        if (filter == NULL) return sink_print("`%skey_filters[%zu]`: a string is expected", place, consumer->key_filter_count);
        filters = sink_reallocate(filters, (consumer->key_filter_count + 1) * sizeof *filters);
        filters[consumer->key_filter_count++] = filter;
        consumer->key_filters = filters;
    }
    return sink_json_kind_of(list) == SINK_JSON_ARRAY ? NULL : sink_print("`%skey_filters`: a list is expected", place);
}

static char *consumer_of(struct mapping *mapping, const char *place, sink_consumer *consumer) {
    *consumer = (sink_consumer){
        .topic = mapping->topic,
        .subscription = mapping->subscription,
        .consumer_name = mapping->consumer_name,
        .expected_schema_subject = mapping->expected_schema_subject,
        .batch_size = mapping->batch_size,
        .flush_interval_ms = mapping->flush_interval_ms,
    };
    if (mapping->subscription_type != NULL && !subscription_type(mapping->subscription_type, &consumer->subscription_type))
        return sink_print("`%ssubscription_type`: `Shared`, `Exclusive`, `Failover` or `Key-Shared` is expected", place);
    if (mapping->payload_format != NULL) {
        consumer->raw = strcmp(mapping->payload_format, "raw") == 0;
        if (!consumer->raw && strcmp(mapping->payload_format, "decoded") != 0)
            return sink_print("`%spayload_format`: `decoded` or `raw` is expected", place);
    }
    /* The host reads its own keys too and takes its value where a sink gives none, so that units need no second reader. */
    bool with_unit = mapping->batch_bytes.text.data != NULL && sink_json_kind_of(mapping->batch_bytes) == SINK_JSON_STRING;
    if (mapping->batch_bytes.text.data != NULL && !with_unit && !sink_json_u64(mapping->batch_bytes, &consumer->batch_bytes))
        return sink_print("`%sbatch_bytes`: a number of bytes is expected", place);
    if (mapping->key_filters.text.data == NULL) return NULL;
    return key_filters(mapping->key_filters, place, consumer);
}

sink_result sink_consumers_of_settings(const sink_context *context, sink_consumers *consumers) {
    sink_json mappings;
    size_t count = 0;
    char *mistake = NULL;
    if (sink_json_get(context->settings, "topic_mappings", &mappings)) {
        if (sink_json_kind_of(mappings) != SINK_JSON_ARRAY) mistake = sink_print("`topic_mappings`: a list is expected");
        for (sink_json_walk walk = sink_json_begin(mappings); mistake == NULL && sink_json_next(&walk); count++) {
            struct mapping mapping = {0};
            sink_consumer consumer = {0};
            char *place = sink_print("topic_mappings[%zu].", count);
            mistake = sink_read_fields(walk.value, mapping_fields, SINK_COUNT(mapping_fields), &mapping, place, true, NULL);
            if (mistake == NULL) mistake = consumer_of(&mapping, place, &consumer);
            if (mistake == NULL) sink_consumers_add(consumers, &consumer);
            for (size_t i = 0; i < consumer.key_filter_count; i++) free((char *)consumer.key_filters[i]);
            free((void *)consumer.key_filters);
            sink_fields_free(mapping_fields, SINK_COUNT(mapping_fields), &mapping);
            free(place);
        }
    }
    if (mistake != NULL) return wrong_settings(mistake);
    if (count > 0) return SINK_OK;
    return sink_fatal("settings: no topic to consume\nhelp: add an entry to `topic_mappings` with `topic` and `subscription`");
}

static const char *copied(const char *string) { return string == NULL ? NULL : sink_text_copy(sink_text_of(string)); }

void sink_consumers_add(sink_consumers *consumers, const sink_consumer *consumer) {
    consumers->list = sink_reallocate(consumers->list, (consumers->count + 1) * sizeof *consumers->list);
    sink_consumer *copy = &consumers->list[consumers->count++];
    *copy = *consumer;
    copy->topic = copied(consumer->topic);
    copy->subscription = copied(consumer->subscription);
    copy->consumer_name = copied(consumer->consumer_name);
    copy->expected_schema_subject = copied(consumer->expected_schema_subject);
    const char **filters = sink_allocate(consumer->key_filter_count * sizeof *filters);
    for (size_t i = 0; i < consumer->key_filter_count; i++) filters[i] = copied(consumer->key_filters[i]);
    copy->key_filters = filters;
}

void sink_consumers_free(sink_consumers *consumers) {
    for (size_t i = 0; i < consumers->count; i++) {
        sink_consumer *each = &consumers->list[i];
        free((char *)each->topic);
        free((char *)each->subscription);
        free((char *)each->consumer_name);
        free((char *)each->expected_schema_subject);
        for (size_t k = 0; k < each->key_filter_count; k++) free((char *)each->key_filters[k]);
        free((void *)each->key_filters);
    }
    free(consumers->list);
    *consumers = (sink_consumers){0};
}
