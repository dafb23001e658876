#include "check.h"
#include "uuid.h"

/* Kafka's Uuid.toString() of 1, and of its metadata topic's id. */
static void text_is_kafkas(void)
{
    struct uuid one = UUID_ZERO;
    one.bytes[15] = 1;
    char text[UUID_TEXT_SIZE];
    uuid_print(one, text);
    CHECK(strcmp(text, "AAAAAAAAAAAAAAAAAAAAAQ") == 0);
}

static void what_was_printed_parses(void)
{
    uint8_t random[16];
    for (unsigned seed = 0; seed < 256; seed++) {
        for (unsigned i = 0; i < sizeof random; i++)
            random[i] = (uint8_t)(seed * 37 + i * 101);
        struct uuid uuid = uuid_from_random(random), parsed;
        char text[UUID_TEXT_SIZE];
        uuid_print(uuid, text);
        CHECK(text[0] != '-');
        REQUIRE(uuid_parse(slice_of_text(text), &parsed));
        CHECK(uuid_equal(uuid, parsed));
    }
}

static void other_texts_are_refused(void)
{
    struct uuid uuid;
    CHECK(!uuid_parse(slice_of_text(""), &uuid));
    CHECK(!uuid_parse(slice_of_text("AAAAAAAAAAAAAAAAAAAAA"), &uuid));
    CHECK(!uuid_parse(slice_of_text("AAAAAAAAAAAAAAAAAAAAA="), &uuid));
    CHECK(!uuid_parse(slice_of_text("AAAAAAAAAAAAAAAAAAAAAQAA"), &uuid));
}

SUITE("uuid", CHECK_TEST(text_is_kafkas), CHECK_TEST(what_was_printed_parses), CHECK_TEST(other_texts_are_refused))
