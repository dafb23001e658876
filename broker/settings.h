/* Settings that somebody has made: of a topic, of a group, of a broker at run time. What is not among them is
 * inherited.
 *
 * A key is an index into its owner's table of keys. Texts are kept as they were set. */
#pragma once

#include "memory.h"
#include "slice.h"
#include "status.h"

struct setting {
    uint16_t key;
    char *text; /* from the ledger, NUL-terminated */
};

/* All zero: none. */
struct settings {
    struct setting *items; /* in no order */
    uint16_t count;
    uint16_t capacity;
};

/* The text of a key; NULL when it is not set. */
const char *settings_find(const struct settings *settings, int key);
/* -ENOMEM: nothing has changed. */
MUST_USE int settings_set(struct settings *settings, struct memory *memory, int key, slice value);
/* False when it was not set. */
bool settings_unset(struct settings *settings, struct memory *memory, int key);
MUST_USE int settings_copy(struct settings *to, const struct settings *from, struct memory *memory);
/* None are left. */
void settings_close(struct settings *settings, struct memory *memory);
