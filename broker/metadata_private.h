/* What the metadata log's parts share: metadata_load.c reads it at start, metadata_log.c appends changes to it
 * afterwards, metadata_apply.c does what they say. */
#pragma once

#include "batch_builder.h"
#include "checkpoints.h"
#include "cleaner.h"
#include "kafka/messages.h"
#include "metadata_log.h"

#define METADATA_BUSY_LISTS 64

#define METADATA_FOLDER     "__furrow_metadata-0"

/* Of a record's key. */
enum metadata_kind {
    METADATA_TOPIC = 0,
    METADATA_PRODUCER_IDS = 1,
    METADATA_BROKER_SETTINGS = SETTINGS_OF_BROKER,
    METADATA_GROUP_SETTINGS = SETTINGS_OF_GROUP,
};

enum change_kind { CREATE, DELETE, GROW, CONFIGURE, PRODUCER_IDS, SET };

/* A deleted topic, a folder of which is still there: it could be neither renamed nor removed. Read by jobs, too: never
 * changed, and freed with the metadata log. */
struct leftover {
    struct uuid id;
    const struct leftover *next;
};

/* Of a topic whose deletion was found in the log. Another one may have it by now. */
struct deleted_name {
    slice name;
    struct deleted_name *next;
};

/* One change from its request to `done`. */
struct metadata_change {
    struct metadata_log *metadata;
    enum change_kind kind;
    struct log_append append; /* its record, in the log's queue or write */
    writer record;
    metadata_done *done;
    void *context;
    int status;
    struct error error;

    struct topic *topic;        /* held; NULL for CREATE until it is made, and for PRODUCER_IDS */
    struct topic_config config; /* CREATE: the new topic's; CONFIGURE: the one before, in case the write fails */
    struct metadata_change *earlier, *later; /* CONFIGURE, SET: under way too, for the same one */
    char *name;                              /* CREATE */
    size_t name_size;
    struct uuid id;
    int32_t first_partition; /* CREATE, GROW: the folders to make are [first, end) */
    int32_t end_partition;
    int32_t planned; /* CREATE, GROW: partitions that count as planned meanwhile */

    struct set_resource *resource; /* SET: whose settings */
    struct settings settings;      /* SET: the new ones; once applied, those before */

    const struct leftover *leftovers;     /* CREATE, GROW: as they were when the job began */
    struct job job;                       /* makes or removes folders */
    struct cleaner_wait compaction;       /* DELETE: of one of the topic's partitions */
    struct checkpoint_request checkpoint; /* behind that */
    bool is_busy;                         /* in the list below */
    struct metadata_change *next_busy;
};

struct metadata_log {
    struct server *server;
    struct log *log;
    struct clean_state clean;
    int64_t next_producer_id; /* the first never handed out, as the newest record says */
    struct log_append *queue; /* records that wait for the next write */
    struct log_append **queue_tail;
    struct log_append *written; /* records that wait for the disk */
    struct writer_job job;      /* the write or the sync under way */
    bool is_writing;            /* until the sync behind the write is done */
    int sync_retries;
    /* Whose topic's name is being created or removed, by the name's hash: a request may name thousands. */
    struct metadata_change *busy[METADATA_BUSY_LISTS];
    size_t planned_partitions; /* of topics that are being made or grow */
    /* Those with settings, in force or under way, by name */
    struct set_resource *set_brokers;
    struct set_resource *set_groups;
    size_t set_bytes;           /* that they take, without their settings, and that changes under way take */
    struct arena deleted_names; /* until the start is over */
    struct deleted_name *deleted;
    const struct leftover *leftovers;
    bool has_leftovers; /* also when there was no memory to list one */
    struct checkpoint_request start_checkpoint;
    unsigned under_way; /* changes, their folder jobs included */
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

/* Folders of that deleted topic are still there. */
void metadata_note_leftover(struct metadata_log *metadata, struct uuid id);
void metadata_free_leftovers(struct metadata_log *metadata);

/* ---- one change, from its request to done ---- */

/* The topic's name. */
slice metadata_change_name(const struct metadata_change *change);
/* A name is busy from the request to create it until its folders are there, and while a deleted topic's folders go. */
void metadata_set_busy(struct metadata_change *change);
/* The record is safe. Ends the change, now or later. */
void metadata_apply(struct metadata_change *change);
/* The record could not be written: back to what was before it was queued. */
void metadata_revert(struct metadata_change *change);
/* The topic's logs follow its configuration. */
void metadata_use_config(struct topic *topic);
/* Calls done and frees. */
void metadata_end_change(struct metadata_change *change);

/* For the files that make changes. NULL when out of memory: done was called. */
struct metadata_change *metadata_new_change(struct metadata_log *metadata, enum change_kind kind, metadata_done *done,
                                            void *context);
/* Queues the change's record; `encoded` is what became of its encoding. */
void metadata_submit(struct metadata_change *change, int encoded);
void metadata_refuse(struct metadata_change *change, int status, const char *why);

/* Those under way for one topic or resource; `newest` is the last of them, NULL when there is none. */
void metadata_link_change(struct metadata_change *change, struct metadata_change **newest);
/* Also of one that was never linked. */
void metadata_unlink_change(struct metadata_change *change, struct metadata_change **newest);

/* ---- settings, metadata_settings.c ---- */

/* Of a record; its value is null where nothing is set any more. */
MUST_USE int metadata_load_settings(struct metadata_log *metadata, enum settings_of of, slice name, slice record,
                                    struct arena *arena);
/* When all records are read: the configuration follows them. */
void metadata_settings_loaded(struct metadata_log *metadata);
/* The change's record is safe. */
void metadata_apply_settings(struct metadata_change *change);
/* Before a change ends, whatever became of it. */
void metadata_end_settings(struct metadata_change *change);
void metadata_free_settings(struct metadata_log *metadata);
