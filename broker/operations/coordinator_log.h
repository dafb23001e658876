/* The log of a coordinator: partition 0 of an internal topic, compacted, in small segments, made when the coordinator
 * needs it first. While it is made, batches wait in order; if that fails, they do, and the next one tries again. */
#pragma once

#include "config.h"
#include "coordinator_batch.h"
#include "kafka/error_code.h"
#include "log_records.h"
#include "operations/turn_end.h"

struct server;
struct partition;

struct coordinator_log {
    /* Given to coordinator_log_init */
    struct server *server;
    const char *topic;
    enum config_id segment_bytes; /* the setting of a topic that is made */
    const char *subsystem;        /* of log lines */
    enum memory_purpose purpose;
    /* Once for each batch, never from within coordinator_log_append */
    void (*appended)(struct coordinator_log *log, struct coordinator_batch *batch, enum kafka_error error);

    /* Private */
    struct memory *memory;
    bool is_creating;
    struct coordinator_batch *waiting; /* for the topic */
    struct coordinator_batch **waiting_tail;
    struct coordinator_batch *failed; /* to be told at the turn's end */
    struct turn_end turn_end;
    void (*closed)(struct coordinator_log *log);
};

void coordinator_log_init(struct coordinator_log *log);
/* Nothing is under way; `closed` is called by a later turn of the loop. */
void coordinator_log_close(struct coordinator_log *log, void (*closed)(struct coordinator_log *log));
bool coordinator_log_idle(const struct coordinator_log *log);

/* NULL while there is none. */
struct partition *coordinator_log_partition(const struct coordinator_log *log);
void coordinator_log_append(struct coordinator_log *log, struct coordinator_batch *batch);
/* Makes the topic, if it is not there. */
void coordinator_log_prepare(struct coordinator_log *log);

/* All batches, in order; before that, a topic that Apache Kafka made with many partitions is taken over
 * (coordinator_takeover.h). Blocking. FURROW_OFFLINE: there is a topic, and it cannot be read. Others: as
 * coordinator_takeover and log_for_each_batch. */
MUST_USE int coordinator_log_read(struct coordinator_log *log, log_batch_callback *callback, void *context,
                                  struct error *error);
