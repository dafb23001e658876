/* The reader goes over the text once, without recursion: the open arrays and objects stand on a stack of indexes. */
#include "json_read.h"

#include "json_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define FIRST_CAPACITY 32
#define VALUES_MAX     (UINT32_MAX / 2 / (uint32_t)sizeof(struct json_value)) /* their bytes fit a size_t of 32 bit */

struct parse {
    struct json_document *document;
    slice text;
    size_t at;
    uint32_t open[JSON_DEPTH_MAX]; /* indexes of the arrays and objects around */
    uint32_t depth;
    struct error *error;
};

void json_document_init(struct json_document *document, struct memory *memory, enum memory_purpose purpose,
                        struct json_limits limits)
{
    *document = (struct json_document){.memory = memory, .purpose = purpose, .limits = limits};
    if (document->limits.depth > JSON_DEPTH_MAX)
        document->limits.depth = JSON_DEPTH_MAX;
    if (document->limits.values > VALUES_MAX)
        document->limits.values = VALUES_MAX;
}

void json_document_close(struct json_document *document)
{
    memory_free(document->memory, document->purpose, document->values, document->capacity * sizeof *document->values);
    document->values = NULL;
    document->count = document->capacity = 0;
}

static int malformed(const struct parse *p, const char *why)
{
    return error_set(p->error, FURROW_MALFORMED, "JSON: %s at byte %zu", why, p->at);
}

static int grow(struct parse *p)
{
    struct json_document *d = p->document;
    if (d->count >= d->limits.values)
        return error_set(p->error, FURROW_TOO_LARGE, "JSON: more than %" PRIu32 " values", d->limits.values);
    uint32_t capacity = d->capacity == 0 ? FIRST_CAPACITY : d->capacity * 2;
    if (capacity > d->limits.values || capacity < d->capacity)
        capacity = d->limits.values;
    struct json_value *values =
        memory_realloc(d->memory, d->purpose, d->values, d->capacity * sizeof *values, capacity * sizeof *values);
    if (values == NULL)
        return error_set_status(p->error, -ENOMEM, "JSON");
    d->values = values;
    d->capacity = capacity;
    return 0;
}

static int add(struct parse *p, enum json_kind kind, size_t start, size_t size, bool has_escapes)
{
    struct json_document *d = p->document;
    if (d->count == d->capacity || d->count == d->limits.values) {
        int rc = grow(p);
        if (rc != 0)
            return rc;
    }
    d->values[d->count++] = (struct json_value){p->text.data + start, (uint32_t)size, 1, 0, (uint8_t)kind, has_escapes};
    return 0;
}

static uint8_t peek(struct parse *p)
{
    while (p->at < p->text.size) {
        uint8_t c = p->text.data[p->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return c;
        p->at++;
    }
    return 0;
}

static int parse_string(struct parse *p)
{
    bool has_escapes;
    const char *why = NULL;
    size_t start = p->at + 1, end = json_scan_string(p->text, start, &has_escapes, &why);
    if (end == p->text.size)
        return malformed(p, why);
    p->at = end + 1;
    return add(p, JSON_STRING, start, end - start, has_escapes);
}

static int parse_word(struct parse *p, const char *word, enum json_kind kind)
{
    size_t start = p->at, size = strlen(word);
    if (p->text.size - start < size || memcmp(p->text.data + start, word, size) != 0)
        return malformed(p, "no value");
    p->at += size;
    return add(p, kind, start, size, false);
}

static int parse_number(struct parse *p)
{
    size_t start = p->at, end = json_scan_number(p->text, start);
    if (end == start)
        return malformed(p, "no number");
    p->at = end;
    return add(p, JSON_NUMBER, start, end - start, false);
}

static int open_container(struct parse *p, enum json_kind kind)
{
    if (p->depth >= p->document->limits.depth)
        return error_set(p->error, FURROW_TOO_LARGE, "JSON: deeper than %" PRIu32 " at byte %zu",
                         p->document->limits.depth, p->at);
    p->open[p->depth++] = p->document->count;
    return add(p, kind, p->at++, 1, false);
}

static struct json_value *innermost(const struct parse *p)
{
    return &p->document->values[p->open[p->depth - 1]];
}

static void close_container(struct parse *p)
{
    struct json_value *value = innermost(p);
    p->at++;
    value->size = (uint32_t)(p->text.data + p->at - value->text);
    value->span = p->document->count - p->open[p->depth - 1];
    p->depth--;
}

static int parse_value(struct parse *p)
{
    uint8_t c = peek(p);
    switch (c) {
    case '{':
        return open_container(p, JSON_OBJECT);
    case '[':
        return open_container(p, JSON_ARRAY);
    case '"':
        return parse_string(p);
    case 't':
        return parse_word(p, "true", JSON_TRUE);
    case 'f':
        return parse_word(p, "false", JSON_FALSE);
    case 'n':
        return parse_word(p, "null", JSON_NULL);
    default:
        return c == '-' || (c >= '0' && c <= '9') ? parse_number(p) : malformed(p, "no value");
    }
}

static int parse_key(struct parse *p)
{
    if (peek(p) != '"')
        return malformed(p, "no key");
    int rc = parse_string(p);
    if (rc != 0)
        return rc;
    if (peek(p) != ':')
        return malformed(p, "no colon behind the key");
    p->at++;
    return 0;
}

/* The next element or member of the innermost container, or its end. */
static int parse_next(struct parse *p)
{
    struct json_value *container = innermost(p);
    bool is_object = container->kind == JSON_OBJECT;
    uint8_t c = peek(p);
    if (c == (is_object ? '}' : ']')) {
        close_container(p);
        return 0;
    }
    if (container->count > 0) {
        if (c != ',')
            return malformed(p, is_object ? "neither comma nor }" : "neither comma nor ]");
        p->at++;
    }
    container->count++;
    int rc = is_object ? parse_key(p) : 0;
    return rc != 0 ? rc : parse_value(p);
}

int json_parse(struct json_document *document, slice text, struct error *error)
{
    struct parse p = {.document = document, .text = text, .error = error};
    document->count = 0;
    if (text.size > UINT32_MAX)
        return error_set(error, FURROW_TOO_LARGE, "JSON: %zu bytes", text.size);
    int rc = parse_value(&p);
    while (rc == 0 && p.depth > 0)
        rc = parse_next(&p);
    if (rc == 0 && (peek(&p), p.at < text.size))
        rc = malformed(&p, "something behind the value");
    return rc;
}

const struct json_value *json_value_member(const struct json_value *object, const char *name)
{
    const struct json_value *found = NULL;
    if (object->kind != JSON_OBJECT)
        return NULL;
    slice text = slice_of_text(name);
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = json_value_after(key + 1)) {
        if (json_value_equal(key, text))
            found = key + 1;
    }
    return found;
}

slice json_value_raw(const struct json_value *value)
{
    if (value->kind == JSON_STRING)
        return slice_of(value->text - 1, (size_t)value->size + 2);
    return slice_of(value->text, value->size);
}

bool json_value_equal(const struct json_value *value, slice text)
{
    slice raw = slice_of(value->text, value->size);
    if (value->kind != JSON_STRING || !value->has_escapes)
        return value->kind == JSON_STRING && slice_equal(raw, text);
    return json_escaped_equal(raw, text);
}

slice json_value_string(const struct json_value *value, struct arena *arena)
{
    if (value->kind != JSON_STRING)
        return NULL_SLICE;
    if (!value->has_escapes)
        return slice_of(value->text, value->size);
    uint8_t *plain = arena_alloc(arena, value->size);
    if (plain == NULL)
        return NULL_SLICE;
    return slice_of(plain, json_unescape(slice_of(value->text, value->size), plain));
}

bool json_value_uint64(const struct json_value *value, uint64_t *number)
{
    uint64_t sum = 0;
    if (value->kind != JSON_NUMBER)
        return false;
    for (uint32_t i = value->text[0] == '-'; i < value->size; i++) {
        uint8_t digit = (uint8_t)(value->text[i] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return value->text[0] != '-' || sum == 0;
}

bool json_value_int64(const struct json_value *value, int64_t *number)
{
    struct json_value digits = *value;
    bool negative = value->kind == JSON_NUMBER && value->text[0] == '-';
    uint64_t magnitude;
    digits.text += negative;
    digits.size -= negative;
    if (!json_value_uint64(&digits, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *number = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool json_value_double(const struct json_value *value, double *number)
{
    char digits[512];
    if (value->kind != JSON_NUMBER || value->size >= sizeof digits)
        return false;
    memcpy(digits, value->text, value->size);
    digits[value->size] = '\0';
    *number = strtod(digits, NULL);
    return *number - *number == 0; /* neither infinite nor no number */
}

const char *json_kind_text(enum json_kind kind)
{
    static const char *const texts[] = {"null", "false", "true", "a number", "a string", "an array", "an object"};
    return texts[kind];
}
