#include "operations/replica_assignment.h"

#include "server.h"

#include <errno.h>
#include <inttypes.h>

bool replica_assignment_is_possible(const struct server *server, const struct replica_assignment *assignment,
                                    struct error *error)
{
    int32_t self = server->start.node_id;
    for (int32_t i = 0; i < assignment->count; i++) {
        if (assignment->brokers[i] != self) {
            error_set(error, -EINVAL,
                      "The manual partition assignment includes broker %" PRId32 ", but no such broker is registered.",
                      assignment->brokers[i]);
            return false;
        }
    }
    if (assignment->count == 1)
        return true;
    if (assignment->count <= 0)
        error_set(error, -EINVAL, "The manual partition assignment includes an empty replica list.");
    else
        error_set(error, -EINVAL, "The manual partition assignment includes the broker %" PRId32 " more than once.",
                  self);
    return false;
}
