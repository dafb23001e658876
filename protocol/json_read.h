/* Reads JSON (RFC 8259): a text becomes a flat list of its values, each a slice of the text.
 *
 * The values stand in the order of the text, an array's and an object's contents right behind it; json_value_after
 * jumps over what is in one. An object holds keys and values in turn:
 *
 *     const struct json_value *key = object + 1;
 *     for (uint32_t i = 0; i < object->count; i++, key = json_value_after(key + 1))
 *         use(key, key + 1);
 *
 * Nothing is copied, so numbers keep their digits, and a value of any type its text (json_value_raw). One allocation of
 * 24 bytes a value (16 on 32 bit) is kept from one text to the next; `values` of the limits bounds it, `depth` the
 * nesting, so that a hostile text costs no more than was decided. Refused beyond what the grammar forbids: text that is
 * no UTF-8, and escaped surrogates that are no pair, which no UTF-8 could hold. Of equal keys the last counts, as with
 * Jackson. */
#pragma once

#include "arena.h"

#define JSON_DEPTH_MAX 64

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_value {
    const uint8_t *text; /* borrowed; of a string what stands between the quotes */
    uint32_t size;       /* of text, bytes */
    uint32_t span;       /* values it takes in the list: itself and all in it */
    uint32_t count;      /* of an array its elements, of an object its members */
    uint8_t kind;        /* enum json_kind */
    bool has_escapes;    /* of a string */
};

struct json_limits {
    uint32_t depth;  /* of arrays and objects in each other; at most JSON_DEPTH_MAX */
    uint32_t values; /* in a text, keys included */
};

struct json_document {
    struct memory *memory;
    enum memory_purpose purpose;
    struct json_limits limits;
    struct json_value *values; /* values[0] is the root */
    uint32_t count;
    uint32_t capacity;
};

void json_document_init(struct json_document *document, struct memory *memory, enum memory_purpose purpose,
                        struct json_limits limits);
void json_document_close(struct json_document *document);

/* The text must outlive the use of the values, which lasts until the next call. Errors, the message with the place:
 * FURROW_MALFORMED, FURROW_TOO_LARGE beyond a limit, -ENOMEM. */
MUST_USE int json_parse(struct json_document *document, slice text, struct error *error);

static inline const struct json_value *json_value_after(const struct json_value *value)
{
    return value + value->span;
}

/* NULL when the value is no object, or has no such member. */
const struct json_value *json_value_member(const struct json_value *object, const char *name);

/* The value's text as it was written, quotes and brackets included. */
slice json_value_raw(const struct json_value *value);

/* Whether it is a string of this text. */
bool json_value_equal(const struct json_value *value, slice text);

/* What a string says: borrowed from the text while it has no escapes, else from the arena. data == NULL when the arena
 * refuses, or when the value is no string. */
slice json_value_string(const struct json_value *value, struct arena *arena);

/* False when the value is no number without fraction and exponent, or beyond the type. */
bool json_value_int64(const struct json_value *value, int64_t *number);
bool json_value_uint64(const struct json_value *value, uint64_t *number);

/* False when the value is no number, or beyond the type. */
bool json_value_double(const struct json_value *value, double *number);

const char *json_kind_text(enum json_kind kind);
