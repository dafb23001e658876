#include "rest/rest_body.h"

#include "http/body.h"
#include "rest/rest_failure.h"
#include "server.h"

#define DEPTH_MAX  16
#define VALUES_MAX 200000
#define ARENA_MAX  ((size_t)16 << 20)

/* ---- the whole ---- */

bool rest_body_open(struct rest_body *body, struct http_exchange *exchange)
{
    struct memory *memory = exchange->server->memory;
    struct error error;
    if (exchange->body.size == 0) {
        http_reply_error(exchange, REST_NO_PAYLOAD, "Payload error. Null input provided. Data is required.");
        return false;
    }
    body->exchange = exchange;
    arena_init(&body->arena, memory, MEMORY_REQUESTS, ARENA_MAX);
    json_document_init(&body->document, memory, MEMORY_REQUESTS, (struct json_limits){DEPTH_MAX, VALUES_MAX});
    int rc = json_parse(&body->document, exchange->body, &error);
    if (rc == 0) {
        http_exchange_hold(exchange, body->document.capacity * sizeof *body->document.values);
        return true;
    }
    rest_body_close(body);
    if (rc == FURROW_MALFORMED || rc == FURROW_TOO_LARGE)
        http_reply_error(exchange, 400, error.message);
    else
        rest_reply_no_memory(exchange);
    return false;
}

void rest_body_close(struct rest_body *body)
{
    json_document_close(&body->document);
    arena_close(&body->arena);
}

/* ---- values ---- */

static int refuse_type(const struct rest_field *field, const char *wanted, struct error *error)
{
    return error_set(error, 400, "%s must be %s", field->name, wanted);
}

static int read_text(struct rest_body *body, const struct rest_field *field, const struct json_value *value, slice *to,
                     struct error *error)
{
    if (value->kind != JSON_STRING)
        return refuse_type(field, "a string", error);
    *to = json_value_string(value, &body->arena);
    return slice_is_null(*to) ? error_set(error, REST_NO_MEMORY, "out of memory") : 0;
}

static int read_number(const struct rest_field *field, const struct json_value *value, int64_t least, int64_t most,
                       int64_t *number, struct error *error)
{
    if (!json_value_int64(value, number) || *number < least || *number > most)
        return refuse_type(field, field->kind == REST_INT64 ? "an integer of 64 bits" : "an integer that fits", error);
    return 0;
}

static int read_value(struct rest_body *body, const struct rest_field *field, const struct json_value *value,
                      uint8_t *struct_base, struct error *error)
{
    void *to = struct_base + field->offset;
    int64_t number = 0;
    int rc = 0;
    switch (field->kind) {
    case REST_TEXT:
        return read_text(body, field, value, to, error);
    case REST_INT16:
        rc = read_number(field, value, INT16_MIN, INT16_MAX, &number, error);
        if (rc == 0)
            *(int16_t *)to = (int16_t)number;
        return rc;
    case REST_INT32:
        rc = read_number(field, value, INT32_MIN, INT32_MAX, &number, error);
        if (rc == 0)
            *(int32_t *)to = (int32_t)number;
        return rc;
    case REST_INT64:
        return read_number(field, value, INT64_MIN, INT64_MAX, to, error);
    case REST_FLAG:
        if (value->kind != JSON_TRUE && value->kind != JSON_FALSE)
            return refuse_type(field, "true or false", error);
        *(bool *)to = value->kind == JSON_TRUE;
        return 0;
    case REST_LIST:
        if (value->kind != JSON_ARRAY)
            return refuse_type(field, "an array", error);
        break;
    case REST_VALUE:
        break;
    }
    *(const struct json_value **)to = value;
    return 0;
}

/* ---- objects ---- */

static const struct rest_field *find_field(const struct json_value *key, const struct rest_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (json_value_equal(key, slice_of_text(fields[i].name)))
            return &fields[i];
    return NULL;
}

static bool is_there(const struct json_value *object, const struct rest_field *field)
{
    const struct json_value *value = json_value_member(object, field->name);
    return value != NULL && value->kind != JSON_NULL;
}

int rest_read_object(struct rest_body *body, const struct json_value *object, const struct rest_field *fields,
                     size_t count, void *to, struct error *error)
{
    if (object->kind != JSON_OBJECT)
        return error_set(error, 400, "an object is wanted, not a value of type %s", json_kind_text(object->kind));
    const struct json_value *key = object + 1;
    for (uint32_t i = 0; i < object->count; i++, key = json_value_after(key + 1)) {
        const struct rest_field *field = find_field(key, fields, count);
        if (field == NULL)
            return error_set(error, REST_UNPROCESSABLE, "Unrecognized field: %.*s",
                             (int)(key->size < 64 ? key->size : 64), (const char *)key->text);
        int rc = key[1].kind != JSON_NULL ? read_value(body, field, key + 1, to, error) : 0;
        if (rc != 0)
            return rc;
    }
    for (size_t i = 0; i < count; i++)
        if (fields[i].is_required && !is_there(object, &fields[i]))
            return error_set(error, 400, "%s is missing", fields[i].name);
    return 0;
}

void *rest_read_list(struct rest_body *body, const struct json_value *list, const struct rest_field *fields,
                     size_t count, size_t size, struct error *error)
{
    uint8_t *items = arena_alloc(&body->arena, list->count * size);
    if (items == NULL) {
        error_set(error, REST_NO_MEMORY, "out of memory");
        return NULL;
    }
    const struct json_value *value = list + 1;
    for (uint32_t i = 0; i < list->count; i++, value = json_value_after(value)) {
        if (rest_read_object(body, value, fields, count, items + i * size, error) != 0)
            return NULL;
    }
    return items;
}
