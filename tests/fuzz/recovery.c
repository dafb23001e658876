/* Any bytes as what a crash left of a log: its only segment, its indexes and a snapshot. It must open or be refused;
 * what opens can be read to its end, takes a batch and is the same after a clean restart.
 *
 * Of the first byte (log_files.h) bit 1: half of the segment lies before the recovery point; bit 2: the stop was clean.
 */
#include "log_files.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    struct log_read committed;
    rc = log_fixture_read_committed(f, &committed, log_start_offset(f->log), 100000);
    require(rc == 0 || (!all_checked && rc == FURROW_CORRUPT));
    log_read_release(f->log, &committed);
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
