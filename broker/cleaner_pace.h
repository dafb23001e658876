/* How fast compaction goes: how much a slice is, and how long to rest behind it.
 *
 * When nobody asks for anything, slices follow each other. While requests come in, slices are small, and a rest several
 * times as long follows each: on a single core a slice is what a request waits for. log.cleaner.io.max.bytes.per.second
 * adds its own rests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cleaner_pace {
    double bytes_per_second; /* 0: any */
    uint64_t requests;       /* that the server had started at the last look */
    uint64_t busy_until_ns;
    double owed_ms; /* of rest, for the limit */
};

/* Before a slice: its budget in bytes. */
uint64_t cleaner_pace_begin(struct cleaner_pace *pace, uint64_t requests, uint64_t now_ns);
/* Behind it: ms to rest. It took took_ns, and read and wrote so many bytes. */
uint64_t cleaner_pace_end(struct cleaner_pace *pace, uint64_t requests, uint64_t now_ns, uint64_t took_ns,
                          uint64_t bytes);
