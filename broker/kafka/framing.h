/* Kafka's framing: a length of four bytes, then a request of so many.
 *
 * Small requests are received many at a time into a block that all connections share, and copied into buffers of their
 * own size. Behind a large request, only the next length is received ahead: the request itself then goes straight into
 * its own buffer. A request's memory is reserved from the budget before a byte of it is kept; while that waits, nothing
 * is received. An idle connection holds nothing.
 *
 * A reservation that is refused in the middle of a block leaves received bytes behind (`leftover`); how much all
 * connections may keep in that way is bounded, beyond it they receive lengths first. */
#pragma once

#include "budget.h"
#include "slice.h"
#include "status.h"

#include <sys/uio.h>

#define FRAMING_BLOCK_BYTES ((size_t)16 << 10)
/* What a request costs beside its own bytes while it waits: its struct and the allocator's. */
#define FRAMING_REQUEST_OVERHEAD ((size_t)320)

/* One whole request, without its length. */
struct request_buffer {
    size_t size;
    uint8_t data[];
};

/* What all connections of a server share. */
struct framing_shared {
    struct memory *memory;
    size_t request_max;
    size_t leftover_bytes; /* of all connections */
    size_t leftover_max;
    uint8_t block[FRAMING_BLOCK_BYTES];
};

struct framing {
    struct framing_shared *shared;
    struct budget_account *account;
    /* A whole request: the callee owns the buffer (framing_free_buffer) and size + FRAMING_REQUEST_OVERHEAD bytes of
     * the account. */
    void (*arrived)(struct framing *framing, struct request_buffer *buffer);

    uint8_t length[4];
    uint8_t length_size; /* bytes of a length that have arrived; 4 only while it is worked on */
    bool expects_large;
    bool receives_block;           /* what framing_space has offered last */
    bool waits;                    /* for a reservation of `wanted` */
    size_t wanted;                 /* the request's size, valid while it waits */
    struct request_buffer *buffer; /* being filled */
    size_t filled;
    uint8_t *leftover; /* received and not looked at */
    size_t leftover_size;
    int64_t deadline; /* by when what has begun must have arrived, ms of the caller's clock; 0: nothing has begun */
};

void framing_init(struct framing *framing, struct framing_shared *shared, struct budget_account *account,
                  void (*arrived)(struct framing *framing, struct request_buffer *buffer));
/* Frees what is half received. The account's bytes go with the account. */
void framing_close(struct framing *framing);

/* Where the next bytes are to be received; 0: nothing may be received now. */
int framing_space(struct framing *framing, struct iovec parts[2]);
/* `size` bytes have been received there. Errors end the connection: FURROW_MALFORMED and FURROW_TOO_LARGE for a length,
 * -ENOMEM. */
MUST_USE int framing_received(struct framing *framing, size_t size, int64_t now, struct error *error);
/* The budget has granted what was waited for. Errors as above. */
MUST_USE int framing_granted(struct framing *framing, int64_t now, struct error *error);

void framing_free_buffer(struct framing_shared *shared, struct request_buffer *buffer);
