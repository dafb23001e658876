#include "metadata_private.h"

#include "container.h"
#include "operations/groups.h"

#include <errno.h>
#include <stdio.h>

#define BATCH_BYTES_MAX ((size_t)16 << 20) /* of one record: a topic with all its configuration is far smaller */

static struct metadata_change *change_of(struct log_append *append)
{
    return CONTAINER_OF(append, struct metadata_change, append);
}

int metadata_encode(writer *w, enum metadata_kind kind, slice name, const struct message_type *value_type,
                    const void *value, int64_t now)
{
    writer key_writer, value_writer;
    writer_init(&key_writer, w->memory, w->purpose, BATCH_BYTES_MAX);
    writer_init(&value_writer, w->memory, w->purpose, BATCH_BYTES_MAX);
    struct metadata_log_key key = {.kind = (int8_t)kind, .name = name};
    int rc = kafka_encode_key(&metadata_log_key_type, &key, &key_writer);
    if (rc == 0 && value_type != NULL)
        rc = kafka_encode_value(value_type, 0, value, &value_writer);
    if (rc == 0) {
        struct batch_builder builder;
        batch_builder_open(&builder, w, &BATCH_OPTIONS_PLAIN);
        batch_builder_add(&builder, now, writer_slice(&key_writer),
                          value_type != NULL ? writer_slice(&value_writer) : NULL_SLICE);
        rc = batch_builder_close(&builder, NULL);
    }
    writer_close(&key_writer);
    writer_close(&value_writer);
    return rc;
}

/* ---- the life of a change ---- */

struct metadata_change *metadata_new_change(struct metadata_log *metadata, enum change_kind kind, metadata_done *done,
                                            void *context)
{
    struct memory *memory = metadata->server->memory;
    struct metadata_change *change = memory_alloc_zeroed(memory, MEMORY_TOPICS, sizeof *change);
    if (change == NULL) {
        struct error error;
        done(context, error_set_status(&error, -ENOMEM, "metadata"), &error);
        return NULL;
    }
    change->metadata = metadata;
    change->kind = kind;
    change->done = done;
    change->context = context;
    writer_init(&change->record, memory, MEMORY_TOPICS, BATCH_BYTES_MAX);
    metadata->under_way++;
    return change;
}

/* A name is busy from the request to create it until its folders are there, and while a deleted topic's folders go. */
static size_t busy_list_of(slice name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ name.data[i]) * 16777619U;
    return hash % METADATA_BUSY_LISTS;
}

void metadata_set_busy(struct metadata_change *change)
{
    struct metadata_change **list = &change->metadata->busy[busy_list_of(metadata_change_name(change))];
    change->next_busy = *list;
    *list = change;
    change->is_busy = true;
}

static void unset_busy(struct metadata_change *change)
{
    if (!change->is_busy)
        return;
    size_t list = busy_list_of(metadata_change_name(change));
    for (struct metadata_change **at = &change->metadata->busy[list]; *at != NULL; at = &(*at)->next_busy) {
        if (*at == change) {
            *at = change->next_busy;
            return;
        }
    }
}

void metadata_link_change(struct metadata_change *change, struct metadata_change **newest)
{
    change->earlier = *newest;
    if (change->earlier != NULL)
        change->earlier->later = change;
    *newest = change;
}

void metadata_unlink_change(struct metadata_change *change, struct metadata_change **newest)
{
    if (change->later != NULL)
        change->later->earlier = change->earlier;
    else if (*newest == change)
        *newest = change->earlier;
    if (change->earlier != NULL)
        change->earlier->later = change->later;
}

void metadata_end_change(struct metadata_change *change)
{
    struct server *server = change->metadata->server;
    struct memory *memory = server->memory;
    unset_busy(change);
    if (change->kind == CONFIGURE)
        metadata_unlink_change(change, &change->topic->configured_by);
    if (change->resource != NULL)
        metadata_end_settings(change);
    change->metadata->under_way--;
    change->metadata->planned_partitions -= (size_t)change->planned;
    if (change->kind == GROW && change->planned != 0)
        change->topic->is_growing = false;
    change->done(change->context, change->status, &change->error);
    if (change->topic != NULL)
        topic_release(&server->topics, change->topic);
    topic_config_close(&change->config, memory);
    settings_close(&change->settings, memory);
    memory_free(memory, MEMORY_TOPICS, change->name, change->name_size + 1);
    writer_close(&change->record);
    memory_free(memory, MEMORY_TOPICS, change, sizeof *change);
}

static void finish_appends(struct log_append *done)
{
    while (done != NULL) {
        struct metadata_change *change = change_of(done);
        done = done->next;
        if (change->append.status == 0) {
            metadata_apply(change);
        } else {
            change->status = change->append.status;
            error_set_status(&change->error, change->status, "the metadata log");
            metadata_revert(change);
            metadata_end_change(change);
        }
    }
}

/* ---- writing ---- */

#define SYNC_RETRY_MS    100
#define SYNC_RETRIES_MAX 300

static void write_done(struct writer_job *job);

static void fail_queue(struct metadata_log *metadata, int status)
{
    struct log_append *queued = metadata->queue;
    metadata->queue = NULL;
    metadata->queue_tail = &metadata->queue;
    for (struct log_append *append = queued; append != NULL; append = append->next)
        append->status = status;
    finish_appends(queued);
}

static void write_queue(struct metadata_log *metadata)
{
    if (metadata->is_writing || metadata->queue == NULL)
        return;
    struct server *server = metadata->server;
    struct log_write *write = NULL;
    struct log_append *refused = NULL;
    struct error error;
    int rc = log_write_begin(metadata->log, &metadata->queue, server_now(server), &write, &refused, &error);
    if (metadata->queue == NULL)
        metadata->queue_tail = &metadata->queue;
    if (rc != 0) {
        log_error(server->logger, "metadata", "%s", error.message);
        fail_queue(metadata, rc);
        return;
    }
    if (write != NULL) {
        metadata->is_writing = true;
        metadata->job = (struct writer_job){.write = write, .done = write_done};
        writer_thread_submit(server->writer, &metadata->job);
    }
    finish_appends(refused);
}

static void sync_written(struct metadata_log *metadata);

static void end_write(struct metadata_log *metadata, int status)
{
    struct log_append *written = metadata->written;
    metadata->written = NULL;
    metadata->is_writing = false;
    metadata->sync_retries = 0;
    for (struct log_append *append = written; status != 0 && append != NULL; append = append->next)
        append->status = status;
    write_queue(metadata);
    finish_appends(written);
}

/* While the changes that it is about are under way, so the log and the loop are there. */
struct sync_retry {
    uv_timer_t timer;
    struct metadata_log *metadata;
    struct memory *memory;
};

static void free_retry(uv_handle_t *handle)
{
    struct sync_retry *retry = CONTAINER_OF(handle, struct sync_retry, timer);
    memory_free(retry->memory, MEMORY_TOPICS, retry, sizeof *retry);
}

static void on_retry(uv_timer_t *timer)
{
    struct sync_retry *retry = CONTAINER_OF(timer, struct sync_retry, timer);
    uv_close((uv_handle_t *)timer, free_retry);
    sync_written(retry->metadata);
}

static bool retry_later(struct metadata_log *metadata)
{
    struct memory *memory = metadata->server->memory;
    struct sync_retry *retry = NULL;
    if (!log_is_offline(metadata->log) && metadata->sync_retries++ < SYNC_RETRIES_MAX)
        retry = memory_alloc(memory, MEMORY_TOPICS, sizeof *retry);
    if (retry == NULL)
        return false;
    retry->metadata = metadata;
    retry->memory = memory;
    (void)uv_timer_init(metadata->server->loop, &retry->timer); /* never fails */
    uv_timer_start(&retry->timer, on_retry, SYNC_RETRY_MS, 0);
    return true;
}

/* Where the log is not offline, as when the disk is full, its records will be synced some day: a change that is called
 * failed would come true then. So it is tried for a while; at last the log is taken offline. */
static void sync_failed(struct metadata_log *metadata, int rc, const struct error *error)
{
    log_error(metadata->server->logger, "metadata", "%s", error->message);
    if (retry_later(metadata))
        return;
    log_take_offline(metadata->log);
    end_write(metadata, rc);
}

static void sync_done(struct writer_job *job)
{
    struct metadata_log *metadata = CONTAINER_OF(job, struct metadata_log, job);
    struct error error = {0};
    int rc = log_sync_end(metadata->log, job->sync, &error);
    if (rc != 0)
        sync_failed(metadata, rc, &error);
    else
        end_write(metadata, 0);
}

static void sync_written(struct metadata_log *metadata)
{
    struct log_sync *sync = NULL;
    struct error error = {0};
    int rc = log_sync_begin(metadata->log, false, &sync, &error);
    if (rc != 0)
        sync_failed(metadata, rc, &error);
    if (rc == 0 && sync == NULL)
        end_write(metadata, 0);
    if (sync == NULL)
        return;
    metadata->job = (struct writer_job){.sync = sync, .done = sync_done};
    writer_thread_submit(metadata->server->writer, &metadata->job);
}

static void write_done(struct writer_job *job)
{
    struct metadata_log *metadata = CONTAINER_OF(job, struct metadata_log, job);
    struct error error = {0};
    struct log_append *done = log_write_end(metadata->log, job->write, &error);
    metadata->written = done;
    if (error.code == 0) {
        sync_written(metadata);
        return;
    }
    log_error(metadata->server->logger, "metadata", "%s", error.message);
    end_write(metadata, 0);
}

void metadata_submit(struct metadata_change *change, int encoded)
{
    struct metadata_log *metadata = change->metadata;
    struct log_append *append = &change->append;
    append->batch = change->record.data;
    append->size = change->record.size;
    if (encoded == 0)
        encoded = batch_parse_header(writer_slice(&change->record), &append->header, &change->error);
    if (encoded != 0) {
        change->status = error_set_status(&change->error, encoded, "metadata record");
        metadata_revert(change);
        metadata_end_change(change);
        return;
    }
    *metadata->queue_tail = append;
    metadata->queue_tail = &append->next;
    write_queue(metadata);
}

/* ---- the records ---- */

static int encode_topic(struct metadata_change *change, slice name, struct uuid id, int32_t partitions,
                        const struct topic_config *config)
{
    struct server *server = change->metadata->server;
    struct memory *memory = server->memory;
    const struct topic_config_key *keys;
    topic_config_keys(&keys);
    size_t size = config->own.count * sizeof(struct metadata_topic_value_config);
    struct metadata_topic_value value = {.topic_id = id, .partitions = partitions};
    value.configs.items = memory_alloc_zeroed(memory, MEMORY_TOPICS, size);
    if (value.configs.items == NULL)
        return -ENOMEM;
    value.configs.count = config->own.count;
    for (uint16_t i = 0; i < config->own.count; i++) {
        value.configs.items[i].name = slice_of_text(keys[config->own.items[i].key].name);
        value.configs.items[i].value = slice_of_text(config->own.items[i].text);
    }
    int rc =
        metadata_encode(&change->record, METADATA_TOPIC, name, &metadata_topic_value_type, &value, server_now(server));
    memory_free(memory, MEMORY_TOPICS, value.configs.items, size);
    return rc;
}

bool metadata_log_is_busy(const struct metadata_log *metadata, slice name)
{
    for (const struct metadata_change *change = metadata->busy[busy_list_of(name)]; change != NULL;
         change = change->next_busy) {
        if (slice_equal(name, metadata_change_name(change)))
            return true;
    }
    return false;
}

size_t metadata_log_planned_partitions(const struct metadata_log *metadata)
{
    return metadata->planned_partitions;
}

static void plan(struct metadata_change *change)
{
    change->planned = change->end_partition - change->first_partition;
    change->metadata->planned_partitions += (size_t)change->planned;
}

void metadata_refuse(struct metadata_change *change, int status, const char *why)
{
    change->status = error_set(&change->error, status, "%s", why);
    metadata_end_change(change);
}

void metadata_log_create_topic(struct metadata_log *metadata, slice name, const struct topic_config *config,
                               int32_t partitions, metadata_done *done, void *context)
{
    struct server *server = metadata->server;
    bool exists = topics_find(&server->topics, name) != NULL || metadata_log_is_busy(metadata, name);
    struct metadata_change *change = metadata_new_change(metadata, CREATE, done, context);
    if (change == NULL)
        return;
    if (exists) {
        metadata_refuse(change, -EEXIST, "the topic exists already");
        return;
    }
    change->name = memory_alloc(server->memory, MEMORY_TOPICS, name.size + 1);
    if (change->name == NULL || topic_config_copy(&change->config, config, server->memory) != 0) {
        change->name_size = name.size;
        metadata_refuse(change, -ENOMEM, "out of memory");
        return;
    }
    memcpy(change->name, name.data, name.size);
    change->name[name.size] = '\0';
    change->name_size = name.size;
    uint8_t random[16];
    server_random(server, random, sizeof random);
    change->id = uuid_from_random(random);
    change->end_partition = partitions;
    plan(change);
    metadata_set_busy(change);
    metadata_submit(change, encode_topic(change, name, change->id, partitions, config));
}

/* Behind a topic's deletion nothing more may be said of it: at the next start it would be there again. */
static struct metadata_change *topic_change(struct metadata_log *metadata, enum change_kind kind, struct topic *topic,
                                            metadata_done *done, void *context)
{
    struct metadata_change *change = metadata_new_change(metadata, kind, done, context);
    if (change == NULL)
        return NULL;
    change->topic = topic;
    change->id = topic->id;
    topic_hold(topic);
    if (!topic->is_deleting && !topic->is_deleted)
        return change;
    metadata_refuse(change, -ENOENT, "the topic is being deleted");
    return NULL;
}

void metadata_log_delete_topic(struct metadata_log *metadata, struct topic *topic, metadata_done *done, void *context)
{
    struct metadata_change *change = topic_change(metadata, DELETE, topic, done, context);
    if (change == NULL)
        return;
    if (topic->is_growing) { /* folders that are being made would be left behind */
        metadata_refuse(change, -EBUSY, "partitions are being added to the topic");
        return;
    }
    topic->is_deleting = true;
    metadata_submit(change, metadata_encode(&change->record, METADATA_TOPIC, topic_name(topic), NULL, NULL,
                                            server_now(metadata->server)));
}

void metadata_log_add_partitions(struct metadata_log *metadata, struct topic *topic, int32_t partitions,
                                 metadata_done *done, void *context)
{
    struct metadata_change *change = topic_change(metadata, GROW, topic, done, context);
    if (change == NULL)
        return;
    if (topic->recorded_partitions != topic->partition_count) {
        metadata_refuse(change, -EBUSY, "partitions are being added to the topic");
        return;
    }
    if (partitions <= topic->partition_count) {
        metadata_refuse(change, -EINVAL, "the topic has as many partitions already");
        return;
    }
    change->first_partition = topic->partition_count;
    change->end_partition = partitions;
    topic->recorded_partitions = partitions;
    topic->is_growing = true;
    plan(change);
    metadata_submit(change, encode_topic(change, topic_name(topic), topic->id, partitions, &topic->config));
}

void metadata_log_set_topic_config(struct metadata_log *metadata, struct topic *topic,
                                   const struct topic_config *config, metadata_done *done, void *context)
{
    struct metadata_change *change = topic_change(metadata, CONFIGURE, topic, done, context);
    if (change == NULL)
        return;
    change->config = topic->config;
    if (topic_config_copy(&topic->config, config, metadata->server->memory) != 0) {
        topic->config = change->config;
        change->config = (struct topic_config){.cleanup_policy = 0};
        metadata_refuse(change, -ENOMEM, "out of memory");
        return;
    }
    metadata_link_change(change, &topic->configured_by);
    metadata_use_config(topic);
    cleaner_note_config(metadata->server->cleaner, topic, &change->config);
    metadata_submit(change, encode_topic(change, topic_name(topic), topic->id, topic->recorded_partitions, config));
}

void metadata_log_note_producer_id(struct metadata_log *metadata, int64_t id)
{
    if (id >= metadata->next_producer_id && id < INT64_MAX / 2)
        metadata->next_producer_id = id + 1;
}

void metadata_log_reserve_producer_ids(struct metadata_log *metadata, int64_t count, int64_t *first,
                                       metadata_done *done, void *context)
{
    struct metadata_change *change = metadata_new_change(metadata, PRODUCER_IDS, done, context);
    if (change == NULL)
        return;
    /* A reservation whose write fails leaves a gap, never an id that is given twice. */
    *first = metadata->next_producer_id;
    metadata->next_producer_id += count;
    struct metadata_producer_ids_value value = {.next_producer_id = metadata->next_producer_id};
    metadata_submit(change, metadata_encode(&change->record, METADATA_PRODUCER_IDS, slice_of_text(""),
                                            &metadata_producer_ids_value_type, &value, server_now(metadata->server)));
}

/* ---- opening and closing ---- */

int metadata_log_open(struct server *server, struct metadata_log **metadata_out, struct error *error)
{
    struct metadata_log *metadata = memory_alloc_zeroed(server->memory, MEMORY_TOPICS, sizeof *metadata);
    if (metadata == NULL)
        return error_set_status(error, -ENOMEM, "metadata");
    metadata->server = server;
    metadata->queue_tail = &metadata->queue;
    int rc = metadata_load(metadata, error);
    if (rc != 0) {
        metadata_free_settings(metadata);
        metadata_free_leftovers(metadata);
        arena_close(&metadata->deleted_names);
        if (metadata->log != NULL)
            log_close(metadata->log);
        memory_free(server->memory, MEMORY_TOPICS, metadata, sizeof *metadata);
        return rc;
    }
    *metadata_out = metadata;
    return 0;
}

void metadata_log_close(struct metadata_log *metadata)
{
    metadata_free_settings(metadata);
    metadata_free_leftovers(metadata);
    arena_close(&metadata->deleted_names);
    log_close(metadata->log);
    memory_free(metadata->server->memory, MEMORY_TOPICS, metadata, sizeof *metadata);
}

static void on_start_checkpoint(struct checkpoint_request *request, int status)
{
    struct metadata_log *metadata = CONTAINER_OF(request, struct metadata_log, start_checkpoint);
    if (status == 0)
        metadata->server->checkpoints_stale = false;
}

static bool is_gone(void *context, slice topic)
{
    const struct metadata_log *metadata = context;
    const struct deleted_name *deleted = metadata->deleted;
    if (topics_find(&metadata->server->topics, topic) != NULL)
        return false;
    while (deleted != NULL && !slice_equal(deleted->name, topic))
        deleted = deleted->next;
    return deleted != NULL;
}

/* A power cut between a topic's deletion and that of what was committed for it. */
static void forget_gone(struct metadata_log *metadata)
{
    if (metadata->deleted != NULL)
        group_service_forget_gone(metadata->server->groups, is_gone, metadata);
    metadata->deleted = NULL;
    arena_close(&metadata->deleted_names);
}

void metadata_log_note_started(struct metadata_log *metadata)
{
    struct server *server = metadata->server;
    forget_gone(metadata);
    server->checkpoints_stale |= !server->start.clean;
    metadata->start_checkpoint.done = on_start_checkpoint;
    checkpoints_write(server->checkpoints, &metadata->start_checkpoint);
}

bool metadata_log_idle(const struct metadata_log *metadata)
{
    return metadata->under_way == 0;
}

struct log *metadata_log_log(const struct metadata_log *metadata)
{
    return metadata->log;
}

bool metadata_log_may_be_compacted(const struct metadata_log *metadata)
{
    return !metadata->has_leftovers;
}

struct clean_state *metadata_log_clean(struct metadata_log *metadata)
{
    return &metadata->clean;
}
