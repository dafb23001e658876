#include "log_fixture.h"

#include "check.h"
#include "seeded_random.h"
#include "simulated_disk.h"
#include "transaction_marker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void init(struct log_fixture *f)
{
    memset(f, 0, sizeof *f);
    memory_init(&f->memory);
    f->config = (struct log_config){.segment_bytes = 1 << 30,
                                    .segment_ms = 7 * 86400000LL,
                                    .segment_index_bytes = 10 << 20,
                                    .index_interval_bytes = 4096};
    f->opening = (struct log_opening){.clean = true, .recovery_point = -1, .log_start = -1, .now = LOG_FIXTURE_TIME};
    f->now = LOG_FIXTURE_TIME;
}

void log_fixture_init(struct log_fixture *f, uint64_t seed)
{
    init(f);
    f->disk = simulated_disk_create(&f->memory, seed);
    f->bytes_before = memory_total_bytes(&f->memory);
}

void log_fixture_init_real(struct log_fixture *f, char folder[64])
{
    init(f);
    const char *root = getenv("TMPDIR");
    snprintf(folder, 64, "%.40s/log_XXXXXX", root != NULL ? root : "/tmp");
    if (mkdtemp(folder) == NULL || disk_open_real(folder, &f->memory, &f->disk, &f->error) != 0)
        abort();
    f->bytes_before = memory_total_bytes(&f->memory);
}

void log_fixture_shut(struct log_fixture *f)
{
    if (f->log != NULL)
        log_close(f->log);
    f->log = NULL;
    if (f->files != NULL)
        file_cache_close(f->files);
    f->files = NULL;
}

bool log_fixture_close(struct log_fixture *f)
{
    log_fixture_shut(f);
    bool same = memory_total_bytes(&f->memory) == f->bytes_before;
    disk_close(f->disk);
    f->disk = NULL;
    return same && memory_total_bytes(&f->memory) == 0;
}

int log_fixture_open(struct log_fixture *f)
{
    int rc = file_cache_create(f->disk, 32, &f->files);
    if (rc != 0)
        return rc;
    f->environment = (struct log_environment){.disk = f->disk,
                                              .files = f->files,
                                              .memory = &f->memory,
                                              .producer_expiry_ms = 86400000,
                                              .mark_bytes = f->mark_bytes};
    f->opening.now = f->now;
    struct file *file;
    rc = disk_open_file(f->disk, LOG_FIXTURE_FOLDER "/partition.metadata", FILE_READ, &file, &f->error);
    if (rc == 0)
        file_close(file);
    else if (rc == -ENOENT)
        rc = log_create_files(f->disk, LOG_FIXTURE_FOLDER, LOG_FIXTURE_TOPIC_ID, &f->error);
    if (rc == 0)
        rc = log_open(&f->environment, LOG_FIXTURE_FOLDER, &f->config, &f->opening, &f->log, &f->recovery, &f->error);
    if (rc != 0) {
        file_cache_close(f->files);
        f->files = NULL;
        f->log = NULL;
    }
    return rc;
}

int log_fixture_restart(struct log_fixture *f)
{
    int rc = log_flush_for_stop(f->log, f->now, &f->error);
    if (rc != 0)
        return rc;
    f->opening.clean = true;
    f->opening.recovery_point = log_end_offset(f->log);
    f->opening.log_start = log_start_offset(f->log);
    log_fixture_shut(f);
    return log_fixture_open(f);
}

int log_fixture_crash(struct log_fixture *f)
{
    log_fixture_shut(f);
    f->opening.clean = false;
    f->opening.leader_epoch++;
    return log_fixture_open(f);
}

/* ---- batches ---- */

static void add_records(struct batch_builder *b, const struct test_batch *what)
{
    struct seeded_random random = {what->content};
    uint32_t size = what->size != 0 ? what->size : 10;
    uint8_t *value = malloc(size + 8);
    for (int32_t i = 0; value != NULL && i < (what->records != 0 ? what->records : 1); i++) {
        for (uint32_t at = 0; at < size; at += 8) {
            uint64_t bits = random_next(&random);
            memcpy(value + at, &bits, sizeof bits);
        }
        batch_builder_add(b, what->timestamp + i, what->key != NULL ? slice_of_text(what->key) : NULL_SLICE,
                          slice_of(value, size));
    }
    free(value);
}

static bool write_records(writer *w, const struct batch_options *options, const struct test_batch *what)
{
    struct batch_builder builder;
    batch_builder_open(&builder, w, options);
    add_records(&builder, what);
    return batch_builder_close(&builder, NULL) == 0;
}

static bool write_marker(writer *w, const struct test_batch *what)
{
    struct transaction_marker marker = {.producer_id = what->producer_id,
                                        .producer_epoch = what->epoch,
                                        .commit = what->marker == TEST_COMMIT,
                                        .timestamp = what->timestamp};
    transaction_marker_write(&marker, w);
    return writer_ok(w);
}

struct log_append *test_append_make(struct memory *memory, const struct test_batch *what)
{
    struct batch_options options = BATCH_OPTIONS_PLAIN;
    options.codec = what->codec;
    options.level = codec_default_level(what->codec);
    if (what->transactional)
        options.attributes = BATCH_TRANSACTIONAL;
    if (what->idempotent || what->transactional) {
        options.producer_id = what->producer_id;
        options.producer_epoch = what->epoch;
        options.base_sequence = what->sequence;
    }
    writer w;
    writer_init(&w, memory, MEMORY_REQUESTS, SIZE_MAX);
    struct log_append *append = NULL;
    if (what->marker != TEST_NO_MARKER ? write_marker(&w, what) : write_records(&w, &options, what))
        append = memory_alloc_zeroed(memory, MEMORY_REQUESTS, sizeof *append);
    if (append == NULL || (append->batch = memory_alloc(memory, MEMORY_REQUESTS, w.size)) == NULL)
        goto err;
    append->size = w.size;
    append->is_trusted = what->trusted;
    memcpy(append->batch, w.data, w.size);
    if (batch_parse_header(writer_slice(&w), &append->header, NULL) != 0)
        goto err;
    writer_close(&w);
    return append;

err:
    if (append != NULL)
        test_append_free(memory, append);
    writer_close(&w);
    return NULL;
}

void test_append_free(struct memory *memory, struct log_append *append)
{
    memory_free(memory, MEMORY_REQUESTS, append->batch, append->size);
    memory_free(memory, MEMORY_REQUESTS, append, sizeof *append);
}

/* ---- appending ---- */

int log_fixture_append_queue(struct log_fixture *f, struct log_append *queue, bool sync)
{
    int synced = 0;
    while (queue != NULL) {
        struct log_write *write;
        struct log_append *done;
        int rc = log_write_begin(f->log, &queue, f->now, &write, &done, &f->error);
        if (rc != 0)
            return rc;
        if (write == NULL)
            continue;
        log_write_execute(write);
        done = log_write_end(f->log, write, &f->error);
        if (sync)
            synced = log_fixture_sync(f);
        for (; synced != 0 && done != NULL; done = done->next) {
            if (done->status == 0)
                done->status = synced;
        }
    }
    return 0;
}

int64_t log_fixture_append(struct log_fixture *f, const struct test_batch *what, bool sync)
{
    struct test_batch timed = *what;
    if (timed.timestamp == 0)
        timed.timestamp = f->now;
    struct log_append *append = test_append_make(&f->memory, &timed);
    if (append == NULL)
        return -ENOMEM;
    int rc = log_fixture_append_queue(f, append, sync);
    int64_t result = rc != 0 ? rc : append->status != 0 ? append->status : append->base_offset;
    test_append_free(&f->memory, append);
    return result;
}

int log_fixture_sync(struct log_fixture *f)
{
    struct log_sync *sync;
    int rc = log_sync_begin(f->log, true, &sync, &f->error);
    if (rc != 0 || sync == NULL)
        return rc;
    log_sync_execute(sync);
    return log_sync_end(f->log, sync, &f->error);
}

/* ---- reading ---- */

static int run_read(struct log_fixture *f, struct log_read *read)
{
    if (log_read_begin(f->log, read) == 0) {
        log_read_execute(read);
        log_read_end(f->log, read);
    }
    return read->status;
}

int log_fixture_read(struct log_fixture *f, struct log_read *read, int64_t offset, uint32_t max_bytes)
{
    *read = (struct log_read){
        .offset = offset, .end_offset = log_end_offset(f->log), .max_bytes = max_bytes, .whole_batch = true};
    return run_read(f, read);
}

int log_fixture_read_committed(struct log_fixture *f, struct log_read *read, int64_t offset, uint32_t max_bytes)
{
    *read = (struct log_read){.offset = offset,
                              .end_offset = log_stable_end_offset(f->log),
                              .max_bytes = max_bytes,
                              .whole_batch = true,
                              .committed = true};
    return run_read(f, read);
}

/* Adds the whole batches of a range to the block; *offset goes behind them. */
static int add_range(struct log_fixture *f, const struct log_read *read, writer *w, int64_t *offset)
{
    size_t got;
    size_t before = w->size;
    uint8_t *to = writer_extend(w, read->bytes);
    if (to == NULL)
        return -ENOMEM;
    int rc = file_read(read->file, to, read->bytes, read->position, &got, &f->error);
    if (rc != 0)
        return rc;
    slice rest = slice_of(to, got);
    struct batch_header header;
    slice batch;
    while (batch_next(&rest, &header, &batch, &f->error) == 1)
        *offset = batch_last_offset(&header) + 1;
    w->size = before + (read->bytes - rest.size);
    return 0;
}

int log_fixture_read_all(struct log_fixture *f, int64_t offset, uint32_t max_bytes, uint8_t **bytes, size_t *size)
{
    writer w;
    writer_init(&w, &f->memory, MEMORY_REQUESTS, SIZE_MAX);
    int rc = 0;
    while (rc == 0 && offset < log_end_offset(f->log)) {
        struct log_read read;
        int64_t before = offset;
        rc = log_fixture_read(f, &read, offset, max_bytes);
        if (rc == 0)
            rc = read.bytes > 0 ? add_range(f, &read, &w, &offset) : -ENODATA;
        if (rc == 0 && offset == before)
            rc = -ELOOP;
        log_read_release(f->log, &read);
    }
    *bytes = NULL;
    *size = w.size;
    if (rc == 0) {
        *bytes = memory_alloc(&f->memory, MEMORY_REQUESTS, w.size);
        if (*bytes == NULL)
            rc = -ENOMEM;
        else if (w.size > 0)
            memcpy(*bytes, w.data, w.size);
    }
    writer_close(&w);
    return rc;
}

int64_t log_fixture_count_records(struct log_fixture *f, int64_t offset, uint32_t max_bytes)
{
    uint8_t *bytes;
    size_t size;
    int rc = log_fixture_read_all(f, offset, max_bytes, &bytes, &size);
    if (rc != 0)
        return rc;
    int64_t count = 0;
    int64_t expected = -1;
    slice rest = slice_of(bytes, size);
    struct batch_header header;
    slice batch;
    while (count >= 0 && batch_next(&rest, &header, &batch, &f->error) == 1) {
        bool follows = expected < 0 || header.base_offset == expected;
        expected = batch_last_offset(&header) + 1;
        count = follows && batch_crc_matches(batch, &header) ? count + header.count : -1;
    }
    memory_free(&f->memory, MEMORY_REQUESTS, bytes, size);
    return count;
}

int64_t log_fixture_find(struct log_fixture *f, int64_t timestamp, int64_t *found_timestamp)
{
    struct log_find *find;
    int64_t offset;
    int32_t epoch;
    int rc = log_find_begin(f->log, timestamp, log_end_offset(f->log), &find, &f->error);
    if (rc != 0)
        return rc;
    log_find_execute(find);
    rc = log_find_end(f->log, find, &offset, found_timestamp, &epoch, &f->error);
    return rc != 0 ? rc : offset;
}

int log_fixture_count_readable(struct log_fixture *f)
{
    int count = 0;
    for (int64_t offset = 0; offset < log_end_offset(f->log); offset++) {
        struct log_read read;
        count += log_fixture_read(f, &read, offset, 1) == 0 && read.bytes > 0;
        log_read_release(f->log, &read);
    }
    return count;
}

void log_fixture_append_pairs(struct log_fixture *f, int count, uint32_t size)
{
    for (int i = 0; i < count; i++) {
        f->now += 10;
        struct test_batch batch = {.records = 2, .size = size, .content = (uint64_t)(log_end_offset(f->log) + 1)};
        REQUIRE(log_fixture_append(f, &batch, false) == log_end_offset(f->log) - 2);
    }
}

/* ---- its files ---- */

bool log_fixture_has_file(struct log_fixture *f, const char *path)
{
    struct file *file;
    if (disk_open_file(f->disk, path, FILE_READ, &file, NULL) != 0)
        return false;
    file_close(file);
    return true;
}

uint64_t log_fixture_file_size(struct log_fixture *f, const char *path)
{
    struct file *file;
    uint64_t size = 0;
    REQUIRE(disk_open_file(f->disk, path, FILE_READ, &file, NULL) == 0);
    REQUIRE(file_size(file, &size, NULL) == 0);
    file_close(file);
    return size;
}

void log_fixture_cut_file(struct log_fixture *f, const char *path, uint64_t size)
{
    struct file *file;
    REQUIRE(disk_open_file(f->disk, path, FILE_READ_WRITE, &file, NULL) == 0);
    REQUIRE(file_truncate(file, size, NULL) == 0);
    file_close(file);
}
