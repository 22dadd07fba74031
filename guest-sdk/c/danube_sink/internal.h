/* What the parts of the SDK share. Nothing of it is for sinks. */
#ifndef DANUBE_SINK_INTERNAL_H
#define DANUBE_SINK_INTERNAL_H

#include <stdarg.h>

#include "danube_sink.h"

/* Memory, or the end of the instance: a component that has none left can do nothing about it. */
void *sink_allocate(size_t size);
void *sink_reallocate(void *memory, size_t size);

/* The arguments of printf as a C string, for free(). */
char *sink_vprint(const char *format, va_list arguments);
char *sink_print(const char *format, ...) SINK_PRINTF(1, 2);
/* Where the first byte is that is not UTF-8; the size if it is all. */
size_t sink_utf8_until(sink_text text);
/* Makes a text of a C string one that may cross to the host: what is not UTF-8 becomes '?'. */
void sink_make_utf8(char *text);

/* Reads an object. The answer is NULL, or what is wrong, for free(). `place` stands before keys in it. */
char *sink_read_fields(sink_json object, const sink_field *fields, size_t count, void *into, const char *place, bool unknown_keys,
                       const char *always_known);

/* By position in the batch; `status` is SINK_DONE where a record was written. */
struct sink_outcomes {
    sink_result *results;
    size_t count;
};

struct sink_consumers {
    sink_consumer *list; /* With copies of its own. */
    size_t count;
};

void sink_consumers_free(sink_consumers *consumers);

/* What the pause of a Retry-After is, in milliseconds; `now` in seconds since 1970. */
uint32_t sink_retry_after(sink_text value, uint64_t now);

/* Gives each record to `process`, as waves have it. */
sink_result sink_process_each(const sink_batch *batch, sink_outcomes *outcomes, sink_result (*process)(const sink_record *));

#endif
