/* How far consumer groups lie behind: what they have committed, beside what there is. */
#include "rest/rest_failure.h"
#include "rest/v3_groups.h"

#include <stdlib.h>

static slice text_or_empty(slice text)
{
    return slice_is_null(text) ? TEXT("") : text;
}

static slice member_id(const struct group_lag *lag)
{
    return lag->member != NULL ? lag->member->id : TEXT("");
}

static slice member_instance(const struct group_lag *lag)
{
    return lag->member != NULL ? lag->member->instance_id : NULL_SLICE;
}

static slice member_client(const struct group_lag *lag)
{
    return lag->member != NULL ? text_or_empty(lag->member->client_id) : TEXT("");
}

static void write_lag(struct resource_writer *w, slice group, const struct group_lag *lag)
{
    struct resource_number room;
    slice index = resource_number(&room, lag->partition);
    resource_begin(w, "KafkaConsumerLag",
                   RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("lags"), lag->topic, TEXT("partitions"), index),
                   RESOURCE_PATH(TEXT("consumer-group"), group, TEXT("lag"), lag->topic, TEXT("partition"), index));
    resource_text(w, "consumer_group_id", group);
    resource_text(w, "topic_name", lag->topic);
    resource_int(w, "partition_id", lag->partition);
    resource_text(w, "consumer_id", member_id(lag));
    resource_text(w, "instance_id", member_instance(lag));
    resource_text(w, "client_id", member_client(lag));
    resource_int(w, "current_offset", lag->committed);
    resource_int(w, "log_end_offset", lag->end);
    resource_int(w, "lag", group_lag_of(lag));
    resource_end(w);
}

/* Confluent's order: the largest first. */
static int compare_lags(const void *a, const void *b)
{
    const struct group_lag *left = a, *right = b;
    int64_t left_lag = group_lag_of(left), right_lag = group_lag_of(right);
    if (left_lag != right_lag)
        return left_lag > right_lag ? -1 : 1;
    int order = slice_compare(left->topic, right->topic);
    return order != 0 ? order : (left->partition > right->partition) - (left->partition < right->partition);
}

struct lag_notes {
    slice group;
    const struct group_lag *lags;
};

static void add_lag(struct resource_list *list, size_t index)
{
    const struct lag_notes *notes = list->notes;
    write_lag(&list->out, notes->group, &notes->lags[index]);
}

void v3_list_lags(struct http_exchange *exchange)
{
    const struct group *group;
    struct group_view *view;
    struct group_lag *lags;
    struct resource_list *list = v3_open_view_list(exchange, &group, &view);
    if (list == NULL)
        return;
    int rc = group_view_lags(exchange->server, group, view, &list->arena, &lags, &list->count);
    struct lag_notes *notes = rc == 0 ? arena_alloc(&list->arena, sizeof *notes) : NULL;
    if (notes == NULL) {
        v3_refuse_list(list);
    } else if (list->count == 0) {
        resource_list_close(list);
        v3_reply_missing(exchange, "Consumer group offsets could not be found.");
    } else {
        qsort(lags, list->count, sizeof *lags, compare_lags);
        *notes = (struct lag_notes){view->id, lags};
        list->notes = notes;
        list->write = add_lag;
        resource_list_start(list, "KafkaConsumerLagList",
                            RESOURCE_PATH(TEXT("consumer-groups"), view->id, TEXT("lags")));
    }
}

/* What is read of all lags at once. `arena` for them. NULL: it has been answered. */
static struct group_lag *find_lags(struct resource_writer *w, const struct group_view *view, const struct group *group,
                                   struct arena *arena, size_t *count)
{
    struct group_lag *lags;
    if (group_view_lags(w->exchange->server, group, view, arena, &lags, count) != 0) {
        rest_reply_no_memory(w->exchange);
        return NULL;
    }
    if (*count != 0)
        return lags;
    v3_reply_missing(w->exchange, "Consumer group offsets could not be found.");
    return NULL;
}

static void write_summary(struct resource_writer *w, slice group, const struct group_lag *lags, size_t count)
{
    struct resource_number room;
    const struct group_lag *most = lags;
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += group_lag_of(&lags[i]);
        if (group_lag_of(&lags[i]) > group_lag_of(most))
            most = &lags[i];
    }
    resource_begin(w, "KafkaConsumerGroupLagSummary",
                   RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("lag-summary")),
                   RESOURCE_PATH(TEXT("consumer-group"), group, TEXT("lag-summary")));
    resource_text(w, "consumer_group_id", group);
    resource_text(w, "max_lag_consumer_id", member_id(most));
    resource_text(w, "max_lag_instance_id", member_instance(most));
    resource_text(w, "max_lag_client_id", member_client(most));
    resource_text(w, "max_lag_topic_name", most->topic);
    resource_int(w, "max_lag_partition_id", most->partition);
    resource_int(w, "max_lag", group_lag_of(most));
    resource_int(w, "total_lag", total);
    resource_link(w, "max_lag_consumer",
                  RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("consumers"), member_id(most)));
    resource_link(
        w, "max_lag_partition",
        RESOURCE_PATH(TEXT("topics"), most->topic, TEXT("partitions"), resource_number(&room, most->partition)));
    resource_end(w);
}

static bool write_lag_summary(struct resource_writer *w, const struct group_view *view, const struct group *group)
{
    struct arena arena;
    size_t count;
    arena_init(&arena, w->exchange->server->memory, MEMORY_RESPONSES, V3_GROUP_ARENA_MAX);
    const struct group_lag *lags = find_lags(w, view, group, &arena, &count);
    if (lags != NULL)
        write_summary(w, view->id, lags, count);
    arena_close(&arena);
    return lags != NULL;
}

void v3_get_lag_summary(struct http_exchange *exchange)
{
    v3_reply_view(exchange, write_lag_summary);
}

static bool write_lag_of_path(struct resource_writer *w, const struct group_view *view, const struct group_lag *lags,
                              size_t count)
{
    slice topic = http_argument(w->exchange, "topic_name");
    int64_t partition = http_argument_number(w->exchange, "partition_id");
    for (size_t i = 0; i < count; i++) {
        if (lags[i].partition != partition || !slice_equal(lags[i].topic, topic))
            continue;
        write_lag(w, view->id, &lags[i]);
        return true;
    }
    v3_reply_missing(w->exchange, "Nothing was committed for the partition.");
    return false;
}

static bool write_one_lag(struct resource_writer *w, const struct group_view *view, const struct group *group)
{
    struct arena arena;
    size_t count;
    arena_init(&arena, w->exchange->server->memory, MEMORY_RESPONSES, V3_GROUP_ARENA_MAX);
    const struct group_lag *lags = find_lags(w, view, group, &arena, &count);
    bool ok = lags != NULL && write_lag_of_path(w, view, lags, count);
    arena_close(&arena);
    return ok;
}

void v3_get_lag(struct http_exchange *exchange)
{
    v3_reply_view(exchange, write_one_lag);
}
