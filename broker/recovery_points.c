#include "recovery_points.h"

#include "log_trim.h"
#include "metadata_log.h"
#include "server.h"

#include <errno.h>

struct names {
    uint8_t *next; /* free room of the block */
};

static slice keep_name(struct names *names, slice name)
{
    uint8_t *copy = names->next;
    if (name.size != 0)
        memcpy(copy, name.data, name.size);
    names->next += name.size;
    return slice_of(copy, name.size);
}

struct known {
    int64_t synced;
    int64_t start;
    int64_t cleaned;
};

static void add(struct recovery_points *points, slice topic, int32_t partition, struct known known)
{
    struct checkpoint_offset entry = {.topic = topic, .partition = partition};
    if (known.cleaned > 0) {
        entry.offset = known.cleaned;
        points->cleaned[points->cleaned_count++] = entry;
    }
    if (known.synced >= 0) {
        entry.offset = known.synced;
        points->synced[points->synced_count++] = entry;
    }
    if (known.start > 0) {
        entry.offset = known.start;
        points->starts[points->starts_count++] = entry;
    }
}

/* Of one that is offline too: what was synced before that is safe, and nothing of it may be cut at the next start. */
static struct known known_of(const struct log *log, const struct clean_state *clean)
{
    return (struct known){log_synced_end_offset(log), log_start_offset(log), clean->cleaned_end};
}

static void add_topic(struct recovery_points *points, struct names *names, const struct topic *topic)
{
    slice name = keep_name(names, topic_name(topic));
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *partition = topic->partitions[i];
        struct known unopened = {partition->unopened_synced, partition->unopened_start, partition->clean.cleaned_end};
        partition->saving_start = partition->log != NULL ? log_start_offset(partition->log) : 0;
        add(points, name, i, partition->log != NULL ? known_of(partition->log, &partition->clean) : unopened);
    }
}

static void add_metadata(struct recovery_points *points, struct names *names, struct metadata_log *metadata)
{
    char name[DISK_PATH_MAX];
    int32_t partition;
    const struct log *log = metadata_log_log(metadata);
    if (partition_folder_parse(log_folder(log), name, &partition))
        add(points, keep_name(names, slice_of_text(name)), partition, known_of(log, metadata_log_clean(metadata)));
}

static size_t names_size(const struct server *server)
{
    size_t size = DISK_PATH_MAX; /* of the metadata log */
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        size += topic->name_size;
    return size;
}

int recovery_points_collect(struct server *server, struct recovery_points *points)
{
    size_t logs = server->topics.partition_count + 1;
    *points = (struct recovery_points){.memory = server->memory};
    points->cleaned_changes = server->topics.clean_changes;
    points->block_size = 3 * logs * sizeof *points->synced + names_size(server);
    points->block = memory_alloc(server->memory, MEMORY_LOGS, points->block_size);
    if (points->block == NULL)
        return -ENOMEM;
    points->synced = (void *)points->block;
    points->starts = points->synced + logs;
    points->cleaned = points->starts + logs;
    struct names names = {.next = points->block + 3 * logs * sizeof *points->synced};
    add_metadata(points, &names, server->metadata);
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        add_topic(points, &names, topic);
    return 0;
}

static int write_starts(const struct recovery_points *points, struct disk *disk,
                        struct recovery_points_written *written, struct error *error)
{
    if (points->starts_count == 0 && written->starts_empty)
        return 0;
    int rc = data_folder_write_log_starts(disk, points->starts, points->starts_count, error);
    written->starts_empty = rc == 0 && points->starts_count == 0;
    return rc;
}

static int write_cleaned(const struct recovery_points *points, struct disk *disk,
                         struct recovery_points_written *written, struct error *error)
{
    if (written->cleaned_known && written->cleaned_changes == points->cleaned_changes)
        return 0;
    int rc = data_folder_write_cleaned_ends(disk, points->cleaned, points->cleaned_count, error);
    written->cleaned_known = rc == 0;
    written->cleaned_changes = points->cleaned_changes;
    return rc;
}

int recovery_points_write(const struct recovery_points *points, struct disk *disk,
                          struct recovery_points_written *written, bool durable, struct error *error)
{
    int rc = data_folder_write_recovery_points(disk, points->synced, points->synced_count, error);
    if (rc == 0)
        rc = write_starts(points, disk, written, error);
    if (rc == 0)
        rc = write_cleaned(points, disk, written, error);
    return rc == 0 && durable ? data_folder_sync_names(disk, error) : rc;
}

void recovery_points_note_saved(struct server *server)
{
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count; i++) {
            if (topic->partitions[i]->log != NULL)
                log_note_start_saved(topic->partitions[i]->log, topic->partitions[i]->saving_start);
        }
    }
}

void recovery_points_free(struct recovery_points *points)
{
    memory_free(points->memory, MEMORY_LOGS, points->block, points->block_size);
    points->block = NULL;
}
