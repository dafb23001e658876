#include "frame.h"

#include "batch_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct memory memory = {.fail_countdown = -1};

#define FRAME_MAX   ((size_t)1 << 30)
#define CLIENT_ID   "bench"
#define API_PRODUCE 0
#define API_FETCH   1
#define API_CREATE  19
#define API_OFFERED 18 /* ApiVersions */

void frame_writer_init(writer *w)
{
    writer_init(w, &memory, MEMORY_REQUESTS, FRAME_MAX);
}

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static size_t start_frame(writer *w)
{
    return write_reserved_u32(w);
}

static void end_frame(writer *w, size_t start)
{
    require(writer_ok(w), "out of memory");
    writer_set_u32(w, start, (uint32_t)(writer_message_size(w) - start - BENCH_FRAME_PREFIX));
}

void frame_write_request(writer *w, int16_t key, int16_t version, int32_t correlation_id, const void *body)
{
    size_t start = start_frame(w);
    struct request_header header = {.request_api_key = key,
                                    .request_api_version = version,
                                    .correlation_id = correlation_id,
                                    .client_id = slice_of_text(CLIENT_ID)};
    require(kafka_encode_request_header(&header, w) == 0, "request header");
    require(kafka_encode(kafka_api_find(key)->request, version, body, w) == 0, "request");
    end_frame(w, start);
}

void frame_write_produce(writer *w, int32_t correlation_id, int16_t acks, slice topic, int32_t partition, slice batch)
{
    struct produce_request_partition data = {.index = partition, .records = batch};
    struct produce_request_topic asked = {.name = topic, .partition_data = {&data, 1}};
    struct produce_request request = PRODUCE_REQUEST_DEFAULTS;
    request.acks = acks;
    request.timeout_ms = 30000;
    request.topic_data = (struct produce_request_topic_array){&asked, 1};
    frame_write_request(w, API_PRODUCE, BENCH_PRODUCE_VERSION, correlation_id, &request);
}

void frame_write_fetch(writer *w, int32_t correlation_id, slice topic, const struct bench_fetch *fetch)
{
    struct fetch_request_partition partition = FETCH_REQUEST_PARTITION_DEFAULTS;
    partition.partition = fetch->partition;
    partition.fetch_offset = fetch->offset;
    partition.partition_max_bytes = fetch->max_bytes;
    struct fetch_request_topic asked = {.topic = topic, .partitions = {&partition, 1}};
    struct fetch_request request = FETCH_REQUEST_DEFAULTS;
    request.max_wait_ms = fetch->wait_ms;
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    request.topics = (struct fetch_request_topic_array){&asked, 1};
    frame_write_request(w, API_FETCH, BENCH_FETCH_VERSION, correlation_id, &request);
}

void frame_write_create_topic(writer *w, int32_t correlation_id, slice topic, int32_t partitions, const char *setting)
{
    const char *equals = setting != NULL ? strchr(setting, '=') : NULL;
    struct create_topics_request_config config = {.name = NULL_SLICE};
    struct create_topics_request_topic asked = {.name = topic, .num_partitions = partitions, .replication_factor = 1};
    struct create_topics_request request = CREATE_TOPICS_REQUEST_DEFAULTS;
    if (equals != NULL) {
        config.name = slice_of(setting, (size_t)(equals - setting));
        config.value = slice_of_text(equals + 1);
        asked.configs = (struct create_topics_request_config_array){&config, 1};
    }
    request.topics = (struct create_topics_request_topic_array){&asked, 1};
    frame_write_request(w, API_CREATE, 7, correlation_id, &request);
}

void frame_write_api_versions(writer *w, int32_t correlation_id)
{
    struct api_versions_request request = API_VERSIONS_REQUEST_DEFAULTS;
    request.client_software_name = slice_of_text("furrow-bench");
    request.client_software_version = slice_of_text(FURROW_VERSION);
    frame_write_request(w, API_OFFERED, 3, correlation_id, &request);
}

static void write_answer(writer *w, int16_t key, int16_t version, int32_t correlation_id, const void *body)
{
    size_t start = start_frame(w);
    const struct kafka_api *api = kafka_api_find(key);
    kafka_encode_response_header(api, version, correlation_id, w);
    require(kafka_encode(api->response, version, body, w) == 0, "answer");
    end_frame(w, start);
}

void frame_write_produce_answer(writer *w, int32_t correlation_id, slice topic, int32_t partition,
                                const struct bench_appended *appended)
{
    struct produce_response_partition answer = PRODUCE_RESPONSE_PARTITION_DEFAULTS;
    answer.index = partition;
    answer.base_offset = appended->base_offset;
    answer.log_append_time_ms = appended->append_time;
    answer.log_start_offset = appended->log_start;
    struct produce_response_topic answered = {.name = topic, .partition_responses = {&answer, 1}};
    struct produce_response response = PRODUCE_RESPONSE_DEFAULTS;
    response.responses = (struct produce_response_topic_array){&answered, 1};
    write_answer(w, API_PRODUCE, BENCH_PRODUCE_VERSION, correlation_id, &response);
}

void frame_write_fetch_answer(writer *w, int32_t correlation_id, slice topic, int64_t high_watermark)
{
    struct fetch_response_partition partition = FETCH_RESPONSE_PARTITION_DEFAULTS;
    partition.high_watermark = high_watermark;
    partition.last_stable_offset = high_watermark;
    partition.log_start_offset = 0;
    partition.aborted_transactions.count = -1;
    partition.records.bytes = slice_of("", 0);
    struct fetch_response_topic answered = {.topic = topic, .partitions = {&partition, 1}};
    struct fetch_response response = FETCH_RESPONSE_DEFAULTS;
    response.responses = (struct fetch_response_topic_array){&answered, 1};
    write_answer(w, API_FETCH, BENCH_FETCH_VERSION, correlation_id, &response);
}

void frame_write_batch(writer *w, const struct bench_batch *batch)
{
    uint8_t *value = malloc((size_t)batch->value_size + 1);
    require(value != NULL, "out of memory");
    uint32_t seed = 2463534242;
    int64_t now = (int64_t)time(NULL) * 1000;
    struct batch_builder builder;
    batch_builder_open(&builder, w, &BATCH_OPTIONS_PLAIN);
    for (int32_t i = 0; i < batch->records; i++) {
        for (int32_t at = 0; at < batch->value_size; at++) {
            seed = seed * 1664525 + 1013904223;
            value[at] = (uint8_t)(seed >> 24);
        }
        batch_builder_add(&builder, now, NULL_SLICE, slice_of(value, (size_t)batch->value_size));
    }
    require(batch_builder_close(&builder, NULL) == 0, "batch");
    free(value);
}

slice frame_read_produce(reader *r, int16_t *acks)
{
    read_unsigned_varint(r); /* tagged fields of the header */
    read_compact_bytes(r);   /* transactional id */
    *acks = read_i16(r);
    read_i32(r);             /* timeout */
    read_unsigned_varint(r); /* topics */
    read_compact_bytes(r);
    read_unsigned_varint(r); /* partitions */
    read_i32(r);
    return read_compact_bytes(r);
}

static int error_of_topics(int16_t api_key, const void *body)
{
    if (api_key == API_PRODUCE) {
        const struct produce_response *response = body;
        if (response->responses.count != 1 || response->responses.items[0].partition_responses.count != 1)
            return -1;
        return response->responses.items[0].partition_responses.items[0].error_code;
    }
    if (api_key == API_FETCH) {
        const struct fetch_response *response = body;
        if (response->error_code != 0)
            return response->error_code;
        if (response->responses.count != 1 || response->responses.items[0].partitions.count != 1)
            return -1;
        return response->responses.items[0].partitions.items[0].error_code;
    }
    if (api_key == API_CREATE) {
        const struct create_topics_response *response = body;
        return response->topics.count == 1 ? response->topics.items[0].error_code : -1;
    }
    return ((const struct api_versions_response *)body)->error_code;
}

/* What is in an answer may point into it; `records` is filled from the answer to a fetch. */
static int read_answer(int16_t api_key, int16_t version, slice answer, slice *records)
{
    union {
        struct produce_response produce;
        struct fetch_response fetch;
        struct create_topics_response create;
        struct api_versions_response versions;
    } body;
    struct arena arena;
    arena_init(&arena, &memory, MEMORY_REQUESTS, FRAME_MAX);
    reader r = reader_of(answer);
    int32_t correlation_id;
    int error = -1;
    const struct kafka_api *api = kafka_api_find(api_key);
    if (kafka_decode_response_header(api, version, &r, &correlation_id, &arena) == 0 &&
        kafka_decode(api->response, version, &r, &body, &arena) == 0)
        error = error_of_topics(api_key, &body);
    if (error == 0 && records != NULL)
        *records = body.fetch.responses.items[0].partitions.items[0].records.bytes;
    arena_close(&arena);
    return error;
}

int frame_error_of(int16_t api_key, int16_t version, slice answer)
{
    return read_answer(api_key, version, answer, NULL);
}

int frame_read_fetch(slice answer, slice *records)
{
    return read_answer(API_FETCH, BENCH_FETCH_VERSION, answer, records);
}

size_t frame_first_difference(slice one, slice other)
{
    size_t at = 0;
    while (at < one.size && one.data[at] == other.data[at])
        at++;
    return at;
}

void frame_template_make(struct frame_template *template, slice one, slice other)
{
    require(one.size == other.size, "answers of one kind differ in length");
    template->size = one.size;
    template->bytes = malloc(one.size);
    template->fixed = malloc(one.size);
    require(template->bytes != NULL && template->fixed != NULL, "out of memory");
    memcpy(template->bytes, one.data, one.size);
    for (size_t i = 0; i < one.size; i++)
        template->fixed[i] = one.data[i] == other.data[i] ? 0xff : 0;
}
