#include "http/routes.h"

#include "http/media_type.h"

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

/* Up to the first argument: most routes end here. */
static bool begins_alike(const char *pattern, slice path)
{
    size_t i = 0;
    while (pattern[i] != '\0' && pattern[i] != '{' && i < path.size && (uint8_t)pattern[i] == path.data[i])
        i++;
    return pattern[i] == '{' || (pattern[i] == '\0' && i == path.size);
}

static bool takes(const struct http_route *route, enum http_method method)
{
    return route->method == method || (route->method == HTTP_METHOD_GET && method == HTTP_METHOD_HEAD);
}

bool http_next_argument(slice *pattern, slice *name)
{
    while (pattern->size != 0) {
        *pattern = skip(*pattern, 1);
        slice segment = first_segment(*pattern);
        *pattern = skip(*pattern, segment.size);
        if (is_argument(segment)) {
            *name = slice_of(segment.data + 1, segment.size - 2);
            return true;
        }
    }
    return false;
}

/* ---- media types ---- */

/* Whether the body's type is one that the route takes. One without a type suits where there is nothing to be typed. */
static bool consumes(const struct http_route *route, const struct http_request *request)
{
    if (route->consumes == NULL)
        return true;
    slice given = http_request_field(request, "content-type"), list = slice_of_text(route->consumes), item;
    struct media_type media;
    bool is_typed = given.size != 0 && media_type_parse(given, &media);
    if (slice_is_null(given) && !request->has_body)
        return true;
    while (http_next_item(&list, &item)) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", SLICE_PRINT(item));
        if (strcmp(name, "*") == 0 || (is_typed && media_type_is(&media, name)))
            return true;
    }
    return false;
}

static bool is_wanted(const struct http_route *route, const struct http_request *request)
{
    slice accept = http_request_field(request, "accept");
    return route->when == NULL ||
           (accept.size != 0 && memmem(accept.data, accept.size, route->when, strlen(route->when)) != NULL);
}

/* ---- dispatch ---- */

static void write_allowed(unsigned methods, char allowed[HTTP_ALLOW_MAX])
{
    size_t size = 0;
    if ((methods & 1U << HTTP_METHOD_GET) != 0)
        methods |= 1U << HTTP_METHOD_HEAD;
    if (methods != 0)
        methods |= 1U << HTTP_METHOD_OPTIONS;
    allowed[0] = '\0';
    for (int i = 0; i < HTTP_METHODS; i++)
        if ((methods & 1U << i) != 0)
            size += (size_t)snprintf(allowed + size, HTTP_ALLOW_MAX - size, "%s%s", size != 0 ? ", " : "",
                                     http_method_text((enum http_method)i));
}

enum http_match http_routes_match(const struct http_api *const *apis, struct http_exchange *exchange,
                                  char allowed[HTTP_ALLOW_MAX])
{
    const struct http_request *request = &exchange->request;
    slice arguments[HTTP_ARGUMENTS_MAX];
    unsigned methods = 0;
    exchange->route = NULL;
    exchange->api = NULL;
    for (; *apis != NULL; apis++) {
        for (size_t i = 0; i < (*apis)->count; i++) {
            const struct http_route *route = &(*apis)->routes[i];
            if (!begins_alike(route->pattern, exchange->path) ||
                !match_path(slice_of_text(route->pattern), exchange->path, arguments))
                continue;
            methods |= 1U << route->method;
            if (exchange->route != NULL || !takes(route, request->method))
                continue;
            if (exchange->api == NULL)
                exchange->api = *apis;
            if (!consumes(route, request) || !is_wanted(route, request))
                continue;
            exchange->api = *apis;
            exchange->route = route;
            memcpy(exchange->arguments, arguments, sizeof arguments);
        }
    }
    write_allowed(methods, allowed);
    if (exchange->route != NULL)
        return HTTP_MATCHED;
    if (exchange->api != NULL)
        return HTTP_NO_SUCH_MEDIA;
    return methods != 0 ? HTTP_NO_SUCH_METHOD : HTTP_NO_SUCH_PATH;
}
