/* Bytes that many answers send: made once, held by each of them, gone with the last one. A thousand followers of a
 * topic send the same block.
 *
 * The maker fills `data` and is its first holder. It belongs to the loop's thread. */
#pragma once

#include "budget.h"

struct shared_bytes {
    struct memory *memory;
    struct budget_account *account; /* what it is charged to */
    unsigned holders;
    size_t size; /* of data */
    uint8_t data[];
};

/* `account` outlives it (connections_orphans of connection.h). NULL without memory. */
struct shared_bytes *shared_bytes_make(struct memory *memory, struct budget_account *account, size_t size);
struct shared_bytes *shared_bytes_hold(struct shared_bytes *shared);
/* NULL is let be. */
void shared_bytes_release(struct shared_bytes *shared);
