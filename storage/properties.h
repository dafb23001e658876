/* Small files of key=value lines, as Java's Properties reads them (without its escapes). */
#pragma once

#include "file.h"

struct properties {
    const char *path; /* for words */
    uint8_t *text;
    size_t size;
};

/* -ENOENT when the file is not there. Closed with properties_close. */
MUST_USE int properties_read(struct disk *disk, const char *path, struct properties *properties, struct error *error);
void properties_close(struct properties *properties, struct memory *memory);

/* Null when there is none; the last one counts, as in Java. A slice of the file's text. */
slice properties_find(const struct properties *properties, const char *name);
/* A whole number from 0 to INT32_MAX - 1. FURROW_CORRUPT with words when it is none, or missing. */
MUST_USE int properties_number(const struct properties *properties, const char *name, int32_t *number,
                               struct error *error);
