#include "operations/failure.h"

enum kafka_error failure_code(int status)
{
    switch (status) {
    case 0:
    case FURROW_DUPLICATE_SEQUENCE: /* success, a second time */
        return KAFKA_NONE;
    case FURROW_MALFORMED:
        return KAFKA_INVALID_RECORD;
    case FURROW_CORRUPT:
        return KAFKA_CORRUPT_MESSAGE;
    case FURROW_TOO_LARGE:
        return KAFKA_MESSAGE_TOO_LARGE;
    case FURROW_UNSUPPORTED:
        return KAFKA_UNSUPPORTED_VERSION;
    case FURROW_OUT_OF_RANGE:
        return KAFKA_OFFSET_OUT_OF_RANGE;
    case FURROW_OUT_OF_ORDER_SEQUENCE:
        return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case FURROW_STALE_PRODUCER_EPOCH:
        return KAFKA_INVALID_PRODUCER_EPOCH;
    case FURROW_STALE_COORDINATOR_EPOCH:
        return KAFKA_TRANSACTION_COORDINATOR_FENCED;
    case FURROW_NOT_TRANSACTIONAL:
        return KAFKA_INVALID_TXN_STATE;
    default: /* FURROW_OFFLINE, the disk's, no memory */
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
}
