/* Transaction markers: control batches of one record that say how a producer's transaction ended (KIP-98). The key is
 * version i16 and type i16 (0 abort, 1 commit), the value version i16 and coordinator epoch i32. */
#pragma once

#include "batch.h"
#include "writer.h"

struct transaction_marker {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch; /* -1 when the value does not say */
    bool commit;
    int64_t timestamp; /* ms */
};

#define TRANSACTION_MARKER_SIZE 78 /* bytes of the batch */

/* Appends the batch to the writer; its offset is the log's to stamp. A failure is the writer's. */
void transaction_marker_write(const struct transaction_marker *marker, writer *w);

/* What a whole control batch says. FURROW_MALFORMED: it is no marker of a transaction (of another type, without a
 * producer, compressed, or emptied by compaction). */
MUST_USE int transaction_marker_parse(slice batch, const struct batch_header *header,
                                      struct transaction_marker *marker);
