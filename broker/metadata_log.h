/* The metadata log: what topics there are, how they are configured, which producer ids were handed out, and what an
 * operator set at run time of brokers and groups. A compacted log of its own in DATA/__furrow_metadata-0, not a topic;
 * its records are declared in protocol/kafka/messages/metadata_log.txt.
 *
 * Happy path. A change becomes one record, appended and synced by the writer like any batch (changes that arrive
 * together share one sync); then it is taken into server->topics, and the caller's `done` is called. A topic's folders
 * are made by a pool job after its record is safe: at start, folders that are missing are made again.
 *
 * Deleting. The record first, then the folders are renamed to "….UUID-delete" and removed in the pool. A crash between
 * leaves folders whose topic id was deleted, or renamed ones: the next start removes both. A folder that no record
 * speaks of is left alone, with a warning.
 *
 * Failures. A record that cannot be written changes nothing, and done gets the status. Done may be called before the
 * function that took it has returned. */
#pragma once

#include "server.h"

/* error has words for people when status is not 0; valid during the call. */
typedef void metadata_done(void *context, int status, const struct error *error);

struct metadata_log;

/* Opens or makes the log, reads all of it, opens the logs of all partitions (recovering what needs it), and fills
 * server->topics and the run-time overrides of server->config. Blocking. */
MUST_USE int metadata_log_open(struct server *server, struct metadata_log **metadata, struct error *error);
/* Nothing may be under way. Does not close the topics. */
void metadata_log_close(struct metadata_log *metadata);
/* When the server serves: checkpoints that speak of logs that are gone, or not of those that were copied in, are put
 * right; and what is known of the time is saved, or a power cut could make what is stamped from now on look old. */
void metadata_log_note_started(struct metadata_log *metadata);
bool metadata_log_idle(const struct metadata_log *metadata);
struct log *metadata_log_log(const struct metadata_log *metadata);
struct clean_state *metadata_log_clean(struct metadata_log *metadata);
/* Not while the next start has to learn from its records whose the folders are that a deleted topic has left. */
bool metadata_log_may_be_compacted(const struct metadata_log *metadata);

/* The topic must not exist nor be in creation (-EEXIST). config is copied. */
void metadata_log_create_topic(struct metadata_log *metadata, slice name, const struct topic_config *config,
                               int32_t partitions, metadata_done *done, void *context);
/* True while a topic of this name is being made or its folders removed: the name is neither free nor usable. */
bool metadata_log_is_busy(const struct metadata_log *metadata, slice name);
/* Partitions of topics that are being made or grow. */
size_t metadata_log_planned_partitions(const struct metadata_log *metadata);
/* -EBUSY while it grows. Of a topic that is being deleted already: -ENOENT, as from the two below. */
void metadata_log_delete_topic(struct metadata_log *metadata, struct topic *topic, metadata_done *done, void *context);
/* partitions > the topic's, else -EINVAL; -EBUSY while it grows already. */
void metadata_log_add_partitions(struct metadata_log *metadata, struct topic *topic, int32_t partitions,
                                 metadata_done *done, void *context);
/* Replaces the topic's configuration by a copy of `config`. */
void metadata_log_set_topic_config(struct metadata_log *metadata, struct topic *topic,
                                   const struct topic_config *config, metadata_done *done, void *context);

/* ---- settings made at run time ---- */

enum settings_of {
    SETTINGS_OF_BROKER = 2, /* named by its id; all of the cluster: "" */
    SETTINGS_OF_GROUP = 3,  /* named by its id */
};

/* Those in force; NULL: none. */
const struct settings *metadata_log_settings(const struct metadata_log *metadata, enum settings_of of, slice name);
/* Those in force when all changes under way are: what the next change builds upon. NULL: none. */
const struct settings *metadata_log_planned_settings(const struct metadata_log *metadata, enum settings_of of,
                                                     slice name);
/* Replaces them by `settings`, which are taken over, and were checked. In force when `done` is called with status 0.
 * -EDQUOT: of too many groups. */
void metadata_log_set_settings(struct metadata_log *metadata, enum settings_of of, slice name,
                               struct settings *settings, metadata_done *done, void *context);
/* Calls `callback` for all that has settings in force; in no order. A non-zero return ends it and is returned. */
typedef int metadata_settings_callback(void *context, slice name, const struct settings *settings);
int metadata_log_list_settings(const struct metadata_log *metadata, enum settings_of of,
                               metadata_settings_callback *callback, void *context);

/* A producer has this id from elsewhere: it is not given out, nor any below it. */
void metadata_log_note_producer_id(struct metadata_log *metadata, int64_t id);
/* Takes `count` producer ids out of circulation for ever; *first is set before done is called with status 0. */
void metadata_log_reserve_producer_ids(struct metadata_log *metadata, int64_t count, int64_t *first,
                                       metadata_done *done, void *context);
