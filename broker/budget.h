/* The memory that connections may fill: bytes of requests on their way in and in processing, and of responses on their
 * way out, shared out among connections.
 *
 * A request's whole size is reserved when its length arrives, before a byte of it is stored. What does not fit waits,
 * in order of arrival; a waiting connection is not read from (backpressure), never dropped. One address holds at most
 * a quarter, but beside a quarter of that it may have a request of any size: those beyond it wait behind their own
 * address, and nobody else behind them. A connection that holds nothing may have one small request whatever its address
 * holds: behind one address there may be many, and some may be hostile. Responses are counted without asking, since
 * they answer what was taken in; while they stand above the limit, nothing new is taken in.
 *
 * It belongs to the loop's thread, knows no clock and no socket. */
#pragma once

#include "memory.h"
#include "slice.h"

struct budget;
struct budget_peer;

#define BUDGET_SMALL_REQUEST ((size_t)4 << 10)

/* A connection's account. Embedded in the connection; fields are private to the budget. */
struct budget_account {
    struct budget *budget;
    struct budget_peer *peer;
    size_t held;   /* bytes */
    size_t wanted; /* bytes waited for; 0: does not wait */
    void (*granted)(struct budget_account *account);
    struct budget_account *next, *previous; /* among those that wait */
    bool is_parked;                         /* waits behind its own address */
};

MUST_USE int budget_create(struct memory *memory, size_t limit, struct budget **budget);
/* Every account must be closed. */
void budget_destroy(struct budget *budget);

size_t budget_used(const struct budget *budget);
size_t budget_limit(const struct budget *budget);
size_t budget_waiting(const struct budget *budget); /* accounts */

/* `address` is what the limits by address are counted by (a connection's remote address without the port). granted is
 * called, from within another account's call, when what was waited for is reserved. -ENOMEM. */
MUST_USE int budget_account_open(struct budget *budget, struct budget_account *account, slice address,
                                 void (*granted)(struct budget_account *account));
/* Gives back what is held, ends the waiting. */
void budget_account_close(struct budget_account *account);
/* Open accounts of the account's address, itself included. */
unsigned budget_account_siblings(const struct budget_account *account);

/* True when reserved at once; else the account waits, and must not ask again before it is granted. */
bool budget_reserve(struct budget_account *account, size_t bytes);
/* Without asking. */
void budget_add(struct budget_account *account, size_t bytes);
/* May call other accounts' granted. */
void budget_return(struct budget_account *account, size_t bytes);
