/* The state of a run, and what its files share.
 *
 *     workload.c             the run: what happens next
 *     workload_server.c      starting, stopping, crashing; checkpoints; logs made and deleted
 *     workload_damage.c      bit rot
 *     workload_write.c       appending, syncing
 *     workload_read.c        reading, searching
 *     workload_trim.c        forgetting
 *     workload_compact.c     compacting
 *     workload_fly.c         executing what was begun, ending it
 *     workload_batch.c       the batches
 *     workload_model.c       what must hold
 *     workload_recovered.c   what must hold after a crash
 *     workload_transactions.c   and of transactions */
#pragma once

#include "data_folder.h"
#include "log_retention.h"
#include "log_trim.h"
#include "seeded_random.h"
#include "simulated_disk.h"
#include "workload.h"
#include "workload_batch.h"

#define MAX_PARTITIONS 4
#define MAX_READS      3
#define MAX_SYNCS      2
#define MAX_QUEUE      6

/* Operations under way: begun, perhaps executed, not ended. */

struct flying_write {
    struct log_write *write; /* NULL: none */
    bool executed;
    struct workload_append *appends[MAX_QUEUE];
    size_t count;
    size_t done; /* of them have their result */
    struct log_append *queue;
    bool failed; /* one of them has failed, so those behind it may be out of order */
};

struct flying_sync {
    struct log_sync *sync;
    int64_t end; /* of the log, at the begin */
    bool executed;
};

struct flying_read {
    struct log_read read;
    int64_t end;
    bool under_way;
    bool executed;
};

struct flying_find {
    struct log_find *find; /* NULL: none */
    int64_t timestamp;
    int64_t start; /* of the log, at the begin */
    int64_t end;
    bool executed;
};

struct flying_timestamps {
    struct log_timestamps *job; /* NULL: none */
    bool executed;
};

enum trim_stage { TRIM_BEGUN, TRIM_RENAMED, TRIM_REMOVED, TRIM_BUSY };

struct flying_trim {
    struct log_trim *trim; /* NULL: none */
    enum trim_stage stage;
};

struct flying_compaction {
    struct log_compaction *run; /* NULL: none */
    int64_t end;                /* it cleans nothing at or past it */
    bool executed;
    bool cancelled;
};

struct workload_partition {
    struct workload *w;
    char topic[16];
    char folder[DISK_PATH_MAX];
    struct log_config config;
    struct compaction_config cleaning;
    uint32_t keys;     /* of its records */
    bool transactions; /* some producers have them */
    struct log *log;
    struct model model;
    struct workload_producer producers[WORKLOAD_PRODUCERS];

    struct flying_write write;
    struct flying_sync syncs[MAX_SYNCS]; /* in the order of their begin, which is that of their execution */
    size_t sync_count;
    struct flying_read reads[MAX_READS];
    struct flying_find find;
    struct flying_timestamps timestamps;
    struct flying_trim trim;
    struct flying_compaction compaction;
    int64_t cleaned_end; /* as the broker knows it */
    int64_t saved_point; /* the recovery point that is certainly durable */
    bool exists;         /* the topic does, durably */
    bool is_made;        /* its files were, once: until then a start makes them again */
    bool lost;           /* a sync failed: what was written and not synced may be gone */
    bool is_syncing;     /* one is executed just now */
    bool wants_roll;     /* retention would take the active segment */
};

struct workload_damage {
    struct workload_partition *p;
    int64_t base_offset; /* of the batch */
    uint64_t position;   /* in the file */
    char path[DISK_PATH_MAX];
};

struct workload {
    struct memory memory;
    struct disk *disk;
    struct file_cache *files;
    struct data_folder *folder;
    struct data_folder_start start;
    struct log_environment environment;
    struct seeded_random random;
    int64_t now;
    struct workload_partition partitions[MAX_PARTITIONS];
    uint32_t partition_count;
    unsigned failing_percent; /* of steps */
    unsigned server_percent;  /* of steps: those that concern all logs */
    uint64_t content;
    struct workload_counts *counts;
    struct proven_time time;
    bool rots;  /* bits turn over */
    bool stale; /* the checkpoints may name a log that was deleted */
    struct error error;
    char message[400]; /* what does not hold */
};

static inline uint64_t below(struct workload *w, uint64_t limit)
{
    return random_below(&w->random, limit);
}

static inline bool chance(struct workload *w, unsigned percent)
{
    return random_chance(&w->random, percent);
}

bool workload_fail(struct workload *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* As workload_fail, with the partition's folder; its model has the words. */
bool partition_fail(struct workload_partition *p);

/* The calls from here on may fail, or the power may go; and no more. */
void workload_arm(struct workload *w);
void workload_disarm(struct workload *w);

/* ---- starting and stopping ---- */

/* Until it succeeds, with failures on the way. */
bool workload_start(struct workload *w);
/* The process dies, with the power or without. Ends in a start, checked. */
bool workload_crash(struct workload *w, bool cut_power);
bool workload_restart(struct workload *w);
/* Without `durable` a power cut may bring the old files back. */
bool workload_save_points(struct workload *w, bool durable);
bool workload_make(struct workload_partition *p);
bool workload_delete(struct workload_partition *p);
/* Frees; nothing is checked. */
void workload_shut(struct workload *w);

/* A batch to be damaged, while the log is open; false: none. And the damage itself, while no log is. */
bool workload_plan_damage(struct workload_partition *p, struct workload_damage *damage);
void workload_do_damage(const struct workload_damage *damage);

/* ---- steps of operations: one of them a call ---- */

bool workload_step_write(struct workload_partition *p);
bool workload_step_sync(struct workload_partition *p);
bool workload_step_read(struct workload_partition *p, struct flying_read *flying);
bool workload_step_find(struct workload_partition *p);
bool workload_step_timestamps(struct workload_partition *p);
bool workload_step_trim(struct workload_partition *p);
bool workload_step_compaction(struct workload_partition *p);
bool workload_send_again(struct workload_partition *p);
bool workload_set_start(struct workload_partition *p, int64_t offset);
bool workload_delete_records(struct workload_partition *p);
bool workload_retain(struct workload_partition *p);

/* ---- what other threads do: one operation that was begun ---- */

void workload_execute_write(struct workload_partition *p);
/* The first that waits for it; false: none does. */
bool workload_execute_sync(struct workload_partition *p);
void workload_execute_read(struct workload_partition *p, struct flying_read *flying);
void workload_execute_find(struct workload_partition *p);
void workload_execute_timestamps(struct workload_partition *p);
void workload_execute_trim(struct workload_partition *p);
void workload_execute_compaction(struct workload_partition *p);
/* Whichever waits for it. */
void workload_execute_any(struct workload_partition *p);

/* -EIO, -ENOSPC and what follows from them. */
bool workload_is_disk_failure(int status);
/* False when a sync has failed: then what is read may be anything, until a start has looked at it. */
bool workload_is_whole(struct workload_partition *p);

/* All that is under way comes to its end: in order and checked, or dropped, as when the process dies. */
bool workload_finish(struct workload_partition *p);
void workload_drop(struct workload_partition *p);
void workload_drop_write(struct workload_partition *p);
void workload_drop_compaction(struct workload_partition *p);

/* The producers go on where the log says they are. */
void workload_reset_producers(struct workload_partition *p);
/* From the log's start to its end, into a block of the ledger (MEMORY_REQUESTS). */
int workload_read_all(struct workload_partition *p, uint8_t **bytes, size_t *size);
bool workload_check_whole(struct workload_partition *p);
