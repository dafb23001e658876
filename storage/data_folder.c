#include "data_folder.h"

#include "data_folder_names.h"
#include "data_folder_version.h"
#include "offset_table.h"
#include "properties.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define RECOVERY_POINTS "recovery-point-offset-checkpoint"
#define LOG_STARTS      "log-start-offset-checkpoint"
#define CLEANED_ENDS    "cleaner-offset-checkpoint"
#define META_VERSION    1 /* of meta.properties, which is Kafka's */

#define ANY_NODE        (-1)

struct data_folder {
    struct memory *memory;
    int32_t leader_epoch; /* as in furrow.properties */
    struct offset_table recovery_points;
    struct offset_table log_starts;
    struct offset_table cleaned_ends;
};

/* ---- whose folder it is ---- */

static bool is_harmless(const char *name)
{
    static const char *const names[] = {
        /* ours, from a first start that was cut off */
        DATA_FOLDER_LOCK, DATA_FOLDER_FURROW, "furrow.properties.tmp", "meta.properties.tmp", DATA_FOLDER_CLEAN_MARK,
        /* what systems put into any folder */
        "lost+found", ".DS_Store", ".Spotlight-V100", ".Trashes", ".fseventsd", ".Trash-0", ".Trash-1000", ".directory",
        ".snapshot", ".keep", ".gitkeep", "Thumbs.db", "System Volume Information"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

struct found {
    bool meta;
    char foreign[64];
};

static int look_at(void *context, const struct disk_entry *entry)
{
    struct found *found = context;
    if (strcmp(entry->name, DATA_FOLDER_META) == 0)
        found->meta = true;
    else if (!is_harmless(entry->name))
        snprintf(found->foreign, sizeof found->foreign, "%s", entry->name);
    return 0;
}

int data_folder_refuse_foreign(struct disk *disk, struct error *error)
{
    struct found found = {.meta = false};
    int rc = disk_list(disk, "", look_at, &found, error);
    if (rc != 0 || found.meta || found.foreign[0] == '\0')
        return rc;
    return error_set(error, -ENOTEMPTY,
                     "holds %s but no " DATA_FOLDER_META ", so it is no data folder: give an empty or a new one",
                     found.foreign);
}

/* ---- meta.properties ---- */

static bool is_cluster_id(slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return text.size != 0 && text.size < UUID_TEXT_SIZE;
}

static int read_meta(struct disk *disk, int32_t node_id, struct data_folder_start *start, struct error *error)
{
    struct properties meta;
    int rc = properties_read(disk, DATA_FOLDER_META, &meta, error);
    if (rc != 0)
        return rc;
    int32_t version;
    rc = properties_number(&meta, "version", &version, error);
    if (rc == 0 && version != META_VERSION)
        rc = error_set(error, FURROW_WRONG_VERSION,
                       DATA_FOLDER_META ": version %" PRId32 ", known is %d: start it with the server that wrote it",
                       version, META_VERSION);
    if (rc == 0)
        rc = properties_number(&meta, "node.id", &start->node_id, error);
    if (rc == 0 && node_id != ANY_NODE && start->node_id != node_id)
        rc = error_set(error, -EINVAL,
                       "the folder belongs to node %" PRId32 ", but node.id is %" PRId32 ": set node.id=%" PRId32,
                       start->node_id, node_id, start->node_id);
    slice cluster_id = properties_find(&meta, "cluster.id");
    if (rc == 0 && !is_cluster_id(cluster_id))
        rc = error_set(error, FURROW_CORRUPT, DATA_FOLDER_META ": cluster.id is missing, or not 1 to 22 characters");
    if (rc == 0)
        snprintf(start->cluster_id, sizeof start->cluster_id, "%.*s", SLICE_PRINT(cluster_id));
    properties_close(&meta, disk->memory);
    return rc;
}

static int write_meta(struct disk *disk, int32_t node_id, const uint8_t random[32], struct data_folder_start *start,
                      struct error *error)
{
    char directory_id[UUID_TEXT_SIZE], text[256];
    uuid_print(uuid_from_random(random), start->cluster_id);
    uuid_print(uuid_from_random(random + 16), directory_id);
    start->node_id = node_id;
    snprintf(text, sizeof text, "version=%d\ncluster.id=%s\nnode.id=%" PRId32 "\ndirectory.id=%s\n", META_VERSION,
             start->cluster_id, node_id, directory_id);
    return disk_replace_file(disk, DATA_FOLDER_META, slice_of_text(text), error);
}

/* ---- the mark of a clean stop ---- */

static int find_clean_mark(struct disk *disk, bool *found, struct error *error)
{
    struct file *file;
    int rc = disk_open_file(disk, DATA_FOLDER_CLEAN_MARK, FILE_READ, &file, error);
    *found = rc == 0;
    if (rc == 0)
        file_close(file);
    return rc == -ENOENT ? 0 : rc;
}

int data_folder_remove_clean_mark(struct disk *disk, struct error *error)
{
    int rc = disk_remove_file(disk, DATA_FOLDER_CLEAN_MARK, error);
    if (rc == -ENOENT)
        return 0;
    return rc == 0 ? disk_sync_folder(disk, "", error) : rc;
}

int data_folder_mark_clean(struct disk *disk, struct error *error)
{
    return disk_replace_file(disk, DATA_FOLDER_CLEAN_MARK, slice_of_text("{\"version\":0,\"brokerEpoch\":-1}"), error);
}

/* ---- offsets ---- */

/* A damaged file is lost, and that is no error: reading the logs finds again what it said, but for starts moved by
 * DeleteRecords, which go back to the first segment's. */
static int read_offsets(struct disk *disk, const char *path, struct offset_table *offsets, bool *lost,
                        struct error *error)
{
    int rc = offset_table_read(offsets, disk, path, error);
    *lost |= rc == FURROW_CORRUPT;
    return rc == FURROW_CORRUPT || rc == -ENOENT ? 0 : rc;
}

int64_t data_folder_recovery_point(const struct data_folder *folder, slice topic, int32_t partition)
{
    return offset_table_find(&folder->recovery_points, topic, partition);
}

int64_t data_folder_log_start(const struct data_folder *folder, slice topic, int32_t partition)
{
    return offset_table_find(&folder->log_starts, topic, partition);
}

int64_t data_folder_cleaned_end(const struct data_folder *folder, slice topic, int32_t partition)
{
    return offset_table_find(&folder->cleaned_ends, topic, partition);
}

void data_folder_drop_offsets(struct data_folder *folder)
{
    offset_table_close(&folder->cleaned_ends, folder->memory);
    offset_table_close(&folder->recovery_points, folder->memory);
    offset_table_close(&folder->log_starts, folder->memory);
}

int data_folder_write_recovery_points(struct disk *disk, const struct checkpoint_offset *offsets, size_t count,
                                      struct error *error)
{
    return checkpoint_replace_offsets_file(disk, RECOVERY_POINTS, offsets, count, error);
}

int data_folder_write_log_starts(struct disk *disk, const struct checkpoint_offset *offsets, size_t count,
                                 struct error *error)
{
    return checkpoint_replace_offsets_file(disk, LOG_STARTS, offsets, count, error);
}

int data_folder_write_cleaned_ends(struct disk *disk, const struct checkpoint_offset *offsets, size_t count,
                                   struct error *error)
{
    return checkpoint_replace_offsets_file(disk, CLEANED_ENDS, offsets, count, error);
}

int data_folder_sync_names(struct disk *disk, struct error *error)
{
    return disk_sync_folder(disk, "", error);
}

/* ---- opening ---- */

static int write_leader_epoch(struct disk *disk, int32_t epoch, struct error *error)
{
    const struct furrow_properties furrow = {.version = DATA_FOLDER_VERSION, .leader_epoch = epoch};
    return furrow_properties_write(disk, &furrow, error);
}

/* meta.properties comes last: while it is missing, the next start begins here again. */
static int open_fresh(struct disk *disk, int32_t node_id, const uint8_t random[32], struct data_folder *folder,
                      struct data_folder_start *start, struct error *error)
{
    int rc = data_folder_refuse_foreign(disk, error);
    if (rc == 0)
        rc = data_folder_remove_clean_mark(disk, error);
    if (rc == 0)
        rc = write_leader_epoch(disk, 0, error);
    if (rc == 0)
        rc = write_meta(disk, node_id, random, start, error);
    folder->leader_epoch = 0;
    start->fresh = true;
    start->clean = true;
    start->version = DATA_FOLDER_VERSION;
    return rc;
}

/* Of furrow.properties, the clean mark and the checkpoints; changes nothing. */
static int read_existing(struct disk *disk, struct data_folder *folder, struct data_folder_start *start,
                         struct furrow_properties *furrow, struct error *error)
{
    bool cleaned_lost = false; /* only means that more is compacted than need be */
    int rc = furrow_properties_read(disk, furrow, error);
    if (rc == 0)
        rc = find_clean_mark(disk, &start->clean, error);
    if (rc == 0)
        rc = read_offsets(disk, RECOVERY_POINTS, &folder->recovery_points, &start->offsets_lost, error);
    if (rc == 0)
        rc = read_offsets(disk, LOG_STARTS, &folder->log_starts, &start->offsets_lost, error);
    if (rc == 0)
        rc = read_offsets(disk, CLEANED_ENDS, &folder->cleaned_ends, &cleaned_lost, error);
    start->clean = start->clean && !start->offsets_lost;
    start->version = furrow->version;
    folder->leader_epoch = furrow->leader_epoch;
    return rc;
}

/* Everything is read and judged before anything is written. */
static int open_existing(struct disk *disk, struct data_folder *folder, struct data_folder_start *start,
                         struct error *error)
{
    struct furrow_properties furrow;
    int rc = read_existing(disk, folder, start, &furrow, error);
    if (rc == 0)
        rc = data_folder_upgrade(disk, &furrow, data_folder_upgrades, DATA_FOLDER_VERSION, error);
    if (rc != 0)
        return rc;
    if (!start->clean) {
        folder->leader_epoch++;
        rc = write_leader_epoch(disk, folder->leader_epoch, error);
    }
    return rc == 0 ? data_folder_remove_clean_mark(disk, error) : rc;
}

static int make(struct disk *disk, struct data_folder **folder, struct error *error)
{
    *folder = memory_alloc_zeroed(disk->memory, MEMORY_SERVER, sizeof **folder);
    if (*folder == NULL)
        return error_set_status(error, -ENOMEM, "the data folder");
    (*folder)->memory = disk->memory;
    return 0;
}

int data_folder_look(struct disk *disk, struct data_folder **folder, struct data_folder_start *start,
                     struct error *error)
{
    struct data_folder *made;
    struct furrow_properties furrow;
    *start = (struct data_folder_start){.node_id = ANY_NODE};
    int rc = make(disk, &made, error);
    if (rc != 0)
        return rc;
    rc = read_meta(disk, ANY_NODE, start, error);
    if (rc == 0)
        rc = read_existing(disk, made, start, &furrow, error);
    if (rc != 0) {
        data_folder_close(made);
        return rc;
    }
    start->leader_epoch = made->leader_epoch;
    *folder = made;
    return 0;
}

int data_folder_open(struct disk *disk, int32_t node_id, const uint8_t random[32], struct data_folder **folder,
                     struct data_folder_start *start, struct error *error)
{
    struct data_folder *made;
    *start = (struct data_folder_start){.node_id = node_id};
    int rc = make(disk, &made, error);
    if (rc != 0)
        return rc;
    rc = read_meta(disk, node_id, start, error);
    if (rc == 0)
        rc = open_existing(disk, made, start, error);
    else if (rc == -ENOENT)
        rc = open_fresh(disk, node_id, random, made, start, error);
    if (rc != 0) {
        data_folder_close(made);
        return error_wrap(error, rc, "the data folder");
    }
    start->leader_epoch = made->leader_epoch;
    *folder = made;
    return 0;
}

void data_folder_close(struct data_folder *folder)
{
    data_folder_drop_offsets(folder);
    memory_free(folder->memory, MEMORY_SERVER, folder, sizeof *folder);
}

int data_folder_raise_leader_epoch(struct disk *disk, struct data_folder *folder, int32_t epoch, struct error *error)
{
    if (epoch <= folder->leader_epoch)
        return 0;
    int rc = write_leader_epoch(disk, epoch, error);
    if (rc == 0)
        folder->leader_epoch = epoch;
    return rc;
}
