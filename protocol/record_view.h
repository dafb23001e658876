/* A record of an uncompressed batch, looked at only as far as compaction needs it: where it begins and ends, its times,
 * key, and whether it has a value. Inline, so that the reader of a loop over millions of records lives in registers. */
#pragma once

#include "record.h"

struct record_view {
    slice bytes; /* all of it, its length field included */
    int64_t timestamp_delta;
    int32_t offset_delta;
    slice key;      /* may be null */
    bool has_value; /* false: a tombstone */
    slice headers;  /* their count, then they; not checked */
};

/* False when it is no record. The headers are not looked at. */
static inline bool record_view_next(reader *r, struct record_view *view)
{
    const uint8_t *start = r->data + r->position;
    int32_t size = read_varint(r);
    if (size < 0 || (size_t)size > reader_left(r))
        return false;
    const uint8_t *end = r->data + r->position + (size_t)size;
    reader body = {r->data, r->position + (size_t)size, r->position, false};
    r->position += (size_t)size;
    view->bytes = slice_of(start, (size_t)(end - start));
    (void)read_i8(&body);
    view->timestamp_delta = read_varlong(&body);
    view->offset_delta = read_varint(&body);
    int32_t key_size = read_varint(&body);
    view->key = key_size >= 0 ? read_bytes(&body, (size_t)key_size) : NULL_SLICE;
    int32_t value_size = read_varint(&body);
    view->has_value = value_size >= 0;
    if (value_size > 0)
        (void)reader_take(&body, (size_t)value_size);
    view->headers = slice_of(body.data + body.position, reader_left(&body));
    return !body.failed && !r->failed;
}
