/* Heartbeat (key 12), of the classic protocol. */
#include "kafka/request.h"
#include "operations/groups.h"

void handle_heartbeat(struct kafka_request *request)
{
    const struct heartbeat_request *asked = request->message;
    struct group_service *groups = request->server->groups;
    enum kafka_error error =
        group_coordinator_heartbeat(group_service_coordinator(groups), asked->group_id, asked->member_id,
                                    asked->group_instance_id, asked->generation_id, group_service_now(groups));
    group_service_rearm(groups);
    kafka_answer(request, &(struct heartbeat_response){.error_code = (int16_t)error});
}
