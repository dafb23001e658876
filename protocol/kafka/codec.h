/* Kafka's messages: bytes to structs and back, in every version, by one table-driven codec.
 *
 * Each message is declared once in messages/ and becomes a struct in the generated kafka/messages.h, with a
 * `struct message_type` beside it: `struct fetch_request` and `fetch_request_type`. One struct serves all versions.
 *
 * In a struct: strings, bytes and records are slices, data == NULL is null. An array is {items, count}; count -1 is
 * null. A struct that may be null is a pointer. A zeroed struct may be encoded; X_DEFAULTS (kafka/messages.h) is a
 * value of `struct x` that has the protocol's defaults where those are not zero. `unknown` holds the tagged fields that
 * Furrow does not know; they are kept and written again.
 *
 * Decoded values borrow from the input and from the arena: both must outlive them. */
#pragma once

#include "arena.h"
#include "reader.h"
#include "writer.h"

struct int8_array {
    int8_t *items;
    int32_t count;
};

struct int32_array {
    int32_t *items;
    int32_t count;
};

struct int64_array {
    int64_t *items;
    int32_t count;
};

struct string_array {
    slice *items;
    int32_t count;
};

/* Records of an answer: in memory, or a splice that the transport fills in (writer.h). */
struct record_data {
    slice bytes;        /* decoding sets only this */
    const void *splice; /* when not NULL: the source for write_splice, and `bytes` is not used */
    size_t splice_size; /* bytes */
};

struct tagged_field {
    uint32_t tag;
    slice data;
};

struct tagged_fields {
    uint32_t count;
    struct tagged_field fields[]; /* tags ascending */
};

enum message_kind {
    MESSAGE_REQUEST,
    MESSAGE_RESPONSE,
    MESSAGE_KEY,   /* of a stored record */
    MESSAGE_VALUE, /* of a stored record */
    MESSAGE_DATA,  /* what stands inside another message, or in a record of another kind */
};

struct message_type {
    const char *name;        /* as Kafka spells it, "ListOffsets" */
    uint16_t root;           /* index of its struct in the tables */
    int16_t key;             /* of the API or of the record's type; 0 for data */
    uint8_t kind;            /* enum message_kind */
    int8_t first_version;    /* served */
    int8_t last_version;     /* served */
    int8_t flexible_version; /* the first flexible one; INT8_MAX: none */
};

/* Reads one message from where the reader stands; what follows it is left to the caller. Fields that the version does
 * not have get their defaults. Hostile input costs no more than the arena's limit, and no array is allocated that the
 * bytes left could not fill.
 * Errors: FURROW_UNSUPPORTED for a version outside the type's, FURROW_MALFORMED, -ENOMEM when the arena refuses. */
MUST_USE int kafka_decode(const struct message_type *type, int16_t version, reader *r, void *value,
                          struct arena *arena);

/* Appends the message. What a version does not have is left out, whatever its value: a server answers old clients with
 * what they can hold. A null where the version has none is written as empty.
 * Errors: FURROW_UNSUPPORTED for a version outside the type's, FURROW_TOO_LARGE when the writer failed: its limit, the
 * ledger, or a string of more than 32767 bytes in a version that has no longer ones. */
MUST_USE int kafka_encode(const struct message_type *type, int16_t version, const void *value, writer *w);

/* Every field's default, as X_DEFAULTS; nothing is allocated, so that each pointer is NULL. */
void kafka_set_defaults(const struct message_type *type, void *value);

/* Appends the message as one JSON object: the fields that the version has, bytes in base64, of records only their size
 * in bytes, unknown tagged fields under "tag N". */
void kafka_dump(const struct message_type *type, int16_t version, const void *value, writer *w);

/* A record's value: its version as int16, then the message. Errors as kafka_decode's; FURROW_WRONG_VERSION for a
 * version that the type does not have (a newer writer). */
MUST_USE int kafka_decode_value(const struct message_type *type, reader *r, void *value, struct arena *arena);
MUST_USE int kafka_encode_value(const struct message_type *type, int16_t version, const void *value, writer *w);

/* A record's key: its type as int16, then the message in version 0. To decode: read_i16, choose the type by it, and
 * kafka_decode in version 0. */
MUST_USE int kafka_encode_key(const struct message_type *type, const void *value, writer *w);

/* Every declared type; NULL after the last. */
const struct message_type *kafka_message_type(size_t index);
