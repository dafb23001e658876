/* One alteration: the resource is found, changed entry by entry in a copy, checked as a whole, and given to the
 * metadata log. Each kind of resource has a file (alter_topic.c, alter_broker.c, alter_group.c, alter_logger.c);
 * alteration.c leads them. */
#pragma once

#include "metadata_log.h"
#include "operations/alteration.h"
#include "server.h"

struct alteration_kind;

struct alteration {
    struct server *server;
    struct arena *arena;
    const struct alteration_kind *kind; /* NULL: the type of resource is unknown */
    slice name;                         /* the resource's */
    bool replaces;                      /* begins with nothing set */
    struct topic *topic;                /* of a topic */
    struct topic_config config;         /* its new one */
    struct settings settings;           /* of a broker or a group: the new ones */
    enum config_level level;            /* of a broker */
    int log_level;                      /* of a logger: the new one; -1: as it is */
};

/* Those that give a code: KAFKA_NONE, or words in *error. */
struct alteration_kind {
    /* Finds the resource and copies its settings. */
    int16_t (*open)(struct alteration *alteration, struct error *error);
    /* One entry; value is null for ALTER_DELETE alone. */
    int16_t (*change)(struct alteration *alteration, enum alter_operation operation, slice name, slice value,
                      struct error *error);
    /* NULL: there is nothing to check. */
    int16_t (*check)(const struct alteration *alteration, struct error *error);
    void (*submit)(struct alteration *alteration, struct change_call *call);
    void (*close)(struct alteration *alteration);
};

extern const struct alteration_kind alteration_of_topic;
extern const struct alteration_kind alteration_of_broker;
extern const struct alteration_kind alteration_of_group;
extern const struct alteration_kind alteration_of_logger;

/* The words, then the value behind a colon. */
int16_t alter_refuse(struct error *error, int16_t code, const char *words, slice value);

/* `current` (text, not null) with what `value` adds or takes away; in the arena. */
int16_t alter_list(struct alteration *alteration, enum alter_operation operation, slice current, slice value,
                   slice *changed, struct error *error);
