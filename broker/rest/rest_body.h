/* A request's JSON, read into a struct of the handler's by a table that says what its fields are.
 *
 *     struct create { slice name; int32_t partitions; };
 *     static const struct rest_field fields[] = {
 *         {"topic_name", REST_TEXT, true, offsetof(struct create, name)},
 *         {"partitions_count", REST_INT32, false, offsetof(struct create, partitions)},
 *     };
 *
 * The strictness is that of REST Proxy: text that is no JSON, a value of another type and a field that must be there
 * and is not are 400, an unknown field 422, no body at all 42206. What may be left out may be null too; what is left
 * out leaves the struct as it is. */
#pragma once

#include "arena.h"
#include "http/exchange.h"
#include "json_read.h"

enum rest_field_kind {
    REST_TEXT,  /* slice */
    REST_INT16, /* int16_t */
    REST_INT32, /* int32_t */
    REST_INT64, /* int64_t */
    REST_FLAG,  /* bool */
    REST_LIST,  /* const struct json_value *, an array */
    REST_VALUE, /* const struct json_value *, whatever it is */
};

struct rest_field {
    const char *name;
    enum rest_field_kind kind;
    bool is_required;
    size_t offset; /* in the struct */
};

#define REST_FIELDS(table) (table), sizeof(table) / sizeof(table)[0]

/* Texts are borrowed from the exchange's body, or in the arena. */
struct rest_body {
    struct http_exchange *exchange;
    struct json_document document;
    struct arena arena; /* for the handler too */
};

/* The exchange's whole body. False: it has been answered, and there is nothing to close. */
MUST_USE bool rest_body_open(struct rest_body *body, struct http_exchange *exchange);
void rest_body_close(struct rest_body *body);

static inline const struct json_value *rest_body_root(const struct rest_body *body)
{
    return body->document.values;
}

/* 0, or the error_code of REST with words. */
MUST_USE int rest_read_object(struct rest_body *body, const struct json_value *object, const struct rest_field *fields,
                              size_t count, void *to, struct error *error);
/* The same of an array's elements: structs of `size` bytes, which begin as zeros, in the arena. NULL: error->code. */
MUST_USE void *rest_read_list(struct rest_body *body, const struct json_value *list, const struct rest_field *fields,
                              size_t count, size_t size, struct error *error);
