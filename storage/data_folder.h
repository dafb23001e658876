/* The data folder: what stands beside the logs in DATA, in Kafka's own formats.
 *
 *     .lock                              held while a server runs (fcntl; disk-independent, see data_folder_lock)
 *     meta.properties                    version=1, cluster.id, node.id, directory.id
 *     .kafka_cleanshutdown               written by a clean stop, removed at start
 *     recovery-point-offset-checkpoint   what was synced, per partition
 *     log-start-offset-checkpoint        where logs start that do not start at their first segment
 *     cleaner-offset-checkpoint          how far compaction has come, per partition
 *     furrow-clock-checkpoint            how much time has certainly passed (proven_time.h); not needed
 *     furrow.properties                  version=1, leader.epoch: raised durably at each unclean start, so that every
 *                                        log's leader epoch rises before its first append and never goes back (KIP-320)
 *
 * A folder that holds none of these is taken only when it is empty. One of a newer version is refused and untouched,
 * one of an older version is upgraded in place: data_folder_version.h has the rule. */
#pragma once

#include "checkpoint.h"
#include "file.h"
#include "uuid.h"

struct data_folder;

/* What a start found. */
struct data_folder_start {
    bool fresh;           /* the folder was empty */
    bool clean;           /* fresh, or the last stop was clean */
    int32_t leader_epoch; /* of this run */
    bool offsets_lost;    /* a checkpoint was damaged and counts as missing; the start is unclean then */
    char cluster_id[UUID_TEXT_SIZE];
    int32_t node_id;
    int32_t version; /* of the folder as it was found; 0: Kafka's own */
};

/* Reads or makes everything above; removes the clean mark once it is noted. random: 32 bytes for the ids of a fresh
 * folder. A folder that Kafka wrote is taken as well. Errors: FURROW_WRONG_VERSION, FURROW_CORRUPT, -ENOTEMPTY (not
 * ours), -EINVAL (another node's), the disk's; words say what the user can do. */
MUST_USE int data_folder_open(struct disk *disk, int32_t node_id, const uint8_t random[32], struct data_folder **folder,
                              struct data_folder_start *start, struct error *error);
/* As data_folder_open of a folder that is there, whichever node's, but changes nothing; start->leader_epoch is that of
 * the last run. -ENOENT: it has no meta.properties. */
MUST_USE int data_folder_look(struct disk *disk, struct data_folder **folder, struct data_folder_start *start,
                              struct error *error);
void data_folder_close(struct data_folder *folder);

/* Takes DATA/.lock; FURROW_IN_USE when another process holds it, Kafka included. Call before data_folder_open.
 * *descriptor is closed by the caller at the very end. Also makes DATA when it is missing (and only its last
 * component); leaves a folder alone that is not ours (-ENOTEMPTY). */
MUST_USE int data_folder_lock(const char *root, int *descriptor, struct error *error);

/* For those who only read a folder that no server may change meanwhile: FURROW_IN_USE when one runs; others may read at
 * the same time. Makes nothing; *descriptor is -1 where no server was ever started. */
MUST_USE int data_folder_lock_to_read(const char *root, int *descriptor, struct error *error);

/* For a log that was seen with a higher leader epoch than this run's (a folder that Kafka wrote): makes `epoch`
 * durable, if it is higher, so that the next unclean start goes past it. */
MUST_USE int data_folder_raise_leader_epoch(struct disk *disk, struct data_folder *folder, int32_t epoch,
                                            struct error *error);

/* From the checkpoints read at open; -1 when they do not name it. */
int64_t data_folder_recovery_point(const struct data_folder *folder, slice topic, int32_t partition);
int64_t data_folder_log_start(const struct data_folder *folder, slice topic, int32_t partition);
int64_t data_folder_cleaned_end(const struct data_folder *folder, slice topic, int32_t partition);
/* Frees them: of no use once the logs are open. */
void data_folder_drop_offsets(struct data_folder *folder);

/* Value-only jobs for any thread: replace the checkpoint files (synced, renamed). They outlive a power cut for certain
 * once data_folder_sync_names has been called. */
MUST_USE int data_folder_write_recovery_points(struct disk *disk, const struct checkpoint_offset *offsets, size_t count,
                                               struct error *error);
MUST_USE int data_folder_write_log_starts(struct disk *disk, const struct checkpoint_offset *offsets, size_t count,
                                          struct error *error);
MUST_USE int data_folder_write_cleaned_ends(struct disk *disk, const struct checkpoint_offset *offsets, size_t count,
                                            struct error *error);
MUST_USE int data_folder_sync_names(struct disk *disk, struct error *error);
/* The last write of a clean stop. */
MUST_USE int data_folder_mark_clean(struct disk *disk, struct error *error);
/* Durably; what a start does first. */
MUST_USE int data_folder_remove_clean_mark(struct disk *disk, struct error *error);

/* "orders-0"; ':' of a topic is written "%3A". Errors: -EINVAL for a character that no topic has, -ENAMETOOLONG when it
 * has more than the 255 bytes of a file's name (a topic with very many ':'). */
MUST_USE int partition_folder_name(slice topic, int32_t partition, char folder[DISK_PATH_MAX]);
/* The reverse; false for other names. *topic is written to the buffer. */
bool partition_folder_parse(const char *folder, char topic[DISK_PATH_MAX], int32_t *partition);
