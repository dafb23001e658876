/* A record as JSON: the one form in which records leave by HTTP and come in again.
 *
 *     {"topic_name":"t","partition_id":0,"offset":17,"timestamp":"2026-11-21T22:44:41.123Z","headers":[{"name":"h",
 *      "value":"AQI="}],"key":{"type":"STRING","data":"k"},"value":{"type":"BINARY","data":"//79"}}
 *
 * Named as in REST v3. It is an item of a page, a line of NDJSON, an event's data and a message of a WebSocket, and is
 * accepted as it is by what takes records: what went out comes in equal.
 *
 * Key and value are null, or say by "type" what "data" is: STRING, text whose UTF-8 they are; BINARY, standard base64;
 * JSON, any JSON value, whose text they are, without blanks. A header's value is base64 or null. A timestamp is RFC
 * 3339 in UTC with milliseconds, null for a record without one, and a number of milliseconds for one outside of the
 * years 0 to 9999. "timestamp_type":"LOG_APPEND_TIME" follows it where the log has set it. */
#pragma once

#include "record.h"
#include "time_text.h"
#include "writer.h"

/* What key and value become. Those of the first two come in again byte for byte. */
#define RECORD_FORMAT_MAP(X)                                                                                           \
    X(AUTO, "auto")     /* STRING what is UTF-8, else BINARY */                                                        \
    X(BINARY, "binary") /* BINARY */                                                                                   \
    X(STRING, "string") /* STRING, with U+FFFD for what is no UTF-8 */                                                 \
    X(JSON, "json")     /* JSON what is a JSON text, else as AUTO */

enum record_format {
#define X(name, text) RECORD_FORMAT_##name,
    RECORD_FORMAT_MAP(X)
#undef X
        RECORD_FORMATS
};

const char *record_format_text(enum record_format format);
bool record_format_parse(slice text, enum record_format *format);

struct json_document;

/* What writes the records of one partition: made once for many of them. */
struct record_form {
    enum record_format format;
    struct json_document *document; /* borrowed, for RECORD_FORMAT_JSON; NULL: JSON is not looked for */
    bool is_append_time;            /* of the records that come next: their batch says so */

    /* Private */
    uint8_t prefix[320]; /* up to the offset */
    size_t prefix_size;
    int64_t minute; /* that `time` was made for */
    char time[TIME_TEXT_SIZE];
};

/* `topic` has at most TOPIC_NAME_MAX bytes. */
void record_form_init(struct record_form *form, enum record_format format, struct json_document *document, slice topic,
                      int32_t partition);
/* One JSON object on one line, without the line's end. */
void record_form_write(struct record_form *form, const struct record *record, writer *w);
