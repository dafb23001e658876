/* Any bytes as a WebSocket client's: the same messages, and the same failure, whether they come at once or in parts of
 * the size that the first byte says. */
#include "http/websocket.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct seen {
    writer messages; /* payloads of messages, one behind the other, with a mark at each end */
    writer controls;
    bool failed;
};

static void note(struct seen *seen, const struct websocket_event *event)
{
    if (event->opcode >= WEBSOCKET_CLOSE) {
        require(event->payload.size <= WEBSOCKET_CONTROL_MAX);
        write_u8(&seen->controls, (uint8_t)event->opcode);
        write_u16(&seen->controls, event->code);
        write_nullable_bytes(&seen->controls, event->payload);
        return;
    }
    write_bytes(&seen->messages, event->payload);
    if (event->ends)
        write_u16(&seen->messages, (uint16_t)event->opcode);
}

static void feed(struct seen *seen, struct websocket *socket, const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size); /* of its own, as it is unmasked in place */
    require(bytes != NULL);
    memcpy(bytes, data, size);
    struct websocket_input input = {bytes, size};
    struct websocket_event event;
    int rc;
    while ((rc = websocket_next(socket, &input, &event, NULL)) > 0)
        note(seen, &event);
    require(rc < 0 || input.size == 0);
    require((rc < 0) == (socket->failure != 0));
    seen->failed = rc < 0;
    free(bytes);
}

static uint16_t see(struct seen *seen, const uint8_t *data, size_t size, size_t step)
{
    struct websocket socket;
    websocket_init(&socket, 5000);
    for (size_t at = 0; at < size && !seen->failed; at += step)
        feed(seen, &socket, data + at, size - at < step ? size - at : step);
    return socket.failure;
}

static void open_seen(struct seen *seen, struct memory *memory)
{
    writer_init(&seen->messages, memory, MEMORY_REQUESTS, (size_t)1 << 22);
    writer_init(&seen->controls, memory, MEMORY_REQUESTS, (size_t)1 << 22);
    seen->failed = false;
}

static void close_seen(struct seen *seen)
{
    writer_close(&seen->controls);
    writer_close(&seen->messages);
}

/* A part with a wrong byte is not told of, so of a message that fails less may be seen at once than in parts. */
static bool begins_with(slice text, slice beginning)
{
    return text.size >= beginning.size && slice_equal(slice_of(text.data, beginning.size), beginning);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 20000)
        return 0;
    struct memory memory;
    struct seen whole, parts;
    memory_init(&memory);
    open_seen(&whole, &memory);
    open_seen(&parts, &memory);
    uint16_t failure = see(&whole, data + 1, size - 1, size - 1);
    require(see(&parts, data + 1, size - 1, (size_t)1 + data[0]) == failure);
    require(slice_equal(writer_slice(&whole.controls), writer_slice(&parts.controls)));
    require(begins_with(writer_slice(&parts.messages), writer_slice(&whole.messages)));
    require(failure == WEBSOCKET_NO_TEXT || whole.messages.size == parts.messages.size);
    close_seen(&parts);
    close_seen(&whole);
    require(memory_total_bytes(&memory) == 0);
    return 0;
}
