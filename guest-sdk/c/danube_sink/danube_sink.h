/* Write sink connectors for danube-wasm in C: components that get batches of records from Danube topics and write them to
 * another system.
 *
 *   struct config { char *url; };
 *   static struct config config;
 *   static const sink_field fields[] = {SINK_REQUIRED(struct config, url, SINK_STRING)};
 *
 *   static sink_result initialize(const sink_context *context) {
 *       return sink_read_settings(context, fields, SINK_COUNT(fields), &config);
 *   }
 *
 *   static sink_result process(const sink_record *record) {
 *       const sink_request request = {.method = "POST", .url = config.url, .body = sink_body(record->payload)};
 *       sink_response response;
 *       sink_result result = sink_http_send(&request, &response);
 *       if (sink_failed(&result)) return result;
 *       result = sink_check_status(&response);
 *       sink_response_free(&response);
 *       return result;
 *   }
 *
 *   SINK_REGISTER(.initialize = initialize, .process = process);
 *
 * Who owns what: all that the host hands to a sink (contexts, batches, records, and every text and document in them) is lent,
 * until the call returns (the context and its settings: as long as the instance lives); keep a copy of what is needed longer
 * (sink_text_copy). What a function gives to its caller to keep is
 * said at the function, with the function that frees it; nothing else needs to be freed. Arguments are lent to a function
 * unless it says that it takes them.
 *
 * A trap (abort, a division by zero, memory that is not there) ends the instance: the host makes a new one and finds the record
 * to blame. An instance does one thing at a time. */
#ifndef DANUBE_SINK_H
#define DANUBE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SINK_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SINK_PRINTF(format, first) __attribute__((__format__(__printf__, format, first)))

/* ---- Text: UTF-8 or bytes, with a length and without a 0 at the end. ------------------------------------------------------ */

typedef struct {
    const char *data;
    size_t size;
} sink_text;

/* For "%.*s". */
#define SINK_TEXT_ARGS(text) (int)(text).size, (text).data

/* The text of a C string, which must stay where it is. */
sink_text sink_text_of(const char *string);
bool sink_text_is(sink_text text, const char *string);
/* A copy with a 0 at the end; yours, for free(). */
char *sink_text_copy(sink_text text);

/* ---- Results: what every function of a sink returns. ----------------------------------------------------------------------- */

typedef enum {
    SINK_DONE,
    /* It may work later: the target is down, busy, or asks to slow down. The host tries again, and loses nothing. */
    SINK_RETRYABLE,
    /* The data is bad, and no number of tries will change that. The host dead-letters it, skips it or stops, as the
     * connector's file says. */
    SINK_REJECTED,
    /* Nothing will work until a person changes something. The host stops the connector and shows the reason. */
    SINK_FATAL,
} sink_status;

/* A result belongs to whoever holds it: return it, give it to a function that takes it, or free it. */
typedef struct {
    sink_status status;
    /* For people. It goes into logs and dead letters: no secret and no payload. NULL if done. */
    char *reason;
    /* The least pause before the next try, in milliseconds; only for SINK_RETRYABLE, and 0 leaves it to the host. */
    uint32_t after_ms;
} sink_result;

#define SINK_OK ((sink_result){SINK_DONE, NULL, 0})

/* Each makes a result with the arguments of printf. */
sink_result sink_retryable(const char *format, ...) SINK_PRINTF(1, 2);
sink_result sink_retryable_after(uint32_t after_ms, const char *format, ...) SINK_PRINTF(2, 3);
sink_result sink_rejected(const char *format, ...) SINK_PRINTF(1, 2);
sink_result sink_fatal(const char *format, ...) SINK_PRINTF(1, 2);
static inline bool sink_failed(const sink_result *result) { return result->status != SINK_DONE; }
/* Frees the reason. Needed only for a result that is not passed on. */
void sink_result_free(sink_result *result);

/* ---- JSON: a reader that copies nothing. A document is a view of its text, numbers keep every digit. ------------------------ */

typedef struct {
    sink_text text; /* Of this value, without space around it. */
} sink_json;

typedef enum {
    SINK_JSON_NULL,
    SINK_JSON_BOOL,
    SINK_JSON_NUMBER,
    SINK_JSON_STRING,
    SINK_JSON_ARRAY,
    SINK_JSON_OBJECT,
} sink_json_kind;

/* Checks a text from outside. Payloads of the kind SINK_PAYLOAD_JSON are checked already: sink_record_json. False: it is not
 * valid JSON, or nested more than 128 deep. */
bool sink_json_parse(sink_text text, sink_json *value);
sink_json_kind sink_json_kind_of(sink_json value);
/* The value of a key. False: there is none, or it is no object. */
bool sink_json_get(sink_json object, const char *key, sink_json *value);
/* Each reads a value of its kind. False: it is another, or does not fit. */
bool sink_json_bool(sink_json value, bool *out);
bool sink_json_u64(sink_json value, uint64_t *out);
bool sink_json_i64(sink_json value, int64_t *out);
bool sink_json_double(sink_json value, double *out);
/* A string, without quotes and escapes, with a 0 at the end; yours, for free(). NULL: it is no string. `size` may be NULL; it
 * tells a string apart that has a 0 in it. */
char *sink_json_string(sink_json value, size_t *size);
/* Whether a value is this string. */
bool sink_json_is(sink_json value, const char *string);

/* A walk through an array or an object. Of anything else it is empty.
 *   for (sink_json_walk walk = sink_json_begin(list); sink_json_next(&walk);) use(walk.value); */
typedef struct {
    sink_json key; /* A string; only for objects. */
    sink_json value;
    const char *rest, *behind;
    char closing;
} sink_json_walk;

sink_json_walk sink_json_begin(sink_json list);
bool sink_json_next(sink_json_walk *walk);

/* ---- Fields: JSON objects into structs. ------------------------------------------------------------------------------------- */

typedef enum {
    SINK_STRING, /* char *: yours, see sink_fields_free. A string with a 0 in it is refused. */
    SINK_BOOL,   /* bool */
    SINK_U32,    /* uint32_t */
    SINK_U64,    /* uint64_t */
    SINK_I64,    /* int64_t */
    SINK_DOUBLE, /* double */
    SINK_JSON,   /* sink_json: lent, a view of the text that was read */
} sink_field_kind;

typedef struct {
    const char *key;
    sink_field_kind kind;
    bool required;
    size_t offset;
} sink_field;

/* A member of a struct that is called like its key. */
#define SINK_REQUIRED(type, member, kind) {#member, kind, true, offsetof(type, member)}
/* The same for one that may be missing, or null: the member is left as it is then. */
#define SINK_OPTIONAL(type, member, kind) {#member, kind, false, offsetof(type, member)}

/* Frees the strings of a struct and sets them to NULL. */
void sink_fields_free(const sink_field *fields, size_t count, void *into);

/* ---- What the host tells an instance. --------------------------------------------------------------------------------------- */

typedef struct {
    sink_text connector_name; /* connector_name of the connector's file. */
    uint32_t instance;        /* Which of the connector's instances this is, from 0. */
    sink_json settings;       /* The connector's own table. It holds secrets in clear text: do not log it. */
} sink_context;

/* Reads the settings into a struct. Fatal, with the key, when they do not fit: unknown and missing keys included. topic_mappings
 * may always be there. The strings are yours; a config that lives as long as its instance needs no freeing. */
sink_result sink_read_settings(const sink_context *context, const sink_field *fields, size_t count, void *into);

/* ---- Records. --------------------------------------------------------------------------------------------------------------- */

typedef enum {
    SINK_PAYLOAD_JSON,   /* A document, checked by the host; for Avro and Protobuf written by the host. */
    SINK_PAYLOAD_TEXT,   /* Text that is not JSON. */
    SINK_PAYLOAD_BINARY, /* Bytes as published. */
} sink_payload_kind;

typedef struct {
    uint64_t id;       /* The registry's id of the subject (not of the version). */
    sink_text subject; /* The name under which the schema is registered. */
    uint32_t version;  /* The one that the record was published with, from 1. */
    sink_text type;    /* json_schema, avro, protobuf, string, number or bytes. */
} sink_schema;

typedef struct {
    sink_text name, value;
} sink_pair;

/* (topic, partition, offset) names a record for ever: a target that can write idempotently should use that as its key, since a
 * record may come again after a crash. */
typedef struct {
    sink_text topic;       /* Without a partition: /namespace/topic. */
    uint64_t offset;       /* In the topic, or in the partition where there is one. Counts from 0 in steps of 1. */
    uint64_t publish_time; /* In microseconds since 1970-01-01T00:00:00Z. */
    sink_text producer;
    bool has_partition;
    uint32_t partition; /* From 0. */
    bool has_routing_key;
    sink_text routing_key;
    const sink_pair *attributes; /* Sorted by name; no name twice. */
    size_t attribute_count;
    const sink_schema *schema; /* NULL: none. */
    sink_payload_kind kind;
    sink_text payload; /* JSON as it was published, with every digit of its numbers; text; or bytes. */
} sink_record;

/* Its name for ever: topic@offset, or topic-part-N@offset; yours, for free(). */
char *sink_record_id(const sink_record *record);
/* What a Key-Shared subscription keeps the order by: the routing key, or the producer where there is none. */
sink_text sink_record_order_key(const sink_record *record);
/* The value of an attribute. False: there is none. */
bool sink_record_attribute(const sink_record *record, const char *name, sink_text *value);
/* The payload as a document. False: its kind is not JSON. */
bool sink_record_json(const sink_record *record, sink_json *value);
/* Reads the payload into a struct; keys without a field are passed over. Rejected, with the record and the key, when it does not
 * fit. The strings are yours, see sink_fields_free; there are none to free after a failure. */
sink_result sink_record_read(const sink_record *record, const sink_field *fields, size_t count, void *into);

/* ---- Batches and what became of them. --------------------------------------------------------------------------------------- */

/* Among which records of a batch the order counts. Those form a group. Within a group records are written in the order given, and
 * behind one that has to be tried again none is written in the same call. A record that is rejected holds up nothing. Waves see
 * to that. */
typedef enum {
    SINK_ORDER_ANY,    /* Among none. What Shared promises. */
    SINK_ORDER_BY_KEY, /* Among those of one key in one partition. What Key-Shared promises. */
    SINK_ORDER_STRICT, /* Among all of one partition. What Exclusive and Failover promise. */
} sink_order;

typedef struct {
    sink_text topic;
    uint32_t attempt; /* 1 the first time, then 2, 3 and so on. */
    sink_order order;
    uint32_t time_limit_ms; /* How long the call may take, from its start, before the host ends it like a crash. */
    uint64_t deadline_ms;   /* The same as a point in time, see sink_time_left_ms. */
    const sink_record *records;
    size_t count; /* Never 0. */
} sink_batch;

/* How long the call may still take. A sink that can't be done in time writes what it can and asks for another try of the rest. */
uint32_t sink_time_left_ms(const sink_batch *batch);

/* What became of each record of a batch: written, unless it is named here as failed. */
typedef struct sink_outcomes sink_outcomes;

/* Says what became of the record at `index`; takes the result. What was said of it before is replaced. A fatal result comes
 * back, since it ends the whole call: return it. An index that is not there is fatal. */
sink_result sink_outcomes_set(sink_outcomes *outcomes, size_t index, sink_result result);

/* A walk through a batch in sets of records that may be written at the same time: all of them where the order does not count, else
 * one of each group, then the next of each, with nothing behind a record that has to be tried again. */
typedef struct sink_waves sink_waves;

/* The walk is yours: end it with sink_waves_end. */
sink_waves *sink_waves_begin(const sink_batch *batch, sink_outcomes *outcomes);
/* Puts the positions of the next records into `indices`, at most `limit`, and says how many: 0 when no more may be written in this
 * call. */
size_t sink_waves_next(sink_waves *waves, size_t *indices, size_t limit);
/* Says what became of a record of a wave; takes the result. A fatal one comes back: return it, after sink_waves_end. */
sink_result sink_waves_set(sink_waves *waves, size_t index, sink_result result);
/* Ends the walk; records of which nothing was said are to be retried. */
void sink_waves_end(sink_waves *waves);

/* ---- What to consume. ------------------------------------------------------------------------------------------------------- */

typedef enum { SINK_SHARED, SINK_EXCLUSIVE, SINK_FAILOVER, SINK_KEY_SHARED } sink_subscription_type;

/* One subscription. What is NULL or 0 is taken from the connector's file. */
typedef struct {
    const char *topic, *subscription; /* These must be given. */
    const char *consumer_name;
    sink_subscription_type subscription_type;
    const char *const *key_filters; /* Glob patterns; only for SINK_KEY_SHARED. */
    size_t key_filter_count;
    const char *expected_schema_subject;
    uint32_t batch_size;
    uint64_t batch_bytes;
    uint32_t flush_interval_ms;
    bool raw; /* Payloads are the bytes as published, always binary. */
} sink_consumer;

typedef struct sink_consumers sink_consumers;

/* Adds a subscription; everything in it is copied. */
void sink_consumers_add(sink_consumers *consumers, const sink_consumer *consumer);
/* Adds those of the settings' topic_mappings. Fatal when one is wrong, or when there is none. */
sink_result sink_consumers_of_settings(const sink_context *context, sink_consumers *consumers);

/* ---- The sink. -------------------------------------------------------------------------------------------------------------- */

/* initialize, and process or process_batch, must be there; the others may be NULL. */
typedef struct {
    /* Called once, first: checks the settings. Retryable: the host starts a new instance after a pause. */
    sink_result (*initialize)(const sink_context *context);
    /* Which subscriptions to consume. Without it: sink_consumers_of_settings. */
    sink_result (*consumer_configs)(const sink_context *context, sink_consumers *consumers);
    /* Writes one record. When it returns SINK_OK the record must be safe in the target: the host acknowledges it. */
    sink_result (*process)(const sink_record *record);
    /* Writes a batch; it is preferred to process. When it returns SINK_OK, every record that the outcomes do not name must be safe
     * in the target. Any other result holds for the whole batch. */
    sink_result (*process_batch)(const sink_batch *batch, sink_outcomes *outcomes);
    /* Whether the target would take records now. Retryable while it is down: the host goes on waiting. It must not write. */
    sink_result (*health_check)(void);
    /* Called once before the host drops the instance in good order, not after a crash. */
    sink_result (*shutdown)(void);
} sink_definition;

/* Makes a sink the one that this component runs. Write it once: SINK_REGISTER(.initialize = initialize, .process = process); */
#define SINK_REGISTER(...) const sink_definition sink_registered = {__VA_ARGS__}
extern const sink_definition sink_registered;

/* ---- HTTP: each request in one crossing to the host and behind its gate. Redirects are not followed. ------------------------- */

typedef struct {
    const char *name, *value;
} sink_header;

typedef struct {
    bool present;
    sink_text bytes; /* Sent as they are, text or not. */
} sink_request_body;

static inline sink_request_body sink_body(sink_text bytes) { return (sink_request_body){true, bytes}; }

typedef struct {
    const char *method, *url; /* The URL is absolute, http:// or https://. */
    const sink_header *headers; /* The host sets host, content-length and connection headers itself and refuses them here. */
    size_t header_count;
    sink_request_body body;
    uint32_t timeout_ms; /* For the whole exchange. 0 leaves it to the host, whose own limit holds as well. */
} sink_request;

typedef struct {
    uint16_t status;
    const sink_pair *headers; /* Names in lower case. */
    size_t header_count;
    sink_text body; /* As it came: not decompressed. */
} sink_response;

/* Sends a request and waits for the whole response, whatever its status. The response is yours: sink_response_free. Without one
 * the result is a failure, with nothing to free:
 *   not granted, or the request is malformed         fatal
 *   no connection, TLS, time, or the peer breaks off  retryable
 *   request or response too large                     rejected */
sink_result sink_http_send(const sink_request *request, sink_response *response);
/* Sends requests concurrently and waits for all. `responses` and `results` have room for `count`, and stand in the order of the
 * requests; each result is like that of sink_http_send. */
void sink_http_send_all(const sink_request *requests, size_t count, sink_response *responses, sink_result *results);
void sink_response_free(sink_response *response);
/* The first value of a header; upper and lower case make no difference. False: there is none. */
bool sink_response_header(const sink_response *response, const char *name, sink_text *value);
/* What the status means for the records that the request carried:
 *   2xx                 done
 *   408, 425, 429, 5xx  retryable, with the pause of Retry-After
 *   401, 407            fatal, with the first 200 characters of the body: no record is to blame for credentials
 *   other 4xx           rejected, with the first 200 characters of the body
 *   3xx                 fatal, with the Location: the URL in the settings is not the right one */
sink_result sink_check_status(const sink_response *response);

/* ---- Writing text. ---------------------------------------------------------------------------------------------------------- */

/* Text that grows. Begin with {0}. */
typedef struct {
    char *data;
    size_t size, room;
} sink_buffer;

void sink_buffer_add(sink_buffer *buffer, sink_text text);
void sink_buffer_print(sink_buffer *buffer, const char *format, ...) SINK_PRINTF(2, 3);
/* Adds a text as a JSON string, with quotes. */
void sink_buffer_add_string(sink_buffer *buffer, sink_text text);
/* Adds bytes in base64, padded. */
void sink_buffer_add_base64(sink_buffer *buffer, sink_text bytes);
/* What is in it; lent, until it changes. */
sink_text sink_buffer_text(const sink_buffer *buffer);
void sink_buffer_free(sink_buffer *buffer);

/* ---- Log lines: events of the host's log. ------------------------------------------------------------------------------------ */

typedef enum { SINK_TRACE, SINK_DEBUG, SINK_INFO, SINK_WARN, SINK_ERROR } sink_level;

void sink_log(sink_level level, const char *format, ...) SINK_PRINTF(2, 3);
/* Logs an error and ends the instance. The host gives the batch to a new one, and rejects the record that does this again. */
_Noreturn void sink_abort(const char *format, ...) SINK_PRINTF(1, 2);

#ifdef __cplusplus
}
#endif
#endif
