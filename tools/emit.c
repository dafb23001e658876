#include "emit.h"

#include "utf8.h"

#include <ctype.h>
#include <errno.h>

#define LINE_MAX_BYTES ((size_t)256 << 20)

void emitter_open(struct emitter *e, bool as_json, FILE *to, struct memory *memory)
{
    *e = (struct emitter){.as_json = as_json, .to = to};
    writer_init(&e->line, memory, MEMORY_SERVER, LINE_MAX_BYTES);
    e->json = json_to(&e->line);
}

int emitter_close(struct emitter *e)
{
    writer_close(&e->line);
    if (e->status == 0 && fflush(e->to) != 0)
        e->status = -errno;
    return e->status;
}

static void put_text(struct emitter *e, const char *text)
{
    write_bytes(&e->line, slice_of_text(text));
}

static void put_name(struct emitter *e, const char *name)
{
    if (e->as_json) {
        json_key(&e->json, name);
    } else {
        write_u8(&e->line, ' ');
        put_text(e, name);
        write_u8(&e->line, '=');
    }
}

void emit_begin(struct emitter *e, const char *kind)
{
    e->line.size = 0;
    if (e->as_json) {
        e->json = json_to(&e->line);
        json_begin_object(&e->json);
        json_key(&e->json, "kind");
        json_text(&e->json, kind);
    } else {
        put_text(e, kind);
    }
}

void emit_int(struct emitter *e, const char *name, int64_t value)
{
    put_name(e, name);
    struct json plain = json_to(&e->line);
    json_int(e->as_json ? &e->json : &plain, value);
}

void emit_text(struct emitter *e, const char *name, const char *value)
{
    put_name(e, name);
    if (e->as_json)
        json_text(&e->json, value);
    else
        put_text(e, value);
}

static void put_quoted(struct emitter *e, slice value)
{
    static const char hex[] = "0123456789abcdef";
    write_u8(&e->line, '"');
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        if (c == '"' || c == '\\') {
            write_u8(&e->line, '\\');
            write_u8(&e->line, c);
        } else if (isprint(c)) {
            write_u8(&e->line, c);
        } else {
            put_text(e, "\\x");
            write_u8(&e->line, (uint8_t)hex[c >> 4]);
            write_u8(&e->line, (uint8_t)hex[c & 15]);
        }
    }
    write_u8(&e->line, '"');
}

void emit_bytes(struct emitter *e, const char *name, slice value)
{
    if (!e->as_json) {
        put_name(e, name);
        if (slice_is_null(value))
            put_text(e, "null");
        else
            put_quoted(e, value);
    } else if (slice_is_null(value) || utf8_is_valid(value)) {
        json_key(&e->json, name);
        json_string(&e->json, value);
    } else {
        char key[64];
        snprintf(key, sizeof key, "%s_base64", name);
        json_key(&e->json, key);
        json_base64(&e->json, value);
    }
}

void emit_json(struct emitter *e, const char *name, slice json)
{
    put_name(e, name);
    write_bytes(&e->line, json);
    e->json.comma = true;
}

void emit_end(struct emitter *e)
{
    if (e->as_json)
        json_end_object(&e->json);
    write_u8(&e->line, '\n');
    if (e->status != 0)
        return;
    if (!writer_ok(&e->line))
        e->status = -ENOMEM;
    else if (fwrite(e->line.data, 1, e->line.size, e->to) != e->line.size)
        e->status = -errno;
}
