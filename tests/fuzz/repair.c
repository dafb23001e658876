/* Any bytes as a damaged log: after a repair nothing is wrong with it, no batch that was right is gone, and it opens
 * without a cut.
 *
 * Of the first byte (log_files.h) bit 1: half of the segment lies before the recovery point; bit 2: the stop was clean.
 */
#include "log_files.h"

#include "log_repair.h"
#include "simulated_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_end(void *context, const char *folder, int64_t end_offset, struct error *error)
{
    (void)folder;
    (void)error;
    *(int64_t *)context = end_offset;
    return 0;
}

static uint64_t inspect(struct log_fixture *f, bool clean, int64_t point, uint64_t *batches)
{
    struct inspection inspection = {.disk = f->disk, .memory = &f->memory, .clean = clean, .leader_epoch = 1 << 24};
    const struct inspect_known known = {point, -1};
    struct inspect_log found;
    require(inspect_log(&inspection, LOG_FIXTURE_FOLDER, &known, &found, NULL) == 0);
    *batches = inspection.batches;
    return inspection.damages;
}

static int64_t repair(struct log_fixture *f, bool clean, int64_t point)
{
    struct disk *aside = simulated_disk_create(&f->memory, 1);
    struct repair repair = {.disk = f->disk,
                            .memory = &f->memory,
                            .clean = clean,
                            .leader_epoch = 1 << 24,
                            .aside = aside,
                            .on_end = on_end,
                            .context = &point};
    const struct inspect_known known = {point, -1};
    require(repair_log(&repair, LOG_FIXTURE_FOLDER, &known, NULL) == 0);
    disk_close(aside);
    return point;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_fixture f;
    uint64_t before, after;
    reader r = reader_of(slice_of(data, size));
    uint8_t flags = read_u8(&r);
    bool clean = (flags & 4) != 0;
    int64_t point = (flags & 2) != 0 ? 6 : -1;
    log_fixture_init(&f, 1);
    lay_out(&f, &r, flags);
    (void)inspect(&f, clean, point, &before);
    point = repair(&f, clean, point);
    require(inspect(&f, false, point, &after) == 0);
    require(after <= before);
    f.opening.clean = false;
    f.opening.recovery_point = point;
    f.opening.leader_epoch = (1 << 24) + 1;
    require(log_fixture_open(&f) == 0);
    require(f.recovery.bytes_cut == 0 && f.recovery.segments_cut == 0);
    require(log_end_offset(f.log) == point);
    require(log_fixture_close(&f));
    return 0;
}
