/* A regular expression that names topics to subscribe to (KIP-848): RE2's syntax, as Kafka reads it. A topic's whole
 * name must match.
 *
 * Compiled and matched by PCRE2, after a check that the expression keeps to what RE2 has: no look-around, back
 * references, atomic groups, possessive quantifiers, recursion, verbs or repetitions beyond 1000, whose cost or meaning
 * would be others.
 *
 * A hostile expression costs little: its length, the memory of what it compiles to and the work of each match are
 * bounded. A match goes by backtracking, first, in a few steps, and in some more for REGEX_HARD_MAX topics with one
 * compiled expression; what that cannot answer within its limit is asked of the automaton (pcre2_dfa_match), whose work
 * does not explode, for REGEX_SLOW_BYTES_MAX bytes of topics' names: worth a tenth of a second of a desktop at worst.
 * Compile it for one pass over the topics, and close it. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "status.h"

#include <stdbool.h>

#define REGEX_LENGTH_MAX     4096 /* bytes of the expression */
#define REGEX_HARD_MAX       256
#define REGEX_SLOW_BYTES_MAX 8192

struct subscription_regex;

/* The message of a failure is fit for the client. FURROW_MALFORMED: it is no expression, or not RE2's;
 * FURROW_TOO_LARGE: a bound; both are INVALID_REGULAR_EXPRESSION to a client. -ENOMEM. */
MUST_USE int subscription_regex_compile(struct memory *memory, slice expression, struct subscription_regex **regex,
                                        struct error *error);
/* FURROW_TOO_LARGE: it cannot be said within the bounds; -ENOMEM. */
MUST_USE int subscription_regex_match(struct subscription_regex *regex, slice topic, bool *matches,
                                      struct error *error);
/* What its matches took: 1 for each, REGEX_HARD_WORK for one that was hard. */
#define REGEX_HARD_WORK 32
uint32_t subscription_regex_work(const struct subscription_regex *regex);
void subscription_regex_close(struct subscription_regex *regex);
