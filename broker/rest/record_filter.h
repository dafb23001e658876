/* Which records a client wants to see. All that is set must hold; zeroed but for the times, nothing is left out. */
#pragma once

#include "record.h"

struct record_filter {
    bool by_key;
    slice key;                  /* null: records without one */
    slice header_name;          /* null: whatever the headers are */
    slice header_value;         /* null: whatever the header's value is */
    int64_t from_time, to_time; /* ms; from the first to before the second */
};

#define RECORD_FILTER_NONE ((struct record_filter){.from_time = INT64_MIN, .to_time = INT64_MAX})

static inline bool record_filter_is_none(const struct record_filter *filter)
{
    return !filter->by_key && slice_is_null(filter->header_name) && filter->from_time == INT64_MIN &&
           filter->to_time == INT64_MAX;
}

bool record_filter_passes(const struct record_filter *filter, const struct record *record);
