#include "operations/coordinator_log.h"

#include "container.h"
#include "metadata_log.h"
#include "operations/append.h"
#include "operations/coordinator_takeover.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>

#define WORDS_MAX     ((size_t)1 << 20) /* bytes of what an append says */
#define MESSAGE_BYTES "16777216"        /* whatever the server's own limit is: what was begun can be ended */

struct partition *coordinator_log_partition(const struct coordinator_log *log)
{
    const struct topic *topic = topics_find(&log->server->topics, slice_of_text(log->topic));
    return topic != NULL ? topic_partition(topic, 0) : NULL;
}

/* ---- appending ---- */

struct batch_append {
    struct coordinator_log *log;
    struct coordinator_batch *batch;
    struct append_request request;
    struct append_part part;
    struct arena arena;
};

static void fail_later(struct coordinator_log *log, struct coordinator_batch *batch)
{
    batch->next = log->failed;
    log->failed = batch;
    turn_end_ask(&log->turn_end);
}

static void on_turn_end(struct turn_end *turn_end)
{
    struct coordinator_log *log = CONTAINER_OF(turn_end, struct coordinator_log, turn_end);
    while (log->failed != NULL) {
        struct coordinator_batch *batch = log->failed;
        log->failed = batch->next;
        log->appended(log, batch, KAFKA_COORDINATOR_NOT_AVAILABLE);
    }
}

static void on_appended(struct append_request *request)
{
    struct batch_append *append = CONTAINER_OF(request, struct batch_append, request);
    struct coordinator_log *log = append->log;
    struct coordinator_batch *batch = append->batch;
    enum kafka_error error = append->part.error;
    arena_close(&append->arena);
    memory_free(log->memory, log->purpose, append, sizeof *append);
    log->appended(log, batch, error);
}

static void start_append(struct coordinator_log *log, struct partition *partition, struct coordinator_batch *batch)
{
    struct batch_append *append = memory_alloc_zeroed(log->memory, log->purpose, sizeof *append);
    if (append == NULL) {
        fail_later(log, batch);
        return;
    }
    append->log = log;
    append->batch = batch;
    arena_init(&append->arena, log->memory, log->purpose, WORDS_MAX);
    append->part = (struct append_part){.partition = partition, .batch = batch->bytes, .size = batch->size};
    append->request = (struct append_request){.parts = &append->part,
                                              .part_count = 1,
                                              .acks = batch->is_awaited ? APPEND_ACKS_ALL : APPEND_ACKS_LEADER,
                                              .origin = APPEND_FROM_COORDINATOR,
                                              .arena = &append->arena,
                                              .done = on_appended,
                                              .context = append};
    append_start(log->server->appends, &append->request);
}

void coordinator_log_append(struct coordinator_log *log, struct coordinator_batch *batch)
{
    struct partition *partition = coordinator_log_partition(log);
    if (partition != NULL && !log->is_creating) {
        start_append(log, partition, batch);
        return;
    }
    batch->next = NULL;
    *log->waiting_tail = batch;
    log->waiting_tail = &batch->next;
    coordinator_log_prepare(log);
}

/* ---- the topic ---- */

static void on_created(void *context, int status, const struct error *error)
{
    struct coordinator_log *log = context;
    struct partition *partition = coordinator_log_partition(log);
    log->is_creating = false;
    if (status != 0)
        log_error(log->server->logger, log->subsystem, "topic=%s %s", log->topic, error->message);
    struct coordinator_batch *waiting = log->waiting;
    log->waiting = NULL;
    log->waiting_tail = &log->waiting;
    for (struct coordinator_batch *batch = waiting, *next; batch != NULL; batch = next) {
        next = batch->next;
        if (partition != NULL)
            start_append(log, partition, batch);
        else
            fail_later(log, batch);
    }
}

/* Small segments, so that a trickle is compacted, too; the codec is the coordinator's. */
static int set_config(const struct coordinator_log *log, struct topic_config *config)
{
    struct server *server = log->server;
    char segment_bytes[24];
    snprintf(segment_bytes, sizeof segment_bytes, "%" PRId64, config_number(server->config, log->segment_bytes));
    const char *const settings[][2] = {{"cleanup.policy", "compact"},
                                       {"segment.bytes", segment_bytes},
                                       {"compression.type", "producer"},
                                       {"max.message.bytes", MESSAGE_BYTES},
                                       {"flush.messages", "9223372036854775807"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int rc =
            topic_config_set(config, server->config, server->memory, topic_config_find(slice_of_text(settings[i][0])),
                             slice_of_text(settings[i][1]), NULL);
        if (rc != 0)
            return rc;
    }
    return 0;
}

void coordinator_log_prepare(struct coordinator_log *log)
{
    struct server *server = log->server;
    if (log->is_creating || coordinator_log_partition(log) != NULL)
        return;
    struct topic_config config;
    topic_config_init(&config, server->config);
    log->is_creating = true;
    int rc = set_config(log, &config);
    if (rc == 0) {
        metadata_log_create_topic(server->metadata, slice_of_text(log->topic), &config, 1, on_created, log);
    } else {
        struct error error;
        error_set_status(&error, rc, "configuration");
        on_created(log, rc, &error);
    }
    topic_config_close(&config, server->memory);
}

/* ---- life ---- */

void coordinator_log_init(struct coordinator_log *log)
{
    log->memory = log->server->memory;
    log->waiting_tail = &log->waiting;
    turn_end_init(&log->turn_end, log->server->loop, on_turn_end);
}

static void on_closed(struct turn_end *turn_end)
{
    struct coordinator_log *log = CONTAINER_OF(turn_end, struct coordinator_log, turn_end);
    log->closed(log);
}

void coordinator_log_close(struct coordinator_log *log, void (*closed)(struct coordinator_log *log))
{
    log->closed = closed;
    turn_end_close(&log->turn_end, on_closed);
}

bool coordinator_log_idle(const struct coordinator_log *log)
{
    return !log->is_creating && log->failed == NULL;
}

int coordinator_log_read(struct coordinator_log *log, log_batch_callback *callback, void *context, struct error *error)
{
    const struct topic *topic = topics_find(&log->server->topics, slice_of_text(log->topic));
    if (topic == NULL || topic->partition_count == 0)
        return 0;
    int rc = coordinator_takeover(log->server, topic, log->purpose, error);
    return rc == 0 ? log_for_each_batch(topic->partitions[0]->log, log->memory, callback, context, error) : rc;
}
