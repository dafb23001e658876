/* Parameters of a request with their types: arguments of the path and what stands in the query, as the route declares
 * them. They are checked before the handler is called, whose getters cannot fail; the declarations stand in
 * /openapi.json too. */
#pragma once

#include "http/exchange.h"
#include "json.h"

enum http_parameter_type {
    HTTP_INTEGER,  /* from `least` to `most`; both 0: 0 to INT64_MAX */
    HTTP_FLAG,     /* "true", "false", or alone, which is true */
    HTTP_TEXT,     /* at most `most` bytes; 0: whatever fits */
    HTTP_LIST,     /* texts with commas between them: http_next_item */
    HTTP_CHOICE,   /* one of `choices`, "a|b|c" */
    HTTP_DURATION, /* "10m", "1h30m"; a number alone is milliseconds */
    HTTP_MOMENT    /* RFC 3339; a number alone is milliseconds since 1970 */
};

struct http_parameter {
    const char *name; /* of the path when the pattern has it, else of the query */
    const char *summary;
    int64_t least, most;
    const char *choices;
    enum http_parameter_type type;
    bool may_stand_alone; /* without a value, whatever the type; then given, and its text empty */
    bool is_required;     /* in the query */
};

/* Each is for a name that the route declares, in the path or in the query. */
bool http_parameter_given(const struct http_exchange *exchange, const char *name);
/* Decoded; null when it is not given, empty when it stands alone. */
slice http_parameter_text(const struct http_exchange *exchange, const char *name);
/* Of an integer, a duration (ms) or a moment (ms since 1970); `otherwise` when it is not given or stands alone. */
int64_t http_parameter_number(const struct http_exchange *exchange, const char *name, int64_t otherwise);
bool http_parameter_flag(const struct http_exchange *exchange, const char *name);
/* Which of the choices, from 0. */
int http_parameter_choice(const struct http_exchange *exchange, const char *name, int otherwise);

/* Takes the next {name} off a route's pattern. False at the end. */
bool http_next_argument(slice *pattern, slice *name);

/* Takes the next item off a list, without the blanks around it; empty ones are passed over. False at the end. */
bool http_next_item(slice *list, slice *item);

#define HTTP_OBJECTION_MAX 160

/* Decodes and checks arguments and query of the exchange, whose route is known. False: `objection` says what is wrong;
 * *is_path: with the path, so that there is no such thing. */
MUST_USE bool http_parameters_take(struct http_exchange *exchange, char objection[HTTP_OBJECTION_MAX], bool *is_path);

/* The list "parameters" of an operation in OpenAPI. */
void http_parameters_write(const struct http_route *route, struct json *json);
