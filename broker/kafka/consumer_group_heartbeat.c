/* ConsumerGroupHeartbeat (key 68). In version 0 the coordinator makes the id of a member that has none. */
#include "kafka/request.h"
#include "operations/groups.h"
#include "uuid.h"

struct beating {
    struct kafka_request *request;
    struct consumer_group_heartbeat_request asked;
    struct consumer_call call;
};

static void on_answered(struct group_call *call)
{
    struct beating *beating = call->context;
    if (call->error != KAFKA_NONE) {
        slice words = beating->call.response.error_message;
        beating->call.response = CONSUMER_GROUP_HEARTBEAT_RESPONSE_DEFAULTS;
        beating->call.response.error_code = (int16_t)call->error;
        beating->call.response.error_message = words;
    }
    kafka_answer(beating->request, &beating->call.response);
}

static slice make_id(struct kafka_request *request)
{
    uint8_t random[16];
    char text[UUID_TEXT_SIZE];
    server_random(request->server, random, sizeof random);
    uuid_print(uuid_from_random(random), text);
    return arena_copy(&request->arena, slice_of_text(text));
}

void handle_consumer_group_heartbeat(struct kafka_request *request)
{
    const struct consumer_group_heartbeat_request *asked = request->message;
    struct group_service *groups = request->server->groups;
    struct beating *beating = arena_alloc(&request->arena, sizeof *beating);
    if (beating == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    beating->request = request;
    beating->asked = *asked;
    if (request->version == 0 && asked->member_epoch == 0 && asked->member_id.size == 0)
        beating->asked.member_id = make_id(request);
    beating->call = (struct consumer_call){.call = {.done = on_answered, .context = beating, .arena = &request->arena},
                                           .asked = &beating->asked,
                                           .version = request->version,
                                           .client_id = request->client_id,
                                           .client_host = kafka_client_host(request)};
    kafka_request_count(request);
    group_coordinator_consumer_heartbeat(group_service_coordinator(groups), &beating->call, group_service_now(groups));
    group_service_rearm(groups);
}
