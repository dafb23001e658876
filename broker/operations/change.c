#include "operations/change.h"

#include <errno.h>

static int16_t code_of(int status)
{
    switch (status) {
    case 0:
        return KAFKA_NONE;
    case -EEXIST:
        return KAFKA_TOPIC_ALREADY_EXISTS;
    case -ENOENT:
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    case -EINVAL:
        return KAFKA_INVALID_PARTITIONS;
    case -EBUSY:
        return KAFKA_REQUEST_TIMED_OUT;
    case -EDQUOT:
        return KAFKA_POLICY_VIOLATION;
    default:
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
}

void change_written(void *context, int status, const struct error *error)
{
    change_end(context, code_of(status), status != 0 ? error : NULL);
}
