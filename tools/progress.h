/* One line on stderr that says how far long work has come, where stderr is a terminal; nothing elsewhere. */
#pragma once

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_shown; /* at all */
    bool is_drawn; /* a line stands on the terminal */
    int64_t drawn; /* ms of the monotonic clock */
};

void progress_init(struct progress *progress);
/* At most ten times a second. */
PRINTF_LIKE(2, 3) void progress_show(struct progress *progress, const char *format, ...);
/* Before anything else is printed, and at the end. */
void progress_clear(struct progress *progress);

/* "1.4 GB" */
const char *progress_bytes(char text[16], uint64_t bytes);
