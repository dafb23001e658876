/* Whether an expression keeps to what RE2's syntax and PCRE2's have in common (the syntax of Go's regexp and of RE2/J,
 * by which Kafka reads subscriptions). Not a parser: whether parentheses match and ranges are in order is for PCRE2 to
 * say.
 *
 * Refused, though RE2 has them, by this or by PCRE2: octal escapes other than \0, a `{` that begins no repetition (what
 * PCRE2 makes of it depends on its version), repetitions of an anchor (^*), characters beyond ASCII. No topic's name
 * needs any of them. Read otherwise: \p{Lu} under (?i), of which PCRE2 10.42 takes the case to be meant. */
#pragma once

#include "slice.h"
#include "status.h"

/* Of one repetition, as in RE2. */
#define REGEX_REPETITION_MAX 1000

/* FURROW_MALFORMED, and what is wrong where, in bytes. */
MUST_USE int regex_syntax_check(slice expression, struct error *error);
