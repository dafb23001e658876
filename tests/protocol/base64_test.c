#include "base64.h"
#include "check.h"

static struct memory memory;

static bool encodes(slice bytes, const char *text)
{
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_RESPONSES, 1 << 20);
    base64_write(&w, bytes);
    bool same = writer_ok(&w) && slice_equal(writer_slice(&w), slice_of_text(text));
    writer_close(&w);
    return same && memory_total_bytes(&memory) == 0;
}

static bool decodes(const char *text, slice bytes)
{
    uint8_t got[64];
    size_t size;
    return base64_decode(slice_of_text(text), got, &size) && slice_equal(slice_of(got, size), bytes);
}

/* RFC 4648, section 10; and all that the alphabet has. */
static void the_rfcs_vectors(void)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"},
                                             {"\xfb\xff\xbf", "+/+/"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        CHECK(encodes(slice_of_text(vectors[i][0]), vectors[i][1]));
        CHECK(decodes(vectors[i][1], slice_of_text(vectors[i][0])));
    }
}

static void other_texts_are_refused(void)
{
    static const char *const others[] = {
        "Z",         "Zg",      "Zg=",  "Zg===", "====",     "=",        "Z===",     "Zm9vZ",
        "Zm9v Zm9v", "Zm9v\n",  "Zh==", "Zm9=",  "Z=g=",     "Zg==Zg==", "Zm8=Zm8=", "-_-_",
        "Zm9\x80",   "\xffm9v", "Zm=v", "=m9v",  "Zm9v====", "Zm\x80=",  "\x80g=="};
    uint8_t got[64];
    size_t size;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!base64_decode(slice_of_text(others[i]), got, &size));
    CHECK(!base64_decode(slice_of("Zm\0v", 4), got, &size));
}

/* Each character in each place of a group: just 64 are taken, and each stands for its own bits. */
static void just_the_alphabet_is_taken(void)
{
    for (size_t place = 0; place < 4; place++) {
        uint32_t taken = 0, values = 0;
        for (unsigned c = 0; c < 256; c++) {
            uint8_t text[4] = {'A', 'A', 'A', 'A'}, got[3];
            size_t size;
            text[place] = (uint8_t)c;
            if (!base64_decode(slice_of(text, 4), got, &size) || size != 3) /* padding in the last place */
                continue;
            taken++;
            values += ((uint32_t)got[0] << 16 | (uint32_t)got[1] << 8 | got[2]) >> (18 - 6 * place);
        }
        CHECK_EQUAL(taken, 64);
        CHECK_EQUAL(values, 63 * 64 / 2);
    }
}

static void what_was_written_is_read_in_place(void)
{
    memory_init(&memory);
    for (size_t size = 0; size < 300; size++) {
        writer w;
        uint8_t bytes[300];
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(i * 89 + size);
        writer_init(&w, &memory, MEMORY_RESPONSES, 1 << 20);
        base64_write(&w, slice_of(bytes, size));
        REQUIRE(writer_ok(&w) && w.size == base64_size(size));
        size_t got = 0;
        if (size > 0)
            CHECK(base64_decode(writer_slice(&w), w.data, &got));
        CHECK(got <= base64_decoded_max(base64_size(size)));
        CHECK(slice_equal(slice_of(w.data, got), slice_of(bytes, size)));
        writer_close(&w);
    }
}

SUITE("base64", CHECK_TEST(the_rfcs_vectors), CHECK_TEST(other_texts_are_refused),
      CHECK_TEST(just_the_alphabet_is_taken), CHECK_TEST(what_was_written_is_read_in_place))
