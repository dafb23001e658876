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

/* The record's key alone, for a batch that was walked before. False when it is no record. */
static inline bool record_view_next_key(reader *r, slice *key)
{
    static const size_t most = 1 + 10 + 5 + 5; /* bytes before the key: attributes, the deltas, its length */
    size_t start = r->position;
    int32_t size = read_varint(r);
    if (size < 0 || (size_t)size > reader_left(r) || (size_t)size < most) {
        struct record_view view;
        r->position = start;
        bool is_right = record_view_next(r, &view);
        *key = view.key;
        return is_right;
    }
    const uint8_t *p = r->data + r->position;
    const uint8_t *end = p + size;
    r->position += (size_t)size;
    p++;
    for (int i = 0; i < 10 && *p++ >= 0x80; i++)
        ;
    for (int i = 0; i < 5 && *p++ >= 0x80; i++)
        ;
    uint32_t length = *p++;
    if (length >= 0x80) {
        struct varint parsed = varint_parse(p - 1, (size_t)(end - p) + 1, 32);
        if (parsed.size == 0)
            return false;
        length = (uint32_t)parsed.value;
        p += parsed.size - 1;
    }
    if ((length & 1) != 0) { /* zigzag: negative, so null */
        *key = NULL_SLICE;
        return true;
    }
    *key = slice_of(p, length >> 1);
    return length >> 1 <= (size_t)(end - p);
}
