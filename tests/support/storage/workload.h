/* One run of the seeded workload: appends, syncs, reads, searches, restarts, deletions on the simulated disk, with
 * calls that fail and power cuts anywhere, compared with a model all the way. The seed decides everything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct workload_counts {
    uint64_t appends;
    uint64_t failed_appends;
    uint64_t restarts;
    uint64_t crashes;
    uint64_t power_cuts;
    uint64_t bytes_cut;
    uint64_t segments_cut;
    uint64_t failed_deletes;
};

/* False: message says what did not hold. Adds to *counts. */
bool workload_run(uint64_t seed, struct workload_counts *counts, char *message, size_t size);
