/* Any bytes as the files of a log: what the targets recovery and repair share.
 *
 * The first byte: bit 0 the CRCs of batches are put right first, the others are the target's. Then the sizes of the
 * offset index, the time index and the snapshot, two bytes each, and their bytes; with bit 7 of the first byte the size
 * of the transaction index and its bytes; the rest is the segment. */
#pragma once

#include "crc32c.h"
#include "log_fixture.h"
#include "segment.h"

#include <stdlib.h>

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
    if ((flags & 128) != 0)
        write_part(f, SEGMENT_TRANSACTION_INDEX, 0, take(r, read_u16(r)));
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
