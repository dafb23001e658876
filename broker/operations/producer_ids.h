/* Producer ids for InitProducerId: handed out from blocks that the metadata log has taken out of circulation durably,
 * so that none is ever given twice. What is left of a block at a stop is lost, as in Kafka. */
#pragma once

#include "memory.h"
#include "status.h"

#define PRODUCER_ID_BLOCK 1000

struct server;
struct producer_ids;

/* Embedded in the caller's request, which must stay until done. */
struct producer_id_request {
    void (*done)(struct producer_id_request *request, int status, int64_t producer_id);
    void *context;
    struct producer_id_request *next; /* private */
};

MUST_USE int producer_ids_open(struct server *server, struct producer_ids **ids);
void producer_ids_close(struct producer_ids *ids);
/* No request waits for a block. */
bool producer_ids_idle(const struct producer_ids *ids);

/* done may be called at once. */
void producer_ids_take(struct producer_ids *ids, struct producer_id_request *request);
