/* What the offset index and the time index share: a file of sorted entries of one size. */
#pragma once

#include "file.h"

#define INDEX_ENTRY_MAX 12 /* bytes of the largest kind */

struct index_kind {
    const char *name; /* for words: "offset index" */
    size_t entry_size;
    bool (*is_zero)(const uint8_t *entry);  /* never written: of the zero tail of a preallocated file */
    int64_t (*key)(const uint8_t *entry);   /* what it is sorted by */
    bool (*is_valid)(const uint8_t *entry); /* on its own */
};

/* Entries of the file; a torn or zero tail is not counted. `last` is set when there are any. */
MUST_USE int index_file_count(const struct index_kind *kind, struct file *file, uint32_t *entries,
                              uint8_t last[INDEX_ENTRY_MAX], struct error *error);

/* The last of `entries` whose key is at most `key`: 1 with `entry` set, 0 when there is none. FURROW_CORRUPT when an
 * entry on the way is out of order. */
MUST_USE int index_file_find(const struct index_kind *kind, struct file *file, uint32_t entries, int64_t key,
                             uint8_t entry[INDEX_ENTRY_MAX], struct error *error);

/* Called for each entry in order; words (without the entry's number) when it is wrong, else NULL. */
typedef const char *index_file_verdict(void *context, const uint8_t *entry);
/* Reads all: the size is whole entries and the verdict has no words. */
MUST_USE int index_file_check(const struct index_kind *kind, struct file *file, uint32_t entries,
                              index_file_verdict *verdict, void *context, struct error *error);

/* Writes behind `entries` and cuts what stood there. */
MUST_USE int index_file_append(const struct index_kind *kind, struct file *file, uint32_t entries, slice bytes,
                               struct error *error);
