/* JoinGroup (key 11). */
#include "connection.h"
#include "container.h"
#include "kafka/request.h"
#include "operations/groups.h"

#include <stdio.h>

#define REQUIRES_MEMBER_ID  4 /* KIP-394 */
#define MAY_SKIP_ASSIGNMENT 9 /* KIP-814 */
#define NULLABLE_PROTOCOL   7

struct joining {
    struct kafka_request *request;
    struct join_call join;
};

static void on_joined(struct group_call *call)
{
    struct joining *joining = call->context;
    struct kafka_request *request = joining->request;
    const struct join_call *join = &joining->join;
    struct join_group_response response = JOIN_GROUP_RESPONSE_DEFAULTS;
    response.error_code = (int16_t)call->error;
    response.generation_id = join->generation;
    response.protocol_type = join->found_protocol_type;
    response.protocol_name = join->found_protocol;
    if (slice_is_null(response.protocol_name) && request->version < NULLABLE_PROTOCOL)
        response.protocol_name = slice_of_text("");
    response.leader = join->leader;
    response.skip_assignment = join->skip_assignment;
    response.member_id = join->found_member_id;
    response.members.items = arena_alloc(&request->arena, (size_t)join->member_count * sizeof *response.members.items);
    if (response.members.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (int32_t i = 0; i < join->member_count; i++)
        response.members.items[response.members.count++] =
            (struct join_group_response_member){.member_id = join->members[i].id,
                                                .group_instance_id = join->members[i].instance_id,
                                                .metadata = join->members[i].metadata};
    kafka_answer(request, &response);
}

static const struct join_protocol *copy_protocols(struct kafka_request *request, const struct join_group_request *asked,
                                                  int32_t *count)
{
    *count = asked->protocols.count > 0 ? asked->protocols.count : 0;
    struct join_protocol *protocols = arena_alloc(&request->arena, (size_t)*count * sizeof *protocols);
    for (int32_t i = 0; protocols != NULL && i < *count; i++)
        protocols[i] = (struct join_protocol){asked->protocols.items[i].name, asked->protocols.items[i].metadata};
    return protocols;
}

/* As Kafka writes it: "/127.0.0.1". */
slice kafka_client_host(struct kafka_request *request)
{
    const char *peer = request->connection->peer;
    const char *port = strrchr(peer, ':');
    size_t size = port != NULL ? (size_t)(port - peer) : strlen(peer);
    if (size >= 2 && peer[0] == '[') { /* IPv6 */
        peer++;
        size -= 2;
    }
    char text[ADDRESS_TEXT_MAX + 1];
    snprintf(text, sizeof text, "/%.*s", (int)size, peer);
    slice host = arena_copy(&request->arena, slice_of_text(text));
    return slice_is_null(host) ? slice_of_text("/") : host;
}

void handle_join_group(struct kafka_request *request)
{
    const struct join_group_request *asked = request->message;
    struct joining *joining = arena_alloc(&request->arena, sizeof *joining);
    int32_t count;
    const struct join_protocol *protocols = copy_protocols(request, asked, &count);
    if (joining == NULL || protocols == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    joining->request = request;
    joining->join = (struct join_call){
        .call = {.done = on_joined, .context = joining, .arena = &request->arena},
        .member_id = asked->member_id,
        .instance_id = asked->group_instance_id,
        .client_id = slice_is_null(request->client_id) ? slice_of_text("") : request->client_id,
        .client_host = kafka_client_host(request),
        .protocol_type = asked->protocol_type,
        .protocols = protocols,
        .protocol_count = count,
        .session_timeout_ms = asked->session_timeout_ms,
        .rebalance_timeout_ms = asked->rebalance_timeout_ms,
        .requires_member_id = request->version >= REQUIRES_MEMBER_ID,
        .may_skip_assignment = request->version >= MAY_SKIP_ASSIGNMENT,
    };
    kafka_request_count(request);
    struct group_service *groups = request->server->groups;
    group_coordinator_join(group_service_coordinator(groups), asked->group_id, &joining->join,
                           group_service_now(groups));
    group_service_rearm(groups);
}
