#include "rest/record_filter.h"

static bool same(slice a, slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_equal(a, b);
}

/* One of several headers of the name is enough. */
static bool has_header(const struct record_filter *filter, const struct record *record)
{
    reader headers = reader_of(record->headers);
    struct record_header header;
    while (record_next_header(&headers, &header)) {
        if (slice_equal(header.key, filter->header_name) &&
            (slice_is_null(filter->header_value) || same(header.value, filter->header_value)))
            return true;
    }
    return false;
}

bool record_filter_passes(const struct record_filter *filter, const struct record *record)
{
    return record->timestamp >= filter->from_time && record->timestamp < filter->to_time &&
           (!filter->by_key || same(record->key, filter->key)) &&
           (slice_is_null(filter->header_name) || has_header(filter, record));
}
