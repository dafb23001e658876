#include "tar.h"

#include "check.h"
#include "sample.h"

#define LONG_FOLDER                                                                                                    \
    "long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-"   \
    "long-long--0"

static struct memory ledger;

static void start(writer *w)
{
    memory_init(&ledger);
    writer_init(w, &ledger, MEMORY_SERVER, (size_t)1 << 20);
}

static void finish(writer *w)
{
    writer_close(w);
    CHECK_EQUAL(memory_total_bytes(&ledger), 0);
}

static slice part(slice of, size_t at, size_t size)
{
    REQUIRE(at + size <= of.size);
    return slice_of(of.data + at, size);
}

/* The next file of the archive with its content, as a reader goes on; false at the end. */
static bool next_file(slice archive, size_t *at, struct tar_entry *entry, slice *content)
{
    struct tar_more more = {.has_size = false};
    for (;;) {
        REQUIRE(tar_parse_header(part(archive, *at, TAR_BLOCK), entry, NULL) == 0);
        *at += TAR_BLOCK;
        if (entry->kind == TAR_END)
            return false;
        uint64_t size = entry->size;
        *content = part(archive, *at, (size_t)size);
        *at += (size_t)size + tar_padding(size);
        if (entry->kind == TAR_PAX)
            REQUIRE(tar_parse_pax(*content, &more, NULL) == 0);
        else if (entry->kind == TAR_LONG_NAME)
            REQUIRE(tar_parse_long_name(*content, &more, NULL) == 0);
        else
            break;
    }
    tar_apply(entry, &more);
    return true;
}

static void what_gnu_tar_wrote_is_read(void)
{
    static const char *const names[] = {"tar-gnu.tar", "tar-ustar.tar", "tar-pax.tar"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        writer w;
        struct tar_entry entry;
        slice content = NULL_SLICE;
        size_t at = 0;
        start(&w);
        REQUIRE(vector_read(&w, names[i]));
        REQUIRE(next_file(writer_slice(&w), &at, &entry, &content));
        CHECK(entry.kind == TAR_FILE && strcmp(entry.path, "orders-0/a") == 0);
        CHECK_EQUAL(entry.mtime, 1700000000);
        CHECK_EQUAL(entry.mode, 0644);
        CHECK(slice_equal(content, slice_of_text("hello")));
        REQUIRE(next_file(writer_slice(&w), &at, &entry, &content));
        CHECK(strcmp(entry.path, LONG_FOLDER "/00000000000000000000.leader-epoch") == 0);
        CHECK(slice_equal(content, slice_of_text("long name")));
        CHECK(!next_file(writer_slice(&w), &at, &entry, &content));
        finish(&w);
    }
}

/* Every length that a path in a data folder may have, and sizes up to the largest. */
static void every_path_comes_back(void)
{
    static const uint64_t sizes[] = {0, 1, 511, 512, 513, INT32_MAX, ((uint64_t)8 << 30) - 1};
    for (size_t length = 1; length < 400; length++) {
        writer w;
        struct tar_entry entry = {.kind = TAR_FILE, .mtime = 1700000000, .mode = 0640}, found;
        entry.size = sizes[length % (sizeof sizes / sizeof sizes[0])];
        memset(entry.path, 'x', length);
        if (length > 30)
            entry.path[length - 29] = '/';
        start(&w);
        tar_write_header(&w, &entry);
        REQUIRE(writer_ok(&w) && w.size % TAR_BLOCK == 0);
        size_t at = 0;
        struct tar_more more = {.has_size = false};
        REQUIRE(tar_parse_header(part(writer_slice(&w), at, TAR_BLOCK), &found, NULL) == 0);
        if (found.kind == TAR_PAX) {
            slice records = part(writer_slice(&w), TAR_BLOCK, (size_t)found.size);
            REQUIRE(tar_parse_pax(records, &more, NULL) == 0);
            at = TAR_BLOCK + (size_t)found.size + tar_padding(found.size);
            REQUIRE(tar_parse_header(part(writer_slice(&w), at, TAR_BLOCK), &found, NULL) == 0);
        }
        tar_apply(&found, &more);
        CHECK(found.kind == TAR_FILE && strcmp(found.path, entry.path) == 0);
        CHECK(found.size == entry.size && found.mtime == entry.mtime && found.mode == entry.mode);
        CHECK_EQUAL(w.size, at + TAR_BLOCK);
        finish(&w);
    }
}

static void a_bit_that_flips_in_a_header_is_found(void)
{
    writer w;
    struct tar_entry entry = {.kind = TAR_FILE, .size = 5, .mode = 0640, .path = "orders-0/a"}, found;
    start(&w);
    tar_write_header(&w, &entry);
    REQUIRE(writer_ok(&w));
    for (size_t bit = 0; bit < (size_t)8 * TAR_BLOCK; bit++) {
        w.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool is_same = tar_parse_header(writer_slice(&w), &found, NULL) == 0 && found.size == entry.size &&
                       strcmp(found.path, entry.path) == 0;
        /* The end of the checksum's field says nothing, and its first 0 may be a blank. */
        CHECK(!is_same || bit / 8 == 148 || (bit / 8 >= 154 && bit / 8 < 156));
        w.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    finish(&w);
}

static void pax_records_that_are_none_are_refused(void)
{
    static const char *const wrong[] = {
        "x",           "5 a=",          "7 a=b\n",   "99 path=a\n",  "0 path=a\n",
        "10path=ab\n", "11 path=ab\n ", "8 path=\n", "11 size=1x\n", "30 size=99999999999999999999\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tar_more more = {.has_size = false};
        struct error error = {0};
        CHECK_EQUAL(tar_parse_pax(slice_of_text(wrong[i]), &more, &error), FURROW_CORRUPT);
        CHECK(error.message[0] != '\0');
    }
    struct tar_more more = {.has_size = false};
    CHECK_EQUAL(tar_parse_pax(slice_of_text("18 other=anything\n8 path=a\n12 size=123\n"), &more, NULL),
                FURROW_CORRUPT);
    CHECK_EQUAL(tar_parse_pax(slice_of_text("18 other=anything\n10 path=a\n12 size=123\n"), &more, NULL), 0);
    CHECK(strcmp(more.path, "a") == 0 && more.has_size && more.size == 123);
    CHECK_EQUAL(tar_parse_long_name(slice_of_text(""), &more, NULL), FURROW_CORRUPT);
}

static void numbers_of_the_gnu_kind_are_read(void)
{
    writer w;
    struct tar_entry entry = {.kind = TAR_FILE, .mode = 0640, .path = "a"}, found;
    start(&w);
    tar_write_header(&w, &entry);
    REQUIRE(writer_ok(&w));
    static const uint8_t size[12] = {0x80, 0, 0, 0, 0, 0, 0, 2, 0x54, 0x0b, 0xe4, 0x00}; /* 10 GB */
    memcpy(w.data + 124, size, sizeof size);
    uint32_t sum = 0;
    memset(w.data + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += w.data[i];
    snprintf((char *)w.data + 148, 8, "%06o", sum);
    REQUIRE(tar_parse_header(writer_slice(&w), &found, NULL) == 0);
    CHECK(found.size == 10000000000);
    finish(&w);
}

SUITE("tar", CHECK_TEST(what_gnu_tar_wrote_is_read), CHECK_TEST(every_path_comes_back),
      CHECK_TEST(a_bit_that_flips_in_a_header_is_found), CHECK_TEST(pax_records_that_are_none_are_refused),
      CHECK_TEST(numbers_of_the_gnu_kind_are_read))
