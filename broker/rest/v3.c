#include "rest/v3.h"

#include "container.h"
#include "rest/rest_failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 512
#define ARENA_MAX ((size_t)4 << 20)

/* ---- what the path names ---- */

void v3_reply_missing(struct http_exchange *exchange, const char *format, ...)
{
    char words[WORDS_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    http_reply_error(exchange, 404, words);
}

bool v3_check_cluster(struct http_exchange *exchange)
{
    slice id = http_argument(exchange, "cluster_id");
    if (slice_equal(id, slice_of_text(exchange->server->start.cluster_id)))
        return true;
    v3_reply_missing(exchange, "Cluster %.*s cannot be found.", SLICE_PRINT(id));
    return false;
}

bool v3_check_broker(struct http_exchange *exchange)
{
    int64_t id = http_argument_number(exchange, "broker_id");
    if (!v3_check_cluster(exchange))
        return false;
    if (id == exchange->server->start.node_id)
        return true;
    v3_reply_missing(exchange, "Broker %d cannot be found.", (int)id);
    return false;
}

struct topic *v3_find_topic(struct http_exchange *exchange)
{
    slice name = http_argument(exchange, "topic_name");
    struct error error;
    if (!v3_check_cluster(exchange))
        return NULL;
    struct topic *topic = topics_find(&exchange->server->topics, name);
    if (topic != NULL)
        return topic;
    if (topic_name_valid(name, &error))
        rest_reply_failure(exchange, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    else
        rest_reply_failure(exchange, KAFKA_INVALID_TOPIC_EXCEPTION, error.message);
    return NULL;
}

struct partition *v3_find_partition(struct http_exchange *exchange)
{
    int32_t index = (int32_t)http_argument_number(exchange, "partition_id");
    const struct topic *topic = v3_find_topic(exchange);
    if (topic == NULL)
        return NULL;
    struct partition *partition = topic_partition(topic, index);
    if (partition == NULL)
        http_reply_error(exchange, REST_PARTITION_NOT_FOUND, "Partition not found.");
    return partition;
}

/* ---- notes ---- */

static int compare_names(const void *left, const void *right)
{
    return slice_compare(*(const slice *)left, *(const slice *)right);
}

bool v3_note_topics(struct resource_list *list)
{
    struct http_exchange *exchange = list->out.exchange;
    const struct topics *topics = &exchange->server->topics;
    slice *names = arena_alloc(&list->arena, topics->count * sizeof *names);
    bool ok = names != NULL;
    for (const struct topic *topic = topics->by_name; ok && topic != NULL; topic = topic->by_name.next) {
        names[list->count] = arena_copy(&list->arena, topic_name(topic));
        ok = !slice_is_null(names[list->count++]);
    }
    if (!ok) {
        resource_list_close(list);
        rest_reply_no_memory(exchange);
        return false;
    }
    qsort(names, list->count, sizeof *names, compare_names);
    list->notes = names;
    return true;
}

/* ---- changes ---- */

static void close_change(struct v3_change *change, struct memory *memory)
{
    if (change->has_body)
        rest_body_close(&change->body);
    arena_close(&change->arena);
    memory_free(memory, MEMORY_REQUESTS, change, sizeof *change);
}

static void take_outcome(struct change_call *call, int16_t code, const struct error *error)
{
    struct v3_change *change = CONTAINER_OF(call, struct v3_change, call);
    struct http_exchange *exchange = change->exchange;
    struct memory *memory = exchange->server->memory;
    if (code != KAFKA_NONE)
        rest_reply_failure(exchange, code, error != NULL ? error->message : NULL);
    else if (change->succeed != NULL)
        change->succeed(change);
    else
        http_reply(exchange, 204, NULL, NULL, NULL_SLICE);
    close_change(change, memory);
}

struct v3_change *v3_change_open(struct http_exchange *exchange, bool has_body)
{
    struct memory *memory = exchange->server->memory;
    struct v3_change *change = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *change);
    if (change == NULL) {
        rest_reply_no_memory(exchange);
        return NULL;
    }
    change->exchange = exchange;
    change->call.done = take_outcome;
    arena_init(&change->arena, memory, MEMORY_REQUESTS, ARENA_MAX);
    if (has_body && !rest_body_open(&change->body, exchange)) {
        memory_free(memory, MEMORY_REQUESTS, change, sizeof *change);
        return NULL;
    }
    change->has_body = has_body;
    return change;
}

void v3_change_refuse(struct v3_change *change, int error_code, const char *message)
{
    struct http_exchange *exchange = change->exchange;
    struct memory *memory = exchange->server->memory;
    http_reply_error(exchange, error_code, message);
    close_change(change, memory);
}
