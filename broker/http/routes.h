/* The routes of an API, declared in one table: dispatch, the statuses 404 and 405, the page for browsers and
 * /openapi.json come from it. */
#pragma once

#include "http/exchange.h"
#include "http/parameters.h"
#include "json.h"

struct http_route {
    enum http_method method; /* GET answers HEAD too */
    int status;              /* of success, as in /openapi.json; 0: 200 */
    int other_status;        /* of success too, with the same answer: of a dry run; 0: none */
    const char *pattern;     /* "/topics/{topic}/partitions/{partition}"; a name stands for one segment, not empty */
    size_t body_limit;       /* bytes; 0: there is no body */
    void (*handle)(struct http_exchange *exchange);
    const char *type;    /* of the answer, as in /openapi.json: "text/plain", or several with commas between them */
    const char *summary; /* one line for people */

    /* In place of `handle`: the body is taken as it comes (body.h), and body_limit means nothing. */
    void (*begin)(struct http_exchange *exchange);

    /* Several routes may have one method and pattern; the first that suits is taken. */
    const char *consumes; /* media types of a body, with commas between them, "*" for any and none; NULL: any */
    const char *when;     /* only for requests whose Accept has this in it ("vnd.kafka"); NULL: all */

    const struct http_parameter *parameters; /* of path and query (parameters.h); NULL: the query is not looked at */
    size_t parameter_count;

    /* For /openapi.json. */
    const char *body_schema; /* of the body and of the answer: JSON Schema, or NULL */
    const char *answer_schema;
};

/* What a route's `parameters` and `parameter_count` are. */
#define HTTP_PARAMETERS(table) .parameters = (table), .parameter_count = sizeof(table) / sizeof(table)[0]

struct http_api {
    const char *name;
    const struct http_route *routes;
    size_t count;

    /* How it refuses what the table forbids: {"error_code":…,"message":…}. */
    const char *error_type; /* media type of errors; NULL: application/json */
    int parameter_error;    /* error_code for a wrong parameter; 0: 400 */
    int media_error;        /* for a body's media type that no route takes; 0: 415 */
    bool passes_unknown;    /* parameters that no table has are passed over, not refused */
};

enum http_match {
    HTTP_NO_SUCH_PATH,
    HTTP_NO_SUCH_METHOD,
    HTTP_NO_SUCH_MEDIA, /* none of the method's routes takes the body's type, or answers in what is asked for */
    HTTP_MATCHED
};

#define HTTP_ALLOW_MAX 80

/* Sets api, route and arguments of the exchange; for HTTP_NO_SUCH_MEDIA the api is that of the first route with the
 * method. `allowed` says what its path takes, as in the field Allow ("GET, HEAD, OPTIONS"), empty for
 * HTTP_NO_SUCH_PATH. */
enum http_match http_routes_match(const struct http_api *const *apis, struct http_exchange *exchange,
                                  char allowed[HTTP_ALLOW_MAX]);

/* OpenAPI 3.1 of all APIs, NULL-terminated as above. */
void http_routes_write_openapi(const struct http_api *const *apis, const char *version, struct json *json);
