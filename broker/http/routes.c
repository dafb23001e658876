#include "http/routes.h"

#include <stdio.h>

/* ---- patterns ---- */

/* What stands before the next slash. */
static slice first_segment(slice path)
{
    size_t size = 0;
    while (size < path.size && path.data[size] != '/')
        size++;
    return slice_of(path.data, size);
}

static slice skip(slice path, size_t bytes)
{
    return slice_of(path.data + bytes, path.size - bytes);
}

static bool is_argument(slice segment)
{
    return segment.size > 2 && segment.data[0] == '{';
}

static bool match_segment(slice pattern, slice segment, slice *arguments, unsigned *count)
{
    if (!is_argument(pattern))
        return slice_equal(pattern, segment);
    if (segment.size == 0 || *count == HTTP_ARGUMENTS_MAX)
        return false;
    arguments[(*count)++] = segment;
    return true;
}

/* Segment by segment; both begin with a slash. */
static bool match_path(slice pattern, slice path, slice *arguments)
{
    unsigned count = 0;
    while (pattern.size != 0 && path.size != 0) {
        pattern = skip(pattern, 1);
        path = skip(path, 1);
        slice wanted = first_segment(pattern), given = first_segment(path);
        if (!match_segment(wanted, given, arguments, &count))
            return false;
        pattern = skip(pattern, wanted.size);
        path = skip(path, given.size);
    }
    return pattern.size == 0 && path.size == 0;
}

static bool takes(const struct http_route *route, enum http_method method)
{
    return route->method == method || (route->method == HTTP_METHOD_GET && method == HTTP_METHOD_HEAD);
}

/* ---- dispatch ---- */

static void allow(char allowed[HTTP_ALLOW_MAX], enum http_method method)
{
    size_t size = strlen(allowed);
    snprintf(allowed + size, HTTP_ALLOW_MAX - size, "%s%s", size != 0 ? ", " : "", http_method_text(method));
}

enum http_match http_routes_match(const struct http_api *const *apis, struct http_exchange *exchange,
                                  char allowed[HTTP_ALLOW_MAX])
{
    slice arguments[HTTP_ARGUMENTS_MAX];
    unsigned methods = 0;
    exchange->route = NULL;
    for (; *apis != NULL; apis++) {
        for (size_t i = 0; i < (*apis)->count; i++) {
            const struct http_route *route = &(*apis)->routes[i];
            if (!match_path(slice_of_text(route->pattern), exchange->path, arguments))
                continue;
            methods |= 1U << route->method;
            if (exchange->route == NULL && takes(route, exchange->request.method)) {
                exchange->route = route;
                memcpy(exchange->arguments, arguments, sizeof arguments);
            }
        }
    }
    if ((methods & 1U << HTTP_METHOD_GET) != 0)
        methods |= 1U << HTTP_METHOD_HEAD;
    if (methods != 0)
        methods |= 1U << HTTP_METHOD_OPTIONS;
    allowed[0] = '\0';
    for (int i = 0; i < HTTP_METHODS; i++)
        if ((methods & 1U << i) != 0)
            allow(allowed, (enum http_method)i);
    if (exchange->route != NULL)
        return HTTP_MATCHED;
    return methods != 0 ? HTTP_NO_SUCH_METHOD : HTTP_NO_SUCH_PATH;
}

slice http_argument(const struct http_exchange *exchange, const char *name)
{
    unsigned count = 0;
    for (slice pattern = slice_of_text(exchange->route->pattern); pattern.size != 0;) {
        pattern = skip(pattern, 1);
        slice segment = first_segment(pattern);
        pattern = skip(pattern, segment.size);
        if (!is_argument(segment))
            continue;
        if (slice_equal(slice_of(segment.data + 1, segment.size - 2), slice_of_text(name)))
            return exchange->arguments[count];
        count++;
    }
    return NULL_SLICE;
}

/* ---- OpenAPI ---- */

static void write_arguments(const char *pattern, struct json *json)
{
    json_key(json, "parameters");
    json_begin_array(json);
    for (slice left = slice_of_text(pattern); left.size != 0;) {
        left = skip(left, 1);
        slice segment = first_segment(left);
        left = skip(left, segment.size);
        if (!is_argument(segment))
            continue;
        json_begin_object(json);
        json_key(json, "name");
        json_string(json, slice_of(segment.data + 1, segment.size - 2));
        json_key(json, "in");
        json_text(json, "path");
        json_key(json, "required");
        json_bool(json, true);
        json_key(json, "schema");
        json_begin_object(json);
        json_key(json, "type");
        json_text(json, "string");
        json_end_object(json);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_answer(const char *type, struct json *json)
{
    json_key(json, "responses");
    json_begin_object(json);
    json_key(json, "200");
    json_begin_object(json);
    json_key(json, "description");
    json_text(json, "OK");
    json_key(json, "content");
    json_begin_object(json);
    json_key(json, type);
    json_begin_object(json);
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
}

static void write_operation(const struct http_api *api, const struct http_route *route, struct json *json)
{
    char method[16];
    snprintf(method, sizeof method, "%s", http_method_text(route->method));
    for (char *letter = method; *letter != '\0'; letter++)
        *letter = (char)(*letter - 'A' + 'a');
    json_key(json, method);
    json_begin_object(json);
    json_key(json, "summary");
    json_text(json, route->summary);
    json_key(json, "tags");
    json_begin_array(json);
    json_text(json, api->name);
    json_end_array(json);
    write_arguments(route->pattern, json);
    write_answer(route->type, json);
    json_end_object(json);
}

/* LIST is no method that OpenAPI knows. */
static bool is_in_openapi(const struct http_route *route, const char *pattern)
{
    return route->method != HTTP_METHOD_LIST && strcmp(route->pattern, pattern) == 0;
}

/* Routes of one pattern are one path item, where the first of them stands. */
static void write_paths(const struct http_api *api, struct json *json)
{
    for (size_t i = 0; i < api->count; i++) {
        const char *pattern = api->routes[i].pattern;
        size_t first = 0;
        while (strcmp(api->routes[first].pattern, pattern) != 0)
            first++;
        if (first != i)
            continue;
        json_key(json, pattern);
        json_begin_object(json);
        for (size_t k = i; k < api->count; k++)
            if (is_in_openapi(&api->routes[k], pattern))
                write_operation(api, &api->routes[k], json);
        json_end_object(json);
    }
}

void http_routes_write_openapi(const struct http_api *const *apis, const char *version, struct json *json)
{
    json_begin_object(json);
    json_key(json, "openapi");
    json_text(json, "3.1.0");
    json_key(json, "info");
    json_begin_object(json);
    json_key(json, "title");
    json_text(json, "Furrow");
    json_key(json, "version");
    json_text(json, version);
    json_end_object(json);
    json_key(json, "paths");
    json_begin_object(json);
    for (; *apis != NULL; apis++)
        write_paths(*apis, json);
    json_end_object(json);
    json_end_object(json);
}
