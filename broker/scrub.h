/* The scrub: all that is stored is read once in furrow.scrub.interval.hours, slowly, and compared with its CRCs, so
 * that bit rot is known of before somebody needs the records (storage/log_scrub.h). What is found stands in the
 * server's log as an error; it is not served from then on, and what is right around it is.
 *
 * One segment after the other, a slice a second in the pool: 1 MiB, or more where a pass would not be done in half of
 * the interval. How far it has come is kept in the file scrub-checkpoint, about every ten minutes. It belongs to the
 * loop. */
#pragma once

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct server;
struct scrub;

/* After the topics are open. Blocking: reads how far the last run has come. -ENOMEM. */
MUST_USE int scrub_create(struct server *server, struct scrub **scrub);
/* Nothing may be under way. */
void scrub_destroy(struct scrub *scrub);
/* Begins nothing more. */
void scrub_stop(struct scrub *scrub);
bool scrub_idle(const struct scrub *scrub);

/* Damaged places found since the start, once for each pass. */
uint64_t scrub_found(const struct scrub *scrub);
