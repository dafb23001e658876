/* What config.c and its sources share. */
#pragma once

#include "config.h"

struct config_value {
    char *text; /* from the ledger; NULL: the default */
    enum config_source source;
};

struct config {
    struct memory *memory;
    struct config_value values[CONFIG_KEY_COUNT]; /* as the server was started */
    const struct settings *changes[2];            /* since then, of CONFIG_OF_BROKER and CONFIG_OF_CLUSTER; or NULL */
    int64_t numbers[CONFIG_KEY_COUNT];            /* of the texts in force; 0 where there is none */
    char *sized[CONFIG_KEY_COUNT]; /* defaults worked out from the machine, or from other keys; NULL: none */
};

/* Puts `number` in the place of the key's default. -ENOMEM. */
MUST_USE int config_set_default(struct config *config, enum config_id id, int64_t number);
MUST_USE int config_size_defaults(struct config *config, const struct machine *machine);
/* The number follows the text in force. */
void config_refresh(struct config *config, int id);
