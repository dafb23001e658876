#include "operations/producer_ids.h"

#include "metadata_log.h"

#include <errno.h>

struct producer_ids {
    struct server *server;
    int64_t next; /* of the block in hand */
    int64_t end;
    int64_t reserved; /* the first id of the block that is being reserved */
    bool is_reserving;
    struct producer_id_request *waiting; /* in order */
    struct producer_id_request **waiting_tail;
};

int producer_ids_open(struct server *server, struct producer_ids **opened)
{
    struct producer_ids *ids = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *ids);
    if (ids == NULL)
        return -ENOMEM;
    ids->server = server;
    ids->waiting_tail = &ids->waiting;
    *opened = ids;
    return 0;
}

void producer_ids_close(struct producer_ids *ids)
{
    memory_free(ids->server->memory, MEMORY_SERVER, ids, sizeof *ids);
}

bool producer_ids_idle(const struct producer_ids *ids)
{
    return !ids->is_reserving && ids->waiting == NULL;
}

static void push(struct producer_ids *ids, struct producer_id_request *request)
{
    request->next = NULL;
    *ids->waiting_tail = request;
    ids->waiting_tail = &request->next;
}

static struct producer_id_request *pop(struct producer_ids *ids)
{
    struct producer_id_request *request = ids->waiting;
    ids->waiting = request->next;
    if (ids->waiting == NULL)
        ids->waiting_tail = &ids->waiting;
    return request;
}

static void on_reserved(void *context, int status, const struct error *error);

static void reserve(struct producer_ids *ids)
{
    ids->is_reserving = true;
    metadata_log_reserve_producer_ids(ids->server->metadata, PRODUCER_ID_BLOCK, &ids->reserved, on_reserved, ids);
}

/* Hands out what is in hand; asks for a block when somebody goes without. */
static void serve(struct producer_ids *ids)
{
    while (ids->waiting != NULL && ids->next < ids->end) {
        struct producer_id_request *request = pop(ids);
        request->done(request, 0, ids->next++);
    }
    if (ids->waiting != NULL && !ids->is_reserving)
        reserve(ids);
}

static void fail_waiting(struct producer_ids *ids, int status)
{
    struct producer_id_request *waiting = ids->waiting;
    ids->waiting = NULL;
    ids->waiting_tail = &ids->waiting;
    for (struct producer_id_request *request = waiting, *next; request != NULL; request = next) {
        next = request->next;
        request->done(request, status, -1);
    }
}

static void on_reserved(void *context, int status, const struct error *error)
{
    (void)error; /* the metadata log has told it */
    struct producer_ids *ids = context;
    ids->is_reserving = false;
    if (status != 0) {
        fail_waiting(ids, status);
        return;
    }
    ids->next = ids->reserved;
    ids->end = ids->reserved + PRODUCER_ID_BLOCK;
    serve(ids);
}

void producer_ids_take(struct producer_ids *ids, struct producer_id_request *request)
{
    push(ids, request);
    serve(ids);
}
