#include "http/negotiate.h"

#include <strings.h>

#define COMPRESSED_LEAST 1024
#define COMPRESSED_MOST  ((size_t)256 << 10)

/* The text up to `end`, or all of it; *left goes on behind it. */
static slice take_until(slice *left, char end)
{
    const uint8_t *found = left->size != 0 ? memchr(left->data, end, left->size) : NULL;
    size_t size = found != NULL ? (size_t)(found - left->data) : left->size;
    slice taken = slice_of(left->data, size);
    size += found != NULL;
    *left = slice_of(left->data + size, left->size - size);
    return http_trim(taken);
}

/* ---- compression ---- */

/* "q=0", "q=0.000": not that one. */
static bool is_refused(slice parameters)
{
    while (parameters.size != 0) {
        slice parameter = take_until(&parameters, ';');
        slice name = take_until(&parameter, '=');
        if (!http_same_name(name, "q") || parameter.size == 0)
            continue;
        for (size_t i = 0; i < parameter.size; i++)
            if (parameter.data[i] != '0' && parameter.data[i] != '.')
                return false;
        return true;
    }
    return false;
}

/* 1: named and taken, -1: named and refused, 0: not named. */
static int find_coding(slice list, const char *coding)
{
    while (list.size != 0) {
        slice item = take_until(&list, ',');
        slice name = take_until(&item, ';');
        if (http_same_name(name, coding))
            return is_refused(item) ? -1 : 1;
    }
    return 0;
}

enum codec http_choose_coding(const struct http_request *request)
{
    slice list = http_request_field(request, "accept-encoding");
    int gzip = find_coding(list, "gzip");
    if (find_coding(list, "zstd") == 1)
        return CODEC_ZSTD;
    if (gzip == 1 || (gzip == 0 && find_coding(list, "*") == 1))
        return CODEC_GZIP;
    return CODEC_NONE;
}

bool http_is_worth_compressing(const char *type, size_t bytes)
{
    bool is_text = type != NULL && (strncmp(type, "text/", 5) == 0 || strstr(type, "json") != NULL);
    return is_text && bytes >= COMPRESSED_LEAST && bytes <= COMPRESSED_MOST;
}

/* ---- CORS ---- */

slice http_allowed_origin(const struct config *config, const struct http_request *request)
{
    slice origin = http_request_field(request, "origin");
    slice list = slice_of_text(config_string(config, CONFIG_ACCESS_CONTROL_ALLOW_ORIGIN));
    if (origin.size == 0)
        return NULL_SLICE;
    while (list.size != 0) {
        slice allowed = take_until(&list, ',');
        if (slice_equal(allowed, slice_of_text("*")) || slice_equal(allowed, origin))
            return allowed;
    }
    return NULL_SLICE;
}

bool http_is_preflight(const struct http_request *request)
{
    return request->method == HTTP_METHOD_OPTIONS &&
           !slice_is_null(http_request_field(request, "access-control-request-method"));
}

/* The page came from here: its origin is what the request calls this server. */
static bool is_same_origin(slice origin, slice host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (origin.size == size + host.size && memcmp(origin.data, schemes[i], size) == 0 &&
            slice_equal(slice_of(origin.data + size, host.size), host))
            return true;
    }
    return false;
}

bool http_origin_may_connect(const struct config *config, const struct http_request *request)
{
    slice origin = http_request_field(request, "origin");
    return slice_is_null(origin) || !slice_is_null(http_allowed_origin(config, request)) ||
           is_same_origin(origin, request->host);
}

bool http_origin_is_harmless(const struct config *config, const struct http_request *request)
{
    bool only_looks = request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD ||
                      request->method == HTTP_METHOD_OPTIONS || request->method == HTTP_METHOD_LIST;
    return only_looks || http_origin_may_connect(config, request);
}
