/* DescribeTopicPartitions (key 75, KIP-966): topics in order of their names, page by page. A page ends with the limit's
 * last partition; next_cursor names the first one that is missing. */
#include "kafka/request.h"
#include "operations/authorized_operations.h"

#include <stdlib.h>

#define PARTITIONS_PER_PAGE 2000 /* max.request.partition.size.limit's default */

struct page {
    struct kafka_request *request;
    struct describe_topic_partitions_response response;
    int32_t left; /* partitions that still fit */
};

static int compare_names(const void *a, const void *b)
{
    const slice *left = a, *right = b;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->data, right->data, common);
    if (order != 0)
        return order;
    return left->size < right->size ? -1 : left->size > right->size;
}

static size_t drop_repeated(slice *sorted, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_equal(sorted[kept - 1], sorted[i]))
            sorted[kept++] = sorted[i];
    }
    return kept;
}

/* The names to describe, sorted, each once: those asked for, or all. */
static slice *collect_names(struct kafka_request *request, size_t *count)
{
    const struct describe_topic_partitions_request *asked = request->message;
    struct server *server = request->server;
    bool all = asked->topics.count == 0;
    *count = all ? server->topics.count : (size_t)asked->topics.count;
    slice *names = arena_alloc(&request->arena, *count * sizeof *names);
    if (names == NULL)
        return NULL;
    size_t at = 0;
    struct topic *topic, *next;
    if (all) {
        HASH_ITER (by_name, server->topics.by_name, topic, next)
            names[at++] = topic_name(topic);
    }
    for (int32_t i = 0; !all && i < asked->topics.count; i++)
        names[at++] = asked->topics.items[i].name;
    qsort(names, *count, sizeof *names, compare_names);
    *count = drop_repeated(names, *count);
    return names;
}

static bool add_partitions(struct page *page, const struct topic *topic, int32_t first,
                           struct describe_topic_partitions_response_topic *answer)
{
    struct arena *arena = &page->request->arena;
    int32_t count = topic->partition_count - first;
    if (count > page->left)
        count = page->left;
    int32_t *self = arena_alloc(arena, sizeof *self);
    answer->partitions.items = arena_alloc(arena, (size_t)count * sizeof *answer->partitions.items);
    if (answer->partitions.items == NULL || self == NULL)
        return false;
    *self = page->request->server->start.node_id;
    answer->partitions.count = count;
    for (int32_t i = 0; i < count; i++) {
        const struct log *log = topic->partitions[first + i]->log;
        bool is_online = log != NULL && !log_is_offline(log);
        answer->partitions.items[i] = (struct describe_topic_partitions_response_partition){
            .error_code = is_online ? KAFKA_NONE : KAFKA_LEADER_NOT_AVAILABLE,
            .partition_index = first + i,
            .leader_id = is_online ? *self : -1,
            .leader_epoch = log != NULL ? log_leader_epoch(log) : -1,
            .replica_nodes = {self, 1},
            .isr_nodes = {self, is_online ? 1 : 0},
            .offline_replicas = {self, is_online ? 0 : 1},
        };
    }
    page->left -= count;
    return true;
}

static bool add_cursor(struct page *page, slice topic, int32_t partition)
{
    page->response.next_cursor = arena_alloc(&page->request->arena, sizeof *page->response.next_cursor);
    if (page->response.next_cursor == NULL)
        return false;
    page->response.next_cursor->topic_name = topic;
    page->response.next_cursor->partition_index = partition;
    return true;
}

/* False when out of memory. */
static bool add_topic(struct page *page, slice name, int32_t first)
{
    const struct topic *topic = topics_find(&page->request->server->topics, name);
    struct describe_topic_partitions_response_topic *answer =
        &page->response.topics.items[page->response.topics.count++];
    *answer = DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_DEFAULTS;
    answer->name = name;
    answer->topic_authorized_operations = TOPIC_OPERATIONS;
    if (topic == NULL) {
        struct error error;
        answer->error_code =
            topic_name_valid(name, &error) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
        return true;
    }
    answer->topic_id = topic->id;
    answer->is_internal = topic->is_internal;
    if (first > topic->partition_count)
        first = topic->partition_count;
    if (!add_partitions(page, topic, first, answer))
        return false;
    int32_t next = first + answer->partitions.count;
    return next == topic->partition_count || add_cursor(page, name, next);
}

static bool fill_page(struct page *page)
{
    const struct describe_topic_partitions_request *asked = page->request->message;
    size_t count;
    slice *names = collect_names(page->request, &count);
    page->response.topics.items = arena_alloc(&page->request->arena, count * sizeof *page->response.topics.items);
    if (names == NULL || page->response.topics.items == NULL)
        return false;
    for (size_t i = 0; i < count && page->response.next_cursor == NULL; i++) {
        int32_t first = 0;
        if (asked->cursor != NULL) {
            int order = compare_names(&names[i], &asked->cursor->topic_name);
            if (order < 0)
                continue;
            first = order == 0 ? asked->cursor->partition_index : 0;
        }
        if (page->left == 0)
            return add_cursor(page, names[i], first);
        if (!add_topic(page, names[i], first))
            return false;
    }
    return true;
}

/* A cursor names one of the topics asked for; when all are, it may name one that is gone. */
static bool cursor_is_valid(const struct describe_topic_partitions_request *asked)
{
    bool is_named = asked->topics.count == 0;
    for (int32_t i = 0; i < asked->topics.count && !is_named; i++)
        is_named = slice_equal(asked->topics.items[i].name, asked->cursor->topic_name);
    return is_named && asked->cursor->partition_index >= 0;
}

static bool refuse_topics(struct page *page)
{
    const struct describe_topic_partitions_request *asked = page->request->message;
    size_t count = (size_t)asked->topics.count;
    struct describe_topic_partitions_response_topic *items = arena_alloc(&page->request->arena, count * sizeof *items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        items[i] = DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_DEFAULTS;
        items[i].name = asked->topics.items[i].name;
        items[i].error_code = KAFKA_INVALID_REQUEST;
    }
    page->response.topics.items = items;
    page->response.topics.count = asked->topics.count;
    return true;
}

void handle_describe_topic_partitions(struct kafka_request *request)
{
    const struct describe_topic_partitions_request *asked = request->message;
    int32_t limit = asked->response_partition_limit;
    struct page page = {
        .request = request,
        .response = DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DEFAULTS,
        .left = limit < 1                     ? 1
                : limit < PARTITIONS_PER_PAGE ? limit
                                              : PARTITIONS_PER_PAGE,
    };
    bool ok = asked->cursor == NULL || cursor_is_valid(asked) ? fill_page(&page) : refuse_topics(&page);
    if (ok)
        kafka_answer(request, &page.response);
    else
        kafka_close(request, "out of memory");
}
