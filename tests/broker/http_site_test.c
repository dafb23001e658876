/* What all tables of routes keep to, so that they can be served and described. */
#include "http/site.h"

#include "check.h"
#include "http/media_type.h"

#include <stdio.h>
#include <string.h>

typedef void route_check(const struct http_api *api, const struct http_route *route);

static void for_each(route_check *check)
{
    const struct http_api *api;
    for (size_t k = 0; (api = http_apis[k]) != NULL; k++)
        for (size_t i = 0; i < api->count; i++)
            check(api, &api->routes[i]);
}

static bool holds(bool condition, const struct http_route *route)
{
    if (!condition)
        printf("\n%s %s\n", http_method_text(route->method), route->pattern);
    return condition;
}

static void check_whole(const struct http_api *api, const struct http_route *route)
{
    CHECK(holds(route->pattern != NULL && route->pattern[0] == '/', route));
    CHECK(holds((route->handle != NULL) != (route->begin != NULL), route));
    CHECK(holds(route->summary != NULL && route->summary[0] != '\0', route));
    CHECK(holds(route->type != NULL, route));
    CHECK(api->name != NULL);
}

static void routes_are_whole(void)
{
    for_each(check_whole);
}

static unsigned count_arguments(const struct http_route *route)
{
    unsigned count = 0;
    slice pattern = slice_of_text(route->pattern), name;
    while (http_next_argument(&pattern, &name))
        count++;
    return count;
}

static void check_parameters(const struct http_api *api, const struct http_route *route)
{
    (void)api;
    CHECK(holds(count_arguments(route) <= HTTP_ARGUMENTS_MAX, route));
    CHECK(holds(route->parameter_count <= HTTP_PARAMETERS_MAX, route));
    for (size_t i = 0; i < route->parameter_count; i++) {
        const struct http_parameter *parameter = &route->parameters[i];
        CHECK(holds(parameter->least <= parameter->most || parameter->most == 0, route));
        CHECK(holds((parameter->type == HTTP_CHOICE) == (parameter->choices != NULL), route));
        CHECK(holds(parameter->summary != NULL, route));
        for (size_t k = 0; k < i; k++)
            CHECK(holds(strcmp(route->parameters[k].name, parameter->name) != 0, route));
    }
}

static void parameters_find_their_places(void)
{
    for_each(check_parameters);
}

static void check_types(const struct http_api *api, const struct http_route *route)
{
    (void)api;
    const char *const lists[] = {route->type, route->consumes};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        slice list = lists[i] != NULL ? slice_of_text(lists[i]) : NULL_SLICE, item;
        struct media_type media;
        while (http_next_item(&list, &item))
            CHECK(holds(media_type_parse(item, &media) || slice_equal(item, slice_of_text("*")), route));
    }
}

static void media_types_are_such(void)
{
    for_each(check_types);
}

/* The pattern with "{}" for each argument: OpenAPI has no two paths that differ in names alone. */
static void shape_of(const char *pattern, char *shape)
{
    for (bool in_name = false; *pattern != '\0'; pattern++) {
        in_name = in_name && *pattern != '}';
        if (!in_name)
            *shape++ = *pattern;
        in_name = in_name || *pattern == '{';
    }
    *shape = '\0';
}

static void check_names(const struct http_api *api, const struct http_route *route)
{
    (void)api;
    char shape[256], other[256];
    REQUIRE(strlen(route->pattern) < sizeof shape);
    shape_of(route->pattern, shape);
    for (const struct http_api *const *all = http_apis; *all != NULL; all++) {
        for (size_t i = 0; i < (*all)->count; i++) {
            shape_of((*all)->routes[i].pattern, other);
            CHECK(holds(strcmp(shape, other) != 0 || strcmp(route->pattern, (*all)->routes[i].pattern) == 0, route));
        }
    }
}

static void paths_have_one_name_for_an_argument(void)
{
    for_each(check_names);
}

SUITE("http_site", CHECK_TEST(routes_are_whole), CHECK_TEST(parameters_find_their_places),
      CHECK_TEST(media_types_are_such), CHECK_TEST(paths_have_one_name_for_an_argument))
