/* WebSocket's frames (RFC 6455), the server's side: a client's bytes become events, the server's messages become
 * frames.
 *
 *     while ((rc = websocket_next(&socket, &input, &event, &error)) > 0)
 *         take(&event);
 *     if (rc < 0)
 *         websocket_write_close(&w, socket.failure, error.message);
 *
 * Nothing is buffered but a control frame's 125 bytes: a message comes in the parts in which it arrived, and the caller
 * puts together what it wants to have whole. No extension is known. Whatever a client must not send fails the
 * connection at once: no mask, reserved bits and opcodes, lengths not in their shortest form, control frames that are
 * long or in parts, text that is no UTF-8 (told at the first wrong byte), wrong codes of a close. */
#pragma once

#include "utf8.h"
#include "writer.h"

#define WEBSOCKET_ACCEPT_SIZE 29 /* with the NUL byte */
#define WEBSOCKET_HEADER_MAX  14
#define WEBSOCKET_CONTROL_MAX 125

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

/* Section 7.4.1; of the others none is sent from here. */
enum websocket_close_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_UNACCEPTABLE = 1003,
    WEBSOCKET_NO_CODE = 1005, /* never on the wire: a close without a code */
    WEBSOCKET_NO_TEXT = 1007,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_BIG = 1009,
    WEBSOCKET_INTERNAL_ERROR = 1011,
};

/* The answer to Sec-WebSocket-Key. False when the key is not 16 bytes in base64. */
bool websocket_accept(slice key, char accept[WEBSOCKET_ACCEPT_SIZE]);

/* Bytes of a client, the caller's; what of them was payload is unmasked in place. */
struct websocket_input {
    uint8_t *data;
    size_t size;
};

struct websocket_event {
    enum websocket_opcode opcode; /* of a message TEXT or BINARY, whatever its frames are */
    slice payload;                /* of a message a part, perhaps empty; of CLOSE the reason; until the next call */
    bool ends;                    /* the message */
    uint16_t code;                /* of CLOSE: the client's, or WEBSOCKET_NO_CODE */
};

struct websocket {
    uint64_t limit; /* of a message's bytes */
    uint8_t header[WEBSOCKET_HEADER_MAX];
    uint8_t header_size; /* bytes that are there; 0 between two frames */
    bool in_payload;
    bool is_closed;      /* the client's close came: nothing behind it counts */
    uint8_t message;     /* opcode of the message that is open, 0 between two */
    uint16_t failure;    /* close code for the client, once websocket_next has failed */
    uint64_t frame_left; /* payload still to come */
    size_t frame_taken;  /* payload that came */
    uint64_t message_size;
    struct utf8_check text; /* between two characters whenever a message begins */
    uint8_t control[WEBSOCKET_CONTROL_MAX];
};

void websocket_init(struct websocket *socket, uint64_t message_limit);

/* 1 and an event, or 0 when *input is used up. Fails for good, with a code for the client in socket->failure:
 * FURROW_MALFORMED, and FURROW_TOO_LARGE as soon as a header announces more than the limit. */
MUST_USE int websocket_next(struct websocket *socket, struct websocket_input *input, struct websocket_event *event,
                            struct error *error);

/* A frame's header; `size` bytes of payload must follow. The parts of a message behind its first are CONTINUATION. */
void websocket_write_header(writer *w, enum websocket_opcode opcode, bool ends, uint64_t size);

/* A message or control frame in one. A control frame's payload is at most WEBSOCKET_CONTROL_MAX bytes. */
void websocket_write_frame(writer *w, enum websocket_opcode opcode, slice payload);

/* WEBSOCKET_NO_CODE gives an empty one. The reason is cut between two characters where it is too long. */
void websocket_write_close(writer *w, uint16_t code, const char *reason);
