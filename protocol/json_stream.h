/* Cuts a stream that arrives in parts into JSON texts: one a line (NDJSON), or one behind the other with or without
 * blanks between them. It only finds where a text ends; whether it is one, json_parse says.
 *
 *     while ((rc = json_stream_next(&stream, &part, &text, &error)) > 0)
 *         take(text);
 *
 * A text that lies whole in one part is borrowed from it; of others the beginning is kept in a buffer of at most
 * `limit` bytes. Memory is held only between the parts of such a text. */
#pragma once

#include "writer.h"

enum json_stream_form {
    JSON_LINES,  /* a text ends with its line; lines of blanks are passed over */
    JSON_VALUES, /* a text ends with its value: the bracket or quote that closes it, or what cannot go on with it */
};

struct json_stream {
    enum json_stream_form form;
    writer held;       /* what came of an unfinished text */
    bool is_delivered; /* held is the text that was returned last */
    uint32_t depth;    /* JSON_VALUES: brackets open */
    bool in_text, in_string, after_backslash;
};

void json_stream_init(struct json_stream *stream, struct memory *memory, enum memory_purpose purpose, size_t limit,
                      enum json_stream_form form);
void json_stream_close(struct json_stream *stream);

/* 1 and the next text, which ends in *part or is left unfinished there (then 0: give the next part). *part is advanced;
 * *text lives until the next call, and no longer than the part. A text above the limit is FURROW_TOO_LARGE, a refused
 * allocation -ENOMEM: the stream is then of no more use. */
MUST_USE int json_stream_next(struct json_stream *stream, slice *part, slice *text, struct error *error);

/* At the end of the stream: 1 and a last text that nothing ended, or 0. */
MUST_USE int json_stream_end(struct json_stream *stream, slice *text);
