#include "server_storage.h"

#include "checkpoints.h"
#include "cleaner.h"
#include "flush.h"
#include "metadata_log.h"
#include "operations/operations.h"
#include "recovery_points.h"
#include "rest/reading.h"
#include "retention.h"
#include "scrub.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

/* What is said of the space is no reason not to start: without knowing it, writes that fail tell. */
static int open_disk_watch(struct server *server, struct error *error)
{
    struct disk_space space = {0};
    if (disk_find_space(server->disk, &space, error) != 0)
        log_warn(server->logger, "storage", "%s", error->message);
    if (config_size_to_disk(server->config, space.total) != 0)
        return error_set_status(error, -ENOMEM, "configuration");
    uint64_t reserve = (uint64_t)config_number(server->config, CONFIG_DISK_RESERVE_BYTES);
    disk_watch_init(&server->disk_watch, server->disk, server->logger, reserve);
    log_info(server->logger, "storage", "disk_bytes=%" PRIu64 " free_bytes=%" PRIu64 " reserve_bytes=%" PRIu64,
             space.total, space.free, reserve);
    return 0;
}

static int open_disk(struct server *server, const char *data, struct error *error)
{
    server->data = data;
    int rc = data_folder_lock(data, &server->lock, error);
    if (rc != 0)
        return rc;
    rc = disk_open_real(data, server->memory, &server->disk, error);
    if (rc != 0)
        goto err_unlock;
    uint8_t random[32];
    server_random(server, random, sizeof random);
    int32_t node_id = (int32_t)config_number(server->config, CONFIG_NODE_ID);
    rc = data_folder_open(server->disk, node_id, random, &server->folder, &server->start, error);
    if (rc != 0)
        goto err_close_disk;
    rc = open_disk_watch(server, error);
    if (rc != 0)
        goto err_close_folder;
    uint32_t max_open = (uint32_t)config_number(server->config, CONFIG_MAX_OPEN_FILES);
    rc = file_cache_create(server->disk, max_open, &server->logs.files);
    if (rc != 0) {
        rc = error_set_status(error, rc, "file cache");
        goto err_close_folder;
    }
    server->logs.disk = server->disk;
    server->logs.memory = server->memory;
    server->logs.producer_expiry_ms = config_number(server->config, CONFIG_PRODUCER_ID_EXPIRATION_MS);
    return 0;

err_close_folder:
    data_folder_close(server->folder);
err_close_disk:
    disk_close(server->disk);
err_unlock:
    close(server->lock);
    return rc;
}

static void close_disk(struct server *server)
{
    file_cache_close(server->logs.files);
    data_folder_close(server->folder);
    disk_close(server->disk);
    close(server->lock);
}

static void log_start(const struct server *server, const char *data)
{
    const char *how = server->start.fresh ? "fresh" : server->start.clean ? "clean" : "unclean";
    log_info(server->logger, "storage",
             "data=%s cluster_id=%s node_id=%d leader_epoch=%d last_stop=%s topics=%zu "
             "partitions=%zu opened",
             log_quote(slice_of_text(data)).text, server->start.cluster_id, server->start.node_id,
             server->start.leader_epoch, how, server->topics.count, server->topics.partition_count);
}

/* What recovery has made, and what it could not know to be on the disk, is synced soon even if nothing is appended:
 * only then can it be compacted and trimmed. */
static void sync_recovered(struct server *server)
{
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count; i++) {
            const struct log *log = topic->partitions[i]->log;
            if (log != NULL && !log_is_offline(log) && log_unsynced_bytes(log) != 0)
                flush_note_dirty(server->flush, topic->partitions[i]);
        }
    }
}

static int open_retention(struct server *server, struct error *error)
{
    int rc = retention_create(server, &server->retention, error);
    if (rc == 0)
        server->operations->retention = server->retention;
    return rc;
}

int server_storage_open(struct server *server, const char *data, struct error *error)
{
    int rc = open_disk(server, data, error);
    if (rc != 0)
        return rc;
    topics_init(&server->topics, server->memory);
    rc = metadata_log_open(server, &server->metadata, error);
    if (rc != 0)
        goto err_close_topics;
    data_folder_drop_offsets(server->folder);
    rc = checkpoints_create(server, &server->checkpoints);
    if (rc != 0) {
        rc = error_set_status(error, rc, "checkpoints");
        goto err_close_metadata;
    }
    rc = flush_create(server, &server->flush);
    if (rc != 0) {
        rc = error_set_status(error, rc, "background flush");
        goto err_destroy_checkpoints;
    }
    rc = cleaner_create(server, &server->cleaner);
    if (rc != 0) {
        rc = error_set_status(error, rc, "cleaner");
        goto err_destroy_flush;
    }
    rc = operations_open(server, error);
    if (rc != 0)
        goto err_destroy_cleaner;
    rc = record_readers_open(server, &server->record_readers, error);
    if (rc != 0)
        goto err_close_operations;
    rc = open_retention(server, error);
    if (rc != 0)
        goto err_close_readers;
    rc = scrub_create(server, &server->scrub);
    if (rc != 0) {
        rc = error_set_status(error, rc, "scrub");
        goto err_destroy_retention;
    }
    sync_recovered(server);
    cleaner_wake(server->cleaner);
    log_start(server, data);
    return 0;

err_destroy_retention:
    retention_destroy(server->retention);
err_close_readers:
    record_readers_close(server->record_readers);
err_close_operations:
    operations_close(server);
err_destroy_cleaner:
    cleaner_destroy(server->cleaner);
err_destroy_flush:
    flush_destroy(server->flush);
err_destroy_checkpoints:
    checkpoints_destroy(server->checkpoints);
err_close_metadata:
    metadata_log_close(server->metadata);
err_close_topics:
    topics_close(&server->topics);
    close_disk(server);
    return rc;
}

bool server_storage_idle(const struct server *server)
{
    return operations_idle(server) && record_readers_idle(server->record_readers) &&
           metadata_log_idle(server->metadata) && flush_idle(server->flush) && checkpoints_idle(server->checkpoints) &&
           cleaner_idle(server->cleaner) && retention_idle(server->retention) && scrub_idle(server->scrub);
}

static int flush_log(struct server *server, struct log *log, struct error *error)
{
    if (log_is_offline(log))
        return error_set(error, FURROW_OFFLINE, "%s: offline, recovery looks at it at the next start", log_folder(log));
    return log_flush_for_stop(log, server_now(server), error);
}

/* Goes on after a failure: what can be flushed is. *unopened: how many logs are not open. */
static int flush_logs(struct server *server, size_t *unopened, struct error *error)
{
    *unopened = 0;
    int rc = flush_log(server, metadata_log_log(server->metadata), error);
    for (struct topic *topic = server->topics.by_name; topic != NULL; topic = topic->by_name.next) {
        for (int32_t i = 0; i < topic->partition_count; i++) {
            struct log *log = topic->partitions[i]->log;
            int failed = log != NULL ? flush_log(server, log, error) : 0;
            *unopened += log == NULL;
            if (failed != 0)
                log_error(server->logger, "storage", "%s", error->message);
            rc = rc != 0 ? rc : failed;
        }
    }
    return rc;
}

static void save_time(struct server *server)
{
    writer text;
    struct error error = {0};
    writer_init(&text, server->memory, MEMORY_LOGS, (size_t)16 << 10);
    retention_write_time(server->retention, true, &text);
    if (retention_save_time(server->disk, writer_slice(&text), &error) != 0)
        log_warn(server->logger, "clock", "%s", error.message);
    writer_close(&text);
}

int server_storage_flush(struct server *server, struct error *error)
{
    struct recovery_points points;
    struct recovery_points_written written = {.starts_empty = false};
    size_t unopened;
    int rc = flush_logs(server, &unopened, error);
    int collected = recovery_points_collect(server, &points);
    if (collected != 0)
        return error_set_status(error, collected, "recovery points");
    int failed = recovery_points_write(&points, server->disk, &written, true, rc == 0 ? error : NULL);
    recovery_points_free(&points);
    save_time(server);
    if (rc != 0 || failed != 0) /* without the mark, the next start recovers */
        return rc != 0 ? rc : failed;
    if (unopened == 0)
        return data_folder_mark_clean(server->disk, error);
    log_warn(server->logger, "storage", "partitions=%zu could not be opened: the next start recovers", unopened);
    return 0;
}

void server_storage_close_handles(struct server *server)
{
    scrub_destroy(server->scrub);
    retention_destroy(server->retention);
    server->retention = NULL;
    record_readers_close(server->record_readers);
    operations_close(server);
    cleaner_destroy(server->cleaner);
    flush_destroy(server->flush);
}

void server_storage_close(struct server *server)
{
    checkpoints_destroy(server->checkpoints);
    metadata_log_close(server->metadata);
    topics_close(&server->topics);
    close_disk(server);
}
