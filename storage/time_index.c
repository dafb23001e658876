#include "time_index.h"

#include "index_file.h"
#include "reader.h"
#include "writer.h"

static int64_t timestamp_of(const uint8_t *entry)
{
    return (int64_t)load_u64(entry);
}

static int32_t relative_of(const uint8_t *entry)
{
    return (int32_t)load_u32(entry + 8);
}

/* Time 0 at the base offset looks the same. It can only be the one entry of its file, and is taken for one there. */
static bool is_zero(const uint8_t *entry)
{
    return timestamp_of(entry) == 0 && relative_of(entry) == 0;
}

static bool is_valid(const uint8_t *entry)
{
    return timestamp_of(entry) >= 0 && relative_of(entry) >= 0;
}

static const struct index_kind kind = {.name = "time index",
                                       .entry_size = TIME_INDEX_ENTRY_SIZE,
                                       .is_zero = is_zero,
                                       .key = timestamp_of,
                                       .is_valid = is_valid};

void time_index_init(struct time_index *index, int64_t base_offset)
{
    *index = (struct time_index){.base_offset = base_offset, .last = {-1, base_offset}};
}

int time_index_load(struct time_index *index, struct file *file, int64_t base_offset, struct error *error)
{
    uint8_t last[INDEX_ENTRY_MAX];
    time_index_init(index, base_offset);
    int rc = index_file_count(&kind, file, &index->entries, last, error);
    if (rc == 0 && index->entries != 0)
        index->last = (struct time_offset){timestamp_of(last), base_offset + relative_of(last)};
    return rc;
}

bool time_index_add(struct time_index *index, struct time_index_tail *tail, int64_t timestamp, int64_t offset)
{
    if (time_index_tail_is_full(tail) || timestamp <= index->last.timestamp || offset < index->last.offset ||
        offset - index->base_offset > INT32_MAX)
        return false;
    tail->relative_offsets[tail->count] = (uint32_t)(offset - index->base_offset);
    tail->timestamps[tail->count] = timestamp;
    tail->count++;
    index->last = (struct time_offset){timestamp, offset};
    return true;
}

size_t time_index_encode(const struct time_index_tail *tail, uint8_t bytes[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE])
{
    for (uint32_t i = 0; i < tail->count; i++) {
        uint8_t *entry = bytes + (size_t)i * TIME_INDEX_ENTRY_SIZE;
        store_u64(entry, (uint64_t)tail->timestamps[i]);
        store_u32(entry + 8, tail->relative_offsets[i]);
    }
    return (size_t)tail->count * TIME_INDEX_ENTRY_SIZE;
}

void time_index_flushed(struct time_index *index, struct time_index_tail *tail, uint32_t count)
{
    index->entries += count;
    tail->count -= count;
    memmove(tail->relative_offsets, tail->relative_offsets + count, tail->count * sizeof tail->relative_offsets[0]);
    memmove(tail->timestamps, tail->timestamps + count, tail->count * sizeof tail->timestamps[0]);
}

int time_index_flush(struct time_index *index, struct time_index_tail *tail, struct file *file, struct error *error)
{
    uint8_t bytes[TIME_INDEX_TAIL_MAX * TIME_INDEX_ENTRY_SIZE];
    size_t size = time_index_encode(tail, bytes);
    int rc = index_file_append(&kind, file, index->entries, slice_of(bytes, size), error);
    if (rc == 0)
        time_index_flushed(index, tail, tail->count);
    return rc;
}

bool time_index_tail_find(const struct time_index *index, const struct time_index_tail *tail, int64_t timestamp,
                          struct time_offset *found)
{
    if (timestamp >= index->last.timestamp) {
        *found = index->last;
        return true;
    }
    for (uint32_t i = tail != NULL ? tail->count : 0; i-- > 0;) {
        *found = (struct time_offset){tail->timestamps[i], index->base_offset + tail->relative_offsets[i]};
        if (found->timestamp <= timestamp)
            return true;
    }
    *found = (struct time_offset){-1, index->base_offset};
    return index->entries == 0;
}

int time_index_find(const struct time_index *index, struct file *file, int64_t timestamp, struct time_offset *found,
                    struct error *error)
{
    uint8_t entry[INDEX_ENTRY_MAX];
    *found = (struct time_offset){-1, index->base_offset};
    int rc = index_file_find(&kind, file, index->entries, timestamp, entry, error);
    if (rc == 1)
        *found = (struct time_offset){timestamp_of(entry), index->base_offset + relative_of(entry)};
    return rc < 0 ? rc : 0;
}

struct bounds {
    struct time_offset previous; /* relative */
    int64_t end_relative;
};

static const char *verdict(void *context, const uint8_t *entry)
{
    struct bounds *bounds = context;
    if (timestamp_of(entry) <= bounds->previous.timestamp)
        return "goes back in time";
    if (relative_of(entry) <= bounds->previous.offset)
        return "goes back in offset";
    if (relative_of(entry) >= bounds->end_relative)
        return "names an offset behind the segment's end";
    bounds->previous = (struct time_offset){timestamp_of(entry), relative_of(entry)};
    return NULL;
}

int time_index_check(const struct time_index *index, struct file *file, int64_t end_offset, struct error *error)
{
    struct bounds bounds = {.previous = {-1, -1}, .end_relative = end_offset - index->base_offset};
    return index_file_check(&kind, file, index->entries, verdict, &bounds, error);
}
