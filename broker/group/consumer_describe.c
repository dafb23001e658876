/* ConsumerGroupDescribe of one group. */
#include "group/consumer_private.h"

#define MEMBER_TYPE_CLASSIC  0
#define MEMBER_TYPE_CONSUMER 1

struct describing {
    const struct consumer_group *group;
    struct arena *arena;
};

typedef struct consumer_group_describe_response_member described_member;
typedef struct consumer_group_describe_response_topic described_topic;

/* A topic that is gone has no name to be shown by. */
static bool show_claims(const struct describing *describing, const struct claims *claims,
                        struct consumer_group_describe_response_assignment *to)
{
    const struct group_topics *topics = &describing->group->group->coordinator->store.topics;
    described_topic *shown = arena_alloc(describing->arena, claims_topic_count(claims) * sizeof *shown);
    int32_t *partitions = arena_alloc(describing->arena, claims->count * sizeof *partitions);
    if (shown == NULL || partitions == NULL)
        return false;
    to->topic_partitions.items = shown;
    for (uint32_t at = 0, run; at < claims->count; at += run) {
        struct group_topic topic;
        run = claims_run(claims, at);
        for (uint32_t i = at; i < at + run; i++)
            partitions[i] = claims->items[i].partition;
        if (!topics->find_id(topics->context, claims->items[at].topic, &topic))
            continue;
        shown[to->topic_partitions.count++] = (described_topic){.topic_id = claims->items[at].topic,
                                                                .topic_name = arena_copy(describing->arena, topic.name),
                                                                .partitions = {&partitions[at], (int32_t)run}};
    }
    return true;
}

static slice text_or_empty(slice text)
{
    return slice_is_null(text) ? slice_of_text("") : text;
}

static bool show_member(const struct describing *describing, const struct consumer_member *member,
                        described_member *shown)
{
    *shown = CONSUMER_GROUP_DESCRIBE_RESPONSE_MEMBER_DEFAULTS;
    shown->member_id = member->id;
    shown->instance_id = member->instance_id;
    shown->rack_id = member->rack_id;
    shown->member_epoch = member->epoch;
    shown->client_id = text_or_empty(member->client_id);
    shown->client_host = text_or_empty(member->client_host);
    shown->subscribed_topic_names.items = member->names.items;
    shown->subscribed_topic_names.count = (int32_t)member->names.count;
    shown->subscribed_topic_regex = text_or_empty(member->regex);
    shown->member_type = member->classic != NULL ? MEMBER_TYPE_CLASSIC : MEMBER_TYPE_CONSUMER;
    struct claims held;
    if (claims_reserve(describing->group->memory, &held, member->assigned.count + member->revoking.count) != 0)
        return false;
    for (uint32_t i = 0; i < member->assigned.count; i++)
        claims_add(&held, member->assigned.items[i]);
    for (uint32_t i = 0; i < member->revoking.count; i++)
        claims_add(&held, member->revoking.items[i]);
    claims_sort(&held);
    bool ok = show_claims(describing, &held, &shown->assignment);
    claims_free(describing->group->memory, &held);
    return ok && show_claims(describing, &member->target, &shown->target_assignment);
}

bool group_describe_consumer(const struct group *group, struct arena *arena,
                             struct consumer_group_describe_response_group *answer)
{
    const struct consumer_group *consumer = group->consumer;
    struct describing describing = {.group = consumer, .arena = arena};
    answer->group_state = slice_of_text(group_state_text(group));
    answer->group_epoch = consumer->epoch;
    answer->assignment_epoch = consumer->target_epoch;
    answer->assignor_name = slice_of_text(consumer_assignor(consumer));
    answer->members.items = arena_alloc(arena, consumer->member_count * sizeof *answer->members.items);
    bool ok = answer->members.items != NULL;
    for (const struct consumer_member *m = consumer->members; m != NULL && ok; m = m->next)
        ok = show_member(&describing, m, &answer->members.items[answer->members.count++]);
    return ok;
}
