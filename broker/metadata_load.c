/* Reading the metadata log at start.
 *
 * Every record is applied in order, so the last one of a key holds. Then the data folder is swept once: folders of
 * topics that the log says were deleted are removed (a crash came between record and removal), and what no record
 * speaks of is left alone with a warning. At last every partition is opened; a missing folder is made again. */
#include "metadata_private.h"

#include "log_records.h"

#include <errno.h>
#include <stdio.h>

#define SEGMENT_MS    ((int64_t)86400000) /* or a trickle would never be compacted */
#define RECORDS_LIMIT ((size_t)64 << 20)  /* of one batch; ours are never compressed */

struct loader {
    struct metadata_log *metadata;
    struct arena arena; /* of one record */
    struct arena names; /* what the sweep of the data folder has to remember */
    struct deleted {
        struct uuid id;
        struct deleted *next;
    } * deleted;
    struct stray {
        slice folder;
        struct stray *next;
    } * strays;
};

/* ---- records ---- */

static int apply_configs(struct server *server, struct topic_config *config,
                         const struct metadata_topic_value_config_array *configs, slice topic)
{
    for (int32_t i = 0; i < configs->count; i++) {
        struct error error;
        const struct metadata_topic_value_config *item = &configs->items[i];
        int rc = topic_config_set(config, server->config, server->memory, topic_config_find(item->name), item->value,
                                  &error);
        if (rc == -ENOMEM)
            return rc;
        if (rc != 0)
            log_warn(server->logger, "metadata", "topic=%.*s key=%.*s %s", SLICE_PRINT(topic), SLICE_PRINT(item->name),
                     error.message);
    }
    return 0;
}

static int apply_topic(struct loader *loader, slice name, reader *value)
{
    struct server *server = loader->metadata->server;
    struct metadata_topic_value record;
    int rc = kafka_decode_value(&metadata_topic_value_type, value, &record, &loader->arena);
    if (rc != 0)
        return rc;
    struct topic_config config;
    topic_config_init(&config, server->config);
    rc = apply_configs(server, &config, &record.configs, name);
    struct topic *topic = topics_find(&server->topics, name);
    if (rc == 0 && topic == NULL) {
        rc = topics_add(&server->topics, name, record.topic_id, &config, &topic);
        topic_config_close(&config, server->memory);
    } else if (rc == 0) {
        topic_config_close(&topic->config, server->memory);
        topic->config = config;
    } else {
        topic_config_close(&config, server->memory);
    }
    if (rc == 0)
        topic->recorded_partitions = record.partitions;
    return rc;
}

static int note_deleted_name(struct metadata_log *metadata, slice name)
{
    struct deleted_name *deleted = arena_alloc(&metadata->deleted_names, sizeof *deleted);
    slice copy = arena_copy(&metadata->deleted_names, name);
    if (deleted == NULL || slice_is_null(copy))
        return -ENOMEM;
    *deleted = (struct deleted_name){.name = copy, .next = metadata->deleted};
    metadata->deleted = deleted;
    return 0;
}

static int apply_deletion(struct loader *loader, slice name)
{
    struct topics *topics = &loader->metadata->server->topics;
    struct topic *topic = topics_find(topics, name);
    if (topic == NULL)
        return 0;
    struct deleted *deleted = arena_alloc(&loader->names, sizeof *deleted);
    if (deleted == NULL)
        return -ENOMEM;
    *deleted = (struct deleted){.id = topic->id, .next = loader->deleted};
    loader->deleted = deleted;
    int rc = note_deleted_name(loader->metadata, name);
    if (rc != 0)
        return rc;
    topics_remove(topics, topic);
    return 0;
}

static int apply_record(struct loader *loader, const struct record *record)
{
    reader key_reader = reader_of(record->key);
    struct metadata_log_key key;
    if (read_i16(&key_reader) != metadata_log_key_type.key)
        return FURROW_WRONG_VERSION;
    int rc = kafka_decode(&metadata_log_key_type, 0, &key_reader, &key, &loader->arena);
    if (rc != 0)
        return rc;
    reader value = reader_of(record->value);
    switch (key.kind) {
    case METADATA_TOPIC:
        return slice_is_null(record->value) ? apply_deletion(loader, key.name) : apply_topic(loader, key.name, &value);
    case METADATA_PRODUCER_IDS: {
        struct metadata_producer_ids_value ids;
        rc = kafka_decode_value(&metadata_producer_ids_value_type, &value, &ids, &loader->arena);
        if (rc == 0)
            loader->metadata->next_producer_id = ids.next_producer_id;
        return rc;
    }
    case METADATA_BROKER_SETTINGS:
    case METADATA_GROUP_SETTINGS:
        return metadata_load_settings(loader->metadata, (enum settings_of)key.kind, key.name, record->value,
                                      &loader->arena);
    default:
        return FURROW_WRONG_VERSION;
    }
}

static int apply_next(void *context, const struct record *record, struct error *error)
{
    struct loader *loader = context;
    int rc = apply_record(loader, record);
    arena_reset(&loader->arena);
    return rc == 0 ? 0 : error_set_status(error, rc, "record %lld", (long long)record->offset);
}

/* ---- folders ---- */

static int remember_stray(void *context, const struct disk_entry *entry)
{
    struct loader *loader = context;
    struct server *server = loader->metadata->server;
    char name[DISK_PATH_MAX];
    int32_t partition;
    if (!entry->is_folder || strcmp(entry->name, METADATA_FOLDER) == 0)
        return 0;
    size_t size = strlen(entry->name);
    bool is_removed = size > 7 && strcmp(entry->name + size - 7, "-delete") == 0;
    if (!is_removed) {
        if (!partition_folder_parse(entry->name, name, &partition))
            return 0;
        const struct topic *topic = topics_find(&server->topics, slice_of_text(name));
        if (topic != NULL && partition < topic->recorded_partitions)
            return 0;
    }
    struct stray *stray = arena_alloc(&loader->names, sizeof *stray);
    if (stray == NULL)
        return -ENOMEM;
    stray->folder = arena_copy(&loader->names, slice_of_text(entry->name));
    if (slice_is_null(stray->folder))
        return -ENOMEM;
    stray->next = loader->strays;
    loader->strays = stray;
    return 0;
}

static bool was_deleted(const struct loader *loader, struct uuid id)
{
    for (const struct deleted *deleted = loader->deleted; deleted != NULL; deleted = deleted->next) {
        if (uuid_equal(deleted->id, id))
            return true;
    }
    return false;
}

static void sweep_stray(struct loader *loader, const char *folder, size_t size)
{
    struct server *server = loader->metadata->server;
    bool is_removed = size > 7 && strcmp(folder + size - 7, "-delete") == 0;
    struct uuid id;
    struct error error = {0};
    if (!is_removed && (log_read_topic_id(server->disk, folder, &id, &error) != 0 || !was_deleted(loader, id))) {
        log_warn(server->logger, "metadata",
                 "folder=%s no topic has this folder; it is left alone until one of its name is created", folder);
        return;
    }
    int rc;
    if (is_removed) {
        rc = disk_remove_tree(server->disk, folder, &error);
    } else {
        char unique[UUID_TEXT_SIZE];
        uuid_print(id, unique);
        rc = metadata_remove_folder(server->disk, folder, unique, &error);
        if (rc != 0)
            metadata_note_leftover(loader->metadata, id);
    }
    if (rc != 0)
        log_warn(server->logger, "metadata", "folder=%s %s", folder, error.message);
}

static void sweep(struct loader *loader)
{
    for (const struct stray *stray = loader->strays; stray != NULL; stray = stray->next)
        sweep_stray(loader, (const char *)stray->folder.data, stray->folder.size);
}

int metadata_remove_folder(struct disk *disk, const char *folder, const char *unique, struct error *error)
{
    char renamed[2 * DISK_PATH_MAX];
    snprintf(renamed, sizeof renamed, "%.*s.%s-delete", DISK_PATH_MAX - UUID_TEXT_SIZE - 9, folder, unique);
    int rc = disk_rename(disk, folder, renamed, error);
    if (rc == -ENOENT)
        return 0;
    return rc != 0 ? rc : disk_remove_tree(disk, renamed, error);
}

static void report_recovery(struct server *server, const char *folder, const struct log_recovery *recovery)
{
    if (recovery->adopted)
        log_info(server->logger, "storage", "partition=%s the folder was copied in: its records are kept", folder);
    if (recovery->bytes_cut != 0 || recovery->segments_cut != 0)
        log_warn(server->logger, "storage",
                 "partition=%s offset=%lld cut_bytes=%llu cut_segments=%u reason=\"%s\" recovery cut the log's end",
                 folder, (long long)recovery->cut_offset, (unsigned long long)recovery->bytes_cut,
                 recovery->segments_cut, recovery->reason);
    if (recovery->indexes_rebuilt != 0 || recovery->bytes_scanned != 0)
        log_info(server->logger, "storage", "partition=%s scanned_bytes=%llu indexes_rebuilt=%u recovered", folder,
                 (unsigned long long)recovery->bytes_scanned, recovery->indexes_rebuilt);
}

/* What lies below was synced, whichever of the two says so; nothing past it has been compacted. */
static int64_t trusted_end(const struct server *server, slice topic, int32_t partition)
{
    int64_t synced = data_folder_recovery_point(server->folder, topic, partition);
    int64_t cleaned = data_folder_cleaned_end(server->folder, topic, partition);
    return synced > cleaned ? synced : cleaned;
}

/* A folder that was copied in, and that a checkpoint names by now. It costs nothing but another try when it fails. */
static void take_over(struct server *server, const char *folder, struct uuid topic_id)
{
    struct error error;
    if (log_write_topic_id(server->disk, folder, topic_id, &error) != 0)
        log_warn(server->logger, "storage", "partition=%s %s", folder, error.message);
}

/* What the checkpoints say of a log that has just been made is of another one of that name. */
static int open_log(struct server *server, const char *folder, slice topic, int32_t partition, struct uuid topic_id,
                    const struct log_config *config, bool is_new, struct log **log, struct error *error)
{
    int64_t recovery_point = trusted_end(server, topic, partition);
    int64_t log_start = data_folder_log_start(server->folder, topic, partition);
    struct log_opening opening = {
        .clean = is_new || server->start.clean,
        .recovery_point = recovery_point > 0 && !is_new ? recovery_point : 0,
        .log_start = log_start > 0 && !is_new ? log_start : 0,
        .leader_epoch = server->start.leader_epoch,
        .now = server_now(server),
        .topic_id = topic_id,
    };
    struct log_recovery recovery = {0};
    int rc = log_open(&server->logs, folder, config, &opening, log, &recovery, error);
    report_recovery(server, folder, &recovery);
    server->checkpoints_stale |= recovery.adopted;
    bool is_named = rc == 0 && !is_new && recovery_point >= log_active_base(*log);
    if (is_named && !uuid_equal(log_topic_id(*log), topic_id))
        take_over(server, folder, topic_id);
    /* A log that something else wrote may have seen higher epochs: the next unclean start must go past them. */
    if (rc == 0 && log_leader_epoch(*log) > server->start.leader_epoch) {
        rc = data_folder_raise_leader_epoch(server->disk, server->folder, log_leader_epoch(*log), error);
        if (rc != 0) {
            log_close(*log);
            *log = NULL;
        }
    }
    return rc;
}

/* Of a log that has lost its end, all is compacted anew. */
static int64_t cleaned_end(const struct server *server, slice topic, int32_t partition, const struct log *log)
{
    int64_t end = data_folder_cleaned_end(server->folder, topic, partition);
    if (log == NULL)
        return end > 0 ? end : 0;
    return end > 0 && end <= log_end_offset(log) ? end : 0;
}

/* A partition that the folder's checkpoints do not name has -1 there. */
static void keep_checkpoints(const struct server *server, struct partition *partition)
{
    slice name = topic_name(partition->topic);
    partition->unopened_synced = data_folder_recovery_point(server->folder, name, partition->index);
    partition->unopened_start = data_folder_log_start(server->folder, name, partition->index);
}

int metadata_open_partition(struct server *server, struct topic *topic, int32_t index, bool is_new, struct error *error)
{
    char folder[DISK_PATH_MAX];
    struct log *log = NULL;
    int rc = partition_folder_name(topic_name(topic), index, folder);
    if (rc == 0)
        rc = open_log(server, folder, topic_name(topic), index, topic->id, &topic->config.log, is_new, &log, error);
    if (rc == -ENOENT) {
        log_warn(server->logger, "metadata", "partition=%s the folder was missing and is made anew", folder);
        rc = log_create_files(server->disk, folder, topic->id, error);
        if (rc == 0)
            rc = open_log(server, folder, topic_name(topic), index, topic->id, &topic->config.log, true, &log, error);
    }
    /* A partition that cannot be opened is offline; the others serve. */
    if (rc != 0)
        log_error(server->logger, "storage", "partition=%s %s", folder, error->message);
    int added = topic_add_partition(&server->topics, topic, log);
    if (added != 0 && log != NULL)
        log_close(log);
    if (added == 0 && !is_new)
        topic->partitions[index]->clean.cleaned_end = cleaned_end(server, topic_name(topic), index, log);
    if (added == 0 && log == NULL)
        keep_checkpoints(server, topic->partitions[index]);
    return added != 0 ? error_set_status(error, added, "partition %s", folder) : rc;
}

static int open_partitions(struct server *server, struct error *error)
{
    struct topic *topic, *next;
    HASH_ITER (by_name, server->topics.by_name, topic, next) {
        for (int32_t i = 0; i < topic->recorded_partitions; i++) {
            struct error why = {0};
            int rc = metadata_open_partition(server, topic, i, false, &why);
            if (rc == -ENOMEM)
                return error_set(error, rc, "%s", why.message);
        }
    }
    return 0;
}

/* ---- the log itself ---- */

static int open_metadata_log(struct metadata_log *metadata, struct error *error)
{
    struct server *server = metadata->server;
    struct log_config config = {.segment_bytes = 1 << 20,
                                .segment_ms = SEGMENT_MS,
                                .segment_index_bytes = 1 << 16,
                                .index_interval_bytes = 4096};
    slice topic = slice_of_text("__furrow_metadata");
    int rc = log_create_files(server->disk, METADATA_FOLDER, UUID_ZERO, error);
    if (rc == 0)
        rc = open_log(server, METADATA_FOLDER, topic, 0, UUID_ZERO, &config, false, &metadata->log, error);
    if (rc == 0)
        metadata->clean.cleaned_end = cleaned_end(server, topic, 0, metadata->log);
    /* Without it no topic is known, and a new one of the same name would go on with an old one's records. */
    int64_t synced = data_folder_recovery_point(server->folder, topic, 0);
    if (rc == 0 && log_end_offset(metadata->log) < synced)
        rc = error_set(error, FURROW_CORRUPT,
                       METADATA_FOLDER ": has %lld of the %lld records that were written: the data folder is not "
                                       "complete, restore what is missing",
                       (long long)log_end_offset(metadata->log), (long long)synced);
    return rc;
}

int metadata_load(struct metadata_log *metadata, struct error *error)
{
    struct server *server = metadata->server;
    struct loader loader = {.metadata = metadata};
    arena_init(&loader.arena, server->memory, MEMORY_TOPICS, RECORDS_LIMIT);
    arena_init(&loader.names, server->memory, MEMORY_TOPICS, RECORDS_LIMIT);
    arena_init(&metadata->deleted_names, server->memory, MEMORY_TOPICS, RECORDS_LIMIT);
    int rc = open_metadata_log(metadata, error);
    if (rc == 0)
        rc = log_for_each_record(metadata->log, server->memory, apply_next, &loader, error);
    if (rc != 0)
        error_wrap(error, rc, "metadata log");
    metadata_settings_loaded(metadata);
    if (rc == 0)
        rc = disk_list(server->disk, "", remember_stray, &loader, error);
    if (rc == 0) {
        sweep(&loader);
        rc = open_partitions(server, error);
    }
    arena_close(&loader.arena);
    arena_close(&loader.names);
    return rc;
}
