#include "rest/v3_groups.h"

#include "operations/groups.h"
#include "rest/rest_failure.h"
#include "rest/v3.h"

#include <stdlib.h>

#define ONE_MAX   ((size_t)256 << 10)
#define STATE_MAX 32

/* NULL: it has been answered. */
static const struct group_coordinator *find_coordinator(struct http_exchange *exchange)
{
    struct group_service *groups = exchange->server->groups;
    if (!v3_check_cluster(exchange))
        return NULL;
    const struct group_coordinator *coordinator = groups != NULL ? group_service_coordinator(groups) : NULL;
    if (coordinator != NULL && group_coordinator_available(coordinator))
        return coordinator;
    rest_reply_failure(exchange, KAFKA_COORDINATOR_NOT_AVAILABLE, NULL);
    return NULL;
}

/* Groups of others than consumers, Kafka Connect's for example, are not among them, as with Kafka's Admin. */
static const struct group *find_group(struct http_exchange *exchange)
{
    slice id = http_argument(exchange, "consumer_group_id");
    const struct group_coordinator *coordinator = find_coordinator(exchange);
    const struct group *group = coordinator != NULL ? group_coordinator_find(coordinator, id) : NULL;
    if (group != NULL && group_view_is_of_consumers(group))
        return group;
    if (coordinator != NULL)
        v3_reply_missing(exchange, "Consumer Group %.*s could not be found.", SLICE_PRINT(id));
    return NULL;
}

/* ---- groups ---- */

/* "PreparingRebalance" is "PREPARING_REBALANCE". */
static slice print_state(const char *state, char text[STATE_MAX])
{
    size_t size = 0;
    for (const char *letter = state; *letter != '\0' && size + 2 < STATE_MAX; letter++) {
        bool is_upper = *letter >= 'A' && *letter <= 'Z';
        if (is_upper && letter != state)
            text[size++] = '_';
        text[size++] = is_upper ? *letter : (char)(*letter - 'a' + 'A');
    }
    return slice_of(text, size);
}

static bool is_mixed(const struct group_view *view)
{
    for (size_t i = 0; view->is_consumer && i < view->member_count; i++)
        if (view->members[i].is_classic)
            return true;
    return false;
}

static void write_group(struct resource_writer *w, const struct group_view *view)
{
    struct resource_number room;
    char state[STATE_MAX];
    slice node = resource_number(&room, w->exchange->server->start.node_id);
    resource_begin(w, "KafkaConsumerGroup", RESOURCE_PATH(TEXT("consumer-groups"), view->id),
                   RESOURCE_PATH(TEXT("consumer-group"), view->id));
    resource_text(w, "consumer_group_id", view->id);
    resource_flag(w, "is_simple", view->is_simple);
    resource_text(w, "partition_assignor", view->assignor);
    resource_text(w, "state", print_state(view->state, state));
    resource_text(w, "type", view->is_consumer ? TEXT("CONSUMER") : TEXT("CLASSIC"));
    resource_flag(w, "is_mixed_consumer_group", is_mixed(view));
    resource_link(w, "coordinator", RESOURCE_PATH(TEXT("brokers"), node));
    resource_link(w, "consumers", RESOURCE_PATH(TEXT("consumer-groups"), view->id, TEXT("consumers")));
    resource_link(w, "lag_summary", RESOURCE_PATH(TEXT("consumer-groups"), view->id, TEXT("lag-summary")));
    resource_end(w);
}

static void add_group(struct resource_list *list, size_t index)
{
    const struct server *server = list->out.exchange->server;
    const struct group *group =
        group_coordinator_find(group_service_coordinator(server->groups), ((const slice *)list->notes)[index]);
    struct group_view view;
    struct arena arena;
    if (group == NULL)
        return;
    arena_init(&arena, server->memory, MEMORY_RESPONSES, V3_GROUP_ARENA_MAX);
    if (group_view_make(group, &arena, &view) == 0)
        write_group(&list->out, &view);
    else
        list->out.body.failed = true;
    arena_close(&arena);
}

struct noting {
    struct resource_list *list;
    slice *ids;
};

static int note_group(void *context, const struct group *group)
{
    struct noting *noting = context;
    if (!group_view_is_of_consumers(group))
        return 0;
    slice *id = &noting->ids[noting->list->count++];
    *id = arena_copy(&noting->list->arena, group_id(group));
    return slice_is_null(*id);
}

static int compare_ids(const void *left, const void *right)
{
    return slice_compare(*(const slice *)left, *(const slice *)right);
}

void v3_refuse_list(struct resource_list *list)
{
    struct http_exchange *exchange = list->out.exchange;
    resource_list_close(list);
    rest_reply_no_memory(exchange);
}

void v3_list_groups(struct http_exchange *exchange)
{
    const struct group_coordinator *coordinator = find_coordinator(exchange);
    struct resource_list *list = coordinator != NULL ? resource_list_open(exchange) : NULL;
    if (list == NULL)
        return;
    struct noting noting = {list, arena_alloc(&list->arena, group_coordinator_count(coordinator) * sizeof(slice))};
    if (noting.ids == NULL || group_coordinator_list(coordinator, note_group, &noting) != 0) {
        v3_refuse_list(list);
        return;
    }
    qsort(noting.ids, list->count, sizeof(slice), compare_ids);
    list->notes = noting.ids;
    list->write = add_group;
    resource_list_start(list, "KafkaConsumerGroupList", RESOURCE_PATH(TEXT("consumer-groups")));
}

/* ---- one group, looked at as a whole ---- */

void v3_reply_view(struct http_exchange *exchange, v3_write_view *write)
{
    const struct group *group = find_group(exchange);
    struct group_view view;
    struct arena arena;
    struct resource_writer w;
    if (group == NULL)
        return;
    arena_init(&arena, exchange->server->memory, MEMORY_RESPONSES, V3_GROUP_ARENA_MAX);
    resource_writer_open(&w, exchange, ONE_MAX);
    if (group_view_make(group, &arena, &view) != 0) {
        rest_reply_no_memory(exchange);
        resource_writer_close(&w);
    } else if (write(&w, &view, group)) {
        resource_reply(&w, 200, RESOURCE_CLUSTER);
    } else {
        resource_writer_close(&w);
    }
    arena_close(&arena);
}

static bool write_whole(struct resource_writer *w, const struct group_view *view, const struct group *group)
{
    (void)group;
    write_group(w, view);
    return true;
}

void v3_get_group(struct http_exchange *exchange)
{
    v3_reply_view(exchange, write_whole);
}

struct resource_list *v3_open_view_list(struct http_exchange *exchange, const struct group **group,
                                        struct group_view **view)
{
    *group = find_group(exchange);
    struct resource_list *list = *group != NULL ? resource_list_open(exchange) : NULL;
    if (list == NULL)
        return NULL;
    *view = arena_alloc(&list->arena, sizeof **view);
    if (*view != NULL && group_view_make(*group, &list->arena, *view) == 0) {
        list->notes = *view;
        return list;
    }
    v3_refuse_list(list);
    return NULL;
}
