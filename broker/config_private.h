/* What config.c and its sources share. */
#pragma once

#include "config.h"

struct config_value {
    char *text; /* from the ledger; NULL: the default */
    int64_t number;
    enum config_source source;
};

struct config {
    struct memory *memory;
    struct config_value values[CONFIG_KEY_COUNT];
    char *sized[CONFIG_KEY_COUNT]; /* defaults worked out from the machine, or from other keys; NULL: none */
};

/* Puts `number` in the place of the key's default. -ENOMEM. */
MUST_USE int config_set_default(struct config *config, enum config_id id, int64_t number);
MUST_USE int config_size_defaults(struct config *config, const struct machine *machine);
