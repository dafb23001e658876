/* What the metadata log's two halves share: metadata_load.c reads it at start, metadata_log.c changes it afterwards. */
#pragma once

#include "batch_builder.h"
#include "kafka/messages.h"
#include "metadata_log.h"

#define METADATA_FOLDER "__furrow_metadata-0"

/* Of a record's key. */
enum metadata_kind { METADATA_TOPIC = 0, METADATA_PRODUCER_IDS = 1, METADATA_BROKER_CONFIG = 2 };

struct metadata_change;

struct metadata_log {
    struct server *server;
    struct log *log;
    int64_t next_producer_id; /* the first never handed out, as the newest record says */
    struct log_append *queue; /* records that wait for the next write */
    struct log_append **queue_tail;
    struct writer_job job; /* the write under way */
    bool is_writing;
    struct metadata_change *busy; /* whose topic's name is being created or removed */
    unsigned under_way;           /* changes, their folder jobs included */
};

/* Appends one record, as a batch of its own, to `w`. value_type NULL: a deletion. */
MUST_USE int metadata_encode(writer *w, enum metadata_kind kind, slice name, const struct message_type *value_type,
                             const void *value, int64_t now);

/* Fills server->topics and next_producer_id from the log, then opens every partition's log. */
MUST_USE int metadata_load(struct metadata_log *metadata, struct error *error);

/* Opens the log of one partition whose folder exists; logs what recovery did. */
MUST_USE int metadata_open_partition(struct server *server, struct topic *topic, int32_t index, bool is_new,
                                     struct error *error);

/* Renames a partition's folder out of the way and removes it: a value-only job. */
MUST_USE int metadata_remove_folder(struct disk *disk, const char *folder, const char *unique, struct error *error);
