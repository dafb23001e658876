#include "http/parameters.h"

#include "http/routes.h"
#include "http/uri.h"
#include "time_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Of what a client sent, in an objection. */
#define SHOWN_MAX 40

/* ---- values ---- */

static bool parse_integer(slice text, int64_t *value)
{
    bool is_negative = text.size > 1 && text.data[0] == '-';
    uint64_t most = is_negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, sum = 0;
    if (text.size == 0)
        return false;
    for (size_t i = is_negative; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || sum > (most - digit) / 10)
            return false;
        sum = 10 * sum + digit;
    }
    *value = is_negative ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
    return true;
}

static bool parse_number(const struct http_parameter *parameter, slice text, int64_t *value)
{
    if (parse_integer(text, value))
        return true;
    if (parameter->type == HTTP_DURATION)
        return time_parse_duration(text, value);
    return parameter->type == HTTP_MOMENT && time_parse(text, value);
}

static void limits_of(const struct http_parameter *parameter, int64_t *least, int64_t *most)
{
    bool has_limits = parameter->least != 0 || parameter->most != 0;
    *least = has_limits ? parameter->least : 0;
    *most = has_limits ? parameter->most : INT64_MAX;
}

/* Which of "a|b|c"; -1: none. */
static int find_choice(const char *choices, slice text)
{
    slice left = slice_of_text(choices);
    for (int i = 0; left.size != 0; i++) {
        const uint8_t *bar = memchr(left.data, '|', left.size);
        size_t size = bar != NULL ? (size_t)(bar - left.data) : left.size;
        if (slice_equal(slice_of(left.data, size), text))
            return i;
        size += bar != NULL;
        left = slice_of(left.data + size, left.size - size);
    }
    return -1;
}

static bool parse_flag(slice text, bool *value)
{
    *value = text.size == 0 || slice_equal(text, slice_of_text("true")) || slice_equal(text, slice_of_text("1"));
    return *value || slice_equal(text, slice_of_text("false")) || slice_equal(text, slice_of_text("0"));
}

/* ---- the check ---- */

PRINTF_LIKE(2, 3) static bool object(char objection[HTTP_OBJECTION_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(objection, HTTP_OBJECTION_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static bool check_number(const struct http_parameter *parameter, slice text, char objection[HTTP_OBJECTION_MAX])
{
    int64_t value, least, most;
    limits_of(parameter, &least, &most);
    if (!parse_number(parameter, text, &value)) {
        const char *what = parameter->type == HTTP_INTEGER    ? "is not a whole number, or too large a one"
                           : parameter->type == HTTP_DURATION ? "is no duration like 10m or 500ms"
                                                              : "is no time like 2026-11-21T07:39:48Z";
        return object(objection, "%s %s", parameter->name, what);
    }
    if (value < least || value > most)
        return object(objection, "%s is not from %" PRId64 " to %" PRId64, parameter->name, least, most);
    return true;
}

static bool check_value(const struct http_parameter *parameter, slice text, char objection[HTTP_OBJECTION_MAX])
{
    bool flag;
    if (text.size == 0 && parameter->may_stand_alone)
        return true;
    switch (parameter->type) {
    case HTTP_INTEGER:
    case HTTP_DURATION:
    case HTTP_MOMENT:
        return check_number(parameter, text, objection);
    case HTTP_FLAG:
        return parse_flag(text, &flag) || object(objection, "%s is neither true nor false", parameter->name);
    case HTTP_CHOICE:
        return find_choice(parameter->choices, text) >= 0 ||
               object(objection, "%s is none of %s", parameter->name, parameter->choices);
    case HTTP_TEXT:
    case HTTP_LIST:
        break;
    }
    if (parameter->most != 0 && text.size > (uint64_t)parameter->most)
        return object(objection, "%s is longer than %" PRId64 " bytes", parameter->name, parameter->most);
    return text.size != 0 || object(objection, "%s has no value", parameter->name);
}

/* ---- the path ---- */

static bool find_declared(const struct http_route *route, slice name, size_t *index)
{
    for (*index = 0; *index < route->parameter_count; (*index)++)
        if (slice_equal(slice_of_text(route->parameters[*index].name), name))
            return true;
    return false;
}

static bool decode(slice *text, enum uri_part part)
{
    size_t size;
    if (!uri_decode(*text, part, (uint8_t *)(uintptr_t)text->data, &size)) /* the request's own */
        return false;
    text->size = size;
    return true;
}

static bool take_arguments(struct http_exchange *exchange, char objection[HTTP_OBJECTION_MAX], bool *is_path)
{
    const struct http_route *route = exchange->route;
    slice names = slice_of_text(route->pattern), name;
    *is_path = false;
    for (unsigned i = 0; http_next_argument(&names, &name); i++) {
        slice *argument = &exchange->arguments[i];
        if (!decode(argument, URI_SEGMENT))
            return object(objection, "the path is no UTF-8 in percent-encoding");
        size_t index;
        *is_path = find_declared(route, name, &index) && !check_value(&route->parameters[index], *argument, objection);
        if (*is_path)
            return false;
    }
    return true;
}

/* ---- the query ---- */

static bool is_in_path(const struct http_route *route, const char *name)
{
    slice names = slice_of_text(route->pattern), argument;
    while (http_next_argument(&names, &argument))
        if (slice_equal(argument, slice_of_text(name)))
            return true;
    return false;
}

static bool find_named(const struct http_route *route, slice name, size_t *index)
{
    for (*index = 0; *index < route->parameter_count; (*index)++) {
        const char *declared = route->parameters[*index].name;
        if (uri_equal(name, URI_QUERY, slice_of_text(declared)) && !is_in_path(route, declared))
            return true;
    }
    return false;
}

static bool object_to_unknown(const struct http_route *route, slice name, char objection[HTTP_OBJECTION_MAX])
{
    int shown = name.size < SHOWN_MAX ? (int)name.size : SHOWN_MAX;
    int size = snprintf(objection, HTTP_OBJECTION_MAX, "there is no parameter %.*s", shown, (const char *)name.data);
    const char *before = "; there are ";
    for (size_t i = 0; i < route->parameter_count && size < HTTP_OBJECTION_MAX; i++) {
        if (is_in_path(route, route->parameters[i].name))
            continue;
        size +=
            snprintf(objection + size, HTTP_OBJECTION_MAX - (size_t)size, "%s%s", before, route->parameters[i].name);
        before = ", ";
    }
    return false;
}

static bool take_parameter(struct http_exchange *exchange, const struct uri_parameter *given,
                           char objection[HTTP_OBJECTION_MAX])
{
    const struct http_route *route = exchange->route;
    size_t index;
    if (!find_named(route, given->name, &index))
        return exchange->api->passes_unknown || object_to_unknown(route, given->name, objection);
    const struct http_parameter *parameter = &route->parameters[index];
    slice *value = &exchange->values[index];
    if (!slice_is_null(*value))
        return object(objection, "%s is given twice", parameter->name);
    *value = slice_is_null(given->value) ? slice_of(given->name.data, 0) : given->value;
    if (!decode(value, URI_QUERY))
        return object(objection, "%s is no UTF-8 in percent-encoding", parameter->name);
    return check_value(parameter, *value, objection);
}

bool http_parameters_take(struct http_exchange *exchange, char objection[HTTP_OBJECTION_MAX], bool *is_path)
{
    const struct http_route *route = exchange->route;
    if (!take_arguments(exchange, objection, is_path))
        return false;
    if (route->parameters == NULL)
        return true;
    slice query = exchange->query;
    struct uri_parameter given;
    while (uri_next_parameter(&query, &given))
        if (!take_parameter(exchange, &given, objection))
            return false;
    for (size_t i = 0; i < route->parameter_count; i++)
        if (route->parameters[i].is_required && slice_is_null(exchange->values[i]))
            return object(objection, "%s is missing", route->parameters[i].name);
    return true;
}

/* ---- getters ---- */

slice http_argument(const struct http_exchange *exchange, const char *name)
{
    slice names = slice_of_text(exchange->route->pattern), argument;
    for (unsigned i = 0; http_next_argument(&names, &argument); i++)
        if (slice_equal(argument, slice_of_text(name)))
            return exchange->arguments[i];
    return NULL_SLICE;
}

int64_t http_argument_number(const struct http_exchange *exchange, const char *name)
{
    int64_t value = 0;
    (void)parse_integer(http_argument(exchange, name), &value);
    return value;
}

slice http_parameter_text(const struct http_exchange *exchange, const char *name)
{
    size_t index;
    if (!find_declared(exchange->route, slice_of_text(name), &index))
        return NULL_SLICE;
    slice value = exchange->values[index];
    return slice_is_null(value) ? http_argument(exchange, name) : value;
}

bool http_parameter_given(const struct http_exchange *exchange, const char *name)
{
    return !slice_is_null(http_parameter_text(exchange, name));
}

int64_t http_parameter_number(const struct http_exchange *exchange, const char *name, int64_t otherwise)
{
    size_t index;
    int64_t value;
    slice text = http_parameter_text(exchange, name);
    bool is_given = text.size != 0 && find_declared(exchange->route, slice_of_text(name), &index);
    return is_given && parse_number(&exchange->route->parameters[index], text, &value) ? value : otherwise;
}

bool http_parameter_flag(const struct http_exchange *exchange, const char *name)
{
    bool value = false;
    slice text = http_parameter_text(exchange, name);
    return !slice_is_null(text) && parse_flag(text, &value) && value;
}

int http_parameter_choice(const struct http_exchange *exchange, const char *name, int otherwise)
{
    size_t index;
    slice text = http_parameter_text(exchange, name);
    if (text.size == 0 || !find_declared(exchange->route, slice_of_text(name), &index))
        return otherwise;
    return find_choice(exchange->route->parameters[index].choices, text);
}

bool http_next_item(slice *list, slice *item)
{
    while (list->size != 0) {
        const uint8_t *comma = memchr(list->data, ',', list->size);
        size_t size = comma != NULL ? (size_t)(comma - list->data) : list->size;
        *item = http_trim(slice_of(list->data, size));
        size += comma != NULL;
        *list = slice_of(list->data + size, list->size - size);
        if (item->size != 0)
            return true;
    }
    return false;
}

/* ---- OpenAPI ---- */

static void write_choices(const char *choices, struct json *json)
{
    json_key(json, "enum");
    json_begin_array(json);
    for (slice left = slice_of_text(choices); left.size != 0;) {
        const uint8_t *bar = memchr(left.data, '|', left.size);
        size_t size = bar != NULL ? (size_t)(bar - left.data) : left.size;
        json_string(json, slice_of(left.data, size));
        size += bar != NULL;
        left = slice_of(left.data + size, left.size - size);
    }
    json_end_array(json);
}

static void write_type(const char *type, struct json *json)
{
    json_key(json, "type");
    json_text(json, type);
}

static void write_integer(const struct http_parameter *parameter, struct json *json)
{
    int64_t least, most;
    limits_of(parameter, &least, &most);
    write_type("integer", json);
    json_key(json, "format");
    json_text(json, "int64");
    json_key(json, "minimum");
    json_int(json, least);
    json_key(json, "maximum");
    json_int(json, most);
}

/* As it may be written: a flag may stand alone too. */
static void write_flag(struct json *json)
{
    static const char *const others[] = {"", "0", "1"};
    json_key(json, "anyOf");
    json_begin_array(json);
    json_begin_object(json);
    write_type("boolean", json);
    json_end_object(json);
    json_begin_object(json);
    write_type("string", json);
    json_key(json, "enum");
    json_begin_array(json);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        json_text(json, others[i]);
    json_end_array(json);
    json_end_object(json);
    json_end_array(json);
}

static void write_schema(const struct http_parameter *parameter, struct json *json)
{
    json_key(json, "schema");
    json_begin_object(json);
    switch (parameter->type) {
    case HTTP_INTEGER:
        write_integer(parameter, json);
        break;
    case HTTP_FLAG:
        write_flag(json);
        break;
    case HTTP_CHOICE:
        write_type("string", json);
        write_choices(parameter->choices, json);
        break;
    case HTTP_DURATION:
        write_type("string", json);
        json_key(json, "pattern");
        json_text(json, "^([0-9]{1,15}|([0-9]{1,6}(ms|s|m|h|d|w))+)$");
        break;
    case HTTP_MOMENT:
        write_type("string", json);
        json_key(json, "format");
        json_text(json, "date-time");
        break;
    case HTTP_TEXT:
    case HTTP_LIST:
        write_type("string", json);
        json_key(json, "minLength");
        json_int(json, 1);
        if (parameter->most != 0) {
            json_key(json, "maxLength");
            json_int(json, parameter->most);
        }
        break;
    }
    json_end_object(json);
}

static void write_parameter(const struct http_parameter *parameter, bool is_path, struct json *json)
{
    json_begin_object(json);
    json_key(json, "name");
    json_text(json, parameter->name);
    json_key(json, "in");
    json_text(json, is_path ? "path" : "query");
    json_key(json, "required");
    json_bool(json, is_path || parameter->is_required);
    if (parameter->summary != NULL) {
        json_key(json, "description");
        json_text(json, parameter->summary);
    }
    if (parameter->may_stand_alone && !is_path) {
        json_key(json, "allowEmptyValue");
        json_bool(json, true);
    }
    write_schema(parameter, json);
    json_end_object(json);
}

void http_parameters_write(const struct http_route *route, struct json *json)
{
    slice names = slice_of_text(route->pattern), name;
    json_key(json, "parameters");
    json_begin_array(json);
    while (http_next_argument(&names, &name)) {
        char text[64];
        size_t index;
        snprintf(text, sizeof text, "%.*s", SLICE_PRINT(name));
        struct http_parameter undeclared = {.name = text, .type = HTTP_TEXT};
        bool is_declared = find_declared(route, name, &index);
        write_parameter(is_declared ? &route->parameters[index] : &undeclared, true, json);
    }
    for (size_t i = 0; i < route->parameter_count; i++)
        if (!is_in_path(route, route->parameters[i].name))
            write_parameter(&route->parameters[i], false, json);
    json_end_array(json);
}
