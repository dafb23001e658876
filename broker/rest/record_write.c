#include "json.h"
#include "json_read.h"
#include "rest/record_form.h"
#include "utf8.h"

#include <stdio.h>

#define MINUTE       INT64_C(60000)
#define NO_MINUTE    INT64_MIN
#define SECOND_PLACE 17 /* of "2026-11-21T07:39:48.120Z" */

static const char *const texts[RECORD_FORMATS] = {
#define X(name, text) text,
    RECORD_FORMAT_MAP(X)
#undef X
};

const char *record_format_text(enum record_format format)
{
    return texts[format];
}

bool record_format_parse(slice text, enum record_format *format)
{
    for (int i = 0; i < RECORD_FORMATS; i++) {
        if (!slice_equal(text, slice_of_text(texts[i])))
            continue;
        *format = (enum record_format)i;
        return true;
    }
    return false;
}

void record_form_init(struct record_form *form, enum record_format format, struct json_document *document, slice topic,
                      int32_t partition)
{
    form->format = format;
    form->document = document;
    form->is_append_time = false;
    form->minute = NO_MINUTE;
    /* No character of a topic's name needs an escape. */
    int size = snprintf((char *)form->prefix, sizeof form->prefix,
                        "{\"topic_name\":\"%.*s\",\"partition_id\":%d,\"offset\":", SLICE_PRINT(topic), (int)partition);
    form->prefix_size = (size_t)size;
}

#define WRITE(w, literal) write_bytes(w, slice_of(literal, sizeof(literal) - 1))

static void write_number(writer *w, int64_t value)
{
    struct json json = json_to(w);
    json_int(&json, value);
}

/* ---- the timestamp ---- */

static void set_digits(char *at, int digits, int value)
{
    for (at += digits; digits > 0; digits--, value /= 10)
        *--at = (char)('0' + value % 10);
}

/* Records that follow one another are mostly of the same minute. False: no year has it. */
static bool print_time(struct record_form *form, int64_t timestamp)
{
    int64_t minute = timestamp >= 0 ? timestamp / MINUTE : NO_MINUTE;
    if (minute == NO_MINUTE || minute != form->minute) {
        form->minute = NO_MINUTE;
        if (!time_print(timestamp, form->time))
            return false;
        form->minute = minute;
        return true;
    }
    int of_minute = (int)(timestamp - minute * MINUTE);
    set_digits(form->time + SECOND_PLACE, 2, of_minute / 1000);
    set_digits(form->time + SECOND_PLACE + 3, 3, of_minute % 1000);
    return true;
}

static void write_timestamp(struct record_form *form, int64_t timestamp, writer *w)
{
    WRITE(w, ",\"timestamp\":");
    if (timestamp == -1) {
        WRITE(w, "null");
    } else if (print_time(form, timestamp)) {
        WRITE(w, "\"");
        write_bytes(w, slice_of(form->time, TIME_TEXT_SIZE - 1));
        WRITE(w, "\"");
    } else {
        write_number(w, timestamp);
    }
    if (form->is_append_time)
        WRITE(w, ",\"timestamp_type\":\"LOG_APPEND_TIME\"");
}

/* ---- headers, key and value ---- */

static void write_headers(const struct record *record, writer *w)
{
    WRITE(w, ",\"headers\":");
    struct json json = json_to(w);
    json_begin_array(&json);
    reader headers = reader_of(record->headers);
    struct record_header header;
    while (record->header_count > 0 && record_next_header(&headers, &header)) {
        json_begin_object(&json);
        json_key(&json, "name");
        json_string(&json, header.key);
        json_key(&json, "value");
        json_base64(&json, header.value);
        json_end_object(&json);
    }
    json_end_array(&json);
}

static bool is_json(const struct record_form *form, slice bytes)
{
    return form->format == RECORD_FORMAT_JSON && form->document != NULL && json_parse(form->document, bytes, NULL) == 0;
}

/* Texts that stand in a string as they are need no second look at whether they are UTF-8. */
static void write_data(const struct record_form *form, slice bytes, writer *w)
{
    struct json json = json_to(w);
    if (slice_is_null(bytes)) {
        WRITE(w, "null");
        return;
    }
    if (is_json(form, bytes)) {
        WRITE(w, "{\"type\":\"JSON\",\"data\":");
        json_raw(&json, bytes);
    } else if (form->format != RECORD_FORMAT_BINARY && json_plain_size(bytes) == bytes.size) {
        WRITE(w, "{\"type\":\"STRING\",\"data\":\"");
        write_bytes(w, bytes);
        WRITE(w, "\"");
    } else if (form->format == RECORD_FORMAT_STRING || (form->format != RECORD_FORMAT_BINARY && utf8_is_valid(bytes))) {
        WRITE(w, "{\"type\":\"STRING\",\"data\":");
        json_string(&json, bytes);
    } else {
        WRITE(w, "{\"type\":\"BINARY\",\"data\":");
        json_base64(&json, bytes);
    }
    WRITE(w, "}");
}

void record_form_write(struct record_form *form, const struct record *record, writer *w)
{
    write_bytes(w, slice_of(form->prefix, form->prefix_size));
    write_number(w, record->offset);
    write_timestamp(form, record->timestamp, w);
    if (record->header_count == 0)
        WRITE(w, ",\"headers\":[]");
    else
        write_headers(record, w);
    WRITE(w, ",\"key\":");
    write_data(form, record->key, w);
    WRITE(w, ",\"value\":");
    write_data(form, record->value, w);
    WRITE(w, "}");
}
