/* Places in queries and links. */
#include "check.h"
#include "rest/read_places.h"

#define PARTS 500

static struct memory memory;
static struct arena arena;

static void open_arena(void)
{
    memory_init(&memory);
    arena_init(&arena, &memory, MEMORY_REQUESTS, 1 << 20);
}

static void close_arena(void)
{
    arena_close(&arena);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static struct read_place *parse(const char *text, bool is_after)
{
    struct read_place *places = NULL;
    return read_places_parse(slice_of_text(text), is_after, &arena, &places) ? places : NULL;
}

static void places_are_read_as_people_write_them(void)
{
    open_arena();
    const struct read_place *place = parse("5", false);
    REQUIRE(place != NULL);
    CHECK(place->offset == 5 && place->partition == -1 && slice_is_null(place->topic));
    place = parse("3:17", true);
    REQUIRE(place != NULL);
    CHECK(place->offset == 18 && place->partition == 3 && slice_is_null(place->topic));
    place = parse("a:b:0:9223372036854775806,t:1:0", false);
    REQUIRE(place != NULL && place->next != NULL && place->next->next == NULL);
    CHECK(place->offset == 0 && place->partition == 1 && slice_equal(place->topic, slice_of_text("t")));
    CHECK(place->next->offset == INT64_MAX - 1 && slice_equal(place->next->topic, slice_of_text("a:b")));
    close_arena();
}

static void what_is_no_place_is_refused(void)
{
    static const char *const bad[] = {"a",
                                      "-1",
                                      "1:a",
                                      "1:",
                                      ":1",
                                      "t:1",
                                      "t::1",
                                      "9223372036854775807",
                                      "2147483648:0",
                                      "1 2",
                                      "~A",
                                      "~AAAA",
                                      "~AAAAAAE",
                                      "~****",
                                      "~AAAAAAD/////D//////////8B"};
    open_arena();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(parse(bad[i], false) == NULL);
        if (parse(bad[i], false) != NULL)
            printf("\n%s\n", bad[i]);
    }
    close_arena();
}

static void packed_places_come_back(void)
{
    struct record_part parts[PARTS];
    int64_t positions[PARTS];
    for (int32_t i = 0; i < PARTS; i++) {
        parts[i] = (struct record_part){slice_of_text(i < 300 ? "first" : "second"), i < 300 ? i : i - 300};
        positions[i] = i % 7 == 0 ? 0 : i == 8 ? RECORD_PART_GONE : i == 9 ? INT64_MAX - 1 : (int64_t)i * 12345;
    }
    open_arena();
    writer w;
    writer_init(&w, &memory, MEMORY_REQUESTS, 1 << 16);
    read_places_pack(parts, PARTS, positions, &w);
    CHECK(w.size < 3000);
    write_u8(&w, 0);
    REQUIRE(writer_ok(&w));
    const struct read_place *places = parse((const char *)w.data, false);
    REQUIRE(places != NULL);
    for (int32_t i = 0; i < PARTS; i++) {
        int64_t found = 0;
        for (const struct read_place *place = places; place != NULL; place = place->next) {
            if (read_place_names(place, &parts[i], read_place_hash(parts[i].topic)))
                found = place->offset;
        }
        CHECK_EQUAL(found, positions[i] == RECORD_PART_GONE ? 0 : positions[i]);
    }
    writer_close(&w);
    close_arena();
}

SUITE("read places", CHECK_TEST(places_are_read_as_people_write_them), CHECK_TEST(what_is_no_place_is_refused),
      CHECK_TEST(packed_places_come_back))
