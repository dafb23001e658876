#include "operations/coordinator_takeover.h"

#include "batch_builder.h"
#include "log_records.h"
#include "operations/takeover_survey.h"
#include "recovery_points.h"
#include "server.h"
#include "transaction_marker.h"

#include <errno.h>

#define BATCH_BYTES     ((size_t)256 << 10) /* of more than one record */
#define BATCH_BYTES_MAX ((size_t)64 << 20)

struct takeover {
    struct server *server;
    const struct topic *topic;
    struct log *target; /* of partition 0 */
    struct takeover_survey survey;
    writer batch;                 /* on its way into the target */
    struct batch_builder builder; /* of it */
    bool is_building;
    bool is_open;                 /* the records at hand are of an open transaction */
    struct batch_options options; /* of the batch that they are put into */
    uint64_t records;
};

/* ---- one log ---- */

static int append(struct server *server, struct log *log, writer *batch, struct error *error)
{
    struct log_append what = {.batch = batch->data, .size = batch->size, .is_trusted = true};
    struct log_append *queue = &what;
    int rc = batch_parse_header(writer_slice(batch), &what.header, error);
    while (rc == 0 && queue != NULL) {
        struct log_write *write;
        struct log_append *done;
        rc = log_write_begin(log, &queue, server_now(server), &write, &done, error);
        if (rc != 0 || write == NULL)
            continue;
        log_write_execute(write);
        (void)log_write_end(log, write, error);
    }
    if (rc == 0 && what.status != 0)
        rc = error_set_status(error, what.status, "%s: batch of %zu bytes", log_folder(log), batch->size);
    return rc;
}

static int sync_log(struct log *log, struct error *error)
{
    struct log_sync *sync;
    int rc = log_sync_begin(log, false, &sync, error);
    if (rc != 0 || sync == NULL)
        return rc;
    log_sync_execute(sync);
    return log_sync_end(log, sync, error);
}

static int roll(struct server *server, struct log *log, struct error *error)
{
    struct log_write *write;
    struct error words = {0};
    int rc = log_roll_begin(log, server_now(server), &write, error);
    if (rc != 0 || write == NULL)
        return rc;
    log_write_execute(write);
    (void)log_write_end(log, write, &words);
    if (log_active_base(log) == log_end_offset(log))
        return 0;
    return error_set(error, words.code != 0 ? words.code : -EIO, "%s", words.message);
}

/* ---- carrying ---- */

static int flush(struct takeover *takeover, struct error *error)
{
    if (!takeover->is_building)
        return 0;
    takeover->is_building = false;
    int rc = batch_builder_close(&takeover->builder, error);
    if (rc == 0)
        rc = append(takeover->server, takeover->target, &takeover->batch, error);
    writer_cut(&takeover->batch, 0);
    return rc;
}

static int carry_record(void *context, const struct record *record, struct error *error)
{
    struct takeover *takeover = context;
    if (!survey_wants(&takeover->survey, record->key, slice_is_null(record->value)))
        return 0;
    bool is_full = takeover->is_building &&
                   batch_builder_size(&takeover->builder) + record->key.size + record->value.size > BATCH_BYTES;
    int rc = is_full ? flush(takeover, error) : 0;
    if (rc != 0)
        return rc;
    if (!takeover->is_building)
        batch_builder_open(&takeover->builder, &takeover->batch, &takeover->options);
    takeover->is_building = true;
    batch_builder_add(&takeover->builder, record->timestamp, record->key, record->value);
    takeover->records++;
    return 0;
}

/* Those of an open transaction get batches of their own, in the form in which Kafka's coordinator and ours write a
 * transaction's commits. */
static int carry_batch(void *context, const struct batch_header *header, slice batch, struct error *error)
{
    struct takeover *takeover = context;
    bool is_open = !batch_is_control(header) && survey_is_open(&takeover->survey);
    int rc = is_open != takeover->is_open || is_open ? flush(takeover, error) : 0;
    if (rc != 0)
        return rc;
    takeover->is_open = is_open;
    takeover->options = BATCH_OPTIONS_PLAIN;
    if (is_open) {
        takeover->options.attributes = BATCH_TRANSACTIONAL;
        takeover->options.producer_id = header->producer_id;
        takeover->options.producer_epoch = header->producer_epoch;
        takeover->options.base_sequence = 0;
    }
    return log_walk_records(header, batch, takeover->server->memory, carry_record, takeover, error);
}

static int note_batch(void *context, const struct batch_header *header, slice batch, struct error *error)
{
    struct takeover *takeover = context;
    return survey_note_batch(&takeover->survey, header, batch, error);
}

static int note_kept(void *context, const struct batch_header *header, slice batch, struct error *error)
{
    struct takeover *takeover = context;
    return survey_note_kept(&takeover->survey, header, batch, error);
}

static int survey(struct takeover *takeover, struct error *error)
{
    struct memory *memory = takeover->server->memory;
    int rc = 0;
    for (int32_t i = 1; i < takeover->topic->partition_count && rc == 0; i++) {
        survey_begin_partition(&takeover->survey);
        rc = log_for_each_batch(takeover->topic->partitions[i]->log, memory, note_batch, takeover, error);
    }
    if (rc != 0)
        return rc;
    survey_begin_partition(&takeover->survey);
    return log_for_each_batch(takeover->target, memory, note_kept, takeover, error);
}

static int carry(struct takeover *takeover, struct error *error)
{
    struct memory *memory = takeover->server->memory;
    int rc = 0;
    survey_begin_again(&takeover->survey);
    for (int32_t i = 1; i < takeover->topic->partition_count && rc == 0; i++)
        rc = log_for_each_batch(takeover->topic->partitions[i]->log, memory, carry_batch, takeover, error);
    if (rc == 0)
        rc = flush(takeover, error);
    return rc == 0 ? sync_log(takeover->target, error) : rc;
}

/* ---- emptying ---- */

struct markers {
    writer batches;
    int64_t now;
};

static int add_marker(void *context, const struct log_producer *producer)
{
    struct markers *markers = context;
    struct transaction_marker marker = {
        .producer_id = producer->producer_id,
        .producer_epoch = producer->epoch,
        .coordinator_epoch = producer->coordinator_epoch > 0 ? producer->coordinator_epoch : 0,
        .timestamp = markers->now,
    };
    if (producer->transaction_start >= 0)
        transaction_marker_write(&marker, &markers->batches);
    return 0;
}

/* What was open there is open in partition 0 now. Here it would hold the last stable offset for ever. */
static int end_transactions(struct server *server, struct log *log, struct error *error)
{
    struct markers markers = {.now = server_now(server)};
    writer_init(&markers.batches, server->memory, MEMORY_LOGS, BATCH_BYTES_MAX);
    (void)log_list_producers(log, add_marker, &markers);
    int rc = writer_ok(&markers.batches) ? 0 : error_set_status(error, -ENOMEM, "markers");
    for (size_t at = 0; rc == 0 && at < markers.batches.size; at += TRANSACTION_MARKER_SIZE) {
        writer one = markers.batches;
        one.data += at;
        one.size = TRANSACTION_MARKER_SIZE;
        rc = append(server, log, &one, error);
    }
    writer_close(&markers.batches);
    return rc;
}

static int empty_log(struct server *server, struct log *log, struct error *error)
{
    int rc = end_transactions(server, log, error);
    if (rc == 0)
        rc = roll(server, log, error);
    if (rc == 0)
        rc = sync_log(log, error);
    return rc == 0 ? log_set_start_offset(log, log_end_offset(log), error) : rc;
}

static int save_starts(struct server *server, struct error *error)
{
    struct recovery_points points;
    struct recovery_points_written written = {.starts_empty = false};
    int rc = recovery_points_collect(server, &points);
    if (rc != 0)
        return error_set_status(error, rc, "recovery points");
    rc = recovery_points_write(&points, server->disk, &written, true, error);
    if (rc == 0)
        recovery_points_note_saved(server);
    recovery_points_free(&points);
    return rc;
}

static int empty_all(struct takeover *takeover, struct error *error)
{
    const struct topic *topic = takeover->topic;
    int rc = 0;
    for (int32_t i = 1; i < topic->partition_count && rc == 0; i++) {
        struct log *log = topic->partitions[i]->log;
        if (log_start_offset(log) < log_end_offset(log))
            rc = empty_log(takeover->server, log, error);
    }
    return rc == 0 ? save_starts(takeover->server, error) : rc;
}

/* ---- all of it ---- */

/* 1: there is something to carry. */
static int look(const struct topic *topic, struct error *error)
{
    int found = 0;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct log *log = topic->partitions[i]->log;
        if (log == NULL || log_is_offline(log))
            return error_set(error, FURROW_OFFLINE, "is offline");
        found |= i > 0 && log_start_offset(log) < log_end_offset(log);
    }
    return found;
}

int coordinator_takeover(struct server *server, const struct topic *topic, enum memory_purpose purpose,
                         struct error *error)
{
    int rc = look(topic, error);
    if (rc <= 0)
        return rc;
    struct takeover takeover = {.server = server, .topic = topic, .target = topic->partitions[0]->log};
    survey_init(&takeover.survey, server->memory, purpose);
    writer_init(&takeover.batch, server->memory, purpose, BATCH_BYTES_MAX);
    rc = survey(&takeover, error);
    if (rc == 0)
        rc = carry(&takeover, error);
    if (takeover.is_building) {
        int closed = batch_builder_close(&takeover.builder, NULL);
        (void)closed; /* what was read is of no use any more */
    }
    if (rc == 0)
        rc = empty_all(&takeover, error);
    writer_close(&takeover.batch);
    survey_close(&takeover.survey);
    if (rc != 0)
        return error_wrap(error, rc, "taking over");
    log_info(server->logger, "storage", "topic=%s partitions=%d records=%llu carried into partition 0", topic->name,
             topic->partition_count, (unsigned long long)takeover.records);
    return 0;
}
