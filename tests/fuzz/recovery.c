/* Any bytes as what a crash left of a log: its only segment, its indexes and a snapshot. It must open or be refused;
 * what opens can be read to its end, takes a batch and is the same after a clean restart.
 *
 * The first byte: bit 0 the CRCs of batches are put right first, bit 1 half of the segment lies before the recovery
 * point, bit 2 the stop was clean. Then the sizes of the offset index, the time index and the snapshot, two bytes each,
 * and their bytes; the rest is the segment. */
#include "crc32c.h"
#include "log_fixture.h"
#include "segment.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void write_part(struct log_fixture *f, enum segment_part part, int64_t offset, slice bytes)
{
    char path[DISK_PATH_MAX];
    segment_path(LOG_FIXTURE_FOLDER, offset, part, path);
    require(disk_replace_file(f->disk, path, bytes, NULL) == 0);
}

/* Or nothing would ever get behind the first check. */
static void put_crcs_right(uint8_t *segment, size_t size)
{
    struct batch_header header;
    for (size_t at = 0; at < size; at += batch_size(&header)) {
        slice rest = slice_of(segment + at, size - at);
        if (batch_parse_header(rest, &header, NULL) != 0 || batch_size(&header) > rest.size)
            return;
        store_u32(segment + at + 17, crc32c(0, segment + at + 21, batch_size(&header) - 21));
    }
}

static slice take(reader *r, size_t size)
{
    size_t left = reader_left(r);
    return read_bytes(r, size < left ? size : left);
}

static void lay_out(struct log_fixture *f, reader *r, uint8_t flags)
{
    uint16_t sizes[3];
    require(log_create_files(f->disk, LOG_FIXTURE_FOLDER, LOG_FIXTURE_TOPIC_ID, NULL) == 0);
    for (int i = 0; i < 3; i++)
        sizes[i] = read_u16(r);
    write_part(f, SEGMENT_OFFSET_INDEX, 0, take(r, sizes[0]));
    write_part(f, SEGMENT_TIME_INDEX, 0, take(r, sizes[1]));
    if (sizes[2] != 0)
        write_part(f, SEGMENT_SNAPSHOT, sizes[2] % 16, take(r, sizes[2]));
    slice left = take(r, SIZE_MAX);
    uint8_t *segment = malloc(left.size + 1);
    require(segment != NULL);
    if (left.size != 0)
        memcpy(segment, left.data, left.size);
    if ((flags & 1) != 0)
        put_crcs_right(segment, left.size);
    write_part(f, SEGMENT_LOG, 0, slice_of(segment, left.size));
    free(segment);
}

/* What is corrupt before the recovery point, or after a clean stop, is found by reads. */
static void read_and_append(struct log_fixture *f, bool all_checked)
{
    uint8_t *bytes;
    size_t size;
    int64_t found;
    int64_t end = log_end_offset(f->log);
    int rc = log_fixture_read_all(f, log_start_offset(f->log), 1000, &bytes, &size);
    require(rc == 0 || (!all_checked && rc == FURROW_CORRUPT) || rc == -ELOOP || (!all_checked && rc == -ENODATA));
    require(rc != -ELOOP || !all_checked);
    if (rc == 0)
        memory_free(&f->memory, MEMORY_REQUESTS, bytes, size);
    (void)log_fixture_find(f, 1700000000000, &found);
    (void)log_fixture_find(f, LOG_FIND_MAX_TIMESTAMP, &found);
    struct test_batch batch = {.records = 2, .content = 1};
    if (end < INT64_MAX - 2) {
        require(log_fixture_append(f, &batch, true) == end);
        end += 2;
    }
    require(log_fixture_restart(f) == 0);
    require(log_end_offset(f->log) == end || !all_checked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_fixture f;
    reader r = reader_of(slice_of(data, size));
    uint8_t flags = read_u8(&r);
    log_fixture_init(&f, 1);
    f.config.index_interval_bytes = 100;
    lay_out(&f, &r, flags);
    f.opening.clean = (flags & 4) != 0;
    f.opening.recovery_point = (flags & 2) != 0 ? 6 : -1;
    f.opening.leader_epoch = 1;
    if (log_fixture_open(&f) == 0)
        read_and_append(&f, (flags & 6) == 0);
    require(log_fixture_close(&f));
    return 0;
}
