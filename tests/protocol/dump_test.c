#include "check.h"
#include "kafka/messages.h"

static struct memory ledger;
static writer w;

static bool dumps_as(const struct message_type *type, int16_t version, const void *value, const char *text)
{
    memory_init(&ledger);
    writer_init(&w, &ledger, MEMORY_RESPONSES, 1 << 20);
    kafka_dump(type, version, value, &w);
    bool same = writer_ok(&w) && slice_equal(writer_slice(&w), slice_of_text(text));
    if (!same)
        printf("%.*s\n", SLICE_PRINT(writer_slice(&w)));
    writer_close(&w);
    return same;
}

static void a_dump_has_the_fields_of_its_version(void)
{
    struct list_offsets_request_partition partition = LIST_OFFSETS_REQUEST_PARTITION_DEFAULTS;
    partition.timestamp = -2;
    struct list_offsets_request_topic topic = {.name = slice_of_text("a\"b"), .partitions = {&partition, 1}};
    struct list_offsets_request request = {.replica_id = -1, .topics = {&topic, 1}, .timeout_ms = 30};
    CHECK(dumps_as(&list_offsets_request_type, 1, &request,
                   "{\"replica_id\":-1,\"topics\":[{\"name\":\"a\\\"b\",\"partitions\":"
                   "[{\"partition_index\":0,\"timestamp\":-2}]}]}"));
    CHECK(dumps_as(&list_offsets_request_type, 10, &request,
                   "{\"replica_id\":-1,\"isolation_level\":0,\"topics\":[{\"name\":\"a\\\"b\",\"partitions\":"
                   "[{\"partition_index\":0,\"current_leader_epoch\":-1,\"timestamp\":-2}]}],\"timeout_ms\":30}"));
}

static void bytes_are_base64_and_records_are_a_size(void)
{
    struct sasl_authenticate_response answer = SASL_AUTHENTICATE_RESPONSE_DEFAULTS;
    answer.error_message = NULL_SLICE;
    answer.auth_bytes = slice_of("\x00\xff", 2);
    CHECK(dumps_as(&sasl_authenticate_response_type, 0, &answer,
                   "{\"error_code\":0,\"error_message\":null,\"auth_bytes\":\"AP8=\"}"));
    struct produce_request_partition partition = {.index = 3, .records = slice_of("records", 7)};
    struct produce_request_topic topic = {.name = slice_of_text("t"), .partition_data = {&partition, 1}};
    struct produce_request request = {.acks = -1, .timeout_ms = 9, .topic_data = {&topic, 1}};
    CHECK(dumps_as(&produce_request_type, 9, &request,
                   "{\"transactional_id\":null,\"acks\":-1,\"timeout_ms\":9,\"topic_data\":[{\"name\":\"t\","
                   "\"partition_data\":[{\"index\":3,\"records\":7}]}]}"));
}

static void unknown_tagged_fields_are_shown(void)
{
    union {
        struct tagged_fields fields;
        uint8_t room[sizeof(struct tagged_fields) + sizeof(struct tagged_field)];
    } unknown = {.fields = {.count = 1}};
    unknown.fields.fields[0] = (struct tagged_field){77, slice_of("\x01", 1)};
    struct heartbeat_response answer = {.throttle_time_ms = 1, .unknown = &unknown.fields};
    CHECK(dumps_as(&heartbeat_response_type, 4, &answer,
                   "{\"throttle_time_ms\":1,\"error_code\":0,\"tag 77\":\"AQ==\"}"));
}

static void numbers_uuids_and_structs_that_may_be_null(void)
{
    struct alter_client_quotas_request_op op = {.key = slice_of_text("rate"), .value = 0.1};
    struct alter_client_quotas_request_entry entry = {.ops = {&op, 1}};
    struct alter_client_quotas_request request = {.entries = {&entry, 1}};
    CHECK(dumps_as(&alter_client_quotas_request_type, 0, &request,
                   "{\"entries\":[{\"entity\":[],\"ops\":[{\"key\":\"rate\",\"value\":0.1,\"remove\":false}]}],"
                   "\"validate_only\":false}"));
    struct consumer_group_heartbeat_response_topic topic = {.topic_id = {{[15] = 1}}};
    struct consumer_group_heartbeat_response_assignment assignment = {.topic_partitions = {&topic, 1}};
    struct consumer_group_heartbeat_response answer = {.assignment = &assignment};
    CHECK(dumps_as(&consumer_group_heartbeat_response_type, 0, &answer,
                   "{\"throttle_time_ms\":0,\"error_code\":0,\"error_message\":null,\"member_id\":null,"
                   "\"member_epoch\":0,\"heartbeat_interval_ms\":0,\"assignment\":{\"topic_partitions\":"
                   "[{\"topic_id\":\"AAAAAAAAAAAAAAAAAAAAAQ\",\"partitions\":[]}]}}"));
    struct describe_topic_partitions_request describe = {.response_partition_limit = 1};
    CHECK(dumps_as(&describe_topic_partitions_request_type, 0, &describe,
                   "{\"topics\":[],\"response_partition_limit\":1,\"cursor\":null}"));
}

SUITE("dump", CHECK_TEST(a_dump_has_the_fields_of_its_version), CHECK_TEST(bytes_are_base64_and_records_are_a_size),
      CHECK_TEST(unknown_tagged_fields_are_shown), CHECK_TEST(numbers_uuids_and_structs_that_may_be_null))
