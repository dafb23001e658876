#include "rest/v3.h"

#include "container.h"
#include "rest/rest_failure.h"

#include <stdlib.h>

#define ARENA_MAX ((size_t)4 << 20)

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
