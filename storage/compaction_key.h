/* The key by which a record is compacted; null when it lacks one. Inline: it is asked for each record of each reading.
 */
#pragma once

#include "compaction_private.h"
#include "record_view.h"

static inline slice compaction_find_header(const struct compaction_config *config, reader headers)
{
    struct record_header header;
    slice found = NULL_SLICE;
    while (record_next_header(&headers, &header)) {
        if (slice_equal(header.key, config->header))
            found = header.value;
    }
    return found;
}

static inline slice compaction_prefix_of(const struct compaction_config *config, slice key)
{
    return key.size >= config->prefix && key.data != NULL ? slice_of(key.data, config->prefix) : NULL_SLICE;
}

static inline slice compaction_key_of_view(const struct compaction_config *config, const struct record_view *view)
{
    if (config->key == COMPACTION_RECORD_KEY)
        return view->key;
    if (config->key == COMPACTION_PREFIX)
        return compaction_prefix_of(config, view->key);
    reader headers = reader_of(view->headers);
    (void)read_varint(&headers);
    return compaction_find_header(config, headers);
}

static inline slice compaction_key_of_record(const struct compaction_config *config, const struct record *record)
{
    if (config->key == COMPACTION_RECORD_KEY)
        return record->key;
    if (config->key == COMPACTION_PREFIX)
        return compaction_prefix_of(config, record->key);
    return compaction_find_header(config, reader_of(record->headers));
}

/* A null value removes what its key had; without a key it removes nothing and is a record like others. */
static inline bool compaction_is_tombstone_view(const struct compaction_config *config, const struct record_view *view)
{
    return !view->has_value && compaction_key_of_view(config, view).data != NULL;
}

static inline bool compaction_is_tombstone_record(const struct compaction_config *config, const struct record *record)
{
    return slice_is_null(record->value) && compaction_key_of_record(config, record).data != NULL;
}
