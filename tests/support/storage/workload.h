/* One run of the seeded workload: a server without a network. Several logs in one data folder on the simulated disk;
 * writes, syncs, reads, searches, trims and compactions whose steps interleave; checkpoints; logs that are made and
 * deleted; restarts; calls that fail, a disk that fills, bits that flip, and power cuts anywhere. All the way it is
 * compared with a model. The seed decides everything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKLOAD_COUNTS(X)                                                                                             \
    X(appends, "appends")                                                                                              \
    X(failed_appends, "failed")                                                                                        \
    X(markers, "markers")                                                                                              \
    X(reads, "reads")                                                                                                  \
    X(aborted_lists, "with aborted transactions")                                                                      \
    X(finds, "searches")                                                                                               \
    X(syncs, "syncs")                                                                                                  \
    X(failed_syncs, "failed")                                                                                          \
    X(trimmed, "segments trimmed")                                                                                     \
    X(compactions, "compactions")                                                                                      \
    X(finished_compactions, "finished")                                                                                \
    X(records_compacted, "records compacted away")                                                                     \
    X(made, "logs made")                                                                                               \
    X(deleted, "deleted")                                                                                              \
    X(restarts, "restarts")                                                                                            \
    X(crashes, "crashes")                                                                                              \
    X(power_cuts, "power cuts")                                                                                        \
    X(bytes_cut, "bytes cut")                                                                                          \
    X(segments_cut, "segments cut")                                                                                    \
    X(full, "times full")                                                                                              \
    X(flips, "bits flipped")

struct workload_counts {
#define X(name, text) uint64_t name;
    WORKLOAD_COUNTS(X)
#undef X
};

/* False: message says what did not hold. Adds to *counts. */
bool workload_run(uint64_t seed, struct workload_counts *counts, char *message, size_t size);
