/* The server's configuration: Kafka's own key names where Kafka has the thing.
 *
 * One table (config_keys.h) declares each key once. A value comes from, strongest first: an operator's change at run
 * time (of this broker, then of the cluster), --set, a FURROW_KEY_NAME variable of the environment (dots become
 * underscores), the properties file, the default. Some defaults are worked out from the machine. Texts are kept as they
 * were set, and typed values beside them.
 *
 * Where Kafka has one thing under several keys (log.retention.ms, .minutes, .hours), the most precise one that is set
 * decides, and the .ms key reads as that value. */
#pragma once

#include "config_keys.h"
#include "machine.h"
#include "memory.h"
#include "setting_check.h"
#include "settings.h"
#include "slice.h"

enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_ARGUMENT,
    CONFIG_FROM_CLUSTER, /* changed at run time for all brokers of the cluster; kept in the metadata log, like */
    CONFIG_FROM_BROKER,  /* changed for this one */
};

/* Where a key can be set, strongest first. */
enum config_level { CONFIG_OF_BROKER, CONFIG_OF_CLUSTER, CONFIG_OF_START, CONFIG_OF_DEFAULT, CONFIG_LEVELS };

struct config_key {
    const char *name;
    enum setting_type type;
    const char *default_text; /* NULL: unset, or worked out from the machine */
    int64_t min, max;         /* of SETTING_INT and SETTING_LONG */
    const char *valid;        /* the values of SETTING_STRING and SETTING_LIST, "a,b,c"; NULL: any */
    const char *documentation;
};

struct config;

/* All defaults. NULL when out of memory. */
MUST_USE struct config *config_create(struct memory *memory, const struct machine *machine);
void config_destroy(struct config *config);

/* -ENOENT for an unknown key (the words name the nearest known one), -EINVAL for a value that the key does not take,
 * -ENOMEM. A weaker source than that of the present value changes nothing. */
MUST_USE int config_set(struct config *config, slice name, slice value, enum config_source source, struct error *error);
/* "key=value", as on the command line. */
MUST_USE int config_set_argument(struct config *config, const char *argument, struct error *error);

/* A properties file's text: key=value or key: value, comments by # or !, a line goes on after a backslash at its end.
 * The words of an error name `file` and the line. */
MUST_USE int config_read(struct config *config, const char *file, slice text, struct error *error);
MUST_USE int config_read_file(struct config *config, const char *path, struct error *error);

/* Takes every FURROW_ variable of `environment` ("NAME=value", ended by NULL). For one that is no key's, `unknown` is
 * called with its name. */
typedef void config_unknown(void *context, const char *variable);
MUST_USE int config_read_environment(struct config *config, char *const *environment, config_unknown *unknown,
                                     void *context, struct error *error);

/* After all sources: works out what follows from several keys, and checks what holds between them. -EINVAL. */
MUST_USE int config_finish(struct config *config, struct error *error);

/* After config_finish, when the disk is known: defaults that follow its size. -ENOMEM. */
MUST_USE int config_size_to_disk(struct config *config, uint64_t total_bytes);
/* What the segments have, and what is free beside them. */
MUST_USE int config_size_retention(struct config *config, uint64_t held, uint64_t free);

/* ---- by index, for the server itself ---- */

int64_t config_number(const struct config *config, enum config_id id); /* SETTING_INT, SETTING_LONG */
double config_decimal(const struct config *config, enum config_id id); /* SETTING_DOUBLE; 0 when unset */
bool config_flag(const struct config *config, enum config_id id);      /* SETTING_BOOLEAN */
/* "" when unset. */
const char *config_string(const struct config *config, enum config_id id);

/* ---- by name and as text, for DescribeConfigs and for what inherits ---- */

/* Index into the table, -1 when there is no such key. */
int config_find(slice name);
const struct config_key *config_key(int id);
/* The text in force; NULL when unset or unknown. Valid until the key is set again. */
const char *config_text(const struct config *config, const char *name);
const char *config_text_at(const struct config *config, int id);
enum config_source config_source_at(const struct config *config, int id);
/* The level that decides. */
enum config_level config_level_at(const struct config *config, int id);
/* What is set at that level; NULL when nothing is. Defaults include the machine's share. */
const char *config_text_of(const struct config *config, int id, enum config_level level);

/* ---- changes at run time ---- */

/* Whether the key may be changed while the server runs. */
bool config_is_dynamic(int id);
/* Whether such a key takes the value. -EINVAL with Kafka's words. */
MUST_USE int config_check_change(int id, slice value, struct error *error);
/* From now on these hold at the level, CONFIG_OF_BROKER or CONFIG_OF_CLUSTER; NULL: none do. They are borrowed and were
 * checked. Again after each change of them. */
void config_use_changes(struct config *config, enum config_level level, const struct settings *changes);

/* The known key that is written most like `name`; NULL when none comes near. */
const char *config_nearest(slice name);
