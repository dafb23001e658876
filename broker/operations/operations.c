#include "operations/operations.h"

#include "kafka/fetch_session.h"
#include "operations/groups.h"
#include "operations/missing_topic.h"
#include "operations/transactions.h"
#include "server.h"

#include <errno.h>

static int64_t now_of_server(const void *context)
{
    return server_now(context);
}

static void random_of_server(void *context, void *to, size_t size)
{
    server_random(context, to, size);
}

static int open_rest(struct server *server, struct error *error)
{
    int rc = producer_ids_open(server, &server->producer_ids);
    if (rc != 0)
        return error_set_status(error, rc, "producer ids");
    size_t most = (size_t)config_number(server->config, CONFIG_MAX_FETCH_SESSIONS);
    rc = fetch_sessions_open(server->memory, most, random_of_server, server, &server->sessions);
    if (rc != 0)
        goto err_close_ids;
    rc = missing_topics_open(server, &server->missing_topics);
    if (rc != 0)
        goto err_close_sessions;
    return 0;

err_close_sessions:
    fetch_sessions_close(server->sessions);
err_close_ids:
    producer_ids_close(server->producer_ids);
    return error_set_status(error, rc, "operations");
}

static void close_rest(struct server *server)
{
    missing_topics_close(server->missing_topics);
    fetch_sessions_close(server->sessions);
    producer_ids_close(server->producer_ids);
}

int operations_open(struct server *server, struct error *error)
{
    struct operations *operations = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *operations);
    if (operations == NULL)
        return error_set_status(error, -ENOMEM, "operations");
    *operations = (struct operations){
        .memory = server->memory,
        .memory_limit = (size_t)config_number(server->config, CONFIG_FURROW_MEMORY_LIMIT_BYTES),
        .loop = server->loop,
        .jobs = &server->jobs,
        .writer = server->writer,
        .topics = &server->topics,
        .disk_watch = &server->disk_watch,
        .logger = server->logger,
        .flush = server->flush,
        .now = now_of_server,
        .now_context = server,
    };
    int rc = append_service_open(operations, &operations->appends, error);
    if (rc != 0)
        goto err_free;
    rc = read_service_open(operations, &operations->reads, error);
    if (rc != 0)
        goto err_close_appends;
    rc = open_rest(server, error);
    if (rc != 0)
        goto err_close_reads;
    server->operations = operations;
    server->appends = operations->appends;
    server->reads = operations->reads;
    rc = group_service_open(server, &server->groups, error);
    if (rc != 0)
        goto err_close_rest;
    rc = transaction_service_open(server, &server->transactions, error);
    if (rc != 0)
        goto err_close_groups;
    return 0;

err_close_groups:
    group_service_close(server->groups);
err_close_rest:
    close_rest(server);
err_close_reads:
    read_service_close(operations->reads);
err_close_appends:
    append_service_close(operations->appends);
err_free:
    memory_free(server->memory, MEMORY_SERVER, operations, sizeof *operations);
    return rc;
}

void operations_end_waits(struct server *server)
{
    missing_topics_end_waits(server->missing_topics);
    read_service_end_waits(server->reads);
    group_service_end_waits(server->groups);
    transaction_service_end_waits(server->transactions);
}

bool operations_idle(const struct server *server)
{
    return append_service_idle(server->appends) && read_service_idle(server->reads) &&
           producer_ids_idle(server->producer_ids) && missing_topics_idle(server->missing_topics) &&
           group_service_idle(server->groups) && transaction_service_idle(server->transactions);
}

void operations_close(struct server *server)
{
    transaction_service_close(server->transactions);
    group_service_close(server->groups);
    append_service_close(server->appends);
    read_service_close(server->reads);
    close_rest(server);
    memory_free(server->memory, MEMORY_SERVER, server->operations, sizeof *server->operations);
    server->operations = NULL;
    server->appends = NULL;
    server->reads = NULL;
}
