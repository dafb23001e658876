/* Any bytes as what a peer sends, in any pieces, while others take memory and give it back: the requests that come out
 * are those of a simple parser that sees all bytes at once, and every byte of the budget comes back. The first bytes
 * choose the pieces. */
#include "kafka/framing.h"
#include "reader.h"

#include <stdlib.h>

#define REQUEST_MAX ((size_t)64 << 10)
#define LIMIT       ((size_t)512 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory memory;
static struct framing_shared shared = {.memory = &memory, .request_max = REQUEST_MAX, .leftover_max = LIMIT / 8};
static struct budget_account account, other;
static bool is_granted;
static reader expected; /* the same stream, read by the simple parser */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void on_granted(struct budget_account *granted)
{
    require(granted == &account);
    is_granted = true;
}

static void on_arrived(struct framing *framing, struct request_buffer *buffer)
{
    uint32_t length = read_u32(&expected);
    slice body = read_bytes(&expected, length);
    require(reader_ok(&expected) && slice_equal(body, slice_of(buffer->data, buffer->size)));
    size_t bytes = buffer->size + FRAMING_REQUEST_OVERHEAD;
    framing_free_buffer(framing->shared, buffer);
    budget_return(&account, bytes);
}

/* One recvmsg of at most `piece` bytes. */
static int receive(struct framing *framing, reader *stream, size_t piece, bool *stalled)
{
    struct iovec parts[2];
    struct error error;
    int count = framing_space(framing, parts);
    size_t got = 0;
    *stalled = count == 0;
    for (int i = 0; i < count; i++) {
        size_t room = parts[i].iov_len < piece - got ? parts[i].iov_len : piece - got;
        size_t taken = room < reader_left(stream) ? room : reader_left(stream);
        if (taken != 0)
            memcpy(parts[i].iov_base, read_bytes(stream, taken).data, taken);
        got += taken;
    }
    return got != 0 ? framing_received(framing, got, 1, &error) : 0;
}

static void run(struct framing *framing, slice pieces, reader stream)
{
    for (size_t turn = 0; reader_left(&stream) != 0 || is_granted; turn++) {
        struct error error;
        uint8_t choice = pieces.data[turn % pieces.size];
        bool stalled;
        if (choice >= 0xf0 && other.held == 0)
            budget_add(&other, LIMIT);
        int rc = receive(framing, &stream, choice < 64 ? (size_t)choice + 1 : (size_t)choice << 8, &stalled);
        if (stalled || choice % 3 == 0)
            budget_return(&other, other.held);
        while (rc == 0 && is_granted) {
            is_granted = false;
            rc = framing_granted(framing, 1, &error);
        }
        if (rc != 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget *budget;
    struct framing framing;
    if (size < 9)
        return 0;
    memory_init(&memory);
    is_granted = false;
    expected = reader_of(slice_of(data + 8, size - 8));
    require(budget_create(&memory, LIMIT, &budget) == 0);
    require(budget_account_open(budget, &account, slice_of_text("peer"), on_granted) == 0);
    require(budget_account_open(budget, &other, slice_of_text("other"), on_granted) == 0);
    framing_init(&framing, &shared, &account, on_arrived);
    run(&framing, slice_of(data, 8), expected);
    framing_close(&framing);
    budget_account_close(&account);
    budget_account_close(&other);
    require(budget_used(budget) == 0 && shared.leftover_bytes == 0);
    budget_destroy(budget);
    require(memory_total_bytes(&memory) == 0);
    return 0;
}
