/* A log on a disk, simulated or real, for tests: making batches, appending, reading all back, restarting. Everything
 * blocks: the steps of an operation are run one after the other. */
#pragma once

#include "batch_builder.h"
#include "log.h"

#define LOG_FIXTURE_FOLDER   "orders-0"
#define LOG_FIXTURE_TIME     1700000000000 /* ms: the first record's */
#define LOG_FIXTURE_TOPIC_ID ((struct uuid){{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}})

struct log_fixture {
    struct memory memory;
    struct disk *disk;
    struct file_cache *files;
    struct log_environment environment;
    struct log_config config;
    uint32_t mark_bytes;        /* of the environment */
    struct log_opening opening; /* of the next log_fixture_open */
    struct log_recovery recovery;
    struct log *log;
    struct error error;
    int64_t now;
    size_t bytes_before; /* of the ledger, for the check at the end */
};

/* A simulated disk, config with Kafka's defaults; no log yet. */
void log_fixture_init(struct log_fixture *f, uint64_t seed);
/* On a real folder, made under TMPDIR or /tmp and removed by log_fixture_close. */
void log_fixture_init_real(struct log_fixture *f, char folder[64]);
/* Closes what is open; true when all memory came back. */
bool log_fixture_close(struct log_fixture *f);

/* Makes the files if they are not there, and opens. */
int log_fixture_open(struct log_fixture *f);
/* Stops cleanly and opens again as clean, or without a word as after a crash of the process. */
int log_fixture_restart(struct log_fixture *f);
int log_fixture_crash(struct log_fixture *f);
/* Closes the log and the cache. */
void log_fixture_shut(struct log_fixture *f);

enum test_marker { TEST_NO_MARKER, TEST_COMMIT, TEST_ABORT };

/* What a test's batch is made of; zero for what does not matter. */
struct test_batch {
    int32_t records;   /* 0: 1 */
    uint32_t size;     /* bytes of each value; 0: 10 */
    int64_t timestamp; /* of the first record, each next 1 ms later; 0: the fixture's clock */
    int64_t producer_id;
    int16_t epoch;
    int32_t sequence;
    bool idempotent; /* producer_id, epoch and sequence count */
    bool transactional;
    enum test_marker marker; /* a marker and no records; producer_id and epoch count */
    bool trusted;
    enum codec codec;
    uint64_t content; /* seed of the values */
    const char *key;  /* of all records; NULL: null */
};

/* A batch in an append of the ledger (MEMORY_REQUESTS); NULL without memory. */
struct log_append *test_append_make(struct memory *memory, const struct test_batch *what);
void test_append_free(struct memory *memory, struct log_append *append);

/* Appends a queue, all three steps, until it is empty, then syncs when asked to; the appends' results are in `queue`
 * order. Returns the error of begin, or 0. Failures of writes are in the appends, and those of the sync in all of them
 * that were written. */
int log_fixture_append_queue(struct log_fixture *f, struct log_append *queue, bool sync);
/* Appends one batch; returns its base offset or the negative status. */
int64_t log_fixture_append(struct log_fixture *f, const struct test_batch *what, bool sync);
int log_fixture_sync(struct log_fixture *f);

/* All three steps; the caller releases. Returns read->status. */
int log_fixture_read(struct log_fixture *f, struct log_read *read, int64_t offset, uint32_t max_bytes);
/* Up to the last stable offset, with the aborted transactions. */
int log_fixture_read_committed(struct log_fixture *f, struct log_read *read, int64_t offset, uint32_t max_bytes);
/* Reads [offset, end) in steps of max_bytes into one block of the ledger (MEMORY_REQUESTS): whole batches, in order.
 * Returns 0 or the first status. */
int log_fixture_read_all(struct log_fixture *f, int64_t offset, uint32_t max_bytes, uint8_t **bytes, size_t *size);
/* Counts what log_fixture_read_all finds; -1 when offsets have holes or a CRC is wrong. */
int64_t log_fixture_count_records(struct log_fixture *f, int64_t offset, uint32_t max_bytes);
/* The offsets from 0 on at which something can be read. */
int log_fixture_count_readable(struct log_fixture *f);
/* log_find's three steps; the offset, or a negative status. */
int64_t log_fixture_find(struct log_fixture *f, int64_t timestamp, int64_t *found_timestamp);

/* So many batches of two records with values of `size` bytes, 10 ms after each other; unsynced. Ends the test when one
 * is not appended. */
void log_fixture_append_pairs(struct log_fixture *f, int count, uint32_t size);

/* ---- its files ---- */

bool log_fixture_has_file(struct log_fixture *f, const char *path);

/* End the test when the file is not there. */
uint64_t log_fixture_file_size(struct log_fixture *f, const char *path);
void log_fixture_cut_file(struct log_fixture *f, const char *path, uint64_t size);
