#include "look.h"

#include <errno.h>

static int on_finding(void *context, const struct finding *finding)
{
    struct look *look = context;
    struct emitter *e = &look->emitter;
    if (look->without_notes && finding->level == FINDING_NOTE)
        return 0;
    progress_clear(&look->progress);
    emit_begin(e, "finding");
    emit_text(e, "level", finding->level == FINDING_DAMAGE ? "damage" : "note");
    emit_text(e, "path", finding->path);
    if (finding->position >= 0)
        emit_int(e, "position", finding->position);
    if (finding->bytes >= 0)
        emit_int(e, "bytes", finding->bytes);
    if (finding->offset >= 0)
        emit_int(e, "offset", finding->offset);
    emit_bytes(e, "reason", slice_of_text(finding->words));
    emit_end(e);
    return e->status != 0;
}

static int on_progress(void *context)
{
    struct look *look = context;
    char bytes[16];
    progress_show(&look->progress, "furrow %s: %s, partition %u of %u: %s", look->command,
                  progress_bytes(bytes, look->inspection.bytes), look->partition, look->partitions.count, look->name);
    return 0;
}

static void emit_partition(struct look *look, const struct inspect_log *found)
{
    struct emitter *e = &look->emitter;
    progress_clear(&look->progress);
    emit_begin(e, "partition");
    emit_text(e, "folder", look->name);
    emit_int(e, "first_offset", found->first_offset);
    emit_int(e, "end_offset", found->end_offset);
    emit_int(e, "bytes", (int64_t)found->bytes);
    emit_int(e, "damages", (int64_t)found->damages);
    emit_end(e);
}

/* Its own files; what is wrong with them does not keep from looking at the partitions. */
static int look_at_folder(struct look *look, struct error *error)
{
    struct error why = {0};
    int rc = data_folder_look(look->disk, &look->folder, &look->start, &why);
    if (rc == -ENOENT && look->partitions.count == 0)
        return error_set(error, rc, "is no data folder: it has no meta.properties and no partitions");
    if (rc == FURROW_CORRUPT || rc == -ENOENT) {
        look->folder = NULL;
        return inspect_tell(&look->inspection, FINDING_DAMAGE, ".", "%s", why.message);
    }
    if (rc != 0)
        return error_set(error, rc, "%s", why.message);
    look->inspection.clean = look->start.clean;
    look->inspection.leader_epoch = look->start.leader_epoch;
    return 0;
}

int look_open(struct look *look, struct disk *disk, struct memory *memory, struct error *error)
{
    look->disk = disk;
    look->memory = memory;
    progress_init(&look->progress);
    look->inspection = (struct inspection){
        .disk = disk, .memory = memory, .on_finding = on_finding, .on_progress = on_progress, .context = look};
    return partition_list_read(&look->partitions, disk, error);
}

void look_close(struct look *look)
{
    progress_clear(&look->progress);
    partition_list_close(&look->partitions);
    if (look->folder != NULL)
        data_folder_close(look->folder);
}

struct inspect_known look_known(const struct look *look, const char *folder)
{
    char topic[DISK_PATH_MAX];
    int32_t partition;
    struct inspect_known known = {-1, -1};
    if (look->folder == NULL || !partition_folder_parse(folder, topic, &partition))
        return known;
    known.recovery_point = data_folder_recovery_point(look->folder, slice_of_text(topic), partition);
    known.log_start = data_folder_log_start(look->folder, slice_of_text(topic), partition);
    return known;
}

static int look_at_partition(struct look *look, const char *name, look_callback *callback, void *context,
                             struct error *error)
{
    struct inspect_known known = look_known(look, name);
    struct inspect_log found;
    look->name = name;
    look->partition++;
    int rc = inspect_log(&look->inspection, name, &known, &found, error);
    if (rc == 0 && look->with_partitions)
        emit_partition(look, &found);
    if (rc == 0 && callback != NULL)
        rc = callback(context, name, &known, &found, error);
    return rc;
}

int look_through(struct look *look, look_callback *callback, void *context, struct error *error)
{
    int rc = look_at_folder(look, error);
    if (rc == 0)
        rc = inspect_checkpoints(&look->inspection, error);
    const char *name = partition_list_first(&look->partitions);
    for (; rc == 0 && name != NULL; name = partition_list_next(&look->partitions, name))
        rc = look_at_partition(look, name, callback, context, error);
    progress_clear(&look->progress);
    return rc;
}
