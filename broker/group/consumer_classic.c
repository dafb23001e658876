/* The classic protocol's requests to a group of the consumer protocol. */
#include "group/consumer_private.h"

bool consumer_upgrade(struct group *group, struct consumer_call *call)
{
    consumer_refuse(group->coordinator, call, KAFKA_GROUP_ID_NOT_FOUND,
                    "Cannot upgrade classic group %.*s to consumer group because online upgrade is disabled.",
                    group->id.size < 200 ? (int)group->id.size : 200, (const char *)group->id.data);
    return false;
}

void consumer_classic_join(struct group *group, struct join_call *join)
{
    classic_refuse_join(&group->coordinator->answers, join, join->member_id, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
}

void consumer_classic_sync(struct group *group, struct sync_call *sync)
{
    sync->assignment = slice_of_text("");
    sync->found_protocol_type = sync->found_protocol = NULL_SLICE;
    group_answers_add(&group->coordinator->answers, &sync->call, KAFKA_UNKNOWN_MEMBER_ID);
}

enum kafka_error consumer_classic_heartbeat(struct group *group, slice member_id, slice instance_id, int32_t generation)
{
    (void)group, (void)member_id, (void)instance_id, (void)generation;
    return KAFKA_UNKNOWN_MEMBER_ID;
}

/* An operator may remove a static member by its instance id alone. */
static enum kafka_error leave_one(struct consumer_group *group, const struct leave_member *leaving)
{
    bool is_static = !slice_is_null(leaving->instance_id);
    struct consumer_member *member =
        is_static ? consumer_find_static(group, leaving->instance_id) : consumer_find_member(group, leaving->member_id);
    if (member == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (is_static && leaving->member_id.size > 0 && !slice_equal(member->id, leaving->member_id))
        return KAFKA_FENCED_INSTANCE_ID;
    return consumer_dismiss(group, member) == 0 ? KAFKA_NONE : KAFKA_COORDINATOR_NOT_AVAILABLE;
}

void consumer_classic_leave(struct group *group, struct leave_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        members[i].error = leave_one(group->consumer, &members[i]);
    consumer_write(group->consumer);
}
