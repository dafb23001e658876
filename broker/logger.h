/* The server's log: one line an event, to stderr.
 *
 *     2026-11-21T07:39:48.120Z WARN metadata partition=orders-0 the folder was missing and is made anew
 *
 * The format gives the key=value pairs and then the text. Never a secret. What comes from outside is put in through
 * log_quote, so that no peer can forge a line; control characters that slip through are escaped all the same. Any
 * thread may log; a line is one write. */
#pragma once

#include "slice.h"
#include "status.h"

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_LINE_MAX 1024 /* longer lines are cut at the end */

/* Keeps a kind of line that a hostile peer can cause from filling the log: a burst, then a few a second; how many were
 * held back stands in the next line that is written. Zeroed to begin with; belongs to one thread. */
struct log_limit {
    int64_t window_start; /* ms */
    uint32_t written;     /* in this window */
    uint32_t held_back;   /* since the last line written */
};

struct logger {
    _Atomic int level;    /* the lowest enum log_level that is written */
    int descriptor;       /* where lines go */
    int64_t (*now)(void); /* ms since 1970; tests put their own */
};

void logger_init(struct logger *logger, int descriptor, enum log_level level);
void logger_set_level(struct logger *logger, enum log_level level);
enum log_level logger_level(struct logger *logger);
/* "debug", "info", "warn", "error", in any case. */
bool log_level_parse(slice text, enum log_level *level);
const char *log_level_text(enum log_level level);

PRINTF_LIKE(4, 5)
void log_line(struct logger *logger, enum log_level level, const char *subsystem, const char *format, ...);
/* As log_line, unless the limit holds it back. */
PRINTF_LIKE(5, 6)
void log_line_limited(struct logger *logger, struct log_limit *limit, enum log_level level, const char *subsystem,
                      const char *format, ...);

#define log_debug(logger, subsystem, ...) log_line(logger, LOG_DEBUG, subsystem, __VA_ARGS__)
#define log_info(logger, subsystem, ...)  log_line(logger, LOG_INFO, subsystem, __VA_ARGS__)
#define log_warn(logger, subsystem, ...)  log_line(logger, LOG_WARN, subsystem, __VA_ARGS__)
#define log_error(logger, subsystem, ...) log_line(logger, LOG_ERROR, subsystem, __VA_ARGS__)

/* A value from outside as it may stand in a line: in quotes when it has a space, a quote, '=' or nothing; what is not
 * printable ASCII as \xHH; cut with "..." when longer than the buffer. */
#define LOG_QUOTE_MAX 160
struct log_text {
    char text[LOG_QUOTE_MAX];
};
struct log_text log_quote(slice value);
