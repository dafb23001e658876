#include "operations/append_check.h"

#include "batch_validate.h"
#include "operations/append_prepare.h"
#include "operations/failure.h"

#include <inttypes.h>
#include <stdio.h>

enum append_verdict append_refuse(struct append_part *part, enum kafka_error code, const char *text)
{
    part->error = code;
    if (text != NULL && text[0] != '\0')
        part->words = arena_copy(part->request->arena, slice_of_text(text));
    return APPEND_REFUSED;
}

void append_note_log_start(struct append_part *part)
{
    switch (part->error) {
    case KAFKA_INVALID_RECORD:
    case KAFKA_INVALID_TIMESTAMP:
    case KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case KAFKA_INVALID_PRODUCER_EPOCH:
    case KAFKA_INVALID_TXN_STATE:
        part->log_start = log_start_offset(part->partition->log);
        break;
    default:
        break;
    }
}

/* Saturating: the limits are up to INT64_MAX, which means none. */
static int64_t limit_after(int64_t now, int64_t ms)
{
    return ms > INT64_MAX - now ? INT64_MAX : now + ms;
}

static struct append_inspection inspection_for(const struct topic_config *config, int64_t now)
{
    struct append_inspection inspection = {
        .keys_required = config->keys_required,
        .oldest = INT64_MIN,
        .newest = INT64_MAX,
        .max_timestamp = BATCH_NO_TIMESTAMP,
    };
    if (!config->log_append_time) {
        if (config->timestamp_before_max_ms != INT64_MAX)
            inspection.oldest = now - config->timestamp_before_max_ms;
        inspection.newest = limit_after(now, config->timestamp_after_max_ms);
    }
    return inspection;
}

static bool must_inspect(const struct append_inspection *inspection, int64_t max_timestamp)
{
    return inspection->keys_required || inspection->oldest != INT64_MIN || max_timestamp > inspection->newest;
}

static enum append_verdict refuse_invalid(struct append_part *part, int status, const struct batch_report *report,
                                          const struct error *error)
{
    if (status == FURROW_MALFORMED && report->bad_record >= 0) {
        struct append_record_error *bad = arena_alloc(part->request->arena, sizeof *bad);
        if (bad != NULL) {
            bad->index = report->bad_record;
            bad->words = arena_copy(part->request->arena, slice_of_text(error->message));
            part->record_errors = bad;
            part->record_error_count = 1;
        }
    }
    if (status == FURROW_UNSUPPORTED) {
        bool is_old = report->header.magic < BATCH_MAGIC;
        return append_refuse(part, is_old ? KAFKA_INVALID_RECORD : KAFKA_UNSUPPORTED_COMPRESSION_TYPE, error->message);
    }
    return append_refuse(part, failure_code(status), error->message);
}

/* What is not a client's to write, whatever its form. */
static enum append_verdict check_kind(struct append_part *part, const struct batch_header *header)
{
    if (header->base_offset != 0)
        return append_refuse(part, KAFKA_INVALID_RECORD, "The base offset of the record batch should be 0.");
    if (batch_is_control(header))
        return append_refuse(part, KAFKA_INVALID_RECORD, "Clients are not allowed to write control records.");
    if (batch_is_log_append_time(header))
        return append_refuse(part, KAFKA_INVALID_TIMESTAMP, "Producer should not set timestamp type to LogAppendTime.");
    if (part->request->refuse_zstd && batch_codec(header) == CODEC_ZSTD)
        return append_refuse(part, KAFKA_UNSUPPORTED_COMPRESSION_TYPE,
                             "Produce requests before version 7 are not allowed to use ZStandard compression");
    if (batch_is_transactional(header) && !part->in_transaction)
        return append_refuse(part, KAFKA_INVALID_TXN_STATE, "The partition is not part of an open transaction.");
    return APPEND_READY;
}

static slice words_for_record(const struct append_part *part, const struct append_inspection *inspection,
                              const struct append_bad_record *bad)
{
    char text[160 + 256];
    const struct partition *partition = part->partition;
    if (bad->has_no_key)
        snprintf(text, sizeof text,
                 "Compacted topic cannot accept message without key in topic partition %s-%" PRId32 ".",
                 partition->topic->name, partition->index);
    else
        snprintf(text, sizeof text,
                 "Timestamp %" PRId64 " of message with offset %" PRId32
                 " is out of range. The timestamp should be within [%" PRId64 ", %" PRId64 "]",
                 bad->timestamp, bad->index, inspection->oldest, inspection->newest);
    return arena_copy(part->request->arena, slice_of_text(text));
}

static enum append_verdict judge_inspection(struct append_part *part, const struct append_inspection *inspection)
{
    if (inspection->bad_count == 0)
        return APPEND_READY;
    bool has_bad_time = false;
    part->record_errors =
        arena_alloc(part->request->arena, (size_t)inspection->bad_count * sizeof *part->record_errors);
    for (int32_t i = 0; i < inspection->bad_count; i++) {
        const struct append_bad_record *bad = &inspection->bad[i];
        has_bad_time |= !bad->has_no_key;
        if (part->record_errors == NULL)
            continue;
        part->record_errors[i].index = bad->index;
        part->record_errors[i].words = words_for_record(part, inspection, bad);
        part->record_error_count = i + 1;
    }
    return has_bad_time ? append_refuse(part, KAFKA_INVALID_TIMESTAMP,
                                        "One or more records have been rejected due to invalid timestamp")
                        : append_refuse(part, KAFKA_INVALID_RECORD,
                                        "One or more records have been rejected due to missing keys");
}

/* Stamps what the CRC covers; offsets and epochs are stamped when the write is formed. */
static void stamp_time(struct append_part *part, bool walked, int64_t walked_max_timestamp, int64_t now)
{
    struct log_append *entry = &part->entry;
    if (part->partition->topic->config.log_append_time) {
        batch_stamp_log_append_time(entry->batch, entry->size, now);
        part->log_append_time = now;
    } else if (walked && walked_max_timestamp != entry->header.max_timestamp) {
        batch_stamp_max_timestamp(entry->batch, entry->size, walked_max_timestamp);
    } else {
        return;
    }
    int rc = batch_parse_header(slice_of(entry->batch, entry->size), &entry->header, NULL);
    (void)rc; /* it was parsed before */
}

static enum append_verdict prepare(struct append_part *part, const struct operations *operations, bool recompress,
                                   const struct append_inspection *inspection)
{
    part->preparation =
        append_preparation_create(operations->memory, operations->memory_limit, slice_of(part->batch, part->size),
                                  &part->partition->topic->config, recompress, inspection);
    if (part->preparation == NULL)
        return append_refuse(part, KAFKA_KAFKA_STORAGE_ERROR, "out of memory");
    return APPEND_PREPARE;
}

static enum append_verdict check_whole(struct append_part *part, const struct operations *operations,
                                       const struct batch_report *report, int64_t now)
{
    const struct topic_config *config = &part->partition->topic->config;
    enum append_verdict verdict = check_kind(part, &report->header);
    if (verdict != APPEND_READY)
        return verdict;

    part->entry.batch = part->batch;
    part->entry.size = part->size;
    part->entry.header = report->header;
    struct append_inspection inspection = inspection_for(config, now);
    bool inspect =
        must_inspect(&inspection, report->walked ? report->walked_max_timestamp : report->header.max_timestamp);
    bool recompress = config->recompress && config->codec != batch_codec(&report->header);
    if (recompress || (inspect && !report->walked))
        return prepare(part, operations, recompress, &inspection);
    if (inspect) {
        struct error error = {0};
        int rc = append_inspect(slice_of(part->batch, part->size), &inspection, &error);
        if (rc != 0)
            return append_refuse(part, failure_code(rc), error.message);
        verdict = judge_inspection(part, &inspection);
        if (verdict != APPEND_READY)
            return verdict;
    }
    stamp_time(part, report->walked, report->walked_max_timestamp, now);
    return APPEND_READY;
}

/* The server's own batch, which is right. Markers come through whatever the topic's limits are. */
static enum append_verdict check_coordinators(struct append_part *part, int64_t now)
{
    struct log_append *entry = &part->entry;
    struct error error = {0};
    *entry = (struct log_append){.batch = part->batch, .size = part->size, .is_trusted = true};
    int rc = batch_parse_header(slice_of(entry->batch, entry->size), &entry->header, &error);
    if (rc != 0)
        return append_refuse(part, failure_code(rc), error.message);
    if (!batch_is_control(&entry->header) && part->size > (size_t)part->partition->topic->config.max_message_bytes)
        return append_refuse(part, KAFKA_MESSAGE_TOO_LARGE, NULL);
    stamp_time(part, false, 0, now);
    return APPEND_READY;
}

static bool has_space(const struct operations *operations, size_t size)
{
    struct disk_watch *watch = operations->disk_watch;
    return watch == NULL || disk_watch_take(watch, size, uv_now(operations->loop));
}

enum append_verdict append_check(struct append_part *part, const struct operations *operations, int64_t now)
{
    const struct topic_config *config = &part->partition->topic->config;
    if (part->partition->log == NULL || log_is_offline(part->partition->log))
        return append_refuse(part, KAFKA_KAFKA_STORAGE_ERROR, NULL);
    if (!has_space(operations, part->size))
        return append_refuse(part, KAFKA_KAFKA_STORAGE_ERROR, "The disk is full.");
    if (part->size == 0)
        return append_refuse(part, KAFKA_INVALID_RECORD, "There must be exactly one record batch for a partition");

    if (part->request->origin == APPEND_FROM_COORDINATOR)
        return check_coordinators(part, now);
    struct batch_rules rules = {.max_bytes = (size_t)config->max_message_bytes};
    struct batch_report report;
    struct error error = {0};
    int rc = batch_validate(slice_of(part->batch, part->size), &rules, &report, &error);
    enum append_verdict verdict =
        rc != 0 ? refuse_invalid(part, rc, &report, &error) : check_whole(part, operations, &report, now);
    if (verdict == APPEND_REFUSED && report.whole)
        append_note_log_start(part);
    return verdict;
}

enum append_verdict append_check_prepared(struct append_part *part, int64_t now)
{
    struct append_preparation *preparation = part->preparation;
    if (preparation->status != 0)
        return append_refuse(part, failure_code(preparation->status), preparation->error.message);
    enum append_verdict verdict = judge_inspection(part, &preparation->inspection);
    if (verdict != APPEND_READY)
        return verdict;
    if (preparation->recompress) {
        slice made = writer_slice(&preparation->output);
        if (made.size > (size_t)part->partition->topic->config.max_message_bytes)
            return append_refuse(part, KAFKA_MESSAGE_TOO_LARGE, "The batch is too large in the topic's codec");
        part->entry.batch = preparation->output.data;
        part->entry.size = made.size;
        int rc = batch_parse_header(made, &part->entry.header, &preparation->error);
        if (rc != 0)
            return append_refuse(part, failure_code(rc), preparation->error.message);
    }
    stamp_time(part, true, preparation->inspection.max_timestamp, now);
    return APPEND_READY;
}

void append_check_end(struct append_part *part)
{
    if (part->preparation == NULL)
        return;
    append_preparation_destroy(part->preparation);
    part->preparation = NULL;
}
