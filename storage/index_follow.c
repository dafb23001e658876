#include "index_follow.h"

#include "offset_index.h"
#include "reader.h"
#include "time_index.h"

#include <errno.h>
#include <inttypes.h>

static int open_file(struct index_follow *follow, struct disk *disk, const char *folder, enum segment_part part,
                     struct error *error)
{
    bool is_offsets = part == SEGMENT_OFFSET_INDEX;
    struct index_follow_file *f = is_offsets ? &follow->offsets : &follow->times;
    char path[DISK_PATH_MAX];
    segment_path(folder, follow->base_offset, part, path);
    f->entry_size = is_offsets ? OFFSET_INDEX_ENTRY_SIZE : TIME_INDEX_ENTRY_SIZE;
    int rc = disk_open_file(disk, path, FILE_READ, &f->file, &f->wrong);
    if (rc == 0 && is_offsets) {
        struct offset_index index;
        rc = offset_index_load(&index, f->file, follow->base_offset, &f->wrong);
        f->entries = index.entries;
    } else if (rc == 0) {
        struct time_index index;
        rc = time_index_load(&index, f->file, follow->base_offset, &f->wrong);
        f->entries = index.entries;
    }
    if (rc == 0)
        return 0;
    if (f->file != NULL)
        file_close(f->file);
    f->file = NULL;
    f->entries = 0;
    f->is_missing = rc == -ENOENT;
    return rc == -ENOMEM ? error_set_status(error, rc, "%s", path) : 0;
}

int index_follow_open(struct index_follow *follow, struct disk *disk, const char *folder, int64_t base_offset,
                      struct error *error)
{
    follow->base_offset = base_offset;
    follow->largest_timestamp = -1;
    follow->last_timestamp = -1;
    follow->stepped_over = false;
    follow->offsets = (struct index_follow_file){.file = NULL};
    follow->times = (struct index_follow_file){.file = NULL};
    int rc = open_file(follow, disk, folder, SEGMENT_OFFSET_INDEX, error);
    if (rc == 0)
        rc = open_file(follow, disk, folder, SEGMENT_TIME_INDEX, error);
    if (rc != 0)
        index_follow_close(follow);
    return rc;
}

/* The next entry; NULL at the end, and after something was wrong. */
static const uint8_t *peek(struct index_follow_file *f)
{
    if (f->wrong.code != 0 || f->next >= f->entries)
        return NULL;
    if (f->next >= f->buffered_from + f->buffered) {
        size_t got = 0;
        uint64_t at = (uint64_t)f->next * f->entry_size;
        uint32_t left = f->entries - f->next;
        uint32_t want = left < INDEX_FOLLOW_ENTRIES ? left : INDEX_FOLLOW_ENTRIES;
        if (file_read(f->file, f->buffer, (size_t)want * f->entry_size, at, &got, &f->wrong) != 0)
            return NULL;
        f->buffered_from = f->next;
        f->buffered = (uint32_t)(got / f->entry_size);
        if (f->buffered == 0) {
            error_set(&f->wrong, FURROW_CORRUPT, "entry %" PRIu32 " cannot be read", f->next);
            return NULL;
        }
    }
    return f->buffer + (size_t)(f->next - f->buffered_from) * f->entry_size;
}

static void follow_offsets(struct index_follow *follow, uint32_t position, const struct batch_header *header)
{
    struct index_follow_file *f = &follow->offsets;
    const uint8_t *entry;
    while ((entry = peek(f)) != NULL && load_u32(entry + 4) <= position) {
        int64_t offset = follow->base_offset + load_u32(entry);
        uint32_t at = load_u32(entry + 4);
        if (at < position && !follow->stepped_over)
            error_set(&f->wrong, FURROW_CORRUPT, "entry %" PRIu32 ": no batch starts at position %" PRIu32, f->next,
                      at);
        else if (at == position && offset != batch_last_offset(header))
            error_set(&f->wrong, FURROW_CORRUPT,
                      "entry %" PRIu32 ": the batch at position %" PRIu32 " ends at offset %" PRId64 ", not %" PRId64,
                      f->next, at, batch_last_offset(header), offset);
        f->next++;
    }
}

static void judge_time(struct index_follow *follow, int64_t timestamp, int64_t offset,
                       const struct batch_header *header)
{
    struct index_follow_file *f = &follow->times;
    if (timestamp <= follow->last_timestamp)
        error_set(&f->wrong, FURROW_CORRUPT, "entry %" PRIu32 ": the timestamp does not rise", f->next);
    else if (offset < header->base_offset)
        error_set(&f->wrong, FURROW_CORRUPT, "entry %" PRIu32 ": no batch has offset %" PRId64, f->next, offset);
    else if (timestamp != header->max_timestamp || timestamp < follow->largest_timestamp)
        error_set(&f->wrong, FURROW_CORRUPT,
                  "entry %" PRIu32 ": timestamp %" PRId64 " is not the largest up to offset %" PRId64, f->next,
                  timestamp, offset);
}

static void follow_times(struct index_follow *follow, const struct batch_header *header)
{
    const uint8_t *entry;
    if (header->count > 0 && header->max_timestamp > follow->largest_timestamp)
        follow->largest_timestamp = header->max_timestamp;
    while ((entry = peek(&follow->times)) != NULL) {
        int64_t timestamp = (int64_t)load_u64(entry);
        int64_t offset = follow->base_offset + load_u32(entry + 8);
        if (offset > batch_last_offset(header))
            break;
        if (!follow->stepped_over || offset >= header->base_offset)
            judge_time(follow, timestamp, offset, header);
        follow->last_timestamp = timestamp;
        follow->times.next++;
    }
}

void index_follow_batch(struct index_follow *follow, uint32_t position, const struct batch_header *header)
{
    follow_offsets(follow, position, header);
    follow_times(follow, header);
    follow->stepped_over = false;
}

void index_follow_step_over(struct index_follow *follow)
{
    follow->stepped_over = true;
}

static void close_file(struct index_follow *follow, struct index_follow_file *f)
{
    if (peek(f) != NULL && !follow->stepped_over)
        error_set(&f->wrong, FURROW_CORRUPT, "entry %" PRIu32 " and those behind it name no batch", f->next);
    if (f->file != NULL)
        file_close(f->file);
    f->file = NULL;
}

void index_follow_close(struct index_follow *follow)
{
    close_file(follow, &follow->offsets);
    close_file(follow, &follow->times);
}
