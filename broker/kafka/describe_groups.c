/* DescribeGroups (key 15). A group that is not there, or of another kind, is "Dead"; version 6 on says so with an error
 * (KIP-1043). */
#include "kafka/request.h"
#include "operations/authorized_operations.h"
#include "operations/groups.h"
#include "operations/repeated.h"

#include <stdio.h>

#define ERROR_FOR_MISSING 6

struct describing {
    struct kafka_request *request;
    struct describe_groups_response_group *answer;
    bool is_stable;
};

/* What was assigned last is shown while the next assignment is made, too. */
static int add_member(void *context, const struct classic_member_view *member)
{
    struct describing *describing = context;
    describing->answer->members.items[describing->answer->members.count++] = (struct describe_groups_response_member){
        .member_id = member->id,
        .group_instance_id = member->instance_id,
        .client_id = member->client_id,
        .client_host = member->client_host,
        .member_metadata = describing->is_stable ? member->metadata : slice_of_text(""),
        .member_assignment = member->assignment,
    };
    return 0;
}

static bool describe_missing(struct kafka_request *request, struct describe_groups_response_group *answer,
                             const char *what)
{
    answer->group_state = slice_of_text("Dead");
    answer->protocol_type = answer->protocol_data = slice_of_text("");
    if (request->version < ERROR_FOR_MISSING)
        return true;
    char words[64];
    snprintf(words, sizeof words, "Group %.*s %s", answer->group_id.size < 30 ? (int)answer->group_id.size : 30,
             (const char *)answer->group_id.data, what);
    answer->error_code = KAFKA_GROUP_ID_NOT_FOUND;
    answer->error_message = arena_copy(&request->arena, slice_of_text(words));
    return true;
}

static slice text_or_empty(slice text)
{
    return slice_is_null(text) ? slice_of_text("") : text;
}

static bool describe(struct kafka_request *request, slice id, struct describe_groups_response_group *answer)
{
    const struct describe_groups_request *asked = request->message;
    const struct group *group = group_coordinator_find(group_service_coordinator(request->server->groups), id);
    *answer = DESCRIBE_GROUPS_RESPONSE_GROUP_DEFAULTS;
    answer->group_id = id;
    if (asked->include_authorized_operations)
        answer->authorized_operations = GROUP_OPERATIONS;
    if (group == NULL)
        return describe_missing(request, answer, "not found.");
    const struct classic_group *classic = group_classic(group);
    if (classic == NULL)
        return describe_missing(request, answer, "is not a classic group.");
    size_t count = (size_t)classic_group_member_count(classic);
    struct describing describing = {
        .request = request, .answer = answer, .is_stable = classic_group_state(classic) == CLASSIC_STABLE};
    answer->group_state = slice_of_text(classic_group_state_text(classic));
    answer->protocol_type = text_or_empty(classic_group_protocol_type(classic));
    answer->protocol_data = describing.is_stable ? text_or_empty(classic_group_protocol(classic)) : slice_of_text("");
    answer->members.items = arena_alloc(&request->arena, count * sizeof *answer->members.items);
    return answer->members.items != NULL && classic_group_list_members(classic, add_member, &describing) == 0;
}

/* A group that is named more than once is described once: a short request could ask for hours of work. */
void handle_describe_groups(struct kafka_request *request)
{
    const struct describe_groups_request *asked = request->message;
    struct describe_groups_response response = {.throttle_time_ms = 0};
    size_t count = asked->groups.count > 0 ? (size_t)asked->groups.count : 0;
    const int32_t *first = repeated_find_first_name(&request->arena, asked->groups.items, (int32_t)count);
    response.groups.items = arena_alloc(&request->arena, count * sizeof *response.groups.items);
    bool ok = response.groups.items != NULL && first != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        if (first[i] == (int32_t)i)
            ok = describe(request, asked->groups.items[i], &response.groups.items[response.groups.count++]);
    }
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
