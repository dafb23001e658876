/* A coordinator of transactions without a server: its log is a list of batches, and each of them, like the end of a
 * decided transaction, waits until the test lets it happen; time goes by hand. */
#pragma once

#include "check.h"
#include "transaction/transaction_coordinator.h"

#define WAITING_MAX              16
#define LOG_MAX                  512
#define TRANSACTION_FIXTURE_WALL 1700000000000

struct transaction_fixture {
    struct memory memory;
    struct transaction_limits limits;
    struct transaction_coordinator *coordinator;
    struct transaction_time now;
    struct coordinator_batch *appends[WAITING_MAX];
    int append_count;
    struct transaction_ending *endings[WAITING_MAX];
    int ending_count;
    int64_t next_id;
    enum kafka_error no_id;   /* why none is given out */
    struct memory log_memory; /* what the log holds is nobody's memory here */
    uint8_t *log[LOG_MAX];
    size_t log_sizes[LOG_MAX];
    int log_count;
    struct arena arena;
    int answers; /* so far */
};

void transaction_fixture_open(struct transaction_fixture *f);
void transaction_fixture_close(struct transaction_fixture *f);
/* What open does, in two steps: the second may find no memory. */
void transaction_fixture_init(struct transaction_fixture *f);
MUST_USE int transaction_fixture_try_open(struct transaction_fixture *f);
void transaction_fixture_pass(struct transaction_fixture *f, int64_t ms);

/* ---- what waits ---- */

void transaction_fixture_write_first(struct transaction_fixture *f, enum kafka_error error);
/* What waits for the log now, not what comes of it. */
void transaction_fixture_write_all(struct transaction_fixture *f, enum kafka_error error);
void transaction_fixture_end_all(struct transaction_fixture *f);
/* All that waits, and all that comes of it. */
void transaction_fixture_settle(struct transaction_fixture *f);
void transaction_fixture_load(struct transaction_fixture *f);
/* Only what was written is known; what was on its way is lost. */
void transaction_fixture_restart(struct transaction_fixture *f);

/* ---- calls: *_of settles, and has the answer ---- */

void transaction_fixture_done(struct transaction_call *call);
#define TRANSACTION_FIXTURE_CALL(f)                                                                                    \
    {                                                                                                                  \
        .done = transaction_fixture_done, .context = (f), .error = KAFKA_UNKNOWN_SERVER_ERROR                          \
    }

void transaction_fixture_start_init(struct transaction_fixture *f, struct transaction_init *init, const char *id,
                                    int64_t producer_id, int16_t epoch);
struct transaction_init transaction_fixture_init_of(struct transaction_fixture *f, const char *id, int64_t producer_id,
                                                    int16_t epoch);

/* orders-3 and bills-0: what is added. */
extern const struct transaction_partition transaction_fixture_partitions[2];
void transaction_fixture_start_add(struct transaction_fixture *f, struct transaction_add *add, const char *id,
                                   int64_t producer_id, int16_t epoch);
enum kafka_error transaction_fixture_add_of(struct transaction_fixture *f, const char *id, int64_t producer_id,
                                            int16_t epoch);
void transaction_fixture_start_end(struct transaction_fixture *f, struct transaction_end *end, const char *id,
                                   int64_t producer_id, int16_t epoch, bool commits,
                                   enum transaction_protocol protocol);
struct transaction_end transaction_fixture_end_of(struct transaction_fixture *f, const char *id, int64_t producer_id,
                                                  int16_t epoch, bool commits, enum transaction_protocol protocol);

/* ---- looking ---- */

const struct transaction_values *transaction_fixture_values_of(const struct transaction_fixture *f, const char *id);
/* Of orders-3. */
enum kafka_error transaction_fixture_verify(const struct transaction_fixture *f, const char *id, int64_t producer_id,
                                            int16_t epoch);
