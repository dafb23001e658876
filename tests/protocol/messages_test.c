/* What holds of every declared message in every version. Kafka's own classes prove the layouts (tests/oracle). */
#include "check.h"
#include "kafka/codec.h"
#include "message_sample.h"

#include <errno.h>

#define LIMIT ((size_t)16 << 20)

static struct memory ledger;

/* A message of each type and version in turn: its value, its bytes, and room for what the test makes of it. */
struct turn {
    const struct message_type *type;
    int16_t version;
    void *value;
    void *decoded; /* room for a value */
    writer bytes;
    struct arena arena;
};

static void encode_sample(struct turn *turn)
{
    arena_init(&turn->arena, &ledger, MEMORY_REQUESTS, LIMIT);
    writer_init(&turn->bytes, &ledger, MEMORY_RESPONSES, LIMIT);
    turn->value = message_sample(turn->type, 7U * (uint32_t)turn->version + (uint32_t)turn->type->root, &turn->arena);
    turn->decoded = arena_alloc(&turn->arena, message_struct_size(turn->type));
    REQUIRE(turn->value != NULL && turn->decoded != NULL);
    REQUIRE(kafka_encode(turn->type, turn->version, turn->value, &turn->bytes) == 0);
}

static void in_every_version(void (*test)(struct turn *turn))
{
    memory_init(&ledger);
    struct turn turn;
    for (size_t i = 0; (turn.type = kafka_message_type(i)) != NULL; i++) {
        for (turn.version = turn.type->first_version; turn.version <= turn.type->last_version; turn.version++) {
            encode_sample(&turn);
            test(&turn);
            writer_close(&turn.bytes);
            arena_close(&turn.arena);
        }
    }
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static int decode(struct turn *turn, slice bytes)
{
    reader r = reader_of(bytes);
    int rc = kafka_decode(turn->type, turn->version, &r, turn->decoded, &turn->arena);
    if (rc == 0)
        CHECK_EQUAL(reader_left(&r), 0);
    return rc;
}

static void same_bytes_again(struct turn *turn)
{
    slice bytes = writer_slice(&turn->bytes);
    REQUIRE(decode(turn, bytes) == 0);
    writer again;
    writer_init(&again, &ledger, MEMORY_RESPONSES, LIMIT);
    CHECK(kafka_encode(turn->type, turn->version, turn->decoded, &again) == 0);
    CHECK(slice_equal(writer_slice(&again), bytes));
    writer_close(&again);
}

static void what_was_encoded_decodes_to_the_same(void)
{
    in_every_version(same_bytes_again);
}

/* Each prefix has a copy of its own size, so that the sanitizer sees a read beyond it. */
static void every_prefix_fails(struct turn *turn)
{
    slice bytes = writer_slice(&turn->bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct arena arena;
        arena_init(&arena, &ledger, MEMORY_REQUESTS, LIMIT);
        uint8_t *prefix = memory_alloc(&ledger, MEMORY_REQUESTS, size);
        REQUIRE(prefix != NULL);
        memcpy(prefix, bytes.data, size);
        reader r = reader_of(slice_of(prefix, size));
        CHECK_EQUAL(kafka_decode(turn->type, turn->version, &r, turn->decoded, &arena), FURROW_MALFORMED);
        memory_free(&ledger, MEMORY_REQUESTS, prefix, size);
        arena_close(&arena);
    }
}

static void a_message_cut_at_any_byte_is_malformed(void)
{
    in_every_version(every_prefix_fails);
}

static void every_byte_changed(struct turn *turn)
{
    slice bytes = writer_slice(&turn->bytes);
    uint8_t *data = turn->bytes.data;
    for (size_t i = 0; i < bytes.size; i++) {
        static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        uint8_t right = data[i];
        for (size_t value = 0; value < sizeof values; value++) {
            struct arena arena;
            arena_init(&arena, &ledger, MEMORY_REQUESTS, LIMIT);
            data[i] = values[value];
            reader r = reader_of(bytes);
            int rc = kafka_decode(turn->type, turn->version, &r, turn->decoded, &arena);
            CHECK(rc == 0 || rc == FURROW_MALFORMED);
            CHECK(arena.total <= 200 * bytes.size + 4096);
            arena_close(&arena);
        }
        data[i] = right;
    }
}

static void a_changed_byte_costs_no_more_memory_than_its_message(void)
{
    in_every_version(every_byte_changed);
}

static void every_allocation_fails_once(struct turn *turn)
{
    slice bytes = writer_slice(&turn->bytes);
    size_t before = memory_total_bytes(&ledger);
    for (int64_t nth = 0;; nth++) {
        struct arena arena;
        writer w;
        arena_init(&arena, &ledger, MEMORY_REQUESTS, LIMIT);
        writer_init(&w, &ledger, MEMORY_RESPONSES, LIMIT);
        reader r = reader_of(bytes);
        memory_fail_at(&ledger, nth);
        int decoded = kafka_decode(turn->type, turn->version, &r, turn->decoded, &arena);
        int encoded = decoded == 0 ? kafka_encode(turn->type, turn->version, turn->decoded, &w) : 0;
        bool outlived = memory_fail_pending(&ledger);
        memory_fail_at(&ledger, -1);
        CHECK(decoded == 0 || decoded == -ENOMEM);
        CHECK(encoded == 0 || encoded == FURROW_TOO_LARGE);
        CHECK(outlived == (decoded == 0 && encoded == 0));
        writer_close(&w);
        arena_close(&arena);
        CHECK_EQUAL(memory_total_bytes(&ledger), before);
        if (outlived)
            return;
    }
}

static void any_failing_allocation_is_survived(void)
{
    in_every_version(every_allocation_fails_once);
}

static void other_versions_fail(struct turn *turn)
{
    reader r = reader_of(writer_slice(&turn->bytes));
    const struct message_type *type = turn->type;
    CHECK(kafka_decode(type, (int16_t)(type->first_version - 1), &r, turn->decoded, &turn->arena) ==
          FURROW_UNSUPPORTED);
    CHECK(kafka_decode(type, (int16_t)(type->last_version + 1), &r, turn->decoded, &turn->arena) == FURROW_UNSUPPORTED);
    CHECK(kafka_encode(type, (int16_t)(type->last_version + 1), turn->value, &turn->bytes) == FURROW_UNSUPPORTED);
}

static void versions_that_are_not_served_are_refused(void)
{
    in_every_version(other_versions_fail);
}

/* A handler that fills in nothing still answers with a well-formed message. */
static void zeroed_and_default_values_encode(struct turn *turn)
{
    for (int defaults = 0; defaults < 2; defaults++) {
        writer w;
        writer_init(&w, &ledger, MEMORY_RESPONSES, LIMIT);
        memset(turn->value, 0, message_struct_size(turn->type));
        if (defaults)
            kafka_set_defaults(turn->type, turn->value);
        REQUIRE(kafka_encode(turn->type, turn->version, turn->value, &w) == 0);
        CHECK(decode(turn, writer_slice(&w)) == 0);
        writer_close(&w);
    }
}

static void a_value_left_zeroed_is_a_message(void)
{
    in_every_version(zeroed_and_default_values_encode);
}

SUITE("messages", CHECK_TEST(what_was_encoded_decodes_to_the_same), CHECK_TEST(a_message_cut_at_any_byte_is_malformed),
      CHECK_TEST(a_changed_byte_costs_no_more_memory_than_its_message), CHECK_TEST(any_failing_allocation_is_survived),
      CHECK_TEST(versions_that_are_not_served_are_refused), CHECK_TEST(a_value_left_zeroed_is_a_message))
