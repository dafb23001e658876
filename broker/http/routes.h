/* The routes of an API, declared in one table: dispatch, the statuses 404 and 405, the page for browsers and
 * /openapi.json come from it. */
#pragma once

#include "http/exchange.h"
#include "json.h"

struct http_route {
    enum http_method method; /* GET answers HEAD too */
    const char *pattern;     /* "/topics/{topic}/partitions/{partition}"; a name stands for one segment, not empty */
    size_t body_limit;       /* bytes; 0: there is no body */
    void (*handle)(struct http_exchange *exchange);
    const char *type;    /* of the answer, as in /openapi.json */
    const char *summary; /* one line for people */
};

struct http_api {
    const char *name;
    const struct http_route *routes;
    size_t count;
};

enum http_match { HTTP_NO_SUCH_PATH, HTTP_NO_SUCH_METHOD, HTTP_MATCHED };

#define HTTP_ALLOW_MAX 80

/* Sets route and arguments of the exchange. `allowed` says what its path takes, as in the field Allow ("GET, HEAD,
 * OPTIONS"), empty for HTTP_NO_SUCH_PATH. */
enum http_match http_routes_match(const struct http_api *const *apis, struct http_exchange *exchange,
                                  char allowed[HTTP_ALLOW_MAX]);

/* OpenAPI 3.1 of all APIs, NULL-terminated as above. */
void http_routes_write_openapi(const struct http_api *const *apis, const char *version, struct json *json);
