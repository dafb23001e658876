/* The tables of routes as OpenAPI 3.1.
 *
 * There an operation is a path and a method. Where several routes have both, told apart by their media types, they are
 * one operation: the first one's words, and what all of them take and answer. */
#include "http/routes.h"

#include <stdio.h>

#define JSON_TYPE "application/json"

/* What all APIs together have of one path and, in turn, of one method. */
struct operation {
    const struct http_api *const *apis;
    const char *pattern;
    enum http_method method;
};

/* The next route of the operation behind the api and index; NULL: no more. Begins with *api == 0 and *index == 0. */
static const struct http_route *next_route(const struct operation *operation, size_t *api, size_t *index)
{
    for (; operation->apis[*api] != NULL; (*api)++, *index = 0) {
        const struct http_api *of = operation->apis[*api];
        while (*index < of->count) {
            const struct http_route *route = &of->routes[(*index)++];
            if (route->method == operation->method && strcmp(route->pattern, operation->pattern) == 0)
                return route;
        }
    }
    return NULL;
}

static void write_text_member(struct json *json, const char *key, const char *value)
{
    json_key(json, key);
    json_text(json, value);
}

/* ---- contents ---- */

static bool lists(const char *types, slice type)
{
    slice list = slice_of_text(types), item;
    while (http_next_item(&list, &item))
        if (slice_equal(item, type))
            return true;
    return false;
}

static void write_schema(const char *schema, struct json *json)
{
    json_begin_object(json);
    json_key(json, "schema");
    json_raw(json, slice_of_text(schema));
    json_end_object(json);
}

static int status_of(const struct http_route *route)
{
    return route->status != 0 ? route->status : 200;
}

static bool succeeds_with(const struct http_route *route, int status)
{
    return status_of(route) == status || (route->other_status != 0 && route->other_status == status);
}

static const char *body_types(const struct http_route *route)
{
    if (route->body_limit == 0 && route->begin == NULL)
        return NULL;
    return route->consumes == NULL || strcmp(route->consumes, "*") == 0 ? "*/*" : route->consumes;
}

static const char *answer_types(const struct http_route *route)
{
    return http_status_has_body(status_of(route)) ? route->type : NULL;
}

struct content {
    const char *(*types)(const struct http_route *route);
    bool is_answer;
    int status; /* of the answers */
};

static bool belongs(const struct http_route *route, const struct content *content)
{
    return content->types(route) != NULL && (!content->is_answer || succeeds_with(route, content->status));
}

/* An earlier route of the operation has told the type. */
static bool is_told(const struct operation *operation, const struct http_route *route, const struct content *content,
                    slice type)
{
    size_t api = 0, index = 0;
    for (const struct http_route *other; (other = next_route(operation, &api, &index)) != route;)
        if (belongs(other, content) && lists(content->types(other), type))
            return true;
    return false;
}

static const char *schema_of(const struct http_route *route, const struct content *content)
{
    return content->is_answer ? route->answer_schema : route->body_schema;
}

static void write_any_of(const struct operation *operation, const struct content *content, slice type,
                         struct json *json)
{
    size_t api = 0, index = 0;
    json_begin_object(json);
    json_key(json, "anyOf");
    json_begin_array(json);
    for (const struct http_route *route; (route = next_route(operation, &api, &index)) != NULL;)
        if (belongs(route, content) && lists(content->types(route), type))
            json_raw(json, slice_of_text(schema_of(route, content)));
    json_end_array(json);
    json_end_object(json);
}

/* What any of the routes says of the type; nothing where one of them says nothing. */
static void write_type(const struct operation *operation, const struct content *content, slice type, struct json *json)
{
    size_t api = 0, index = 0, known = 0, unknown = 0;
    const char *only = NULL;
    for (const struct http_route *route; (route = next_route(operation, &api, &index)) != NULL;) {
        if (!belongs(route, content) || !lists(content->types(route), type))
            continue;
        only = schema_of(route, content);
        *(only != NULL ? &known : &unknown) += 1;
    }
    json_begin_object(json);
    if (unknown == 0 && known > 0)
        json_key(json, "schema");
    if (unknown == 0 && known == 1)
        json_raw(json, slice_of_text(only));
    if (unknown == 0 && known > 1)
        write_any_of(operation, content, type, json);
    json_end_object(json);
}

static void write_content(const struct operation *operation, const struct content *content, struct json *json)
{
    size_t api = 0, index = 0;
    json_key(json, "content");
    json_begin_object(json);
    for (const struct http_route *route; (route = next_route(operation, &api, &index)) != NULL;) {
        if (!belongs(route, content))
            continue;
        slice list = slice_of_text(content->types(route)), item;
        while (http_next_item(&list, &item)) {
            char type[80];
            if (is_told(operation, route, content, item))
                continue;
            snprintf(type, sizeof type, "%.*s", SLICE_PRINT(item));
            json_key(json, type);
            write_type(operation, content, item, json);
        }
    }
    json_end_object(json);
}

static bool has_content(const struct operation *operation, const struct content *content)
{
    size_t api = 0, index = 0;
    for (const struct http_route *route; (route = next_route(operation, &api, &index)) != NULL;)
        if (belongs(route, content))
            return true;
    return false;
}

/* ---- operations ---- */

static void write_body(const struct operation *operation, struct json *json)
{
    const struct content content = {.types = body_types};
    if (!has_content(operation, &content))
        return;
    json_key(json, "requestBody");
    json_begin_object(json);
    write_content(operation, &content, json);
    json_end_object(json);
}

static void write_success(const struct operation *operation, int status, struct json *json)
{
    const struct content content = {.types = answer_types, .is_answer = true, .status = status};
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    json_key(json, text);
    json_begin_object(json);
    write_text_member(json, "description", "Success");
    if (has_content(operation, &content))
        write_content(operation, &content, json);
    json_end_object(json);
}

static bool status_is_told(const struct operation *operation, const struct http_route *route, int status)
{
    size_t api = 0, index = 0;
    for (const struct http_route *other; (other = next_route(operation, &api, &index)) != route;)
        if (succeeds_with(other, status))
            return true;
    return false;
}

static void write_statuses(const struct operation *operation, const struct http_route *route, struct json *json)
{
    const int statuses[] = {status_of(route), route->other_status};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i] != 0 && !status_is_told(operation, route, statuses[i]))
            write_success(operation, statuses[i], json);
}

static void write_responses(const struct operation *operation, struct json *json)
{
    size_t api = 0, index = 0;
    json_key(json, "responses");
    json_begin_object(json);
    for (const struct http_route *route; (route = next_route(operation, &api, &index)) != NULL;)
        write_statuses(operation, route, json);
    json_key(json, "default");
    json_begin_object(json);
    write_text_member(json, "$ref", "#/components/responses/Error");
    json_end_object(json);
    json_end_object(json);
}

static void write_operation(const struct operation *operation, struct json *json)
{
    size_t api = 0, index = 0;
    const struct http_route *first = next_route(operation, &api, &index);
    char method[16];
    snprintf(method, sizeof method, "%s", http_method_text(first->method));
    for (char *letter = method; *letter != '\0'; letter++)
        *letter = (char)(*letter - 'A' + 'a');
    json_key(json, method);
    json_begin_object(json);
    write_text_member(json, "summary", first->summary);
    json_key(json, "tags");
    json_begin_array(json);
    json_text(json, operation->apis[api]->name);
    json_end_array(json);
    http_parameters_write(first, json);
    write_body(operation, json);
    write_responses(operation, json);
    json_end_object(json);
}

/* ---- paths ---- */

static bool has_method(const struct operation *operation)
{
    size_t api = 0, index = 0;
    return next_route(operation, &api, &index) != NULL;
}

/* LIST is no method that OpenAPI knows. */
static void write_path(const struct http_api *const *apis, const char *pattern, struct json *json)
{
    json_key(json, pattern);
    json_begin_object(json);
    for (int i = 0; i < HTTP_METHODS; i++) {
        struct operation operation = {apis, pattern, (enum http_method)i};
        if (operation.method != HTTP_METHOD_LIST && has_method(&operation))
            write_operation(&operation, json);
    }
    json_end_object(json);
}

static const struct http_route *first_of_pattern(const struct http_api *const *apis, const char *pattern)
{
    for (;; apis++)
        for (size_t i = 0; i < (*apis)->count; i++)
            if (strcmp((*apis)->routes[i].pattern, pattern) == 0)
                return &(*apis)->routes[i];
}

static void write_paths(const struct http_api *const *apis, struct json *json)
{
    json_key(json, "paths");
    json_begin_object(json);
    for (size_t api = 0; apis[api] != NULL; api++) {
        for (size_t i = 0; i < apis[api]->count; i++) {
            const struct http_route *route = &apis[api]->routes[i];
            if (first_of_pattern(apis, route->pattern) == route)
                write_path(apis, route->pattern, json);
        }
    }
    json_end_object(json);
}

/* ---- errors ---- */

#define ERROR_SCHEMA                                                                                                   \
    "{\"type\":\"object\",\"required\":[\"error_code\",\"message\"],\"properties\":{"                                  \
    "\"error_code\":{\"type\":\"integer\"},\"message\":{\"type\":\"string\"}}}"

static void write_components(const struct http_api *const *apis, struct json *json)
{
    json_key(json, "components");
    json_begin_object(json);
    json_key(json, "responses");
    json_begin_object(json);
    json_key(json, "Error");
    json_begin_object(json);
    write_text_member(json, "description", "What was wrong");
    json_key(json, "content");
    json_begin_object(json);
    json_key(json, JSON_TYPE);
    write_schema(ERROR_SCHEMA, json);
    for (size_t i = 0; apis[i] != NULL; i++) {
        size_t first = 0;
        while (apis[first]->error_type != apis[i]->error_type)
            first++;
        if (apis[i]->error_type == NULL || first != i)
            continue;
        json_key(json, apis[i]->error_type);
        write_schema(ERROR_SCHEMA, json);
    }
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
    json_end_object(json);
}

void http_routes_write_openapi(const struct http_api *const *apis, const char *version, struct json *json)
{
    json_begin_object(json);
    write_text_member(json, "openapi", "3.1.0");
    json_key(json, "info");
    json_begin_object(json);
    write_text_member(json, "title", "Furrow");
    write_text_member(json, "version", version);
    json_end_object(json);
    write_paths(apis, json);
    write_components(apis, json);
    json_end_object(json);
}
