/* Any declared message: a byte that chooses the type, a byte that chooses the version, then the message. */
#include "round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct message_type *type = size >= 2 ? kafka_message_type(data[0]) : NULL;
    if (type != NULL && data[1] >= type->first_version && data[1] <= type->last_version)
        round_trip(type, data[1], slice_of(data + 2, size - 2));
    return 0;
}
