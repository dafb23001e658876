#include "kafka/assignment.h"

#include <errno.h>
#include <inttypes.h>

bool assignment_is_possible(const struct server *server, const struct int32_array *brokers, struct error *error)
{
    int32_t self = server->start.node_id;
    for (int32_t i = 0; i < brokers->count; i++) {
        if (brokers->items[i] != self) {
            error_set(error, -EINVAL,
                      "The manual partition assignment includes broker %" PRId32 ", but no such broker is registered.",
                      brokers->items[i]);
            return false;
        }
    }
    if (brokers->count == 1)
        return true;
    if (brokers->count <= 0)
        error_set(error, -EINVAL, "The manual partition assignment includes an empty replica list.");
    else
        error_set(error, -EINVAL, "The manual partition assignment includes the broker %" PRId32 " more than once.",
                  self);
    return false;
}
