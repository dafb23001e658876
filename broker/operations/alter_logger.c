/* The level of the server's log altered, until the next start. There is one logger, root. */
#include "operations/alteration_private.h"
#include "operations/resources.h"

#include <errno.h>

static int16_t open_logger(struct alteration *alteration, struct error *error)
{
    int32_t id;
    alteration->log_level = -1;
    if (!resource_parse_node(alteration->name, &id))
        return alter_refuse(error, KAFKA_INVALID_REQUEST, "Node id must be an integer, but it is", alteration->name);
    if (id == alteration->server->start.node_id)
        return KAFKA_NONE;
    error_set(error, -EINVAL, "Unexpected node id. Expected %d, but received %d", alteration->server->start.node_id,
              id);
    return KAFKA_INVALID_REQUEST;
}

static bool parse_level(slice text, int *level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"TRACE", LOG_DEBUG}, {"DEBUG", LOG_DEBUG}, {"INFO", LOG_INFO},
        {"WARN", LOG_WARN},   {"ERROR", LOG_ERROR}, {"FATAL", LOG_ERROR},
    };
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (slice_equal(text, slice_of_text(levels[i].name))) {
            *level = (int)levels[i].level;
            return true;
        }
    }
    return false;
}

static int16_t change_logger(struct alteration *alteration, enum alter_operation operation, slice name, slice value,
                             struct error *error)
{
    if (operation == ALTER_APPEND || operation == ALTER_SUBTRACT) {
        error_set(error, -EINVAL, "%s operation is not allowed for the BROKER_LOGGER resource",
                  operation == ALTER_APPEND ? "APPEND" : "SUBTRACT");
        return KAFKA_INVALID_REQUEST;
    }
    if (!slice_equal(name, slice_of_text(RESOURCE_ROOT_LOGGER))) {
        error_set(error, -EINVAL, "Logger %.*s does not exist!", SLICE_PRINT(name));
        return KAFKA_INVALID_CONFIG;
    }
    if (operation == ALTER_DELETE) {
        error_set(error, -EINVAL, "Removing the log level of the root logger is not allowed");
        return KAFKA_INVALID_REQUEST;
    }
    if (parse_level(value, &alteration->log_level))
        return KAFKA_NONE;
    error_set(error, -EINVAL,
              "Cannot set the log level of root to %.*s as it is not a supported log level. Valid log levels are "
              "DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
              SLICE_PRINT(value));
    return KAFKA_INVALID_CONFIG;
}

static void submit_logger(struct alteration *alteration, struct change_call *call)
{
    if (alteration->log_level >= 0)
        logger_set_level(alteration->server->logger, (enum log_level)alteration->log_level);
    change_end(call, KAFKA_NONE, NULL);
}

static void close_logger(struct alteration *alteration)
{
    (void)alteration;
}

const struct alteration_kind alteration_of_logger = {open_logger, change_logger, NULL, submit_logger, close_logger};
