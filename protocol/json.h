/* Writes JSON (RFC 8259) to a writer: compact, one value after the other, commas by itself.
 *
 *     struct json json = json_to(&w);
 *     json_begin_object(&json);
 *     json_key(&json, "offset");
 *     json_int(&json, 17);
 *     json_end_object(&json);
 *
 * It does not check that the calls make sense. A failure is the writer's: writer_ok at the end. */
#pragma once

#include "writer.h"

struct json {
    writer *w;
    bool comma; /* the next value of this object or array needs one before it */
};

static inline struct json json_to(writer *w)
{
    return (struct json){.w = w};
}

void json_begin_object(struct json *j);
void json_end_object(struct json *j);
void json_begin_array(struct json *j);
void json_end_array(struct json *j);

/* Keys are escaped as strings are. */
void json_key(struct json *j, const char *key);

/* A null slice gives null. Bytes that are no UTF-8 become U+FFFD, one for each maximal part (as the WHATWG's decoder
 * does); U+2028 and U+2029 are escaped, so the text is JavaScript too. */
void json_string(struct json *j, slice text);
void json_text(struct json *j, const char *text);

/* Bytes at the front of the text that stand in a string as they are: ASCII that needs no escape. */
size_t json_plain_size(slice text);

/* Standard base64 with padding; a null slice gives null. */
void json_base64(struct json *j, slice bytes);

void json_int(struct json *j, int64_t value);
void json_uint(struct json *j, uint64_t value);
/* The fewest digits that read back as the same number; null when it is not finite. */
void json_double(struct json *j, double value);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);

/* A JSON text as a value, without the blanks between its tokens: it takes one line. The caller knows that it is one
 * (json_parse of json_read.h). */
void json_raw(struct json *j, slice text);

/* A JSON text without those blanks, in at most text.size bytes at `to`; how many they are. */
size_t json_compact(slice text, uint8_t *to);
