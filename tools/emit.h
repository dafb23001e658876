/* One entry a line, for people ("offset=5 crc=ok") or for programs ({"offset":5,"crc":"ok"}), from the same calls. */
#pragma once

#include "json.h"
#include "writer.h"

#include <stdio.h>

struct emitter {
    bool as_json;
    FILE *to;
    writer line;
    struct json json;
    int status; /* the first failure: of memory, or of writing */
};

void emitter_open(struct emitter *e, bool as_json, FILE *to, struct memory *memory);
/* 0, -ENOMEM, or the errno of a write that failed (-EPIPE: the reader has gone). */
MUST_USE int emitter_close(struct emitter *e);

/* kind: what the line is about, "batch", "record", "index". */
void emit_begin(struct emitter *e, const char *kind);
void emit_int(struct emitter *e, const char *name, int64_t value);
void emit_text(struct emitter *e, const char *name, const char *value);
/* For people as quoted text with escapes; for programs a string, or NAME_base64 when it is no UTF-8 text. */
void emit_bytes(struct emitter *e, const char *name, slice value);
/* A JSON value that is there already. */
void emit_json(struct emitter *e, const char *name, slice json);
void emit_end(struct emitter *e);
