/* Looking for bit rot: one segment's batches are read from the disk, not from the page cache, and their CRCs compared.
 *
 *     begin      on the loop    chooses the segment
 *     execute    any thread     a slice of it; again until it returns 0
 *     end        on the loop    tells what was found; reads check that segment anew from then on, so that nothing of
 * what is damaged is served from memory of better days
 *
 * Nothing is changed on the disk, and nothing goes offline: what is right around the damage can be read. What was
 * compacted or trimmed meanwhile tells nothing. It must be ended before the log is closed. */
#pragma once

#include "log.h"

#define LOG_SCRUB_FINDINGS 8

struct log_scrub; /* opaque, from the ledger */

struct log_scrub_finding {
    int64_t offset; /* the first that may be concerned */
    uint32_t position;
    uint32_t bytes;
    char words[96];
};

struct log_scrub_result {
    int64_t base_offset; /* of the segment */
    uint64_t bytes;      /* looked at */
    uint32_t found;      /* places; the first LOG_SCRUB_FINDINGS are in `findings` */
    struct log_scrub_finding findings[LOG_SCRUB_FINDINGS];
};

/* The first segment whose base offset is above `behind` (-1 to begin with), as far as it is written now. *scrub is NULL
 * when there is none. -ENOMEM. */
MUST_USE int log_scrub_begin(struct log *log, int64_t behind, struct log_scrub **scrub, struct error *error);
/* About `budget` bytes. 1: there is more; 0: done; -ENOMEM. A disk that cannot be read is a finding. */
MUST_USE int log_scrub_execute(struct log_scrub *scrub, uint32_t budget);
/* That the last execution has looked at. */
uint32_t log_scrub_last_bytes(const struct log_scrub *scrub);
/* Frees; also before it is done. */
void log_scrub_end(struct log *log, struct log_scrub *scrub, struct log_scrub_result *result);
