/* What older clients are told of errors that came later. */
#pragma once

#include "kafka/error_code.h"

/* AddPartitionsToTxn, AddOffsetsToTxn and EndTxn have one numbering here: version 2 brought PRODUCER_FENCED (KIP-588).
 */
static inline int16_t transaction_error_code(enum kafka_error error, int16_t version)
{
    return (int16_t)(error == KAFKA_PRODUCER_FENCED && version < 2 ? KAFKA_INVALID_PRODUCER_EPOCH : error);
}
