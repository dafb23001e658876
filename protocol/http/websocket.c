#include "http/websocket.h"

#include "base64.h"
#include "reader.h"
#include "sha1.h"

#define KEY_SIZE    24 /* 16 bytes in base64 */
#define FIN         0x80
#define RESERVED    0x70
#define MASKED      0x80
#define CONTROL_BIT 0x08
#define LENGTH_16   126
#define LENGTH_64   127

bool websocket_accept(slice key, char accept[WEBSOCKET_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
    uint8_t text[KEY_SIZE + sizeof guid - 1], digest[SHA1_SIZE];
    size_t size;
    if (key.size != KEY_SIZE || !base64_decode(key, text, &size) || size != 16)
        return false;
    memcpy(text, key.data, KEY_SIZE);
    memcpy(text + KEY_SIZE, guid, sizeof guid - 1);
    sha1(slice_of(text, sizeof text), digest);
    base64_print(slice_of(digest, sizeof digest), (uint8_t *)accept);
    accept[WEBSOCKET_ACCEPT_SIZE - 1] = '\0';
    return true;
}

void websocket_init(struct websocket *socket, uint64_t message_limit)
{
    *socket = (struct websocket){.limit = message_limit};
}

static int fail(struct websocket *s, enum websocket_close_code code, const char *why, struct error *error)
{
    s->failure = (uint16_t)code;
    return error_set(error, code == WEBSOCKET_TOO_BIG ? FURROW_TOO_LARGE : FURROW_MALFORMED, "%s", why);
}

static bool is_control(const struct websocket *s)
{
    return (s->header[0] & CONTROL_BIT) != 0;
}

static uint8_t opcode_of(const struct websocket *s)
{
    return s->header[0] & 0x0f;
}

static bool is_last_frame(const struct websocket *s)
{
    return (s->header[0] & FIN) != 0;
}

/* What the first two bytes tell; NULL when they are well. */
static const char *wrong_start(const struct websocket *s)
{
    uint8_t opcode = opcode_of(s), length = s->header[1] & 0x7f;
    if ((s->header[0] & RESERVED) != 0)
        return "a reserved bit is set";
    if (opcode > WEBSOCKET_PONG || (opcode > WEBSOCKET_BINARY && opcode < WEBSOCKET_CLOSE))
        return "a reserved opcode";
    if ((s->header[1] & MASKED) == 0)
        return "a client's frame without a mask";
    if (is_control(s) && !is_last_frame(s))
        return "a control frame in parts";
    if (is_control(s))
        return length > WEBSOCKET_CONTROL_MAX ? "a control frame of more than 125 bytes" : NULL;
    if (opcode == WEBSOCKET_CONTINUATION && s->message == 0)
        return "a continuation of nothing";
    if (opcode != WEBSOCKET_CONTINUATION && s->message != 0)
        return "a message within a message";
    return NULL;
}

static size_t header_wanted(const struct websocket *s)
{
    if (s->header_size < 2)
        return 2;
    uint8_t length = s->header[1] & 0x7f;
    return 2 + (length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0) + 4;
}

/* The payload's length; false when it is not in the shortest form, or has the highest bit set. */
static bool read_length(const struct websocket *s, uint64_t *length)
{
    *length = s->header[1] & 0x7f;
    if (*length == LENGTH_16) {
        *length = load_u16(s->header + 2);
        return *length >= LENGTH_16;
    }
    if (*length == LENGTH_64) {
        *length = load_u64(s->header + 2);
        return *length > UINT16_MAX && *length <= INT64_MAX;
    }
    return true;
}

static int begin_payload(struct websocket *s, struct error *error)
{
    uint64_t length;
    if (!read_length(s, &length))
        return fail(s, WEBSOCKET_PROTOCOL_ERROR, "a length that is not in its shortest form", error);
    s->frame_left = length;
    s->frame_taken = 0;
    s->in_payload = true;
    if (is_control(s))
        return 0;
    if (s->message == 0) {
        s->message = opcode_of(s);
        s->message_size = 0;
    }
    if (length > s->limit - s->message_size)
        return fail(s, WEBSOCKET_TOO_BIG, "a message larger than the limit", error);
    s->message_size += length;
    return 0;
}

static void advance(struct websocket_input *input, size_t size)
{
    input->data += size;
    input->size -= size;
}

static int take_header(struct websocket *s, struct websocket_input *input, struct error *error)
{
    while (input->size > 0 && s->header_size < header_wanted(s)) {
        s->header[s->header_size++] = input->data[0];
        advance(input, 1);
        const char *why = s->header_size == 2 ? wrong_start(s) : NULL;
        if (why != NULL)
            return fail(s, WEBSOCKET_PROTOCOL_ERROR, why, error);
    }
    return s->header_size == header_wanted(s) ? begin_payload(s, error) : 0;
}

/* The payload that is there, unmasked: its mask is the last thing of the header. */
static slice take_payload(struct websocket *s, struct websocket_input *input)
{
    const uint8_t *mask = s->header + s->header_size - 4;
    size_t size = s->frame_left < input->size ? (size_t)s->frame_left : input->size;
    slice taken = slice_of(input->data, size);
    for (size_t i = 0; i < size; i++)
        input->data[i] ^= mask[(s->frame_taken + i) & 3];
    advance(input, size);
    s->frame_taken += size;
    s->frame_left -= size;
    return taken;
}

static void end_frame(struct websocket *s)
{
    s->in_payload = false;
    s->header_size = 0;
}

/* Section 7.4: those that mean something on the wire, IANA's later ones (to 1014) too. */
static bool may_be_sent(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static int take_close(struct websocket *s, slice payload, struct websocket_event *event, struct error *error)
{
    event->code = WEBSOCKET_NO_CODE;
    event->payload = NULL_SLICE;
    if (payload.size == 1)
        return fail(s, WEBSOCKET_PROTOCOL_ERROR, "half a close code", error);
    if (payload.size >= 2) {
        event->code = load_u16(payload.data);
        event->payload = slice_of(payload.data + 2, payload.size - 2);
    }
    if (payload.size >= 2 && !may_be_sent(event->code))
        return fail(s, WEBSOCKET_PROTOCOL_ERROR, "a reserved close code", error);
    if (!utf8_is_valid(event->payload))
        return fail(s, WEBSOCKET_NO_TEXT, "a close's reason that is no UTF-8", error);
    s->is_closed = true;
    return 1;
}

static int take_control(struct websocket *s, struct websocket_input *input, struct websocket_event *event,
                        struct error *error)
{
    size_t at = s->frame_taken;
    slice part = take_payload(s, input);
    if (part.size > 0)
        memcpy(s->control + at, part.data, part.size);
    if (s->frame_left > 0)
        return 0;
    slice payload = slice_of(s->control, s->frame_taken);
    *event = (struct websocket_event){.opcode = opcode_of(s), .payload = payload, .ends = true};
    end_frame(s);
    return event->opcode == WEBSOCKET_CLOSE ? take_close(s, payload, event, error) : 1;
}

static int take_message(struct websocket *s, struct websocket_input *input, struct websocket_event *event,
                        struct error *error)
{
    slice part = take_payload(s, input);
    bool ends = s->frame_left == 0 && is_last_frame(s);
    *event = (struct websocket_event){.opcode = s->message, .payload = part, .ends = ends};
    if (s->message == WEBSOCKET_TEXT) {
        bool is_text = utf8_check_add(&s->text, part) && (!ends || utf8_check_between(&s->text));
        if (!is_text)
            return fail(s, WEBSOCKET_NO_TEXT, "a text that is no UTF-8", error);
    }
    if (s->frame_left == 0)
        end_frame(s);
    if (ends)
        s->message = 0;
    return 1;
}

/* An empty frame is complete without more input. */
static bool can_go_on(const struct websocket *s, const struct websocket_input *input)
{
    return input->size > 0 || (s->in_payload && s->frame_left == 0);
}

int websocket_next(struct websocket *s, struct websocket_input *input, struct websocket_event *event,
                   struct error *error)
{
    int rc = 0;
    if (s->failure != 0)
        return error_set(error, FURROW_MALFORMED, "the connection has failed before");
    if (s->is_closed)
        advance(input, input->size);
    while (rc == 0 && can_go_on(s, input)) {
        if (!s->in_payload)
            rc = take_header(s, input, error);
        else if (is_control(s))
            rc = take_control(s, input, event, error);
        else
            rc = take_message(s, input, event, error);
    }
    return rc;
}

void websocket_write_header(writer *w, enum websocket_opcode opcode, bool ends, uint64_t size)
{
    write_u8(w, (uint8_t)((ends ? FIN : 0) | opcode));
    if (size < LENGTH_16) {
        write_u8(w, (uint8_t)size);
    } else if (size <= UINT16_MAX) {
        write_u8(w, LENGTH_16);
        write_u16(w, (uint16_t)size);
    } else {
        write_u8(w, LENGTH_64);
        write_u64(w, size);
    }
}

void websocket_write_frame(writer *w, enum websocket_opcode opcode, slice payload)
{
    websocket_write_header(w, opcode, true, payload.size);
    write_bytes(w, payload);
}

void websocket_write_close(writer *w, uint16_t code, const char *reason)
{
    if (code == WEBSOCKET_NO_CODE) {
        websocket_write_frame(w, WEBSOCKET_CLOSE, NULL_SLICE);
        return;
    }
    slice text = slice_of_text(reason);
    if (text.size > WEBSOCKET_CONTROL_MAX - 2) {
        text.size = WEBSOCKET_CONTROL_MAX - 2;
        while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80) /* within a character */
            text.size--;
    }
    websocket_write_header(w, WEBSOCKET_CLOSE, true, text.size + 2);
    write_u16(w, code);
    write_bytes(w, text);
}
