#include "kafka/framing.h"

#include "reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LENGTH_BYTES ((size_t)4)
/* From here on, receiving the length first is cheaper than copying. */
#define LARGE_REQUEST ((size_t)4 << 10)
/* What has begun to arrive must go on at this rate, after a grace, and a large request at the rate that brings it in
 * two minutes: reserved memory is not held for nothing. */
#define GRACE_MS         10000
#define BYTES_PER_SECOND 8192
#define SECONDS_MAX      120

void framing_init(struct framing *framing, struct framing_shared *shared, struct budget_account *account,
                  void (*arrived)(struct framing *framing, struct request_buffer *buffer))
{
    *framing = (struct framing){.shared = shared, .account = account, .arrived = arrived};
}

void framing_free_buffer(struct framing_shared *shared, struct request_buffer *buffer)
{
    if (buffer != NULL)
        memory_free(shared->memory, MEMORY_REQUESTS, buffer, sizeof *buffer + buffer->size);
}

static struct request_buffer *make_buffer(struct framing_shared *shared, size_t size)
{
    struct request_buffer *buffer = memory_alloc(shared->memory, MEMORY_REQUESTS, sizeof *buffer + size);
    if (buffer != NULL)
        buffer->size = size;
    return buffer;
}

static void drop_leftover(struct framing *framing)
{
    memory_free(framing->shared->memory, MEMORY_REQUESTS, framing->leftover, framing->leftover_size);
    framing->shared->leftover_bytes -= framing->leftover_size;
    framing->leftover = NULL;
    framing->leftover_size = 0;
}

void framing_close(struct framing *framing)
{
    framing_free_buffer(framing->shared, framing->buffer);
    framing->buffer = NULL;
    drop_leftover(framing);
}

int framing_space(struct framing *framing, struct iovec parts[2])
{
    const struct framing_shared *shared = framing->shared;
    framing->receives_block = false;
    if (framing->waits)
        return 0;
    if (framing->buffer != NULL) {
        parts[0] = (struct iovec){framing->buffer->data + framing->filled, framing->buffer->size - framing->filled};
        parts[1] = (struct iovec){framing->length, LENGTH_BYTES};
        return 2;
    }
    bool room = shared->leftover_bytes + FRAMING_BLOCK_BYTES <= shared->leftover_max;
    framing->receives_block = framing->length_size == 0 && !framing->expects_large && room;
    if (framing->receives_block)
        parts[0] = (struct iovec){framing->shared->block, FRAMING_BLOCK_BYTES};
    else
        parts[0] = (struct iovec){framing->length + framing->length_size, LENGTH_BYTES - framing->length_size};
    return 1;
}

static int keep_leftover(struct framing *framing, slice bytes)
{
    if (bytes.size == 0)
        return 0;
    framing->leftover = memory_alloc(framing->shared->memory, MEMORY_REQUESTS, bytes.size);
    if (framing->leftover == NULL)
        return -ENOMEM;
    memcpy(framing->leftover, bytes.data, bytes.size);
    framing->leftover_size = bytes.size;
    framing->shared->leftover_bytes += bytes.size;
    return 0;
}

static int check_length(const struct framing *framing, int32_t length, struct error *error)
{
    if (length <= 0)
        return error_set(error, FURROW_MALFORMED, "length=%" PRId32 " a request cannot have this length", length);
    if ((size_t)length > framing->shared->request_max)
        return error_set(error, FURROW_TOO_LARGE,
                         "length=%" PRId32 " limit=%zu the request is larger than socket.request.max.bytes", length,
                         framing->shared->request_max);
    return 0;
}

static void start_clock(struct framing *framing, size_t bytes, int64_t now)
{
    size_t seconds = bytes / BYTES_PER_SECOND;
    framing->deadline = now + GRACE_MS + (int64_t)(seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000;
}

/* A request of `size` bytes, reserved already, from the front of `bytes`. What arrives whole is handed on; of what does
 * not, the beginning is copied and the rest will be received in place. */
static int begin_request(struct framing *framing, size_t size, slice *bytes, int64_t now)
{
    struct request_buffer *buffer = make_buffer(framing->shared, size);
    if (buffer == NULL)
        return -ENOMEM;
    size_t taken = bytes->size < size ? bytes->size : size;
    if (taken != 0) {
        memcpy(buffer->data, bytes->data, taken);
        *bytes = slice_of(bytes->data + taken, bytes->size - taken);
    }
    framing->expects_large = size > LARGE_REQUEST;
    if (taken == size) {
        framing->arrived(framing, buffer);
    } else {
        framing->buffer = buffer;
        framing->filled = taken;
        start_clock(framing, size, now);
    }
    return 0;
}

/* Works on received bytes from a boundary between requests on. *reserved: the first length is known, reserved, and not
 * among the bytes. */
static int parse(struct framing *framing, slice bytes, const size_t *reserved, int64_t now, struct error *error)
{
    int rc = 0;
    framing->deadline = 0;
    if (reserved != NULL)
        rc = begin_request(framing, *reserved, &bytes, now);
    while (rc == 0 && bytes.size >= LENGTH_BYTES) {
        int32_t length = (int32_t)load_u32(bytes.data);
        rc = check_length(framing, length, error);
        if (rc != 0)
            return rc;
        bytes = slice_of(bytes.data + LENGTH_BYTES, bytes.size - LENGTH_BYTES);
        if (!budget_reserve(framing->account, (size_t)length + FRAMING_REQUEST_OVERHEAD)) {
            framing->waits = true;
            framing->wanted = (size_t)length;
            rc = keep_leftover(framing, bytes);
            bytes.size = 0;
            break;
        }
        rc = begin_request(framing, (size_t)length, &bytes, now);
    }
    if (rc != 0)
        return error_set_status(error, rc, "receiving a request");
    if (bytes.size != 0) {
        memcpy(framing->length, bytes.data, bytes.size);
        framing->length_size = (uint8_t)bytes.size;
        start_clock(framing, 0, now);
    }
    return 0;
}

static int take_length(struct framing *framing, size_t size, int64_t now, struct error *error)
{
    if (framing->length_size == 0 && size != 0)
        start_clock(framing, 0, now);
    framing->length_size = (uint8_t)(framing->length_size + size);
    if (framing->length_size < LENGTH_BYTES)
        return 0;
    uint8_t length[4];
    memcpy(length, framing->length, sizeof length);
    framing->length_size = 0;
    return parse(framing, slice_of(length, sizeof length), NULL, now, error);
}

int framing_received(struct framing *framing, size_t size, int64_t now, struct error *error)
{
    if (framing->receives_block)
        return parse(framing, slice_of(framing->shared->block, size), NULL, now, error);
    struct request_buffer *buffer = framing->buffer;
    if (buffer == NULL)
        return take_length(framing, size, now, error);
    size_t taken = size < buffer->size - framing->filled ? size : buffer->size - framing->filled;
    framing->filled += taken;
    if (framing->filled < buffer->size)
        return 0;
    framing->buffer = NULL;
    framing->deadline = 0;
    framing->arrived(framing, buffer);
    return take_length(framing, size - taken, now, error);
}

int framing_granted(struct framing *framing, int64_t now, struct error *error)
{
    size_t wanted = framing->wanted;
    slice bytes = slice_of(framing->leftover, framing->leftover_size);
    uint8_t *leftover = framing->leftover;
    framing->leftover = NULL;
    framing->leftover_size = 0;
    framing->waits = false;
    framing->shared->leftover_bytes -= bytes.size;
    int rc = parse(framing, bytes, &wanted, now, error);
    memory_free(framing->shared->memory, MEMORY_REQUESTS, leftover, bytes.size);
    return rc;
}
