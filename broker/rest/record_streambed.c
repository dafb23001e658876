#include "rest/record_streambed.h"

#include "http/response.h"
#include "json.h"
#include "time_text.h"

#define RECORD_MAX ((size_t)512 << 20)

static bool can_be_said(const struct record *record)
{
    struct record_header header;
    reader headers = reader_of(record->headers);
    if (record->key.size != STREAMBED_KEY_SIZE || slice_is_null(record->value))
        return false;
    while (record_next_header(&headers, &header)) {
        if (slice_is_null(header.value))
            return false;
    }
    return true;
}

static void write_headers(struct json *json, const struct record *record)
{
    struct record_header header;
    reader headers = reader_of(record->headers);
    json_key(json, "headers");
    if (record->header_count == 0) {
        json_null(json);
        return;
    }
    json_begin_array(json);
    while (record_next_header(&headers, &header)) {
        json_begin_object(json);
        json_key(json, "key");
        json_string(json, header.key);
        json_key(json, "value");
        json_base64(json, header.value);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_json(const struct record_part *part, const struct record *record, writer *w)
{
    char time[TIME_TEXT_SIZE];
    reader key = reader_of(record->key);
    struct json json = json_to(w);
    json_begin_object(&json);
    json_key(&json, "topic");
    json_string(&json, part->topic);
    write_headers(&json, record);
    if (record->timestamp >= 0 && time_print(record->timestamp, time)) {
        json_key(&json, "timestamp");
        json_text(&json, time);
    }
    json_key(&json, "key");
    json_uint(&json, (uint64_t)read_i64(&key));
    json_key(&json, "value");
    json_base64(&json, record->value);
    json_key(&json, "partition");
    json_int(&json, part->partition);
    json_key(&json, "offset");
    json_int(&json, record->offset);
    json_end_object(&json);
}

/* False: the page would become too large. */
static bool write_chunk(struct record_streambed *form, const struct record_part *part, const struct record *record,
                        writer *w)
{
    writer text;
    writer_init(&text, w->memory, w->purpose, RECORD_MAX);
    write_json(part, record, &text);
    w->failed |= !writer_ok(&text);
    size_t before = w->size;
    if (writer_ok(&text))
        http_write_chunk(w, writer_slice(&text));
    writer_close(&text);
    bool fits = form->taken == 0 || w->size <= form->most;
    if (!fits)
        writer_cut(w, before);
    return fits;
}

enum record_verdict record_streambed_write(void *context, struct json_document *document,
                                           const struct record_part *part, const struct record *record, writer *w)
{
    struct record_streambed *form = context;
    (void)document;
    if (!can_be_said(record)) {
        form->left_out++;
        return RECORD_LEFT_OUT;
    }
    if (!form->is_last_only && !write_chunk(form, part, record, w))
        return RECORD_STOPS_BEFORE;
    form->taken++;
    form->last_offset = record->offset;
    return RECORD_TAKEN;
}
