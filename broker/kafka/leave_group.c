/* LeaveGroup (key 13). Version 3 on names several members (KIP-345). */
#include "kafka/request.h"
#include "operations/groups.h"

#define SEVERAL_MEMBERS 3

static struct leave_member *copy_members(struct kafka_request *request, size_t *count)
{
    const struct leave_group_request *asked = request->message;
    bool is_one = request->version < SEVERAL_MEMBERS;
    *count = is_one ? 1 : asked->members.count > 0 ? (size_t)asked->members.count : 0;
    struct leave_member *members = arena_alloc(&request->arena, *count * sizeof *members);
    for (size_t i = 0; members != NULL && i < *count; i++) {
        if (is_one)
            members[i].member_id = asked->member_id;
        else
            members[i] = (struct leave_member){.member_id = asked->members.items[i].member_id,
                                               .instance_id = asked->members.items[i].group_instance_id};
    }
    return members;
}

void handle_leave_group(struct kafka_request *request)
{
    const struct leave_group_request *asked = request->message;
    struct leave_group_response response = {.error_code = KAFKA_NONE};
    struct group_service *groups = request->server->groups;
    size_t count;
    struct leave_member *members = copy_members(request, &count);
    response.members.items = arena_alloc(&request->arena, count * sizeof *response.members.items);
    if (members == NULL || response.members.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    enum kafka_error error = group_coordinator_leave(group_service_coordinator(groups), asked->group_id, members, count,
                                                     group_service_now(groups));
    group_service_rearm(groups);
    if (request->version < SEVERAL_MEMBERS && error == KAFKA_NONE)
        error = members[0].error;
    if (request->version >= SEVERAL_MEMBERS && error == KAFKA_UNKNOWN_MEMBER_ID) { /* no such group */
        error = KAFKA_NONE;
        for (size_t i = 0; i < count; i++)
            members[i].error = KAFKA_UNKNOWN_MEMBER_ID;
    }
    response.error_code = (int16_t)error;
    for (size_t i = 0; error == KAFKA_NONE && i < count; i++)
        response.members.items[response.members.count++] =
            (struct leave_group_response_member){.member_id = members[i].member_id,
                                                 .group_instance_id = members[i].instance_id,
                                                 .error_code = (int16_t)members[i].error};
    kafka_answer(request, &response);
}
