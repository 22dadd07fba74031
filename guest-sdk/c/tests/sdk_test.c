/* Tests of what needs no host, built natively and with the sanitizers: what is not freed as the header says is an error too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int failures;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            failures++;                                                         \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
        }                                                                       \
    } while (0)

static void same(int line, const char *got, const char *expected) {
    if (got != NULL && strcmp(got, expected) == 0) return;
    failures++;
    printf("%s:%d: `%s`, expected `%s`\n", __FILE__, line, got == NULL ? "(null)" : got, expected);
}

#define SAME(got, expected) same(__LINE__, got, expected)

/* The text lies in memory of its own size, so that reading behind it is found. */
static bool valid(const char *bytes, size_t size) {
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    sink_json json;
    bool is = sink_json_parse((sink_text){copy, size}, &json);
    for (size_t cut = 0; is && cut < size; cut++) (void)sink_json_parse((sink_text){copy, cut}, &json);
    free(copy);
    return is;
}

static sink_json parsed(const char *text) {
    sink_json json = {{NULL, 0}};
    CHECK(sink_json_parse(sink_text_of(text), &json));
    return json;
}

static void json_is_checked(void) {
    static const char *const good[] = {
        "{}", " [ ] ", "0", "-0", "1.5e+10", "-12E3", "true", "false", "null", "\"\"", "\"\\u00e9\\n\\\"\\/\"", "[1,[2,{\"a\":[]}]]",
        "{\"a\":1,\"a\":2}", "\"\xc3\xa9\"", "12345678901234567890123456789",
    };
    static const char *const bad[] = {
        "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "01", "1.", ".5", "-", "1e", "+1", "tru", "nul", "truefalse",
        "\"", "\"\\x\"", "\"\\u12\"", "\"\n\"", "[1] 2", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "]", "[}", "1 2", "'a'",
    };
    for (size_t i = 0; i < SINK_COUNT(good); i++)
        if (!valid(good[i], strlen(good[i]))) failures++, printf("refused: %s\n", good[i]);
    for (size_t i = 0; i < SINK_COUNT(bad); i++)
        if (valid(bad[i], strlen(bad[i]))) failures++, printf("taken: %s\n", bad[i]);
    CHECK(!valid("\"a\0\"", 4));
    char deep[300];
    memset(deep, '[', 150);
    memset(deep + 150, ']', 150);
    CHECK(!valid(deep, 300));
    CHECK(valid(deep + 50, 200));
}

static void numbers_keep_every_digit(void) {
    uint64_t u;
    int64_t i;
    double d;
    CHECK(sink_json_u64(parsed("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK(!sink_json_u64(parsed("18446744073709551616"), &u));
    CHECK(!sink_json_u64(parsed("-1"), &u) && !sink_json_u64(parsed("1.0"), &u) && !sink_json_u64(parsed("\"1\""), &u));
    CHECK(sink_json_i64(parsed("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(sink_json_i64(parsed("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(!sink_json_i64(parsed("9223372036854775808"), &i) && !sink_json_i64(parsed("-9223372036854775809"), &i));
    CHECK(sink_json_double(parsed("-12.5e1"), &d) && d == -125);
    CHECK(!sink_json_double(parsed("1e999"), &d) && !sink_json_double(parsed("null"), &d));
}

static void strings_lose_their_escapes(void) {
    size_t size;
    char *string = sink_json_string(parsed("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\ude00\\ud83d \\ude00\""), &size);
    SAME(string, "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd \xef\xbf\xbd");
    free(string);
    string = sink_json_string(parsed("\"a\\u0000b\""), &size);
    CHECK(size == 3 && memcmp(string, "a\0b", 4) == 0);
    free(string);
    CHECK(sink_json_is(parsed("\"\\u0061b\""), "ab") && !sink_json_is(parsed("\"ab\""), "abc") && !sink_json_is(parsed("1"), "1"));
    CHECK(sink_json_string(parsed("1"), NULL) == NULL);
}

static void lists_are_walked(void) {
    sink_json found;
    sink_json object = parsed("{ \"a\" : {\"x\":\"}]\\\"\"} , \"b\":[1, [2] ,\"3\" ], \"c\" : null}");
    CHECK(sink_json_get(object, "b", &found) && sink_text_is(found.text, "[1, [2] ,\"3\" ]"));
    CHECK(sink_json_get(object, "c", &found) && sink_json_kind_of(found) == SINK_JSON_NULL && !sink_json_get(object, "x", &found));
    char text[64] = "";
    sink_json_get(object, "b", &found);
    for (sink_json_walk walk = sink_json_begin(found); sink_json_next(&walk);)
        sprintf(text + strlen(text), "%.*s;", SINK_TEXT_ARGS(walk.value.text));
    SAME(text, "1;[2];\"3\";");
    sink_json_walk none = sink_json_begin(parsed("7"));
    CHECK(!sink_json_next(&none));
}

struct config {
    char *url;
    uint32_t timeout_ms;
    sink_json extra;
};

static const sink_field fields[] = {
    SINK_REQUIRED(struct config, url, SINK_STRING),
    SINK_OPTIONAL(struct config, timeout_ms, SINK_U32),
    SINK_OPTIONAL(struct config, extra, SINK_JSON),
};

static void settings_are_read_with_mistakes_by_their_keys(void) {
    static const struct {
        const char *settings, *mistake;
    } cases[] = {
        {"{\"url\":\"u\",\"timeout_ms\":5,\"extra\":[1],\"topic_mappings\":[]}", NULL},
        {"{\"url\":\"u\",\"timeout_ms\":null}", NULL},
        {"{}", "settings: missing key `url`"},
        {"{\"url\":null}", "settings: `url`: a string is expected"},
        {"{\"url\":\"a\\u0000b\"}", "settings: `url`: a string is expected"},
        {"{\"url\":\"u\",\"timeout_ms\":-1}", "settings: `timeout_ms`: a whole number from 0 to 4294967295 is expected"},
        {"{\"url\":\"u\",\"timeout_ms\":4294967296}", "settings: `timeout_ms`: a whole number from 0 to 4294967295 is expected"},
        {"{\"url\":\"u\",\"uri\":1}", "settings: unknown key `uri`, expected `url`, `timeout_ms`, `extra`"},
        {"[]", "settings: an object is expected"},
    };
    for (size_t i = 0; i < SINK_COUNT(cases); i++) {
        struct config config = {0};
        sink_context context = {.settings = parsed(cases[i].settings)};
        sink_result result = sink_read_settings(&context, fields, SINK_COUNT(fields), &config);
        if (cases[i].mistake == NULL) {
            CHECK(!sink_failed(&result));
            SAME(config.url, "u");
        } else {
            CHECK(result.status == SINK_FATAL);
            SAME(result.reason, cases[i].mistake);
        }
        sink_result_free(&result);
        sink_fields_free(fields, SINK_COUNT(fields), &config);
    }
}

static void mappings_become_consumers(void) {
    sink_consumers consumers = {0};
    sink_context context = {
        .settings = parsed("{\"topic_mappings\":[{\"topic\":\"/default/orders\",\"subscription\":\"sink\",\"subscription_type\":"
                           "\"Key-Shared\",\"consumer_name\":\"sink-1\",\"key_filters\":[\"eu-*\",\"us-*\"],"
                           "\"expected_schema_subject\":\"orders\",\"batch_size\":500,\"batch_bytes\":1048576,"
                           "\"flush_interval_ms\":1000,\"payload_format\":\"raw\",\"table\":\"mine\"},"
                           "{\"topic\":\"t\",\"subscription\":\"s\",\"batch_bytes\":\"4MiB\",\"subscription_type\":\"FailOver\"}]}")};
    sink_result result = sink_consumers_of_settings(&context, &consumers);
    CHECK(!sink_failed(&result) && consumers.count == 2);
    const sink_consumer *one = &consumers.list[0], *other = &consumers.list[1];
    SAME(one->topic, "/default/orders");
    SAME(one->subscription, "sink");
    SAME(one->consumer_name, "sink-1");
    SAME(one->expected_schema_subject, "orders");
    CHECK(one->subscription_type == SINK_KEY_SHARED && one->batch_size == 500 && one->batch_bytes == 1048576);
    CHECK(one->flush_interval_ms == 1000 && one->raw && one->key_filter_count == 2);
    SAME(one->key_filters[1], "us-*");
    CHECK(other->subscription_type == SINK_FAILOVER && other->batch_bytes == 0 && other->consumer_name == NULL && !other->raw);
    sink_consumers_free(&consumers);
}

static void a_mistake_in_a_mapping_names_its_key(void) {
    static const struct {
        const char *mapping, *mistake;
    } cases[] = {
        {"{\"topic\":\"t\"}", "settings: missing key `topic_mappings[0].subscription`"},
        {"{\"topic\":\"t\",\"subscription\":\"s\",\"batch_size\":\"many\"}",
         "settings: `topic_mappings[0].batch_size`: a whole number from 0 to 4294967295 is expected"},
        {"{\"topic\":\"t\",\"subscription\":\"s\",\"batch_bytes\":true}",
         "settings: `topic_mappings[0].batch_bytes`: a number of bytes is expected"},
        {"{\"topic\":\"t\",\"subscription\":\"s\",\"subscription_type\":\"any\"}",
         "settings: `topic_mappings[0].subscription_type`: `Shared`, `Exclusive`, `Failover` or `Key-Shared` is expected"},
        {"{\"topic\":\"t\",\"subscription\":\"s\",\"key_filters\":[\"a\",1]}",
         "settings: `topic_mappings[0].key_filters[1]`: a string is expected"},
        {"{\"topic\":\"t\",\"subscription\":\"s\",\"payload_format\":\"xml\"}",
         "settings: `topic_mappings[0].payload_format`: `decoded` or `raw` is expected"},
        {"", "settings: no topic to consume\nhelp: add an entry to `topic_mappings` with `topic` and `subscription`"},
    };
    for (size_t i = 0; i < SINK_COUNT(cases); i++) {
        char *settings = sink_print("{\"topic_mappings\":[%s]}", cases[i].mapping);
        sink_consumers consumers = {0};
        sink_context context = {.settings = parsed(settings)};
        sink_result result = sink_consumers_of_settings(&context, &consumers);
        CHECK(result.status == SINK_FATAL);
        SAME(result.reason, cases[i].mistake);
        sink_result_free(&result);
        sink_consumers_free(&consumers);
        free(settings);
    }
}

static void payloads_are_read(void) {
    sink_record record = {.topic = sink_text_of("/default/a"), .offset = 7, .kind = SINK_PAYLOAD_JSON};
    struct config config;
    record.payload = sink_text_of("{\"url\":\"u\",\"more\":1,\"extra\":18446744073709551616}");
    sink_result result = sink_record_read(&record, fields, SINK_COUNT(fields), &config);
    CHECK(!sink_failed(&result) && sink_text_is(config.extra.text, "18446744073709551616"));
    sink_fields_free(fields, SINK_COUNT(fields), &config);
    record.payload = sink_text_of("{\"url\":\"u\",\"timeout_ms\":\"x\"}");
    record.has_partition = true;
    record.partition = 3;
    result = sink_record_read(&record, fields, SINK_COUNT(fields), &config);
    CHECK(result.status == SINK_REJECTED && config.url == NULL);
    SAME(result.reason, "payload of /default/a-part-3@7: `timeout_ms`: a whole number from 0 to 4294967295 is expected");
    sink_result_free(&result);
}

/* A batch of records with these keys. */
static sink_batch keyed(sink_order order, const char *keys, sink_record *records) {
    size_t count = strlen(keys);
    for (size_t i = 0; i < count; i++)
        records[i] = (sink_record){
            .topic = sink_text_of("/t"), .offset = i, .producer = sink_text_of("p"), .has_routing_key = true, .routing_key = {keys + i, 1}};
    return (sink_batch){.topic = sink_text_of("/t"), .attempt = 1, .order = order, .records = records, .count = count};
}

static void waves_keep_the_order_of_each_group(void) {
    static const char *const expected[] = {"012;34;", "013;24;", "0;1;2;3;4;"};
    for (int order = SINK_ORDER_ANY; order <= SINK_ORDER_STRICT; order++) {
        sink_record records[5];
        sink_result results[5] = {0};
        sink_batch batch = keyed((sink_order)order, "abacb", records);
        sink_outcomes outcomes = {results, 5};
        sink_waves *waves = sink_waves_begin(&batch, &outcomes);
        char text[32] = "";
        size_t indices[3], count;
        while ((count = sink_waves_next(waves, indices, 3)) > 0) {
            for (size_t i = 0; i < count; i++) {
                sprintf(text + strlen(text), "%zu", indices[i]);
                sink_result result = sink_waves_set(waves, indices[i], SINK_OK);
                CHECK(!sink_failed(&result));
            }
            strcat(text, ";");
        }
        sink_waves_end(waves);
        SAME(text, expected[order]);
        for (size_t i = 0; i < 5; i++) CHECK(!sink_failed(&results[i]));
    }
}

static size_t written;

static sink_result busy_then_bad(const sink_record *record) {
    if (record->offset == 0) return sink_retryable_after(1000, "busy");
    if (record->offset == 1) return sink_rejected("bad");
    written |= (size_t)1 << record->offset;
    return SINK_OK;
}

static void nothing_is_written_behind_a_retry(void) {
    sink_record records[5];
    sink_result results[5] = {0};
    sink_batch batch = keyed(SINK_ORDER_BY_KEY, "abaab", records);
    sink_outcomes outcomes = {results, 5};
    sink_result result = sink_process_each(&batch, &outcomes, busy_then_bad);
    CHECK(!sink_failed(&result) && written == 1 << 4);
    CHECK(results[0].status == SINK_RETRYABLE && results[0].after_ms == 1000 && results[1].status == SINK_REJECTED);
    SAME(results[2].reason, "held back behind /t@0: busy");
    CHECK(results[3].status == SINK_RETRYABLE && results[3].after_ms == 1000 && !sink_failed(&results[4]));
    for (size_t i = 0; i < 5; i++) sink_result_free(&results[i]);
}

static void what_was_not_said_is_retried(void) {
    sink_record records[3];
    sink_result results[3] = {0};
    sink_batch batch = keyed(SINK_ORDER_STRICT, "abc", records);
    sink_outcomes outcomes = {results, 3};
    sink_waves *waves = sink_waves_begin(&batch, &outcomes);
    size_t index;
    CHECK(sink_waves_next(waves, &index, 1) == 1 && index == 0 && sink_waves_next(waves, &index, 1) == 0);
    sink_result result = sink_waves_set(waves, 2, sink_retryable("early"));
    CHECK(result.status == SINK_FATAL);
    sink_result_free(&result);
    sink_waves_end(waves);
    for (size_t i = 0; i < 3; i++) {
        SAME(results[i].reason, "not written in this call");
        sink_result_free(&results[i]);
    }
    result = sink_outcomes_set(&outcomes, 3, sink_rejected("bad"));
    SAME(result.reason, "a bug in the sink: it gave an outcome for record 3 of a batch of 3");
    sink_result_free(&result);
}

static void a_status_says_what_becomes_of_the_records(void) {
    static const struct {
        uint16_t status;
        sink_status expected;
    } cases[] = {
        {200, SINK_DONE},      {204, SINK_DONE},      {299, SINK_DONE},      {301, SINK_FATAL},     {400, SINK_REJECTED},
        {401, SINK_FATAL},     {403, SINK_REJECTED},  {404, SINK_REJECTED},  {408, SINK_RETRYABLE}, {422, SINK_REJECTED},
        {425, SINK_RETRYABLE}, {429, SINK_RETRYABLE}, {499, SINK_REJECTED},  {500, SINK_RETRYABLE}, {503, SINK_RETRYABLE},
        {600, SINK_RETRYABLE}, {101, SINK_RETRYABLE}, {407, SINK_FATAL},
    };
    for (size_t i = 0; i < SINK_COUNT(cases); i++) {
        const sink_response response = {.status = cases[i].status};
        sink_result result = sink_check_status(&response);
        CHECK(result.status == cases[i].expected && result.after_ms == 0);
        sink_result_free(&result);
    }
    const sink_pair headers[] = {{sink_text_of("retry-after"), sink_text_of("7")}, {sink_text_of("location"), sink_text_of("/new")}};
    sink_response response = {.status = 503, .headers = headers, .header_count = 2, .body = sink_text_of(" a\nb\xc3\xbc \t")};
    sink_result result = sink_check_status(&response);
    CHECK(result.after_ms == 7000);
    SAME(result.reason, "status 503: a b\xc3\xbc");
    sink_result_free(&result);
    response.status = 302;
    result = sink_check_status(&response);
    SAME(result.reason, "status 302: redirected to `/new`, and redirects are not followed");
    sink_result_free(&result);
}

static void retry_after_is_seconds_or_a_date(void) {
    static const struct {
        const char *value;
        uint32_t expected;
    } cases[] = {
        {"0", 0},     {" 120 ", 120000}, {"Sun, 06 Nov 1994 08:49:40 GMT", 3000}, {"Sun, 06 Nov 1994 08:49:30 GMT", 0},
        {"soon", 0},  {"-5", 0},         {"1.5", 0},                              {"99999999999", 0},
        {"", 0},      {"4294968", UINT32_MAX},
    };
    for (size_t i = 0; i < SINK_COUNT(cases); i++)
        if (sink_retry_after(sink_text_of(cases[i].value), 784111777) != cases[i].expected) failures++, printf("%s\n", cases[i].value);
    CHECK(sink_retry_after(sink_text_of("Thu, 29 Feb 1996 00:00:01 GMT"), 825552000) == 1000);
    CHECK(sink_retry_after(sink_text_of("Tue, 01 Mar 2033 00:00:02 GMT"), 1993248000) == 2000);
}

static void text_is_written(void) {
    sink_buffer buffer = {0};
    sink_buffer_add_string(&buffer, (sink_text){"a\"\\\n\x01\xc3\xa9", 7});
    static const char *const bytes[] = {"", "f", "fo", "foo", "foob"};
    for (size_t i = 0; i < SINK_COUNT(bytes); i++) {
        sink_buffer_print(&buffer, "%s", " ");
        sink_buffer_add_base64(&buffer, sink_text_of(bytes[i]));
    }
    SAME(buffer.data, "\"a\\\"\\\\\\u000a\\u0001\xc3\xa9\"  Zg== Zm8= Zm9v Zm9vYg==");
    sink_buffer_free(&buffer);
    char text[] = "a\xff\xc3z\xe2\x82\xac";
    sink_make_utf8(text);
    SAME(text, "a??z\xe2\x82\xac");
}

int main(void) {
    json_is_checked();
    numbers_keep_every_digit();
    strings_lose_their_escapes();
    lists_are_walked();
    settings_are_read_with_mistakes_by_their_keys();
    mappings_become_consumers();
    a_mistake_in_a_mapping_names_its_key();
    payloads_are_read();
    waves_keep_the_order_of_each_group();
    nothing_is_written_behind_a_retry();
    what_was_not_said_is_retried();
    a_status_says_what_becomes_of_the_records();
    retry_after_is_seconds_or_a_date();
    text_is_written();
    printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
