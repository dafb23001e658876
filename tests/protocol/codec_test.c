#include "check.h"
#include "kafka/messages.h"

#include <errno.h>

#define ARENA_LIMIT ((size_t)1 << 16)

static struct memory ledger;
static struct arena arena;
static writer w;

static void open_all(void)
{
    memory_init(&ledger);
    arena_init(&arena, &ledger, MEMORY_REQUESTS, ARENA_LIMIT);
    writer_init(&w, &ledger, MEMORY_RESPONSES, 1 << 20);
}

static void close_all(void)
{
    writer_close(&w);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static int decode(const struct message_type *type, int16_t version, const uint8_t *bytes, size_t size, void *value)
{
    reader r = reader_of(slice_of(bytes, size));
    return kafka_decode(type, version, &r, value, &arena);
}

static void fields_that_a_version_lacks_have_their_defaults(void)
{
    open_all();
    /* ListOffsets v1: replica -1, one topic "t", one partition 0, timestamp -2. */
    static const uint8_t v1[] = {0xff, 0xff, 0xff, 0xff, 0, 0,    0,    1,    0,    1,    't',  0,    0,   0,
                                 1,    0,    0,    0,    0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
    struct list_offsets_request request;
    REQUIRE(decode(&list_offsets_request_type, 1, v1, sizeof v1, &request) == 0);
    CHECK_EQUAL(request.isolation_level, 0);
    REQUIRE(request.topics.count == 1 && request.topics.items[0].partitions.count == 1);
    CHECK_EQUAL(request.topics.items[0].partitions.items[0].current_leader_epoch, -1);
    CHECK_EQUAL(request.topics.items[0].partitions.items[0].timestamp, -2);
    close_all();
}

static void defaults_agree(void)
{
    struct fetch_request_partition written = FETCH_REQUEST_PARTITION_DEFAULTS;
    CHECK_EQUAL(written.high_watermark, INT64_MAX);
    CHECK_EQUAL(written.current_leader_epoch, -1);
    struct fetch_request set, made = FETCH_REQUEST_DEFAULTS;
    kafka_set_defaults(&fetch_request_type, &set);
    CHECK_EQUAL(set.max_bytes, INT32_MAX);
    CHECK_EQUAL(made.max_bytes, INT32_MAX);
    CHECK_EQUAL(set.replica_state.replica_epoch, -1);
    CHECK_EQUAL(made.replica_state.replica_epoch, -1);
    CHECK(slice_is_null(set.cluster_id) && slice_is_null(made.cluster_id));
    CHECK(!slice_is_null(set.rack_id) && !slice_is_null(made.rack_id));
}

static void a_version_is_told_only_what_it_has(void)
{
    open_all();
    struct metadata_response_topic topic = METADATA_RESPONSE_TOPIC_DEFAULTS;
    topic.name = NULL_SLICE; /* null only from version 12 */
    topic.topic_id = (struct uuid){{1}};
    struct metadata_response answer = METADATA_RESPONSE_DEFAULTS;
    answer.throttle_time_ms = 5;
    answer.topics.items = &topic;
    answer.topics.count = 1;
    REQUIRE(kafka_encode(&metadata_response_type, 0, &answer, &w) == 0);
    static const uint8_t v0[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    CHECK(slice_equal(writer_slice(&w), slice_of(v0, sizeof v0)));
    close_all();
}

static void null_is_refused_where_the_version_has_none(void)
{
    open_all();
    static const uint8_t null_array[] = {0xff, 0xff, 0xff, 0xff};
    struct metadata_request request;
    CHECK_EQUAL(decode(&metadata_request_type, 0, null_array, sizeof null_array, &request), FURROW_MALFORMED);
    REQUIRE(decode(&metadata_request_type, 1, null_array, sizeof null_array, &request) == 0);
    CHECK_EQUAL(request.topics.count, -1);
    static const uint8_t null_string[] = {0xff, 0xff};
    struct sasl_handshake_request handshake;
    CHECK_EQUAL(decode(&sasl_handshake_request_type, 0, null_string, sizeof null_string, &handshake), FURROW_MALFORMED);
    static const uint8_t null_bytes[] = {0xff, 0xff, 0xff, 0xff};
    struct sasl_authenticate_request authenticate;
    CHECK_EQUAL(decode(&sasl_authenticate_request_type, 0, null_bytes, sizeof null_bytes, &authenticate),
                FURROW_MALFORMED);
    close_all();
}

static void hostile_lengths_allocate_nothing(void)
{
    static const uint8_t lengths[][8] = {
        {0x7f, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0xff, 0xff, 0xff, 0xfe}, {0, 0, 0, 5}};
    static const uint8_t compact[][8] = {{0xff, 0xff, 0xff, 0xff, 0x0f},
                                         {0x80, 0x80, 0x80, 0x80, 0x08},
                                         {9},
                                         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    open_all();
    struct metadata_request request;
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQUAL(decode(&metadata_request_type, 1, lengths[i], 8, &request), FURROW_MALFORMED);
        CHECK_EQUAL(decode(&metadata_request_type, 9, compact[i], 8, &request), FURROW_MALFORMED);
    }
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
    close_all();
}

static void the_arena_bounds_a_decoded_message(void)
{
    open_all();
    static uint8_t many[40000]; /* 19998 empty names: each takes 2 bytes here and 48 in memory */
    many[2] = 19998 >> 8;
    many[3] = 19998 & 0xff;
    struct metadata_request request;
    CHECK_EQUAL(decode(&metadata_request_type, 1, many, sizeof many, &request), -ENOMEM);
    CHECK(arena.total <= ARENA_LIMIT);
    close_all();
}

static void unknown_tagged_fields_come_through_in_order(void)
{
    open_all();
    /* ApiVersions request v3: "", "", tags 2 and 300. */
    static const uint8_t bytes[] = {1, 1, 2, 2, 3, 'a', 'b', 'c', 0xac, 0x02, 0};
    struct api_versions_request request;
    REQUIRE(decode(&api_versions_request_type, 3, bytes, sizeof bytes, &request) == 0);
    REQUIRE(request.unknown != NULL && request.unknown->count == 2);
    CHECK_EQUAL(request.unknown->fields[0].tag, 2);
    CHECK(slice_equal(request.unknown->fields[0].data, slice_of_text("abc")));
    CHECK_EQUAL(request.unknown->fields[1].tag, 300);
    REQUIRE(kafka_encode(&api_versions_request_type, 3, &request, &w) == 0);
    CHECK(slice_equal(writer_slice(&w), slice_of(bytes, sizeof bytes)));
    close_all();
}

static void known_and_unknown_tags_are_written_in_one_order(void)
{
    open_all();
    union {
        struct tagged_fields fields;
        uint8_t room[sizeof(struct tagged_fields) + 2 * sizeof(struct tagged_field)];
    } unknown = {.fields = {.count = 2}};
    unknown.fields.fields[0] = (struct tagged_field){1, slice_of_text("x")};
    unknown.fields.fields[1] = (struct tagged_field){4, slice_of_text("y")};
    struct transaction_log_value value = TRANSACTION_LOG_VALUE_DEFAULTS;
    value.transaction_partitions.count = -1;
    value.previous_producer_id = 5;       /* tag 0 */
    value.client_transaction_version = 2; /* tag 2 */
    value.next_producer_epoch = 3;        /* tag 3 */
    value.unknown = &unknown.fields;
    REQUIRE(kafka_encode(&transaction_log_value_type, 1, &value, &w) == 0);
    static const uint8_t tags[] = {5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, 1, 1, 'x', 2, 2, 0, 2, 3, 2, 0, 3, 4, 1, 'y'};
    slice bytes = writer_slice(&w);
    REQUIRE(bytes.size > sizeof tags);
    CHECK(memcmp(bytes.data + bytes.size - sizeof tags, tags, sizeof tags) == 0);
    close_all();
}

static void tags_out_of_order_are_refused(void)
{
    open_all();
    static const uint8_t twice[] = {1, 1, 2, 2, 0, 2, 0}, back[] = {1, 1, 2, 3, 0, 2, 0};
    struct api_versions_request request;
    CHECK_EQUAL(decode(&api_versions_request_type, 3, twice, sizeof twice, &request), FURROW_MALFORMED);
    CHECK_EQUAL(decode(&api_versions_request_type, 3, back, sizeof back, &request), FURROW_MALFORMED);
    close_all();
}

static void a_tagged_field_fills_its_bytes(void)
{
    open_all();
    /* TransactionLog value v1: 32 bytes of fields, then tag 2, an int16, in `size` bytes. */
    uint8_t bytes[40] = {[32] = 1, [33] = 2};
    struct transaction_log_value value;
    for (uint8_t size = 0; size < 5; size++) {
        bytes[34] = size;
        int rc = decode(&transaction_log_value_type, 1, bytes, sizeof bytes, &value);
        CHECK_EQUAL(rc, size == 2 ? 0 : FURROW_MALFORMED);
    }
    close_all();
}

static void strings_end_at_32767_bytes(void)
{
    open_all();
    static uint8_t long_text[INT16_MAX + 1];
    struct sasl_handshake_request handshake = {.mechanism = slice_of(long_text, sizeof long_text)};
    CHECK_EQUAL(kafka_encode(&sasl_handshake_request_type, 0, &handshake, &w), FURROW_TOO_LARGE);
    writer_close(&w);
    static uint8_t bytes[INT16_MAX + 6] = {0x81, 0x80, 0x02}; /* a compact string of 32768 bytes, and another */
    bytes[INT16_MAX + 4] = 1;
    struct api_versions_request request;
    CHECK_EQUAL(decode(&api_versions_request_type, 3, bytes, sizeof bytes, &request), FURROW_MALFORMED);
    close_all();
}

static void record_data_may_be_a_splice(void)
{
    open_all();
    static const int source;
    struct fetch_response_partition partition = FETCH_RESPONSE_PARTITION_DEFAULTS;
    partition.records = (struct record_data){.splice = &source, .splice_size = 1000};
    struct fetch_response_topic topic = FETCH_RESPONSE_TOPIC_DEFAULTS;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    struct fetch_response answer = FETCH_RESPONSE_DEFAULTS;
    answer.responses.items = &topic;
    answer.responses.count = 1;
    REQUIRE(kafka_encode(&fetch_response_type, 12, &answer, &w) == 0);
    REQUIRE(w.splice_count == 1);
    CHECK(w.splices[0].source == &source);
    CHECK_EQUAL(w.splices[0].size, 1000);
    /* Before it its length + 1, behind it the tagged fields of partition, topic and answer. */
    CHECK_EQUAL(w.splices[0].position, w.size - 3);
    CHECK_EQUAL(w.data[w.size - 5], (1001 & 0x7f) | 0x80);
    CHECK_EQUAL(w.data[w.size - 4], 1001 >> 7);
    close_all();
}

/* A record of __consumer_offsets as Kafka's own broker writes it: key type 1, value version 3. */
static void a_record_starts_with_its_type_or_version(void)
{
    open_all();
    struct offset_commit_key key = {.group = slice_of_text("g"), .topic = slice_of_text("t"), .partition = 2};
    REQUIRE(kafka_encode_key(&offset_commit_key_type, &key, &w) == 0);
    static const uint8_t key_bytes[] = {0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 2};
    CHECK(slice_equal(writer_slice(&w), slice_of(key_bytes, sizeof key_bytes)));
    writer_close(&w);

    struct offset_commit_value value = OFFSET_COMMIT_VALUE_DEFAULTS, read;
    value.offset = 9;
    value.commit_timestamp = 7;
    REQUIRE(kafka_encode_value(&offset_commit_value_type, 3, &value, &w) == 0);
    static const uint8_t value_bytes[] = {0,    3,    0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff,
                                          0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0,    7};
    CHECK(slice_equal(writer_slice(&w), slice_of(value_bytes, sizeof value_bytes)));
    reader r = reader_of(writer_slice(&w));
    REQUIRE(kafka_decode_value(&offset_commit_value_type, &r, &read, &arena) == 0);
    CHECK_EQUAL(read.offset, 9);
    CHECK_EQUAL(read.commit_timestamp, 7);
    w.data[1] = 9;
    r = reader_of(writer_slice(&w));
    CHECK_EQUAL(kafka_decode_value(&offset_commit_value_type, &r, &read, &arena), FURROW_WRONG_VERSION);
    close_all();
}

SUITE("codec", CHECK_TEST(fields_that_a_version_lacks_have_their_defaults), CHECK_TEST(defaults_agree),
      CHECK_TEST(a_version_is_told_only_what_it_has), CHECK_TEST(null_is_refused_where_the_version_has_none),
      CHECK_TEST(hostile_lengths_allocate_nothing), CHECK_TEST(the_arena_bounds_a_decoded_message),
      CHECK_TEST(unknown_tagged_fields_come_through_in_order),
      CHECK_TEST(known_and_unknown_tags_are_written_in_one_order), CHECK_TEST(tags_out_of_order_are_refused),
      CHECK_TEST(a_tagged_field_fills_its_bytes), CHECK_TEST(strings_end_at_32767_bytes),
      CHECK_TEST(record_data_may_be_a_splice), CHECK_TEST(a_record_starts_with_its_type_or_version))
