/* The ledger: every allocation of the server, counted by purpose.
 *
 * One ledger per process (or per test), handed down to whoever allocates. Blocks carry no header: the owner knows the
 * size and gives it back. Out of memory is an ordinary failure: NULL, and the ledger unchanged. Counters may be used
 * from any thread; a limit over several purposes is the broker's budget, not the ledger's.
 *
 * Tests: memory_fail_at(ledger, n) makes the n-th allocation from now on (0 is the next) and only that one fail. */
#pragma once

#include "status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, text for people */
#define MEMORY_PURPOSE_MAP(X)                                                                                          \
    X(REQUESTS, "requests")         /* request buffers, arenas of requests in processing */                            \
    X(RESPONSES, "responses")       /* encoded and queued responses */                                                 \
    X(CONNECTIONS, "connections")   /* listeners, connections, fetch sessions */                                       \
    X(TOPICS, "topics")             /* topics, partitions, their configuration */                                      \
    X(LOGS, "logs")                 /* logs, segments, index tails, file handles */                                    \
    X(PRODUCERS, "producers")       /* state of idempotent producers */                                                \
    X(GROUPS, "groups")             /* groups, their members, committed offsets */                                     \
    X(TRANSACTIONS, "transactions") /* transactional ids, the partitions of their transactions */                      \
    X(COMPRESSION, "compression")   /* codec contexts and buffers */                                                   \
    X(SERVER, "server")             /* configuration, tables, everything made once */

enum memory_purpose {
#define X(name, text) MEMORY_##name,
    MEMORY_PURPOSE_MAP(X)
#undef X
        MEMORY_PURPOSES
};

struct memory_count {
    _Atomic size_t bytes;
    _Atomic size_t blocks;
    _Atomic size_t peak_bytes;
};

struct memory {
    struct memory_count counts[MEMORY_PURPOSES];
    _Atomic int64_t fail_countdown; /* -1: never */
};

void memory_init(struct memory *memory);

/* Not cleared. size 0 gives a unique pointer. */
MUST_USE void *memory_alloc(struct memory *memory, enum memory_purpose purpose, size_t size);
MUST_USE void *memory_alloc_zeroed(struct memory *memory, enum memory_purpose purpose, size_t size);

/* On failure the old block stays as it was. old may be NULL with old_size 0. */
MUST_USE void *memory_realloc(struct memory *memory, enum memory_purpose purpose, void *old, size_t old_size,
                              size_t new_size);

/* size as given when it was allocated; block may be NULL. */
void memory_free(struct memory *memory, enum memory_purpose purpose, void *block, size_t size);

void memory_fail_at(struct memory *memory, int64_t nth);
/* True while the failure asked for has not happened yet. Disarm with memory_fail_at(memory, -1). */
bool memory_fail_pending(const struct memory *memory);

const char *memory_purpose_text(enum memory_purpose purpose);
size_t memory_total_bytes(const struct memory *memory);
