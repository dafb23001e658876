/* Appending batches to partitions.
 *
 * One request appends one batch to each of its partitions. A batch is checked as Kafka checks it, put into the form
 * that the topic's configuration asks for, and queued on its partition; what was queued in one turn of the loop becomes
 * one write. The order of a partition's batches is the order of the requests.
 *
 * The caller owns the request and the batches' bytes until `done`; the bytes are stamped in place. `done` is called
 * once, never from within append_start. A part's topic is held until the part has its result. */
#pragma once

#include "arena.h"
#include "histogram.h"
#include "kafka/error_code.h"
#include "operations/environment.h"

enum append_acks {
    APPEND_ACKS_NONE,   /* as LEADER; the caller answers nothing */
    APPEND_ACKS_LEADER, /* done when the operating system has it */
    APPEND_ACKS_ALL,    /* done when the disk has it */
};

/* Who made the batches. A coordinator's may be transactional or control batches, whatever state the producer's
 * transaction is in, and carry no sequence; they are never compressed anew. */
enum append_origin { APPEND_FROM_CLIENT, APPEND_FROM_COORDINATOR };

struct append_record_error {
    int32_t index; /* of the record in the batch */
    slice words;   /* from the request's arena */
};

struct append_preparation;

struct append_part {
    /* Asked; zero what is not set */
    struct partition *partition; /* NULL: `error` is set already, the part is passed over */
    uint8_t *batch;
    size_t size;         /* bytes: exactly one batch, or the part fails */
    bool in_transaction; /* the batch's partition is in its producer's transaction; a transactional one fails without */

    /* Found */
    enum kafka_error error;
    slice words;             /* what is wrong, for people; null when the code says it all */
    int64_t base_offset;     /* -1 on error; of the first time when the batch was written before (idempotence) */
    int64_t log_append_time; /* ms; -1 when records keep their create time */
    int64_t log_start;       /* -1 on error, unless it is about a record or the sequence: as Kafka */
    struct append_record_error *record_errors;
    int32_t record_error_count;

    /* Private */
    struct log_append entry;
    struct append_request *request;
    struct append_preparation *preparation; /* while the batch is looked into, and while its output is needed */
    struct append_part *next_held;
    bool is_ready; /* of those held: may be queued when those before it are; of a sync: it made the partition's state */
};

struct append_request {
    /* Asked */
    struct append_part *parts;
    int32_t part_count;
    enum append_acks acks;
    enum append_origin origin;
    bool refuse_zstd;    /* the sender's protocol is older than the codec (Produce before v7) */
    struct arena *arena; /* for words and record errors */
    void (*done)(struct append_request *request);
    void *context;

    /* Private */
    int32_t pending;                  /* parts without a result */
    uint64_t begun;                   /* ns of uv_hrtime */
    struct histogram *times;          /* what it is counted in; NULL: nothing */
    struct append_request *next_done; /* all parts were refused at once */
};

MUST_USE int append_service_open(struct operations *operations, struct append_service **service, struct error *error);
/* Nothing may be under way. The service is freed by a later turn of the loop, which must run until then. */
void append_service_close(struct append_service *service);
/* From append_start to done, of requests that appended something. */
const struct histogram *append_service_times(const struct append_service *service);
bool append_service_idle(const struct append_service *service);

void append_start(struct append_service *service, struct append_request *request);
/* Appends nothing: done when all that stands before base_offset (asked, here) of each part's partition is on the disk;
 * the other fields of a part are zero. A part's error: that it could not be brought there. */
void append_start_sync(struct append_service *service, struct append_request *request);

/* Closes the segment that a partition appends to, between two writes; nothing when that is empty. */
struct append_roll {
    struct partition *partition;
    void (*done)(struct append_roll *roll, int status); /* perhaps from within append_roll_start */
};

/* One at a time for each partition: -EBUSY. */
void append_roll_start(struct append_service *service, struct append_roll *roll);
