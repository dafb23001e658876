#include "rest/rest.h"

#include "rest/consumer_instances.h"
#include "rest/streambed.h"
#include "server.h"

#include <errno.h>

int rest_open(struct server *server, struct error *error)
{
    struct rest *rest = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *rest);
    if (rest == NULL)
        return error_set_status(error, -ENOMEM, "rest");
    int rc = consumer_instances_open(server, &rest->consumers);
    if (rc != 0)
        goto err_free;
    rc = streambed_open(server, &rest->streambed);
    if (rc != 0)
        goto err_close_consumers;
    server->rest = rest;
    return 0;

err_close_consumers:
    consumer_instances_close(rest->consumers);
err_free:
    memory_free(server->memory, MEMORY_SERVER, rest, sizeof *rest);
    return error_set_status(error, rc, "rest");
}

void rest_end_waits(struct server *server)
{
    streambed_end_waits(server->rest->streambed);
    consumer_instances_end_waits(server->rest->consumers);
}

bool rest_idle(const struct server *server)
{
    return streambed_idle(server->rest->streambed) && consumer_instances_idle(server->rest->consumers);
}

void rest_close(struct server *server)
{
    streambed_close(server->rest->streambed);
    consumer_instances_close(server->rest->consumers);
    memory_free(server->memory, MEMORY_SERVER, server->rest, sizeof *server->rest);
    server->rest = NULL;
}
