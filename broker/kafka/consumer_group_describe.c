/* ConsumerGroupDescribe (key 69). Of a group that is no consumer group GROUP_ID_NOT_FOUND, so that clients ask with
 * DescribeGroups. */
#include "kafka/request.h"
#include "operations/authorized_operations.h"
#include "operations/groups.h"
#include "operations/repeated.h"

#include <stdio.h>

static void refuse(struct kafka_request *request, struct consumer_group_describe_response_group *answer,
                   enum kafka_error error, const char *what)
{
    char words[320];
    size_t size = answer->group_id.size < 249 ? answer->group_id.size : 249;
    snprintf(words, sizeof words, "Group %.*s %s", (int)size, (const char *)answer->group_id.data, what);
    answer->error_code = (int16_t)error;
    answer->error_message = arena_copy(&request->arena, slice_of_text(words));
}

static bool describe(struct kafka_request *request, slice id, struct consumer_group_describe_response_group *answer)
{
    const struct consumer_group_describe_request *asked = request->message;
    struct group_coordinator *coordinator = group_service_coordinator(request->server->groups);
    const struct group *group = group_coordinator_find(coordinator, id);
    *answer = CONSUMER_GROUP_DESCRIBE_RESPONSE_GROUP_DEFAULTS;
    answer->group_id = id;
    if (id.size == 0)
        answer->error_code = KAFKA_INVALID_GROUP_ID;
    else if (!group_coordinator_available(coordinator))
        answer->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else if (group == NULL)
        refuse(request, answer, KAFKA_GROUP_ID_NOT_FOUND, "not found.");
    else if (!group_is_consumer(group))
        refuse(request, answer, KAFKA_GROUP_ID_NOT_FOUND, "is not a consumer group.");
    if (answer->error_code != KAFKA_NONE)
        return true;
    if (asked->include_authorized_operations)
        answer->authorized_operations = GROUP_OPERATIONS;
    return group_describe_consumer(group, &request->arena, answer);
}

/* A group that is named more than once is described once, as by DescribeGroups. */
void handle_consumer_group_describe(struct kafka_request *request)
{
    const struct consumer_group_describe_request *asked = request->message;
    struct consumer_group_describe_response response = CONSUMER_GROUP_DESCRIBE_RESPONSE_DEFAULTS;
    size_t count = asked->group_ids.count > 0 ? (size_t)asked->group_ids.count : 0;
    const int32_t *first = repeated_find_first_name(&request->arena, asked->group_ids.items, (int32_t)count);
    response.groups.items = arena_alloc(&request->arena, count * sizeof *response.groups.items);
    bool ok = response.groups.items != NULL && first != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        if (first[i] == (int32_t)i)
            ok = describe(request, asked->group_ids.items[i], &response.groups.items[response.groups.count++]);
    }
    if (ok)
        kafka_answer(request, &response);
    else
        kafka_close(request, "out of memory");
}
