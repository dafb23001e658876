/* SyncGroup (key 14). */
#include "kafka/request.h"
#include "operations/groups.h"

#define NAMES_PROTOCOL 5 /* KIP-559 */

struct syncing {
    struct kafka_request *request;
    struct sync_call sync;
};

static void on_synced(struct group_call *call)
{
    struct syncing *syncing = call->context;
    const struct sync_call *sync = &syncing->sync;
    struct sync_group_response response = {.error_code = (int16_t)call->error,
                                           .protocol_type = sync->found_protocol_type,
                                           .protocol_name = sync->found_protocol,
                                           .assignment = sync->assignment};
    kafka_answer(syncing->request, &response);
}

void handle_sync_group(struct kafka_request *request)
{
    const struct sync_group_request *asked = request->message;
    struct syncing *syncing = arena_alloc(&request->arena, sizeof *syncing);
    size_t count = asked->assignments.count > 0 ? (size_t)asked->assignments.count : 0;
    struct group_assignment *assignments = arena_alloc(&request->arena, count * sizeof *assignments);
    if (syncing == NULL || assignments == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++)
        assignments[i] =
            (struct group_assignment){asked->assignments.items[i].member_id, asked->assignments.items[i].assignment};
    syncing->request = request;
    syncing->sync = (struct sync_call){.call = {.done = on_synced, .context = syncing, .arena = &request->arena},
                                       .member_id = asked->member_id,
                                       .instance_id = asked->group_instance_id,
                                       .protocol_type = asked->protocol_type,
                                       .protocol = asked->protocol_name,
                                       .generation = asked->generation_id,
                                       .assignments = assignments,
                                       .assignment_count = (int32_t)count};
    kafka_request_count(request);
    struct group_service *groups = request->server->groups;
    bool is_nameless = slice_is_null(asked->protocol_type) || slice_is_null(asked->protocol_name);
    if (request->version >= NAMES_PROTOCOL && is_nameless) {
        syncing->sync.assignment = slice_of_text("");
        syncing->sync.call.error = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
        on_synced(&syncing->sync.call);
        return;
    }
    group_coordinator_sync(group_service_coordinator(groups), asked->group_id, &syncing->sync,
                           group_service_now(groups));
    group_service_rearm(groups);
}
