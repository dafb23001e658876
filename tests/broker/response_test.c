/* A transport that takes as little as it likes: the bytes arrive whole and in order. */
#include "response.h"

#include "check.h"
#include "transport.h"

#include <errno.h>

#define FILE_BYTES 1000

/* A file of a known pattern. */
static int read_pattern(struct file *file, void *to, size_t size, uint64_t position, size_t *got)
{
    (void)file;
    *got = position < FILE_BYTES ? (size_t)(FILE_BYTES - position) : 0;
    *got = *got < size ? *got : size;
    for (size_t i = 0; i < *got; i++)
        ((uint8_t *)to)[i] = (uint8_t)((position + i) * 7);
    return 0;
}

static const struct file_ops pattern_ops = {.read = read_pattern};
static struct file pattern_file = {.ops = &pattern_ops, .descriptor = -1};

struct slow_transport {
    struct transport transport;
    size_t takes; /* bytes of each call */
    int blocks_every;
    int calls;
    int sends; /* of memory */
    bool breaks;
    writer received;
};

static struct memory memory;
static struct slow_transport slow;
static int done_count;

/* 0: this call takes something. */
static int find_refusal(void)
{
    slow.calls++;
    if (slow.breaks)
        return -EPIPE;
    return slow.blocks_every != 0 && slow.calls % slow.blocks_every == 0 ? -EAGAIN : 0;
}

static ssize_t take_memory(struct transport *transport, struct iovec *parts, int count, bool more)
{
    (void)transport;
    (void)more;
    size_t left = slow.takes;
    int refusal = find_refusal();
    if (refusal != 0)
        return refusal;
    slow.sends++;
    for (int i = 0; i < count && left != 0; i++) {
        size_t size = parts[i].iov_len < left ? parts[i].iov_len : left;
        write_bytes(&slow.received, slice_of(parts[i].iov_base, size));
        left -= size;
    }
    return (ssize_t)(slow.takes - left);
}

static ssize_t take_file(struct transport *transport, const struct file_range *range, size_t size)
{
    (void)transport;
    uint8_t bytes[FILE_BYTES];
    size_t got;
    int refusal = find_refusal();
    if (refusal != 0)
        return refusal;
    REQUIRE(file_read(range->file, bytes, size < slow.takes ? size : slow.takes, range->position, &got, NULL) == 0);
    write_bytes(&slow.received, slice_of(bytes, got));
    return (ssize_t)got;
}

static const struct transport_ops slow_ops = {.send = take_memory, .send_file = take_file};

static void set_up(size_t takes)
{
    memory_init(&memory);
    slow = (struct slow_transport){.transport = {.ops = &slow_ops, .descriptor = -1}, .takes = takes};
    writer_init(&slow.received, &memory, MEMORY_SERVER, 1 << 20);
    done_count = 0;
}

static void on_done(struct response *response)
{
    done_count++;
    writer_close(&response->body);
    memory_free(&memory, MEMORY_RESPONSES, response, sizeof *response);
}

static void tear_down(void)
{
    writer_close(&slow.received);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static struct response *make_response(void)
{
    struct response *response = memory_alloc_zeroed(&memory, MEMORY_RESPONSES, sizeof *response);
    response->done = on_done;
    writer_init(&response->body, &memory, MEMORY_RESPONSES, 1 << 20);
    return response;
}

static const struct file_range first_range = {.file = &pattern_file, .position = 100};
static const struct file_range second_range = {.file = &pattern_file, .position = 0};
static const struct file_range shared_range = {.bytes = (const uint8_t *)"memory that others send too"};

/* Memory alone; memory and files in turn; a file at the end; two files without memory between; nothing but a file;
 * memory that stands elsewhere, between files and alone. */
static void push_all(struct response_queue *queue)
{
    struct response *response = make_response();
    write_bytes(&response->body, slice_of_text("one"));
    response_queue_push(queue, response);

    response = make_response();
    write_bytes(&response->body, slice_of_text("two<"));
    write_splice(&response->body, 200, &first_range);
    write_bytes(&response->body, slice_of_text("><"));
    write_splice(&response->body, 3, &second_range);
    write_bytes(&response->body, slice_of_text(">"));
    response_queue_push(queue, response);

    response = make_response();
    write_bytes(&response->body, slice_of_text("three"));
    write_splice(&response->body, 10, &first_range);
    write_splice(&response->body, 11, &second_range);
    response_queue_push(queue, response);

    response = make_response();
    write_splice(&response->body, 5, &first_range);
    response_queue_push(queue, response);

    response = make_response();
    write_splice(&response->body, 6, &shared_range);
    write_bytes(&response->body, slice_of_text("|"));
    write_splice(&response->body, 11, &shared_range);
    write_splice(&response->body, 4, &first_range);
    write_splice(&response->body, 1, &shared_range);
    write_splice(&response->body, 2, &shared_range);
    response_queue_push(queue, response);

    response = make_response();
    write_splice(&response->body, 27, &shared_range);
    response_queue_push(queue, response);

    response = make_response();
    write_bytes(&response->body, slice_of_text("end"));
    response_queue_push(queue, response);
}

static void write_range(writer *w, const struct file_range *range, size_t size)
{
    for (size_t i = 0; i < size; i++)
        write_u8(w, (uint8_t)((range->position + i) * 7));
}

static void write_expected(writer *w)
{
    writer_init(w, &memory, MEMORY_SERVER, 1 << 20);
    write_bytes(w, slice_of_text("onetwo<"));
    write_range(w, &first_range, 200);
    write_bytes(w, slice_of_text("><"));
    write_range(w, &second_range, 3);
    write_bytes(w, slice_of_text(">three"));
    write_range(w, &first_range, 10);
    write_range(w, &second_range, 11);
    write_range(w, &first_range, 5);
    write_bytes(w, slice_of_text("memory|memory that"));
    write_range(w, &first_range, 4);
    write_bytes(w, slice_of_text("mmememory that others send tooend"));
}

static void bytes_arrive_in_order_however_little_is_taken(void)
{
    for (size_t takes = 1; takes < 300; takes += takes < 30 ? 1 : 57) {
        for (int blocks_every = 0; blocks_every < 4; blocks_every += 2) {
            struct response_queue queue;
            writer expected;
            set_up(takes);
            slow.blocks_every = blocks_every;
            write_expected(&expected);
            response_queue_init(&queue);
            push_all(&queue);
            CHECK_EQUAL(queue.bytes, expected.size);
            for (int turns = 0; queue.first != NULL && turns < 10000; turns++) {
                size_t sent;
                bool blocked;
                REQUIRE(response_queue_send(&queue, &slow.transport, 50, &sent, &blocked) == 0);
                CHECK(sent < 50 + takes);
            }
            CHECK_EQUAL(queue.bytes, 0);
            CHECK_EQUAL(done_count, 7);
            CHECK(slice_equal(writer_slice(&slow.received), writer_slice(&expected)));
            writer_close(&expected);
            tear_down();
        }
    }
}

static void small_responses_leave_together(void)
{
    struct response_queue queue;
    size_t sent;
    bool blocked;
    set_up(100000);
    response_queue_init(&queue);
    for (int i = 0; i < 50; i++) {
        struct response *response = make_response();
        write_u32(&response->body, (uint32_t)i);
        response_queue_push(&queue, response);
    }
    REQUIRE(response_queue_send(&queue, &slow.transport, 100000, &sent, &blocked) == 0);
    CHECK_EQUAL(sent, 200);
    CHECK_EQUAL(slow.sends, 1);
    CHECK_EQUAL(done_count, 50);
    tear_down();
}

static void a_broken_transport_is_reported_and_nothing_leaks(void)
{
    struct response_queue queue;
    size_t sent;
    bool blocked;
    set_up(10);
    response_queue_init(&queue);
    push_all(&queue);
    REQUIRE(response_queue_send(&queue, &slow.transport, 30, &sent, &blocked) == 0);
    slow.breaks = true;
    CHECK_EQUAL(response_queue_send(&queue, &slow.transport, 30, &sent, &blocked), -EPIPE);
    response_queue_clear(&queue);
    CHECK_EQUAL(done_count, 7);
    CHECK_EQUAL(queue.bytes, 0);
    tear_down();
}

SUITE("response", CHECK_TEST(bytes_arrive_in_order_however_little_is_taken), CHECK_TEST(small_responses_leave_together),
      CHECK_TEST(a_broken_transport_is_reported_and_nothing_leaks))
