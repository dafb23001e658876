/* The markers of one transaction in its partitions: in each a control batch that says how it ended.
 *
 * A marker stands behind all that was queued on its partition before it, and ahead of all that comes later. It is done
 * when the disk has it. Errors of a part are those of an append, and:
 *     INVALID_PRODUCER_EPOCH          the partition has seen a newer epoch of the producer
 *     TRANSACTION_COORDINATOR_FENCED  it has seen a marker of a newer coordinator
 *     UNKNOWN_TOPIC_OR_PARTITION      the topic is deleted: there is nothing to be ended */
#pragma once

#include "operations/append.h"
#include "writer.h"

struct marker_part {
    struct partition *partition; /* asked; NULL: `error` is set already, the part is passed over */
    enum kafka_error error;      /* found */
};

struct marker_append {
    /* Asked; the caller's until done */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
    bool commits; /* else it was aborted */
    struct marker_part *parts;
    int32_t count;
    void (*done)(struct marker_append *markers); /* once, never from within append_markers_start */
    void *context;

    /* Private */
    struct append_request request;
    struct arena arena;
    writer batches;
};

/* Never fails by itself: without memory the parts do. */
void append_markers_start(struct append_service *service, struct marker_append *markers);
