#include "offset_index.h"

#include "index_file.h"
#include "reader.h"
#include "writer.h"

static int32_t relative_of(const uint8_t *entry)
{
    return (int32_t)load_u32(entry);
}

static uint32_t position_of(const uint8_t *entry)
{
    return load_u32(entry + 4);
}

static bool is_zero(const uint8_t *entry)
{
    return position_of(entry) == 0;
}

static int64_t key(const uint8_t *entry)
{
    return relative_of(entry);
}

static bool is_valid(const uint8_t *entry)
{
    return relative_of(entry) >= 0 && position_of(entry) != 0 && position_of(entry) <= INT32_MAX;
}

static const struct index_kind kind = {.name = "offset index",
                                       .entry_size = OFFSET_INDEX_ENTRY_SIZE,
                                       .is_zero = is_zero,
                                       .key = key,
                                       .is_valid = is_valid};

void offset_index_init(struct offset_index *index, int64_t base_offset)
{
    *index = (struct offset_index){.base_offset = base_offset, .last = {.offset = base_offset}};
}

int offset_index_load(struct offset_index *index, struct file *file, int64_t base_offset, struct error *error)
{
    uint8_t last[INDEX_ENTRY_MAX];
    offset_index_init(index, base_offset);
    int rc = index_file_count(&kind, file, &index->entries, last, error);
    if (rc == 0 && index->entries != 0)
        index->last = (struct offset_position){base_offset + relative_of(last), position_of(last)};
    return rc;
}

bool offset_index_add(struct offset_index *index, struct offset_index_tail *tail, int64_t offset, uint32_t position)
{
    bool is_first = index->entries == 0 && tail->count == 0;
    if (offset_index_tail_is_full(tail) || offset_index_is_far(index, offset) || position > INT32_MAX ||
        position <= index->last.position || (!is_first && offset <= index->last.offset))
        return false;
    tail->relative_offsets[tail->count] = (uint32_t)(offset - index->base_offset);
    tail->positions[tail->count] = position;
    tail->count++;
    index->last = (struct offset_position){offset, position};
    return true;
}

size_t offset_index_encode(const struct offset_index_tail *tail,
                           uint8_t bytes[OFFSET_INDEX_TAIL_MAX * OFFSET_INDEX_ENTRY_SIZE])
{
    for (uint32_t i = 0; i < tail->count; i++) {
        uint8_t *entry = bytes + (size_t)i * OFFSET_INDEX_ENTRY_SIZE;
        store_u32(entry, tail->relative_offsets[i]);
        store_u32(entry + 4, tail->positions[i]);
    }
    return (size_t)tail->count * OFFSET_INDEX_ENTRY_SIZE;
}

void offset_index_flushed(struct offset_index *index, struct offset_index_tail *tail, uint32_t count)
{
    index->entries += count;
    tail->count -= count;
    memmove(tail->relative_offsets, tail->relative_offsets + count, tail->count * sizeof tail->relative_offsets[0]);
    memmove(tail->positions, tail->positions + count, tail->count * sizeof tail->positions[0]);
}

int offset_index_flush(struct offset_index *index, struct offset_index_tail *tail, struct file *file,
                       struct error *error)
{
    uint8_t bytes[OFFSET_INDEX_TAIL_MAX * OFFSET_INDEX_ENTRY_SIZE];
    size_t size = offset_index_encode(tail, bytes);
    int rc = index_file_append(&kind, file, index->entries, slice_of(bytes, size), error);
    if (rc == 0)
        offset_index_flushed(index, tail, tail->count);
    return rc;
}

bool offset_index_tail_find(const struct offset_index *index, const struct offset_index_tail *tail, int64_t offset,
                            struct offset_position *found)
{
    if (offset >= index->last.offset) {
        *found = index->last;
        return true;
    }
    for (uint32_t i = tail != NULL ? tail->count : 0; i-- > 0;) {
        *found = (struct offset_position){index->base_offset + tail->relative_offsets[i], tail->positions[i]};
        if (found->offset <= offset)
            return true;
    }
    *found = (struct offset_position){index->base_offset, 0};
    return index->entries == 0;
}

int offset_index_find(const struct offset_index *index, struct file *file, int64_t offset,
                      struct offset_position *found, struct error *error)
{
    uint8_t entry[INDEX_ENTRY_MAX];
    *found = (struct offset_position){index->base_offset, 0};
    int rc = index_file_find(&kind, file, index->entries, offset - index->base_offset, entry, error);
    if (rc == 1)
        *found = (struct offset_position){index->base_offset + relative_of(entry), position_of(entry)};
    return rc < 0 ? rc : 0;
}

struct bounds {
    int64_t previous_relative; /* -1 before the first */
    uint32_t previous_position;
    int64_t end_relative;
    uint64_t segment_bytes;
};

static const char *verdict(void *context, const uint8_t *entry)
{
    struct bounds *bounds = context;
    if (relative_of(entry) <= bounds->previous_relative)
        return "goes back in offset";
    if (position_of(entry) <= bounds->previous_position)
        return "goes back in position";
    if (relative_of(entry) >= bounds->end_relative)
        return "names an offset behind the segment's end";
    if (position_of(entry) >= bounds->segment_bytes)
        return "names a position behind the segment's end";
    bounds->previous_relative = relative_of(entry);
    bounds->previous_position = position_of(entry);
    return NULL;
}

int offset_index_check(const struct offset_index *index, struct file *file, int64_t end_offset, uint64_t segment_bytes,
                       struct error *error)
{
    struct bounds bounds = {
        .previous_relative = -1, .end_relative = end_offset - index->base_offset, .segment_bytes = segment_bytes};
    return index_file_check(&kind, file, index->entries, verdict, &bounds, error);
}
