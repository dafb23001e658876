/* Writing: what is done on the writer's thread. A roll first completes the old segment and makes the new one's files;
 * then the batches go out in one call, and index entries only when a tail was full. */
#include "log_write_job.h"

static int write_index(struct log_write *write, struct log_index_write *index)
{
    if (index->bytes.size == 0 && !index->cut)
        return 0;
    int rc = log_handle_open(&index->handle, write->disk, write->folder, index->base_offset, index->part, FILE_CREATE,
                             &write->error);
    if (rc != 0)
        return rc;
    struct iovec part = {index->bytes.data, index->bytes.size};
    if (part.iov_len > 0)
        rc = file_write(index->handle.file, &part, 1, index->position, &write->error);
    if (rc == 0 && index->cut)
        rc = file_truncate(index->handle.file, index->position + part.iov_len, &write->error);
    return rc;
}

/* An earlier roll that failed may have left a file there, so it is emptied. */
static int make_file(struct log_write *write, enum segment_part part, slice content)
{
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, write->disk, write->folder, write->base_offset, part, FILE_CREATE, &write->error);
    if (rc != 0)
        return rc;
    rc = file_truncate(handle.file, 0, &write->error);
    struct iovec bytes = {(void *)(uintptr_t)content.data, content.size};
    if (rc == 0 && content.size > 0)
        rc = file_write(handle.file, &bytes, 1, 0, &write->error);
    file_close(handle.file);
    return rc;
}

/* The file is made by its first entry. */
static int cut_aborted(struct log_write *write, int64_t base_offset, uint32_t entries, struct error *error)
{
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, write->disk, write->folder, base_offset, SEGMENT_TRANSACTION_INDEX,
                             FILE_READ_WRITE, error);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    rc = file_truncate(handle.file, (uint64_t)entries * TRANSACTION_INDEX_ENTRY_SIZE, error);
    file_close(handle.file);
    return rc;
}

/* The segment that is complete now must not end in bytes of a failed write. */
static int cut_old(struct log_write *write)
{
    if (!write->cut_first)
        return 0;
    struct log_handle handle = {0};
    int rc = log_handle_open(&handle, write->disk, write->folder, write->old_base, SEGMENT_LOG, FILE_READ_WRITE,
                             &write->error);
    if (rc != 0)
        return rc;
    rc = file_truncate(handle.file, write->old_size, &write->error);
    file_close(handle.file);
    return rc == 0 ? cut_aborted(write, write->old_base, write->old_aborted, &write->error) : rc;
}

static int roll(struct log_write *write)
{
    int rc;
    write->left_files = true;
    if ((rc = cut_old(write)) != 0 || (rc = write_index(write, &write->indexes[INDEX_OLD])) != 0 ||
        (rc = write_index(write, &write->indexes[TIMES_OLD])) != 0 ||
        (rc = make_file(write, SEGMENT_SNAPSHOT, writer_slice(&write->snapshot))) != 0 ||
        (rc = make_file(write, SEGMENT_OFFSET_INDEX, NULL_SLICE)) != 0)
        return rc;
    return make_file(write, SEGMENT_TIME_INDEX, NULL_SLICE);
}

/* Entries that the file has without this write. */
static uint32_t aborted_before(const struct log_write *write)
{
    return write->aborted - (uint32_t)(write->indexes[ABORTED].bytes.size / TRANSACTION_INDEX_ENTRY_SIZE);
}

static int write_batches(struct log_write *write)
{
    int rc = log_handle_open(&write->log, write->disk, write->folder, write->base_offset, SEGMENT_LOG,
                             write->rolled ? FILE_CREATE : FILE_READ_WRITE, &write->error);
    if (rc != 0)
        return rc;
    if (write->rolled || write->cut_first) {
        rc = file_truncate(write->log.file, write->position, &write->error);
        if (rc == 0 && !write->rolled)
            rc = cut_aborted(write, write->base_offset, aborted_before(write), &write->error);
        if (rc != 0)
            return rc;
        write->left_bytes = false;
    }
    write->wrote = true;
    if (write->part_count == 0)
        return 0; /* a roll alone */
    return file_write(write->log.file, write->parts, write->part_count, write->position, &write->error);
}

/* The error is that of the failure before. A segment that the log does not have must not be found at the next start:
 * its files go. */
static void clean_up(struct log_write *write)
{
    if (write->rolled)
        write->left_files = log_remove_segment_files(write->disk, write->folder, write->base_offset, NULL) != 0;
    else if (write->wrote)
        write->left_bytes = file_truncate(write->log.file, write->position, NULL) != 0 ||
                            (write->indexes[ABORTED].bytes.size > 0 &&
                             cut_aborted(write, write->base_offset, aborted_before(write), NULL) != 0);
}

bool log_write_is_small(const struct log_write *write, uint32_t bytes)
{
    return write->size <= bytes && write->log.file != NULL && !write->rolled && !write->cut_first &&
           write->stray_base < 0 && write->indexes[INDEX_NEW].bytes.size == 0 &&
           write->indexes[TIMES_NEW].bytes.size == 0 && write->indexes[ABORTED].bytes.size == 0;
}

void log_write_execute(struct log_write *write)
{
    write->executed = true;
    int rc = 0;
    if (write->stray_base >= 0)
        rc = log_remove_segment_files(write->disk, write->folder, write->stray_base, &write->error);
    if (rc == 0) {
        write->stray_base = -1;
        rc = write->rolled ? roll(write) : 0;
    }
    if (rc == 0)
        rc = write_batches(write);
    if (rc == 0)
        rc = write_index(write, &write->indexes[INDEX_NEW]);
    if (rc == 0)
        rc = write_index(write, &write->indexes[TIMES_NEW]);
    if (rc == 0)
        rc = write_index(write, &write->indexes[ABORTED]);
    write->status = rc;
    if (rc != 0)
        clean_up(write);
}
