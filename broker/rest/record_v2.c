#include "rest/record_v2.h"

#include "json.h"

static bool is_json(struct json_document *document, slice bytes)
{
    return slice_is_null(bytes) || json_parse(document, bytes, NULL) == 0;
}

static void write_bytes_as(struct json *json, bool as_json, slice bytes)
{
    if (slice_is_null(bytes))
        json_null(json);
    else if (as_json)
        json_raw(json, bytes);
    else
        json_base64(json, bytes);
}

enum record_verdict record_v2_write(void *context, struct json_document *document, const struct record_part *part,
                                    const struct record *record, writer *w)
{
    struct record_v2 *form = context;
    size_t size = record->key.size + record->value.size;
    if (form->taken > 0 && (form->filled >= form->most || size > form->most - form->filled))
        return RECORD_STOPS_BEFORE;
    if (form->is_json && (!is_json(document, record->key) || !is_json(document, record->value))) {
        form->is_spoilt = form->taken == 0;
        return RECORD_STOPS_BEFORE;
    }
    write_u8(w, form->taken == 0 ? '[' : ',');
    form->taken++;
    form->filled += size;
    struct json json = json_to(w);
    json_begin_object(&json);
    json_key(&json, "topic");
    json_string(&json, part->topic);
    json_key(&json, "key");
    write_bytes_as(&json, form->is_json, record->key);
    json_key(&json, "value");
    write_bytes_as(&json, form->is_json, record->value);
    json_key(&json, "partition");
    json_int(&json, part->partition);
    json_key(&json, "offset");
    json_int(&json, record->offset);
    json_end_object(&json);
    return RECORD_TAKEN;
}
