/* The members of consumer groups, and what is assigned to whom. */
#include "rest/v3_groups.h"

/* ---- members ---- */

static void write_member(struct resource_writer *w, slice group, const struct group_member *member)
{
    resource_begin(w, "KafkaConsumer", RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("consumers"), member->id),
                   RESOURCE_PATH(TEXT("consumer-group"), group, TEXT("consumer"), member->id));
    resource_text(w, "consumer_group_id", group);
    resource_text(w, "consumer_id", member->id);
    resource_text(w, "instance_id", member->instance_id);
    resource_text(w, "client_id", member->client_id);
    resource_link(w, "assignments",
                  RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("consumers"), member->id, TEXT("assignments")));
    resource_end(w);
}

static const struct group_member *find_member(const struct http_exchange *exchange, const struct group_view *view)
{
    slice id = http_argument(exchange, "consumer_id");
    for (size_t i = 0; i < view->member_count; i++)
        if (slice_equal(view->members[i].id, id))
            return &view->members[i];
    return NULL;
}

static void reply_no_member(struct http_exchange *exchange)
{
    v3_reply_missing(exchange, "Consumer %.*s could not be found.",
                     SLICE_PRINT(http_argument(exchange, "consumer_id")));
}

static void add_member(struct resource_list *list, size_t index)
{
    const struct group_view *view = list->notes;
    write_member(&list->out, view->id, &view->members[index]);
}

void v3_list_consumers(struct http_exchange *exchange)
{
    const struct group *group;
    struct group_view *view;
    struct resource_list *list = v3_open_view_list(exchange, &group, &view);
    if (list == NULL)
        return;
    list->count = view->member_count;
    list->write = add_member;
    resource_list_start(list, "KafkaConsumerList", RESOURCE_PATH(TEXT("consumer-groups"), view->id, TEXT("consumers")));
}

static bool write_one_member(struct resource_writer *w, const struct group_view *view, const struct group *group)
{
    (void)group;
    const struct group_member *member = find_member(w->exchange, view);
    if (member != NULL)
        write_member(w, view->id, member);
    else
        reply_no_member(w->exchange);
    return member != NULL;
}

void v3_get_consumer(struct http_exchange *exchange)
{
    v3_reply_view(exchange, write_one_member);
}

/* ---- assignments ---- */

static void write_assignment(struct resource_writer *w, slice group, slice member,
                             const struct group_assigned *assigned)
{
    struct resource_number room;
    slice topic = assigned->topic, index = resource_number(&room, assigned->partition);
    resource_begin(w, "KafkaConsumerAssignment",
                   RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("consumers"), member, TEXT("assignments"), topic,
                                 TEXT("partitions"), index),
                   RESOURCE_PATH(TEXT("consumer-group"), group, TEXT("consumer"), member, TEXT("assignment"), topic,
                                 TEXT("partition"), index));
    resource_text(w, "consumer_group_id", group);
    resource_text(w, "consumer_id", member);
    resource_text(w, "topic_name", topic);
    resource_int(w, "partition_id", assigned->partition);
    resource_link(w, "partition", RESOURCE_PATH(TEXT("topics"), topic, TEXT("partitions"), index));
    resource_link(w, "lag",
                  RESOURCE_PATH(TEXT("consumer-groups"), group, TEXT("lags"), topic, TEXT("partitions"), index));
    resource_end(w);
}

struct assignment_notes {
    slice group;
    const struct group_member *member;
};

static void add_assignment(struct resource_list *list, size_t index)
{
    const struct assignment_notes *notes = list->notes;
    write_assignment(&list->out, notes->group, notes->member->id, &notes->member->assigned[index]);
}

void v3_list_assignments(struct http_exchange *exchange)
{
    const struct group *group;
    struct group_view *view;
    struct resource_list *list = v3_open_view_list(exchange, &group, &view);
    if (list == NULL)
        return;
    const struct group_member *member = find_member(exchange, view);
    struct assignment_notes *notes = arena_alloc(&list->arena, sizeof *notes);
    if (member == NULL) {
        resource_list_close(list);
        reply_no_member(exchange);
    } else if (notes == NULL) {
        v3_refuse_list(list);
    } else {
        *notes = (struct assignment_notes){view->id, member};
        list->notes = notes;
        list->count = member->count;
        list->write = add_assignment;
        resource_list_start(
            list, "KafkaConsumerAssignmentList",
            RESOURCE_PATH(TEXT("consumer-groups"), view->id, TEXT("consumers"), member->id, TEXT("assignments")));
    }
}

static bool write_one_assignment(struct resource_writer *w, const struct group_view *view, const struct group *group)
{
    (void)group;
    const struct group_member *member = find_member(w->exchange, view);
    slice topic = http_argument(w->exchange, "topic_name");
    int64_t partition = http_argument_number(w->exchange, "partition_id");
    if (member == NULL) {
        reply_no_member(w->exchange);
        return false;
    }
    for (size_t i = 0; i < member->count; i++) {
        if (member->assigned[i].partition != partition || !slice_equal(member->assigned[i].topic, topic))
            continue;
        write_assignment(w, view->id, member->id, &member->assigned[i]);
        return true;
    }
    v3_reply_missing(w->exchange, "The partition is not assigned to the consumer.");
    return false;
}

void v3_get_assignment(struct http_exchange *exchange)
{
    v3_reply_view(exchange, write_one_assignment);
}
