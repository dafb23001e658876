#include "inspect.h"

#include "inspect_private.h"
#include "log_private.h"
#include "log_swap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int inspect_tell_at(struct inspection *inspection, const struct finding *finding)
{
    if (finding->level == FINDING_DAMAGE)
        inspection->damages++;
    else
        inspection->notes++;
    return inspection->on_finding != NULL ? inspection->on_finding(inspection->context, finding) : 0;
}

int inspect_tell(struct inspection *inspection, enum finding_level level, const char *path, const char *format, ...)
{
    char words[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    struct finding finding = {.level = level, .path = path, .offset = -1, .position = -1, .bytes = -1, .words = words};
    return inspect_tell_at(inspection, &finding);
}

/* A walk over one log. */
struct log_walk {
    struct inspection *inspection;
    const char *folder;
    const struct inspect_known *known;
    struct log_folder found;
    struct epochs epochs; /* of the checkpoint */
    struct epoch_judge judge;
    bool epochs_told;    /* that a batch contradicts them */
    int64_t base_offset; /* of the segment that is walked */
    bool has_aborted;    /* it has a transaction index */
    bool is_swap;        /* it is the one that a compaction has put in the old one's place */
    int64_t covered_to;  /* by such a one: old segments below this offset are to go */
    int64_t end;         /* offset behind the last batch that is right */

    /* What is wrong behind the recovery point after an unclean stop: torn, unless a batch that is right follows */
    bool is_pending;
    struct finding pending;
    char pending_path[DISK_PATH_MAX];
    char pending_words[ERROR_MESSAGE_MAX];
};

/* The start cuts what is wrong there. */
static bool may_be_torn(const struct log_walk *walk)
{
    return !walk->inspection->clean && walk->end >= walk->known->recovery_point;
}

static int tell_pending(struct log_walk *walk, enum finding_level level)
{
    static const char torn[] = "; the next start cuts it";
    static const char followed[] = "; good batches follow, which the next start would cut";
    char words[ERROR_MESSAGE_MAX + sizeof followed];
    if (!walk->is_pending)
        return 0;
    walk->is_pending = false;
    snprintf(words, sizeof words, "%s%s", walk->pending_words, level == FINDING_NOTE ? torn : followed);
    struct finding finding = walk->pending;
    finding.path = walk->pending_path;
    finding.words = words;
    finding.level = level;
    return inspect_tell_at(walk->inspection, &finding);
}

/* Tells it, or keeps it until it is known what follows. */
static int note_wrong(struct log_walk *walk, const struct finding *finding)
{
    if (!may_be_torn(walk))
        return inspect_tell_at(walk->inspection, finding);
    if (walk->is_pending) {
        walk->pending.bytes += finding->bytes;
        return 0;
    }
    walk->is_pending = true;
    walk->pending = *finding;
    snprintf(walk->pending_path, sizeof walk->pending_path, "%s", finding->path);
    snprintf(walk->pending_words, sizeof walk->pending_words, "%s", finding->words);
    return 0;
}

static int note_hole(struct log_walk *walk, const char *path, const struct segment_stretch *stretch)
{
    char words[ERROR_MESSAGE_MAX];
    int64_t base = stretch->header.base_offset;
    if (base <= walk->end || walk->end < walk->known->recovery_point || walk->inspection->clean || walk->is_pending)
        return 0;
    snprintf(words, sizeof words, "offsets %" PRId64 " to %" PRId64 " are missing", walk->end, base - 1);
    struct finding finding = {.level = FINDING_DAMAGE,
                              .path = path,
                              .offset = walk->end,
                              .position = stretch->position,
                              .bytes = 0,
                              .words = words};
    return note_wrong(walk, &finding);
}

/* Damage, but told once: the records are right, yet clients ask by epoch where logs part. */
static int tell_epoch(struct log_walk *walk, const struct batch_header *header)
{
    char path[2 * DISK_PATH_MAX];
    if (walk->epochs_told)
        return 0;
    walk->epochs_told = true;
    snprintf(path, sizeof path, "%s/" LOG_EPOCHS_FILE, walk->folder);
    return inspect_tell(walk->inspection, FINDING_DAMAGE, path,
                        "does not say what the batch at offset %" PRId64 " does: epoch %" PRId32, header->base_offset,
                        header->leader_epoch);
}

static int note_not_taken(struct log_walk *walk, const char *path, const struct segment_stretch *stretch,
                          const char *words)
{
    struct finding finding = {.level = FINDING_DAMAGE,
                              .path = path,
                              .offset = walk->end,
                              .position = stretch->position,
                              .bytes = stretch->size,
                              .words = words};
    return note_wrong(walk, &finding);
}

static int on_stretch(void *context, const struct segment_stretch *stretch)
{
    struct log_walk *walk = context;
    char path[SWAP_PATH_MAX];
    log_swap_path(walk->folder, walk->base_offset, SEGMENT_LOG, walk->is_swap ? SWAP_SUFFIX : "", path);
    if (!stretch->is_batch)
        return note_not_taken(walk, path, stretch, stretch->why.message);
    bool is_right = epoch_judge_takes(&walk->judge, &stretch->header);
    if (!is_right && may_be_torn(walk))
        return note_not_taken(walk, path, stretch, "the epoch is over, or has not begun");
    int rc = is_right ? 0 : tell_epoch(walk, &stretch->header);
    if (rc == 0)
        rc = note_hole(walk, path, stretch);
    if (rc == 0)
        rc = tell_pending(walk, FINDING_DAMAGE);
    walk->end = batch_last_offset(&stretch->header) + 1;
    return rc;
}

/* ---- indexes ---- */

static int tell_index(struct log_walk *walk, enum segment_part part, const struct index_follow_file *file,
                      enum finding_level level)
{
    char path[DISK_PATH_MAX];
    if (file->wrong.code == 0)
        return 0;
    segment_path(walk->folder, walk->base_offset, part, path);
    if (file->is_missing)
        return inspect_tell(walk->inspection, FINDING_NOTE, path, "is missing; the next start makes it");
    return inspect_tell(walk->inspection, level, path, "%s%s", file->wrong.message,
                        level == FINDING_NOTE ? "; the next start makes it again" : "");
}

static int tell_aborted(struct log_walk *walk, const struct segment_verdict *verdict, enum finding_level level,
                        struct error *error)
{
    char path[DISK_PATH_MAX];
    struct error wrong;
    if (walk->is_swap || (!verdict->has_markers && !walk->has_aborted))
        return 0;
    segment_path(walk->folder, walk->base_offset, SEGMENT_TRANSACTION_INDEX, path);
    int rc = inspect_aborted(walk->inspection->disk, walk->inspection->memory, walk->folder, &walk->found,
                             walk->base_offset, verdict->end_offset, &wrong, error);
    if (rc == -ENOMEM || (rc == 0 && wrong.code == 0))
        return rc;
    return inspect_tell(walk->inspection, level, path, "%s%s", rc == 0 ? wrong.message : error->message,
                        level == FINDING_NOTE ? "; the next start makes it again" : "");
}

/* A start makes the indexes again of the segments that the recovery point does not cover. */
static int tell_indexes(struct log_walk *walk, const struct segment_verdict *verdict, const struct index_follow *follow,
                        struct error *error)
{
    bool is_made = !walk->inspection->clean && verdict->end_offset >= walk->known->recovery_point;
    enum finding_level level = is_made ? FINDING_NOTE : FINDING_DAMAGE;
    if (verdict->bad_stretches != 0)
        return 0; /* they are of the same trouble */
    int rc = tell_index(walk, SEGMENT_OFFSET_INDEX, &follow->offsets, level);
    if (rc == 0)
        rc = tell_index(walk, SEGMENT_TIME_INDEX, &follow->times, level);
    return rc == 0 ? tell_aborted(walk, verdict, level, error) : rc;
}

/* ---- the small files ---- */

static int check_snapshot(struct log_walk *walk, int64_t offset, struct error *error)
{
    struct producer_state *state;
    char path[DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    struct error why = {0};
    segment_path(walk->folder, offset, SEGMENT_SNAPSHOT, path);
    int rc = producer_state_create(walk->inspection->memory, LOG_MAX_PRODUCERS, &state);
    if (rc != 0)
        return error_set_status(error, rc, "%s", path);
    rc =
        disk_read_file(walk->inspection->disk, path, PRODUCER_SNAPSHOT_MAX_SIZE, MEMORY_PRODUCERS, &bytes, &size, &why);
    if (rc == 0) {
        rc = producer_state_parse(state, slice_of(bytes, size), 0, INT64_MAX, &why);
        memory_free(walk->inspection->memory, MEMORY_PRODUCERS, bytes, size);
    }
    producer_state_close(state);
    if (rc == -ENOMEM)
        return error_set_status(error, rc, "%s", path);
    bool is_torn = !walk->inspection->clean && offset >= walk->known->recovery_point;
    return rc == 0 ? 0
                   : inspect_tell(walk->inspection, is_torn ? FINDING_NOTE : FINDING_DAMAGE, path, "%s", why.message);
}

static int load_epochs(struct log_walk *walk, struct error *error)
{
    char path[2 * DISK_PATH_MAX];
    uint8_t *bytes;
    size_t size;
    struct error why = {0};
    snprintf(path, sizeof path, "%s/" LOG_EPOCHS_FILE, walk->folder);
    int rc = disk_read_file(walk->inspection->disk, path, CHECKPOINT_LIMIT, MEMORY_LOGS, &bytes, &size, &why);
    if (rc == -ENOENT)
        return 0;
    if (rc == 0) {
        rc = epochs_parse(&walk->epochs, slice_of(bytes, size), &why);
        memory_free(walk->inspection->memory, MEMORY_LOGS, bytes, size);
    }
    if (rc == -ENOMEM)
        return error_set_status(error, rc, "%s", path);
    return rc == 0 ? 0 : inspect_tell(walk->inspection, FINDING_DAMAGE, path, "%s", why.message);
}

static int check_leftovers(struct log_walk *walk)
{
    const writer *names = &walk->found.leftovers;
    for (size_t at = 0; at < names->size;) {
        const char *name = (const char *)names->data + at;
        char path[2 * DISK_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", walk->folder, name);
        int rc = inspect_tell(walk->inspection, FINDING_NOTE, path,
                              "is left of work that was interrupted; the next start ends it");
        if (rc != 0)
            return rc;
        at += strlen(name) + 1;
    }
    return 0;
}

static int check_topic_id(struct log_walk *walk)
{
    struct uuid id;
    struct error why = {0};
    char path[2 * DISK_PATH_MAX];
    snprintf(path, sizeof path, "%s/" LOG_METADATA_FILE, walk->folder);
    if (!walk->found.has_metadata)
        return inspect_tell(walk->inspection, FINDING_NOTE, path, "is missing");
    int rc = log_read_topic_id(walk->inspection->disk, walk->folder, &id, &why);
    return rc == 0 ? 0 : inspect_tell(walk->inspection, FINDING_DAMAGE, path, "%s", why.message);
}

/* ---- all of it ---- */

static int64_t end_offset_of(const struct log_folder *found, uint32_t i)
{
    for (i++; i < found->count; i++) {
        if (found->segments[i].parts[SEGMENT_LOG])
            return found->segments[i].base_offset;
    }
    return INT64_MAX;
}

static int tell_unreadable(struct log_walk *walk, const char *words)
{
    char path[DISK_PATH_MAX];
    segment_path(walk->folder, walk->base_offset, SEGMENT_LOG, path);
    return inspect_tell(walk->inspection, FINDING_DAMAGE, path, "%s", words);
}

/* From the moment that its .log.swap stands there, a compacted segment counts; but not behind a .log.cleaned (Kafka's
 * rule, log_swap.c). */
static bool has_swap(const struct log_walk *walk, int64_t base_offset)
{
    const writer *names = &walk->found.leftovers;
    bool has = false;
    for (size_t at = 0; at < names->size;) {
        const char *name = (const char *)names->data + at;
        char path[SWAP_PATH_MAX];
        log_swap_path("", base_offset, SEGMENT_LOG, SWAP_SUFFIX, path);
        has |= strcmp(name, path + 1) == 0;
        if (strstr(name, ".log" CLEANED_SUFFIX) != NULL && strtoll(name, NULL, 10) <= base_offset)
            return false;
        at += strlen(name) + 1;
    }
    return has;
}

static int walk_segment(struct log_walk *walk, uint32_t i, struct inspect_log *result, struct error *error)
{
    struct segment_verdict verdict;
    struct index_follow follow;
    struct error why = {0};
    walk->base_offset = walk->found.segments[i].base_offset;
    walk->has_aborted = walk->found.segments[i].parts[SEGMENT_TRANSACTION_INDEX];
    walk->is_swap = has_swap(walk, walk->base_offset);
    if (walk->base_offset < walk->covered_to)
        return 0;
    if (result->first_offset < 0) {
        result->first_offset = walk->base_offset;
        walk->end = walk->base_offset;
    }
    int64_t end_offset = walk->is_swap ? INT64_MAX : end_offset_of(&walk->found, i);
    int rc = inspect_segment(walk->inspection, walk->folder, walk->base_offset, end_offset, walk->is_swap, on_stretch,
                             walk, &verdict, &follow, &why);
    if (rc < 0 && rc != -ENOMEM)
        return tell_unreadable(walk, why.message);
    if (rc != 0)
        return rc < 0 ? error_set_status(error, rc, "%s", walk->folder) : rc;
    if (walk->is_swap)
        walk->covered_to = verdict.end_offset;
    /* What an empty segment says counts: offsets before it were given out. */
    bool is_believed = walk->inspection->clean || walk->base_offset <= walk->known->recovery_point;
    if (verdict.size == 0 && is_believed && walk->end < walk->base_offset)
        walk->end = walk->base_offset;
    result->bytes += verdict.size;
    if (verdict.largest_epoch > result->largest_epoch)
        result->largest_epoch = verdict.largest_epoch;
    return tell_indexes(walk, &verdict, &follow, &why);
}

static int walk_parts(struct log_walk *walk, struct inspect_log *result, struct error *error)
{
    int rc = check_topic_id(walk);
    if (rc == 0)
        rc = check_leftovers(walk);
    if (rc == 0 && walk->found.has_epochs)
        rc = load_epochs(walk, error);
    epoch_judge_init(&walk->judge, &walk->epochs, walk->inspection, walk->known);
    for (uint32_t i = 0; rc == 0 && i < walk->found.count; i++) {
        const struct log_folder_segment *entry = &walk->found.segments[i];
        if (entry->parts[SEGMENT_LOG])
            rc = walk_segment(walk, i, result, error);
        if (rc == 0 && entry->parts[SEGMENT_SNAPSHOT])
            rc = check_snapshot(walk, entry->base_offset, error);
    }
    return rc == 0 ? tell_pending(walk, FINDING_NOTE) : rc;
}

static int check_end(struct log_walk *walk)
{
    int64_t point = walk->known->recovery_point;
    if (walk->inspection->clean && point >= 0 && walk->end > point)
        return inspect_tell(walk->inspection, FINDING_DAMAGE, walk->folder,
                            "ends at offset %" PRId64 ", but at the clean stop it was %" PRId64, walk->end, point);
    if (walk->end >= point || walk->known->log_start >= point)
        return 0;
    return inspect_tell(walk->inspection, FINDING_DAMAGE, walk->folder,
                        "ends at offset %" PRId64 ", but records up to %" PRId64 " were synced", walk->end, point);
}

int inspect_log(struct inspection *inspection, const char *folder, const struct inspect_known *known,
                struct inspect_log *result, struct error *error)
{
    struct log_walk walk = {.inspection = inspection, .folder = folder, .known = known};
    uint64_t damages = inspection->damages;
    *result = (struct inspect_log){.first_offset = -1, .largest_epoch = -1};
    int rc = log_folder_list(&walk.found, inspection->disk, folder, inspection->memory, error);
    if (rc != 0)
        return error_wrap(error, rc, "%s", folder);
    epochs_init(&walk.epochs, inspection->memory);
    rc = walk_parts(&walk, result, error);
    if (rc == 0)
        rc = check_end(&walk);
    epochs_close(&walk.epochs);
    log_folder_close(&walk.found);
    inspection->partitions++;
    result->end_offset = walk.end;
    result->damages = inspection->damages - damages;
    return rc;
}

/* ---- beside the partitions ---- */

struct checkpoint_names {
    writer names;
};

static int note_checkpoint(void *context, const struct disk_entry *entry)
{
    struct checkpoint_names *found = context;
    static const char ending[] = "-offset-checkpoint";
    size_t length = strlen(entry->name);
    if (entry->is_folder || length < sizeof ending || strcmp(entry->name + length + 1 - sizeof ending, ending) != 0)
        return 0;
    write_bytes(&found->names, slice_of(entry->name, length + 1));
    return writer_ok(&found->names) ? 0 : -ENOMEM;
}

static int ignore_entry(void *context, const struct checkpoint_offset *entry)
{
    (void)context;
    (void)entry;
    return 0;
}

bool inspect_checkpoint_is_right(struct disk *disk, const char *name, struct error *why)
{
    uint8_t *bytes;
    size_t size;
    int rc = disk_read_file(disk, name, CHECKPOINT_MAX_BYTES, MEMORY_SERVER, &bytes, &size, why);
    if (rc != 0)
        return rc == -ENOENT;
    rc = checkpoint_parse_offsets(slice_of(bytes, size), ignore_entry, NULL, why);
    memory_free(disk->memory, MEMORY_SERVER, bytes, size);
    return rc == 0;
}

int inspect_checkpoints(struct inspection *inspection, struct error *error)
{
    struct checkpoint_names found;
    writer_init(&found.names, inspection->memory, MEMORY_SERVER, (size_t)1 << 20);
    int rc = disk_list(inspection->disk, "", note_checkpoint, &found, error);
    for (size_t at = 0; rc == 0 && at < found.names.size;) {
        const char *name = (const char *)found.names.data + at;
        struct error why = {0};
        if (!inspect_checkpoint_is_right(inspection->disk, name, &why))
            rc = inspect_tell(inspection, FINDING_DAMAGE, name, "%s", why.message);
        at += strlen(name) + 1;
    }
    writer_close(&found.names);
    return rc;
}
