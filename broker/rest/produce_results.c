/* What became of the records of a produce_stream: reports one by one, or a summary. */
#include "container.h"
#include "rest/produce_stream_private.h"
#include "rest/rest_failure.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>

#define LISTED_MAX  100 /* failures of a summary that are told one by one */
#define REPORTS_MAX ((size_t)64 << 20)
#define ANSWER_MAX  ((size_t)4 << 20)
#define JSON_TYPE   "application/json"

bool produce_results_open(struct produce_stream *stream)
{
    if (stream->answer == PRODUCE_REPORTS)
        return true;
    writer_init(&stream->failures, stream->memory, MEMORY_RESPONSES, ANSWER_MAX);
    stream->failures_json = json_to(&stream->failures);
    json_begin_array(&stream->failures_json);
    stream->summary =
        memory_alloc_zeroed(stream->memory, MEMORY_REQUESTS, (size_t)stream->partitions * sizeof *stream->summary);
    return stream->summary != NULL;
}

void produce_results_close(struct produce_stream *stream)
{
    size_t partitions = (size_t)stream->partitions;
    writer_close(&stream->failures);
    memory_free(stream->memory, MEMORY_REQUESTS, stream->summary, partitions * sizeof *stream->summary);
    memory_free(stream->memory, MEMORY_REQUESTS, stream->sync_parts,
                (size_t)stream->sync.part_count * sizeof *stream->sync_parts);
    if (stream->topic != NULL)
        topic_release(&stream->server->topics, stream->topic);
}

/* ---- reports ---- */

static void on_writable(struct http_exchange *exchange)
{
    struct produce_stream *stream = exchange->context;
    stream->is_full = false;
    produce_stream_go_on(stream);
}

/* Nobody waits for who has gone: the reports that are left go nowhere. */
static void on_hurry(struct http_exchange *exchange)
{
    if (exchange->connection == NULL)
        on_writable(exchange);
}

/* REST Proxy separates them by the ends of lines. */
static void send_reports(struct produce_stream *stream, const writer *reports)
{
    static const struct http_stream callbacks = {.writable = on_writable, .hurry = on_hurry};
    if (!stream->has_begun)
        (void)http_stream_begin(stream->exchange, 200, JSON_TYPE, NULL, &callbacks, stream);
    stream->has_begun = true;
    stream->is_full = http_stream_write(stream->exchange, writer_slice(reports)) == HTTP_STREAM_FULL;
}

static void write_report(const struct produce_stream *stream, const struct flight *flight,
                         const struct flight_entry *entry, size_t record, struct json *json)
{
    if (entry->failure >= 0) {
        const struct flight_failure *failure = &flight->failures[entry->failure];
        produce_report_write_error(json, failure->error_code, failure->words);
        return;
    }
    struct produced produced = record_producer_result(flight->producer, record);
    if (produced.error == KAFKA_NONE)
        produce_report_write(json, stream->server->start.cluster_id, stream->topic, &produced, &entry->sizes);
    else
        produce_report_write_failure(json, &produced);
}

static void report_flight(struct produce_stream *stream, const struct flight *flight)
{
    writer w;
    writer_init(&w, stream->memory, MEMORY_RESPONSES, REPORTS_MAX);
    for (size_t i = 0, record = 0; i < flight->entry_count; i++) {
        const struct flight_entry *entry = &flight->entries[i];
        struct json json = json_to(&w);
        json_begin_object(&json);
        write_report(stream, flight, entry, record, &json);
        json_end_object(&json);
        write_bytes(&w, slice_of_text("\r\n"));
        record += entry->failure < 0;
    }
    if (writer_ok(&w))
        send_reports(stream, &w);
    else
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory");
    writer_close(&w);
}

static void report_end(struct produce_stream *stream)
{
    writer w;
    writer_init(&w, stream->memory, MEMORY_RESPONSES, REPORTS_MAX);
    struct json json = json_to(&w);
    json_begin_object(&json);
    produce_report_write_error(&json, stream->error_code, slice_of_text(stream->error_text));
    json_end_object(&json);
    write_bytes(&w, slice_of_text("\r\n"));
    if (writer_ok(&w))
        send_reports(stream, &w);
    writer_close(&w);
}

static void finish_reports(struct produce_stream *stream)
{
    struct http_exchange *exchange = stream->exchange;
    if (!stream->has_begun) {
        char words[ERROR_MESSAGE_MAX];
        int error_code = stream->error_code != 0 ? stream->error_code : REST_NO_PAYLOAD;
        snprintf(words, sizeof words, "%s",
                 stream->error_code != 0 ? stream->error_text
                                         : "Payload error. Request body is empty. Data is required.");
        produce_stream_free(stream);
        http_reply_error(exchange, error_code, words);
        return;
    }
    if (stream->error_code != 0)
        report_end(stream);
    produce_stream_free(stream);
    http_stream_end(exchange);
}

/* ---- a summary ---- */

static void note_failure(struct produce_stream *stream, uint64_t number, int error_code, slice words)
{
    if (stream->failed == 0)
        stream->first_failure = error_code;
    stream->failed++;
    if (stream->failures_listed == LISTED_MAX)
        return;
    stream->failures_listed++;
    struct json *json = &stream->failures_json;
    json_begin_object(json);
    json_key(json, "record");
    json_uint(json, number);
    produce_report_write_error(json, error_code, words);
    json_end_object(json);
}

static void sum_up(struct produce_stream *stream, const struct produced *produced)
{
    struct partition_summary *summary = &stream->summary[produced->partition];
    if (summary->records++ == 0)
        summary->first_offset = produced->offset;
    summary->last_offset = produced->offset;
    stream->written++;
}

/* What follows would fail as well. */
static bool is_lasting(const struct produce_stream *stream, enum kafka_error error)
{
    return stream->topic->is_deleted || error == KAFKA_KAFKA_STORAGE_ERROR ||
           error == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

static void sum_up_flight(struct produce_stream *stream, const struct flight *flight)
{
    for (size_t i = 0, record = 0; i < flight->entry_count; i++) {
        const struct flight_entry *entry = &flight->entries[i];
        if (entry->failure >= 0) {
            const struct flight_failure *failure = &flight->failures[entry->failure];
            note_failure(stream, entry->number, failure->error_code, failure->words);
            continue;
        }
        struct produced produced = record_producer_result(flight->producer, record++);
        if (produced.error == KAFKA_NONE) {
            sum_up(stream, &produced);
            continue;
        }
        note_failure(stream, entry->number, produce_report_error_code(&produced), produce_report_error_text(&produced));
        if (is_lasting(stream, produced.error))
            produce_stream_stop(stream, produce_report_error_code(&produced), "what followed was not read any more");
    }
}

void produce_results_take(struct produce_stream *stream, const struct flight *flight)
{
    if (stream->answer == PRODUCE_REPORTS)
        report_flight(stream, flight);
    else
        sum_up_flight(stream, flight);
}

static void write_offset(struct json *json, const char *name, int64_t offset)
{
    json_key(json, name);
    if (offset >= 0)
        json_int(json, offset);
    else
        json_null(json);
}

static void write_partitions(const struct produce_stream *stream, struct json *json)
{
    json_begin_array(json);
    for (int32_t i = 0; i < stream->partitions; i++) {
        const struct partition_summary *summary = &stream->summary[i];
        if (summary->records == 0)
            continue;
        json_begin_object(json);
        json_key(json, "partition_id");
        json_int(json, i);
        json_key(json, "records");
        json_uint(json, summary->records);
        write_offset(json, "first_offset", summary->first_offset);
        write_offset(json, "last_offset", summary->last_offset);
        json_end_object(json);
    }
    json_end_array(json);
}

/* Whoever looks only at the status, or only at error_code, must see that something was not written. */
static int write_error(const struct produce_stream *stream, struct json *json)
{
    char words[ERROR_MESSAGE_MAX + 64];
    if (stream->error_code == 0 && stream->failed == 0)
        return 200;
    int error_code = stream->error_code != 0 ? stream->error_code : stream->first_failure;
    if (stream->error_code != 0)
        snprintf(words, sizeof words, "%s", stream->error_text);
    else
        snprintf(words, sizeof words, "%" PRIu64 " of %" PRIu64 " records were not written", stream->failed,
                 stream->failed + stream->written);
    produce_report_write_error(json, error_code, slice_of_text(words));
    return error_code >= 1000 ? error_code / 100 : error_code;
}

static void answer(struct produce_stream *stream)
{
    struct http_exchange *exchange = stream->exchange;
    writer w;
    writer_init(&w, stream->memory, MEMORY_RESPONSES, ANSWER_MAX + (ANSWER_MAX / 2));
    struct json json = json_to(&w);
    json_end_array(&stream->failures_json);
    json_begin_object(&json);
    int status = write_error(stream, &json);
    json_key(&json, "topic_name");
    json_string(&json, stream->topic_name);
    json_key(&json, "records");
    json_uint(&json, stream->written);
    json_key(&json, "partitions");
    write_partitions(stream, &json);
    json_key(&json, "failed");
    json_uint(&json, stream->failed);
    json_key(&json, "failures");
    json_raw(&json, writer_slice(&stream->failures));
    json_end_object(&json);
    produce_stream_free(stream);
    http_reply_written(exchange, status, JSON_TYPE, &w);
    writer_close(&w);
}

static void on_synced(struct append_request *sync)
{
    struct produce_stream *stream = CONTAINER_OF(sync, struct produce_stream, sync);
    for (int32_t i = 0; i < sync->part_count; i++)
        if (sync->parts[i].error != KAFKA_NONE)
            produce_stream_stop(stream, rest_error_code(sync->parts[i].error), "the disk may not have all records");
    answer(stream);
}

/* The records were appended without waiting for the disk, which is asked once for all of them. */
static bool begin_sync(struct produce_stream *stream)
{
    size_t count = 0;
    for (int32_t i = 0; i < stream->partitions; i++)
        count += stream->summary[i].records != 0;
    stream->sync_parts = memory_alloc_zeroed(stream->memory, MEMORY_REQUESTS, count * sizeof *stream->sync_parts);
    if (stream->sync_parts == NULL)
        return false;
    stream->sync = (struct append_request){
        .parts = stream->sync_parts, .part_count = (int32_t)count, .acks = APPEND_ACKS_ALL, .done = on_synced};
    struct append_part *part = stream->sync_parts;
    for (int32_t i = 0; i < stream->partitions; i++) {
        if (stream->summary[i].records == 0)
            continue;
        part->partition = topic_partition(stream->topic, i);
        part->base_offset = INT64_MAX;
        part++;
    }
    append_start_sync(stream->server->appends, &stream->sync);
    return true;
}

void produce_results_finish(struct produce_stream *stream)
{
    if (stream->answer == PRODUCE_REPORTS) {
        finish_reports(stream);
        return;
    }
    if (stream->acks == APPEND_ACKS_ALL && stream->written != 0) {
        if (begin_sync(stream))
            return;
        produce_stream_stop(stream, REST_NO_MEMORY, "out of memory: the disk may not have all records");
    }
    answer(stream);
}
