#include "record.h"

/* A length that is in the input, or -1 for null; anything else fails the reader. */
static inline slice read_field(reader *r)
{
    int32_t size = read_varint(r);
    if (size == -1)
        return NULL_SLICE;
    if (size < 0) {
        reader_fail(r);
        return NULL_SLICE;
    }
    return read_bytes(r, (size_t)size);
}

bool record_next_header(reader *headers, struct record_header *header)
{
    if (reader_left(headers) == 0)
        return false;
    header->key = read_field(headers);
    header->value = read_field(headers);
    return reader_ok(headers);
}

static const char *read_headers(reader *body, struct record *record)
{
    record->header_count = read_varint(body);
    if (!reader_ok(body) || record->header_count < 0)
        return "the number of headers is wrong";
    size_t start = body->position;
    for (int32_t i = 0; i < record->header_count; i++) {
        slice key = read_field(body);
        read_field(body);
        if (!reader_ok(body) || slice_is_null(key))
            return "a header is wrong";
    }
    record->headers = slice_of(body->data + start, body->position - start);
    return NULL;
}

const char *record_read(reader *r, struct record *record)
{
    int32_t size = read_varint(r);
    if (!reader_ok(r) || size < 0)
        return "its length is wrong";
    slice bytes = read_bytes(r, (size_t)size);
    if (!reader_ok(r))
        return "it is longer than the batch";

    reader body = reader_of(bytes);
    read_i8(&body); /* attributes: none are defined */
    record->timestamp = read_varlong(&body);
    record->offset = read_varint(&body);
    record->key = read_field(&body);
    record->value = read_field(&body);
    if (!reader_ok(&body))
        return "its key or value does not fit";
    const char *wrong = read_headers(&body, record);
    if (wrong == NULL && reader_left(&body) != 0)
        return "bytes follow its headers";
    return wrong;
}
