#include "inspect_private.h"

#include "log_private.h"
#include "log_swap.h"

#define PROGRESS_BYTES ((uint64_t)1 << 20)

struct segment_walk {
    struct inspection *inspection;
    struct segment_verdict *verdict;
    struct index_follow *follow;
    segment_stretch_callback *callback;
    void *context;
    struct error *error;
};

static int report_progress(struct inspection *inspection, uint64_t bytes)
{
    inspection->bytes += bytes;
    if (inspection->on_progress == NULL || inspection->bytes - inspection->bytes_reported < PROGRESS_BYTES)
        return 0;
    inspection->bytes_reported = inspection->bytes;
    return inspection->on_progress(inspection->context);
}

static void note_batch(struct segment_walk *walk, const struct segment_stretch *stretch)
{
    const struct batch_header *header = &stretch->header;
    index_follow_batch(walk->follow, stretch->position, header);
    walk->verdict->good_end = stretch->position + stretch->size;
    walk->verdict->end_offset = batch_last_offset(header) + 1;
    walk->verdict->has_markers |= batch_is_control(header);
    if (header->leader_epoch > walk->verdict->largest_epoch)
        walk->verdict->largest_epoch = header->leader_epoch;
    walk->inspection->batches++;
    walk->inspection->records += (uint64_t)header->count;
}

static int walk_stretches(struct segment_walk *walk, struct segment_scan *scan)
{
    struct segment_stretch stretch;
    int rc;
    while ((rc = segment_survey_next(scan, &stretch, walk->error)) == 1) {
        if (stretch.is_batch) {
            note_batch(walk, &stretch);
        } else {
            walk->verdict->bad_stretches++;
            walk->verdict->is_unreadable |= stretch.is_unreadable;
            index_follow_step_over(walk->follow);
        }
        rc = walk->callback != NULL ? walk->callback(walk->context, &stretch) : 0;
        if (rc == 0)
            rc = report_progress(walk->inspection, stretch.size);
        if (rc != 0)
            break;
    }
    return rc;
}

static int walk_file(struct segment_walk *walk, struct file *file, int64_t base_offset, int64_t end_offset)
{
    struct segment_scan scan;
    int rc = segment_scan_open(&scan, walk->inspection->memory, file, walk->verdict->size, SEGMENT_SCAN_BATCHES,
                               walk->error);
    if (rc != 0)
        return rc;
    segment_scan_seek(&scan, 0, base_offset, end_offset);
    rc = walk_stretches(walk, &scan);
    segment_scan_close(&scan);
    return rc;
}

static int walk_with_indexes(struct segment_walk *walk, struct file *file, const char *folder, int64_t base_offset,
                             int64_t end_offset)
{
    int rc = index_follow_open(walk->follow, walk->inspection->disk, folder, base_offset, walk->error);
    if (rc != 0)
        return rc;
    rc = walk_file(walk, file, base_offset, end_offset);
    index_follow_close(walk->follow);
    walk->verdict->offsets_wrong = walk->follow->offsets.wrong.code != 0;
    walk->verdict->times_wrong = walk->follow->times.wrong.code != 0;
    return rc;
}

int inspect_segment(struct inspection *inspection, const char *folder, int64_t base_offset, int64_t end_offset,
                    bool is_swap, segment_stretch_callback *callback, void *context, struct segment_verdict *verdict,
                    struct index_follow *follow, struct error *error)
{
    struct segment_walk walk = {inspection, verdict, follow, callback, context, error};
    struct file *file;
    char path[SWAP_PATH_MAX];
    uint64_t size;
    *verdict = (struct segment_verdict){.end_offset = base_offset, .largest_epoch = -1};
    memset(follow, 0, sizeof *follow);
    log_swap_path(folder, base_offset, SEGMENT_LOG, is_swap ? SWAP_SUFFIX : "", path);
    int rc = disk_open_file(inspection->disk, path, FILE_READ, &file, error);
    if (rc != 0)
        return rc;
    rc = file_size(file, &size, error);
    verdict->size = size > SEGMENT_MAX_BYTES ? SEGMENT_MAX_BYTES : (uint32_t)size;
    if (rc == 0 && is_swap)
        rc = walk_file(&walk, file, base_offset, end_offset);
    else if (rc == 0)
        rc = walk_with_indexes(&walk, file, folder, base_offset, end_offset);
    inspection->segments += rc == 0;
    file_close(file);
    return rc;
}

/* ---- epochs ---- */

void epoch_judge_init(struct epoch_judge *judge, const struct epochs *epochs, const struct inspection *inspection,
                      const struct inspect_known *known)
{
    static const int32_t plausible = 1 << 24; /* where there is no checkpoint: only garbage is above */
    int32_t latest = epochs_latest(epochs);
    *judge = (struct epoch_judge){.epochs = epochs, .seen = -1};
    judge->known_to = inspection->clean ? INT64_MAX : known->recovery_point;
    judge->largest = latest < 0 ? plausible : latest > inspection->leader_epoch ? latest : inspection->leader_epoch;
}

bool epoch_judge_takes(struct epoch_judge *judge, const struct batch_header *header)
{
    int32_t epoch = header->leader_epoch;
    int32_t said = epochs_at(judge->epochs, header->base_offset);
    if (epoch == -1 && judge->seen == -1) /* as Kafka wrote before there were epochs */
        return true;
    if (epoch < said || epoch < judge->seen || epoch > judge->largest)
        return false;
    if (said >= 0 && epoch > said && header->base_offset < judge->known_to)
        return false;
    judge->seen = epoch;
    return true;
}
