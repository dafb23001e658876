/* bench_compact's parts: making a log, compacting it, and doing the least work that a compaction needs. */
#pragma once

#include "compression.h"

struct compact_options {
    const char *folder; /* of the partition */
    uint64_t records;
    uint64_t keys;
    size_t value_size; /* bytes */
    uint64_t segment_bytes;
    enum codec codec;
    size_t buffer;            /* bytes of memory for keys */
    unsigned slices;          /* least: how often the log is read for its keys */
    uint64_t surviving_bytes; /* least: what the copy writes */
};

_Noreturn void compact_fail(const char *what, const char *why);

double compact_cpu_seconds(void); /* of this process, so far */

void compact_fill(const struct compact_options *options);
/* With the engine of storage/compaction.h. Prints one line of JSON. */
void compact_run(const struct compact_options *options);
/* Reads the log once for each slice, record by record and key by key, and once more to write as many bytes as survive.
 * Prints one line of JSON. */
void compact_least(const struct compact_options *options);
