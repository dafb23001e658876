#include "check.h"
#include "kafka/api.h"
#include "kafka/error_code.h"

static struct memory ledger;
static struct arena arena;
static writer w;

static void open_all(void)
{
    memory_init(&ledger);
    arena_init(&arena, &ledger, MEMORY_REQUESTS, 1 << 16);
    writer_init(&w, &ledger, MEMORY_RESPONSES, 1 << 16);
}

static void close_all(void)
{
    writer_close(&w);
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

struct served {
    int16_t key;
    int8_t first, last, flexible;
};

/* Key, first and last version, first flexible one, as in Kafka 4.x's message definitions. Produce from 3: below it is
 * only advertised. */
static const struct served table[] = {
    {0, 3, 13, 9}, {1, 4, 18, 12},       {2, 1, 11, 6}, {3, 0, 13, 9},        {8, 2, 10, 8}, {9, 1, 10, 6},
    {10, 0, 6, 3}, {11, 0, 9, 6},        {12, 0, 4, 4}, {13, 0, 5, 4},        {14, 0, 5, 4}, {15, 0, 6, 5},
    {16, 0, 5, 3}, {17, 0, 1, INT8_MAX}, {18, 0, 4, 3}, {19, 2, 7, 5},        {20, 1, 6, 4}, {21, 0, 2, 2},
    {22, 0, 5, 2}, {23, 2, 4, 4},        {24, 0, 5, 3}, {25, 0, 4, 3},        {26, 0, 5, 3}, {27, 1, 2, 1},
    {28, 0, 5, 3}, {29, 1, 3, 2},        {30, 1, 3, 2}, {31, 1, 3, 2},        {32, 1, 4, 4}, {33, 0, 2, 2},
    {34, 1, 2, 2}, {35, 1, 5, 2},        {36, 0, 2, 2}, {37, 0, 3, 2},        {42, 0, 2, 2}, {43, 0, 2, 2},
    {44, 0, 1, 1}, {45, 0, 1, 0},        {46, 0, 0, 0}, {47, 0, 0, INT8_MAX}, {48, 0, 1, 1}, {49, 0, 1, 1},
    {50, 0, 0, 0}, {51, 0, 0, 0},        {55, 0, 2, 0}, {57, 0, 2, 0},        {60, 0, 2, 0}, {61, 0, 0, 0},
    {65, 0, 0, 0}, {66, 0, 2, 0},        {68, 0, 1, 0}, {69, 0, 1, 0},        {74, 0, 1, 0}, {75, 0, 0, 0},
    {76, 1, 1, 0}, {77, 1, 1, 0},        {78, 1, 2, 0}, {79, 1, 2, 0},
};

static void every_api_stands_in_the_tables(void)
{
    CHECK_EQUAL(kafka_api_count, sizeof table / sizeof table[0]);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct kafka_api *api = kafka_api_find(table[i].key);
        REQUIRE(api != NULL);
        const struct message_type *both[] = {api->request, api->response};
        for (int side = 0; side < 2; side++) {
            CHECK_EQUAL(both[side]->key, table[i].key);
            CHECK_EQUAL(both[side]->first_version, table[i].first);
            CHECK_EQUAL(both[side]->last_version, table[i].last);
            CHECK_EQUAL(both[side]->flexible_version, table[i].flexible);
        }
    }
    CHECK(kafka_api_find(-1) == NULL);
    CHECK(kafka_api_find(4) == NULL);
    CHECK(kafka_api_find(71) == NULL);
    CHECK(kafka_api_find(INT16_MAX) == NULL);
}

/* The request that CodeCrafters' "Build your own Kafka" prints byte by byte; without the frame's length. */
static void a_published_request_is_read(void)
{
    static const uint8_t bytes[] = {0x00, 0x12, 0x00, 0x04, 0x6f, 0x7f, 0xc6, 0x61, 0x00, 0x09, 'k', 'a',
                                    'f',  'k',  'a',  '-',  'c',  'l',  'i',  0x00, 0x0a, 'k',  'a', 'f',
                                    'k',  'a',  '-',  'c',  'l',  'i',  0x04, '0',  '.',  '1',  0x00};
    open_all();
    reader r = reader_of(slice_of(bytes, sizeof bytes));
    struct request_header header;
    struct api_versions_request request;
    REQUIRE(kafka_decode_request_header(&r, &header, &arena) == 0);
    CHECK_EQUAL(header.request_api_key, API_API_VERSIONS);
    CHECK_EQUAL(header.request_api_version, 4);
    CHECK_EQUAL(header.correlation_id, 0x6f7fc661);
    CHECK(slice_equal(header.client_id, slice_of_text("kafka-cli")));
    REQUIRE(kafka_decode(&api_versions_request_type, 4, &r, &request, &arena) == 0);
    CHECK(slice_equal(request.client_software_name, slice_of_text("kafka-cli")));
    CHECK(slice_equal(request.client_software_version, slice_of_text("0.1")));
    CHECK_EQUAL(reader_left(&r), 0);

    REQUIRE(kafka_encode_request_header(&header, &w) == 0);
    REQUIRE(kafka_encode(&api_versions_request_type, 4, &request, &w) == 0);
    CHECK(slice_equal(writer_slice(&w), slice_of(bytes, sizeof bytes)));
    close_all();
}

/* From the same place: the answer's header has no tagged fields, although its body is flexible. */
static void a_published_answer_is_written(void)
{
    static const uint8_t bytes[] = {0xab, 0xcd, 0xef, 0x12, 0x00, 0x00, 0x02, 0x00, 0x12, 0x00,
                                    0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    open_all();
    struct api_versions_response_api_key key = {.api_key = 18, .max_version = 4};
    struct api_versions_response answer = API_VERSIONS_RESPONSE_DEFAULTS;
    answer.api_keys.items = &key;
    answer.api_keys.count = 1;
    kafka_encode_response_header(kafka_api_find(18), 4, (int32_t)0xabcdef12, &w);
    REQUIRE(kafka_encode(&api_versions_response_type, 4, &answer, &w) == 0);
    CHECK(slice_equal(writer_slice(&w), slice_of(bytes, sizeof bytes)));

    reader r = reader_of(writer_slice(&w));
    int32_t correlation_id;
    REQUIRE(kafka_decode_response_header(kafka_api_find(18), 4, &r, &correlation_id, &arena) == 0);
    CHECK_EQUAL((uint32_t)correlation_id, 0xabcdef12);
    close_all();
}

static void flexible_answers_have_a_flexible_header(void)
{
    open_all();
    kafka_encode_response_header(kafka_api_find(API_FETCH), 11, 7, &w);
    CHECK_EQUAL(writer_slice(&w).size, 4);
    kafka_encode_response_header(kafka_api_find(API_FETCH), 12, 7, &w);
    CHECK_EQUAL(writer_slice(&w).size, 9);
    close_all();
}

static int header_of(int16_t key, int16_t version, struct request_header *header)
{
    uint8_t bytes[10] = {0, 0, 0, 0, 0, 0, 0, 5, 0xff, 0xff};
    store_u16(bytes, (uint16_t)key);
    store_u16(bytes + 2, (uint16_t)version);
    reader r = reader_of(slice_of(bytes, sizeof bytes));
    return kafka_decode_request_header(&r, header, &arena);
}

static void an_unknown_request_still_says_whom_to_answer(void)
{
    open_all();
    struct request_header header;
    CHECK_EQUAL(header_of(API_API_VERSIONS, 5, &header), FURROW_UNSUPPORTED);
    CHECK_EQUAL(header.request_api_key, API_API_VERSIONS);
    CHECK_EQUAL(header.correlation_id, 5);
    CHECK_EQUAL(header_of(4, 0, &header), FURROW_UNSUPPORTED);
    CHECK_EQUAL(header_of(API_PRODUCE, 2, &header), FURROW_UNSUPPORTED);
    CHECK_EQUAL(header_of(API_PRODUCE, -1, &header), FURROW_UNSUPPORTED);
    CHECK_EQUAL(header_of(API_PRODUCE, 3, &header), 0);
    CHECK(slice_is_null(header.client_id));
    close_all();
}

static void a_short_header_is_malformed(void)
{
    open_all();
    static const uint8_t bytes[] = {0x00, 0x12, 0x00, 0x04, 0x6f, 0x7f, 0xc6, 0x61, 0x00, 0x01, 'k', 0x00};
    for (size_t size = 0; size < sizeof bytes; size++) {
        struct request_header header;
        reader r = reader_of(slice_of(bytes, size));
        CHECK_EQUAL(kafka_decode_request_header(&r, &header, &arena), FURROW_MALFORMED);
    }
    close_all();
}

/* All names, codes and whether to try again are compared with Kafka's in tests/oracle. */
static void error_codes_have_names_and_texts(void)
{
    CHECK(strcmp(kafka_error_name(-1), "UNKNOWN_SERVER_ERROR") == 0);
    CHECK(strcmp(kafka_error_name(KAFKA_SHARE_SESSION_LIMIT_REACHED), "SHARE_SESSION_LIMIT_REACHED") == 0);
    CHECK(kafka_error_name(-2) == NULL);
    CHECK(kafka_error_name(134) == NULL);
    CHECK(kafka_error_name(INT16_MAX) == NULL);
    for (int16_t code = -1; code <= 133; code++)
        CHECK(kafka_error_text(code)[0] != '\0');
    CHECK(strcmp(kafka_error_text(1000), kafka_error_text(-1)) == 0);
    CHECK(kafka_error_is_retriable(KAFKA_NOT_LEADER_OR_FOLLOWER));
    CHECK(!kafka_error_is_retriable(KAFKA_MESSAGE_TOO_LARGE));
    CHECK(!kafka_error_is_retriable(1000));
}

SUITE("api", CHECK_TEST(every_api_stands_in_the_tables), CHECK_TEST(a_published_request_is_read),
      CHECK_TEST(a_published_answer_is_written), CHECK_TEST(flexible_answers_have_a_flexible_header),
      CHECK_TEST(an_unknown_request_still_says_whom_to_answer), CHECK_TEST(a_short_header_is_malformed),
      CHECK_TEST(error_codes_have_names_and_texts))
