#include "recovery_points.h"

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

static void add(struct recovery_points *points, slice topic, int32_t partition, const struct log *log)
{
    points->synced[points->synced_count++] =
        (struct checkpoint_offset){.topic = topic, .partition = partition, .offset = log_synced_end_offset(log)};
    if (log_start_offset(log) > 0)
        points->starts[points->starts_count++] =
            (struct checkpoint_offset){.topic = topic, .partition = partition, .offset = log_start_offset(log)};
}

static void add_topic(struct recovery_points *points, struct names *names, const struct topic *topic)
{
    slice name = keep_name(names, topic_name(topic));
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct partition *partition = topic->partitions[i];
        if (partition->log != NULL && !log_is_offline(partition->log))
            add(points, name, i, partition->log);
    }
}

static void add_metadata(struct recovery_points *points, struct names *names, const struct log *log)
{
    char name[DISK_PATH_MAX];
    int32_t partition;
    if (partition_folder_parse(log_folder(log), name, &partition) && !log_is_offline(log))
        add(points, keep_name(names, slice_of_text(name)), partition, log);
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
    points->block_size = 2 * logs * sizeof *points->synced + names_size(server);
    points->block = memory_alloc(server->memory, MEMORY_LOGS, points->block_size);
    if (points->block == NULL)
        return -ENOMEM;
    points->synced = (void *)points->block;
    points->starts = points->synced + logs;
    struct names names = {.next = points->block + 2 * logs * sizeof *points->synced};
    add_metadata(points, &names, metadata_log_log(server->metadata));
    for (const struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next)
        add_topic(points, &names, topic);
    return 0;
}

int recovery_points_write(const struct recovery_points *points, struct disk *disk, struct error *error)
{
    int rc = data_folder_write_recovery_points(disk, points->synced, points->synced_count, error);
    if (rc != 0)
        return rc;
    return data_folder_write_log_starts(disk, points->starts, points->starts_count, error);
}

void recovery_points_free(struct recovery_points *points)
{
    memory_free(points->memory, MEMORY_LOGS, points->block, points->block_size);
    points->block = NULL;
}
