/* Bytes in whatever pieces a network makes of them: the same requests come out. */
#include "kafka/framing.h"

#include "check.h"
#include "writer.h"

#include <errno.h>

#define REQUEST_MAX ((size_t)64 << 10)

static struct memory memory;
static struct framing_shared shared;
static struct budget *budget;
static struct budget_account account, other;
static struct framing framing;
static struct error error;
static int64_t now;

static writer arrived; /* every request's bytes, one behind the other */
static int arrivals;
static size_t held; /* bytes of the account that the requests so far own */
static bool keeps;  /* the budget's bytes are not given back at once */

static void on_granted(struct budget_account *waiting)
{
    CHECK(waiting == &account);
}

static void on_arrived(struct framing *from, struct request_buffer *buffer)
{
    CHECK(from == &framing);
    write_bytes(&arrived, slice_of(buffer->data, buffer->size));
    arrivals++;
    size_t bytes = buffer->size + FRAMING_REQUEST_OVERHEAD;
    framing_free_buffer(&shared, buffer);
    if (keeps)
        held += bytes;
    else
        budget_return(&account, bytes);
}

static void set_up(size_t limit)
{
    memory_init(&memory);
    memset(&shared, 0, sizeof shared);
    shared.memory = &memory;
    shared.request_max = REQUEST_MAX;
    shared.leftover_max = limit / 8;
    REQUIRE(budget_create(&memory, limit, &budget) == 0);
    REQUIRE(budget_account_open(budget, &account, slice_of_text("a"), on_granted) == 0);
    REQUIRE(budget_account_open(budget, &other, slice_of_text("b"), on_granted) == 0);
    framing_init(&framing, &shared, &account, on_arrived);
    writer_init(&arrived, &memory, MEMORY_SERVER, (size_t)8 << 20);
    arrivals = 0;
    held = 0;
    keeps = false;
    now = 1000;
}

static void tear_down(void)
{
    framing_close(&framing);
    budget_account_close(&account);
    budget_account_close(&other);
    CHECK_EQUAL(budget_used(budget), 0);
    budget_destroy(budget);
    writer_close(&arrived);
    CHECK_EQUAL(shared.leftover_bytes, 0);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

/* As recvmsg does: at most `piece` bytes into what framing offers. *taken counts them. */
static int feed(slice stream, size_t piece, size_t *taken)
{
    struct iovec parts[2];
    while (*taken < stream.size) {
        int count = framing_space(&framing, parts);
        size_t got = 0;
        if (count == 0)
            return 0;
        for (int i = 0; i < count; i++) {
            size_t size = stream.size - *taken < piece - got ? stream.size - *taken : piece - got;
            if (size > parts[i].iov_len)
                size = parts[i].iov_len;
            memcpy(parts[i].iov_base, stream.data + *taken, size);
            *taken += size;
            got += size;
        }
        int rc = framing_received(&framing, got, now, &error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static uint8_t pattern(size_t request, size_t at)
{
    return (uint8_t)(request * 31 + at * 7 + (at >> 8));
}

static void write_request(writer *stream, writer *bodies, size_t number, size_t size)
{
    write_u32(stream, (uint32_t)size);
    for (size_t i = 0; i < size; i++) {
        write_u8(stream, pattern(number, i));
        write_u8(bodies, pattern(number, i));
    }
}

static const size_t sizes[] = {1, 10, 4, 3, 200, 5000, 6000, 12, 1, 4096, 4097, 20000, 30, 16384, 40000, 7};
#define SIZES (sizeof sizes / sizeof sizes[0])

static void make_stream(writer *stream, writer *bodies)
{
    writer_init(stream, &memory, MEMORY_SERVER, (size_t)8 << 20);
    writer_init(bodies, &memory, MEMORY_SERVER, (size_t)8 << 20);
    for (size_t i = 0; i < SIZES; i++)
        write_request(stream, bodies, i, sizes[i]);
}

static void the_same_requests_whatever_the_pieces(void)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, 4096, 16383, 16384, 16385, 100000, 1000000};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        writer stream, bodies;
        set_up((size_t)4 << 20);
        make_stream(&stream, &bodies);
        size_t taken = 0;
        REQUIRE(feed(writer_slice(&stream), pieces[i], &taken) == 0);
        CHECK_EQUAL(taken, stream.size);
        CHECK_EQUAL(arrivals, SIZES);
        CHECK(slice_equal(writer_slice(&arrived), writer_slice(&bodies)));
        CHECK_EQUAL(framing.deadline, 0);
        writer_close(&stream);
        writer_close(&bodies);
        tear_down();
    }
}

/* Two requests arrive in two pieces. */
static void check_cut(size_t first, size_t second, size_t cut)
{
    writer stream, bodies;
    size_t taken = 0;
    set_up((size_t)4 << 20);
    writer_init(&stream, &memory, MEMORY_SERVER, first + second + 8);
    writer_init(&bodies, &memory, MEMORY_SERVER, first + second);
    write_request(&stream, &bodies, 1, first);
    write_request(&stream, &bodies, 2, second);
    REQUIRE(feed(slice_of(stream.data, cut), stream.size, &taken) == 0);
    REQUIRE(feed(writer_slice(&stream), stream.size, &taken) == 0);
    CHECK_EQUAL(arrivals, 2);
    CHECK(slice_equal(writer_slice(&arrived), writer_slice(&bodies)));
    writer_close(&stream);
    writer_close(&bodies);
    tear_down();
}

static void two_requests_may_be_split_at_every_byte(void)
{
    static const size_t pairs[][2] = {{5, 9}, {1, 1}, {300, 200}};
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        size_t total = pairs[p][0] + pairs[p][1] + 8;
        for (size_t cut = 1; cut < total; cut++)
            check_cut(pairs[p][0], pairs[p][1], cut);
    }
}

/* Around the places where receiving changes: the end of a length, of a large request, of the next length. */
static void large_requests_may_be_split_at_their_ends(void)
{
    static const size_t pairs[][2] = {{4500, 6}, {3, 4600}, {4500, 4700}, {20000, 17000}};
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        size_t total = pairs[p][0] + pairs[p][1] + 8;
        size_t second = 4 + pairs[p][0];
        for (size_t cut = 1; cut < total; cut++) {
            bool near_an_end = cut < 8 || (cut + 8 > second && cut < second + 8) || cut + 8 > total;
            if (near_an_end || cut % 997 == 0)
                check_cut(pairs[p][0], pairs[p][1], cut);
        }
    }
}

static void lengths_that_no_request_has_end_the_connection(void)
{
    static const struct {
        uint32_t length;
        int rc;
    } wrong[] = {{0, FURROW_MALFORMED},
                 {0xffffffff, FURROW_MALFORMED},
                 {0x80000000, FURROW_MALFORMED},
                 {0x7fffffff, FURROW_TOO_LARGE},
                 {REQUEST_MAX + 1, FURROW_TOO_LARGE}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (size_t piece = 1; piece <= 8; piece += 3) {
            uint8_t bytes[8] = {0};
            size_t taken = 0;
            set_up((size_t)4 << 20);
            store_u32(bytes, wrong[i].length);
            CHECK_EQUAL(feed(slice_of(bytes, sizeof bytes), piece, &taken), wrong[i].rc);
            CHECK_EQUAL(arrivals, 0);
            CHECK_EQUAL(budget_used(budget), 0);
            tear_down();
        }
    }
}

static void nothing_is_held_between_requests(void)
{
    uint8_t request[5] = {0, 0, 0, 1, 'x'};
    size_t taken = 0;
    set_up((size_t)4 << 20);
    size_t before = memory_total_bytes(&memory);
    REQUIRE(feed(slice_of(request, sizeof request), 100, &taken) == 0);
    CHECK_EQUAL(arrivals, 1);
    CHECK_EQUAL(memory_total_bytes(&memory) - arrived.capacity, before);
    taken = 0;
    REQUIRE(feed(slice_of(request, 3), 100, &taken) == 0); /* not even for a part of a length */
    CHECK_EQUAL(memory_total_bytes(&memory) - arrived.capacity, before);
    CHECK_EQUAL(budget_used(budget), 0);
    tear_down();
}

/* The budget is taken by others: the whole request is waited for before a byte of it is stored. */
static void a_reservation_comes_before_the_bytes(void)
{
    for (size_t piece = 1; piece < 50; piece += 16) {
        writer stream, bodies;
        struct iovec parts[2];
        size_t taken = 0;
        set_up((size_t)256 << 10);
        writer_init(&stream, &memory, MEMORY_SERVER, 100000);
        writer_init(&bodies, &memory, MEMORY_SERVER, 100000);
        write_request(&stream, &bodies, 1, 20);
        write_request(&stream, &bodies, 2, 30);
        write_request(&stream, &bodies, 3, 9000);
        budget_add(&other, (size_t)256 << 10);
        REQUIRE(feed(writer_slice(&stream), piece, &taken) == 0);
        CHECK(taken < stream.size);
        CHECK_EQUAL(arrivals, 0);
        CHECK_EQUAL(framing_space(&framing, parts), 0);
        CHECK_EQUAL(framing.deadline, 0); /* it is not the peer who is slow */
        CHECK_EQUAL(budget_waiting(budget), 1);

        keeps = true;
        budget_return(&other, FRAMING_REQUEST_OVERHEAD + 20);
        REQUIRE(framing_granted(&framing, now, &error) == 0);
        budget_return(&other, budget_used(budget) - account.held);
        while (framing.waits)
            REQUIRE(framing_granted(&framing, now, &error) == 0);
        REQUIRE(feed(writer_slice(&stream), piece, &taken) == 0);
        CHECK_EQUAL(arrivals, 3);
        CHECK(slice_equal(writer_slice(&arrived), writer_slice(&bodies)));
        CHECK_EQUAL(account.held, held);
        writer_close(&stream);
        writer_close(&bodies);
        tear_down();
    }
}

static void what_has_begun_has_a_deadline(void)
{
    uint8_t bytes[4 + 40] = {0, 0, 0x40, 0};
    size_t taken = 0;
    set_up((size_t)4 << 20);
    CHECK_EQUAL(framing.deadline, 0);
    REQUIRE(feed(slice_of(bytes, 2), 100, &taken) == 0); /* half a length */
    CHECK(framing.deadline > now);
    REQUIRE(feed(slice_of(bytes, sizeof bytes), 100, &taken) == 0);
    int64_t first = framing.deadline;
    CHECK(first > now + 10000 && first < now + 60000);
    now += 5000;
    uint8_t more[1] = {0};
    taken = 0;
    REQUIRE(feed(slice_of(more, 1), 1, &taken) == 0);
    CHECK_EQUAL(framing.deadline, first); /* a byte now and then does not move it */
    tear_down();
}

static void a_large_request_arrives_within_about_two_minutes(void)
{
    uint8_t length[4] = {0, 0x20, 0, 0}; /* at the least rate it would take 256 s */
    size_t taken = 0;
    set_up((size_t)16 << 20);
    shared.request_max = (size_t)2 << 20;
    REQUIRE(feed(slice_of(length, sizeof length), sizeof length, &taken) == 0);
    CHECK_EQUAL(framing.deadline, now + 130000);
    tear_down();
}

static void every_allocation_may_fail(void)
{
    bool failed = true;
    for (int64_t nth = 0; failed; nth++) {
        writer stream, bodies;
        size_t taken = 0;
        set_up((size_t)4 << 20);
        make_stream(&stream, &bodies);
        write_bytes(&arrived, writer_slice(&bodies)); /* its growth is not what is tested */
        arrived.size = 0;
        memory_fail_at(&memory, nth);
        int rc = feed(writer_slice(&stream), 3000, &taken);
        failed = !memory_fail_pending(&memory);
        CHECK_EQUAL(rc, failed ? -ENOMEM : 0);
        memory_fail_at(&memory, -1);
        writer_close(&stream);
        writer_close(&bodies);
        tear_down();
    }
}

SUITE("framing", CHECK_TEST(the_same_requests_whatever_the_pieces), CHECK_TEST(two_requests_may_be_split_at_every_byte),
      CHECK_TEST(large_requests_may_be_split_at_their_ends), CHECK_TEST(lengths_that_no_request_has_end_the_connection),
      CHECK_TEST(nothing_is_held_between_requests), CHECK_TEST(a_reservation_comes_before_the_bytes),
      CHECK_TEST(what_has_begun_has_a_deadline), CHECK_TEST(a_large_request_arrives_within_about_two_minutes),
      CHECK_TEST(every_allocation_may_fail))
