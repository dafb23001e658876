#include "segment.h"

#include "crc32c.h"
#include "reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NAME_DIGITS 20

static const char *const suffixes[SEGMENT_PARTS] = {".log", ".index", ".timeindex", ".snapshot", ".txnindex"};

void segment_path(const char *folder, int64_t base_offset, enum segment_part part, char path[DISK_PATH_MAX])
{
    snprintf(path, DISK_PATH_MAX, "%s/%020" PRId64 "%s", folder, base_offset, suffixes[part]);
}

bool segment_parse_name(const char *name, int64_t *base_offset, enum segment_part *part)
{
    uint64_t offset = 0;
    for (int i = 0; i < NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        unsigned digit = (unsigned)(name[i] - '0');
        if (offset > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        offset = offset * 10 + digit;
    }
    for (int i = 0; i < SEGMENT_PARTS; i++) {
        if (strcmp(name + NAME_DIGITS, suffixes[i]) == 0) {
            *base_offset = (int64_t)offset;
            *part = (enum segment_part)i;
            return true;
        }
    }
    return false;
}

void segment_note_verified(struct segment *segment, uint32_t from, uint32_t to)
{
    if (from >= to)
        return;
    if (to < segment->verified_from || from > segment->verified_to) {
        if (to - from > segment->verified_to - segment->verified_from) {
            segment->verified_from = from;
            segment->verified_to = to;
        }
        return;
    }
    if (from < segment->verified_from)
        segment->verified_from = from;
    if (to > segment->verified_to)
        segment->verified_to = to;
}

int segment_scan_open(struct segment_scan *scan, struct memory *memory, struct file *file, uint32_t end,
                      uint32_t buffer_size, struct error *error)
{
    *scan = (struct segment_scan){
        .memory = memory, .file = file, .end = end, .end_offset = INT64_MAX, .buffer_size = buffer_size};
    scan->buffer = memory_alloc(memory, MEMORY_LOGS, buffer_size);
    if (scan->buffer == NULL)
        return error_set_status(error, -ENOMEM, "segment scan");
    return 0;
}

void segment_scan_close(struct segment_scan *scan)
{
    memory_free(scan->memory, MEMORY_LOGS, scan->buffer, scan->buffer_size);
    scan->buffer = NULL;
}

void segment_scan_seek(struct segment_scan *scan, uint32_t position, int64_t next_offset, int64_t end_offset)
{
    scan->position = position;
    scan->next_offset = next_offset;
    scan->end_offset = end_offset;
}

static int read_at(struct segment_scan *scan, void *to, size_t size, uint32_t position, size_t *got,
                   struct error *error)
{
    int rc = file_read(scan->file, to, size, position, got, error);
    if (rc != 0)
        scan->read_status = rc;
    return rc;
}

/* Bytes at `position`: at least `want` unless the segment ends before; never more than a buffer. */
static int window(struct segment_scan *scan, uint32_t position, uint32_t want, slice *bytes, struct error *error)
{
    uint32_t skip = position - scan->filled_from;
    if (position < scan->filled_from || skip > scan->filled || scan->filled - skip < want) {
        size_t size = scan->end - position < scan->buffer_size ? scan->end - position : scan->buffer_size;
        size_t got = 0;
        scan->filled = 0;
        int rc = read_at(scan, scan->buffer, size, position, &got, error);
        if (rc != 0)
            return rc;
        scan->filled_from = position;
        scan->filled = (uint32_t)got;
        skip = 0;
    }
    *bytes = slice_of(scan->buffer + skip, scan->filled - skip);
    return 0;
}

int segment_scan_next(struct segment_scan *scan, struct segment_batch *batch, struct error *error)
{
    if (scan->position >= scan->end)
        return 0;
    slice bytes;
    int rc = window(scan, scan->position, BATCH_HEADER_SIZE, &bytes, error);
    if (rc != 0)
        return rc;
    struct batch_header *header = &batch->header;
    rc = batch_parse_header(bytes, header, error);
    if (rc != 0)
        return error_wrap(error, FURROW_CORRUPT, "position %" PRIu32, scan->position);
    if (batch_size(header) > scan->end - scan->position)
        return error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": the batch is not whole", scan->position);
    if (header->base_offset < scan->next_offset || header->base_offset >= scan->end_offset - header->last_offset_delta)
        return error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": offset %" PRId64 " is out of place",
                         scan->position, header->base_offset);
    batch->position = scan->position;
    scan->position += (uint32_t)batch_size(header);
    scan->next_offset = batch_last_offset(header) + 1;
    return 1;
}

int segment_scan_check(struct segment_scan *scan, const struct segment_batch *batch, struct error *error)
{
    static const uint32_t covered_from = 21; /* by the CRC: from the attributes to the end */
    uint32_t end = batch->position + (uint32_t)batch_size(&batch->header);
    uint32_t crc = 0;
    for (uint32_t position = batch->position + covered_from; position < end;) {
        slice bytes;
        int rc = window(scan, position, 1, &bytes, error);
        if (rc != 0)
            return rc;
        if (bytes.size == 0)
            return error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": the batch is not whole", batch->position);
        uint32_t part = bytes.size < end - position ? (uint32_t)bytes.size : end - position;
        crc = crc32c(crc, bytes.data, part);
        position += part;
    }
    scan->bytes_read += batch_size(&batch->header);
    if (crc != batch->header.crc)
        return error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": the CRC is wrong", batch->position);
    return 0;
}

/* True when a whole and right batch is at `position`; the scan stands before it then. */
static bool is_batch_at(struct segment_scan *scan, uint32_t position, int64_t next_offset, int64_t end_offset)
{
    struct segment_batch batch = {.position = position};
    segment_scan_seek(scan, position, next_offset, end_offset);
    if (segment_scan_next(scan, &batch, NULL) != 1 || segment_scan_check(scan, &batch, NULL) != 0)
        return false;
    segment_scan_seek(scan, position, next_offset, end_offset);
    return true;
}

/* The length of the batch that is wrong may be right: then nothing in it is taken for a batch. */
static bool find_by_length(struct segment_scan *scan, uint32_t limit, int64_t end_offset)
{
    uint8_t bytes[BATCH_LENGTH_OFFSET];
    size_t got;
    uint32_t from = scan->position;
    int64_t next_offset = scan->next_offset;
    int64_t old_end_offset = scan->end_offset;
    if (read_at(scan, bytes, sizeof bytes, from, &got, NULL) != 0 || got < sizeof bytes)
        return false;
    uint64_t behind = (uint64_t)from + BATCH_LENGTH_OFFSET + load_u32(bytes + 8);
    if (behind < limit && is_batch_at(scan, (uint32_t)behind, next_offset, end_offset))
        return true;
    segment_scan_seek(scan, from, next_offset, old_end_offset);
    return false;
}

bool segment_scan_find(struct segment_scan *scan, uint32_t limit, int64_t end_offset)
{
    static const uint32_t magic_at = 16; /* the same place in every version of the format */
    uint32_t from = scan->position;
    int64_t next_offset = scan->next_offset;
    int64_t old_end_offset = scan->end_offset;
    if (limit > scan->end)
        limit = scan->end;
    if (find_by_length(scan, limit, end_offset))
        return true;
    for (uint32_t position = from + 1; position < limit;) {
        uint8_t bytes[512];
        size_t got;
        if (read_at(scan, bytes, sizeof bytes, position, &got, NULL) != 0 || got < BATCH_HEADER_SIZE)
            break;
        uint32_t count = (uint32_t)got - BATCH_HEADER_SIZE + 1;
        for (uint32_t i = 0; i < count && position + i < limit; i++) {
            if (bytes[i + magic_at] == BATCH_MAGIC && is_batch_at(scan, position + i, next_offset, end_offset))
                return true;
        }
        position += count;
    }
    segment_scan_seek(scan, from, next_offset, old_end_offset);
    return false;
}

int segment_scan_load(struct segment_scan *scan, const struct segment_batch *batch, uint8_t **bytes,
                      struct error *error)
{
    size_t size = batch_size(&batch->header);
    *bytes = memory_alloc(scan->memory, MEMORY_LOGS, size);
    if (*bytes == NULL)
        return error_set_status(error, -ENOMEM, "batch of %zu bytes", size);
    size_t got = 0;
    int rc = file_read(scan->file, *bytes, size, batch->position, &got, error);
    if (rc == 0 && got < size)
        rc = error_set(error, FURROW_CORRUPT, "position %" PRIu32 ": the batch is not whole", batch->position);
    if (rc != 0)
        memory_free(scan->memory, MEMORY_LOGS, *bytes, size);
    return rc;
}
