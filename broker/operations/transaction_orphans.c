#include "operations/transaction_orphans.h"

#include "container.h"
#include "operations/groups.h"
#include "operations/transaction_markers.h"
#include "server.h"

#include <stdlib.h>

/* An open transaction of the groups' log. */
struct open_transaction {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch; /* of its producer's last marker */
    bool is_known;
};

struct open_transactions {
    struct open_transaction *items; /* by producer id, when all are there */
    size_t count;
};

/* ---- which are open ---- */

static int count_one(void *context, const struct log_producer *producer)
{
    *(size_t *)context += producer->transaction_start >= 0;
    return 0;
}

static int add_one(void *context, const struct log_producer *producer)
{
    struct open_transactions *open = context;
    if (producer->transaction_start >= 0)
        open->items[open->count++] = (struct open_transaction){.producer_id = producer->producer_id,
                                                               .producer_epoch = producer->epoch,
                                                               .coordinator_epoch = producer->coordinator_epoch};
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t one = ((const struct open_transaction *)a)->producer_id;
    int64_t other = ((const struct open_transaction *)b)->producer_id;
    return (one > other) - (one < other);
}

/* ---- which are known ---- */

static int note_known(void *context, const struct transaction *transaction)
{
    const struct open_transactions *open = context;
    const struct transaction_values *values = transaction_values(transaction);
    struct open_transaction wanted = {.producer_id = values->producer_id};
    bool is_open = values->state == TRANSACTION_ONGOING || values->state == TRANSACTION_PREPARE_COMMIT ||
                   values->state == TRANSACTION_PREPARE_ABORT;
    if (!is_open || !transaction_partitions_has(transaction_partitions(transaction), slice_of_text(GROUPS_TOPIC), 0))
        return 0;
    struct open_transaction *found = bsearch(&wanted, open->items, open->count, sizeof wanted, compare);
    if (found != NULL)
        found->is_known = true;
    return 0;
}

/* ---- aborting ---- */

struct orphan {
    struct server *server;
    struct memory *memory;
    struct group_transaction_end end;
};

static void on_ended(struct group_transaction_end *end, enum kafka_error error)
{
    struct orphan *orphan = CONTAINER_OF(end, struct orphan, end);
    log_warn(orphan->server->logger, "transactions",
             "topic=" GROUPS_TOPIC " producer_id=%lld error=%s its transaction is not known any more: aborted",
             (long long)end->producer_id, kafka_error_name((int16_t)error));
    memory_free(orphan->memory, MEMORY_TRANSACTIONS, orphan, sizeof *orphan);
}

static void abort_one(struct server *server, const struct open_transaction *open)
{
    struct orphan *orphan = memory_alloc_zeroed(server->memory, MEMORY_TRANSACTIONS, sizeof *orphan);
    int32_t epoch = transaction_markers_epoch(server);
    if (orphan == NULL)
        return;
    *orphan = (struct orphan){.server = server, .memory = server->memory};
    orphan->end = (struct group_transaction_end){.producer_id = open->producer_id,
                                                 .producer_epoch = open->producer_epoch,
                                                 .coordinator_epoch =
                                                     epoch > open->coordinator_epoch ? epoch : open->coordinator_epoch,
                                                 .done = on_ended};
    group_service_end_transaction(server->groups, &orphan->end);
}

void transaction_orphans_end(struct server *server, const struct transaction_coordinator *coordinator)
{
    const struct topic *topic = topics_find(&server->topics, slice_of_text(GROUPS_TOPIC));
    const struct partition *partition = topic != NULL ? topic_partition(topic, 0) : NULL;
    struct open_transactions open = {.count = 0};
    size_t room = 0;
    if (partition == NULL || partition->log == NULL || !transaction_coordinator_available(coordinator) ||
        !group_coordinator_available(group_service_coordinator(server->groups)))
        return;
    (void)log_list_producers(partition->log, count_one, &room);
    if (room == 0)
        return;
    open.items = memory_alloc(server->memory, MEMORY_TRANSACTIONS, room * sizeof *open.items);
    if (open.items == NULL)
        return;
    (void)log_list_producers(partition->log, add_one, &open);
    qsort(open.items, open.count, sizeof *open.items, compare);
    (void)transaction_coordinator_list(coordinator, note_known, &open);
    for (size_t i = 0; i < open.count; i++) {
        if (!open.items[i].is_known)
            abort_one(server, &open.items[i]);
    }
    memory_free(server->memory, MEMORY_TRANSACTIONS, open.items, room * sizeof *open.items);
}
