/* The entries of one offset checkpoint (checkpoint.h) in memory, to be looked up by topic and partition: the file's own
 * text and a sorted array into it. */
#pragma once

#include "checkpoint.h"

struct offset_table {
    uint8_t *text;
    size_t text_size;
    struct checkpoint_offset *entries; /* sorted; their topics point into the text */
    size_t count;
    size_t capacity;
};

/* `table` is empty before (all zero), and after a failure. -ENOENT when the file is not there; errors of parsing. */
MUST_USE int offset_table_read(struct offset_table *table, struct disk *disk, const char *path, struct error *error);
void offset_table_close(struct offset_table *table, struct memory *memory);

/* -1 when it is not there. */
int64_t offset_table_find(const struct offset_table *table, slice topic, int32_t partition);
