#include "http/site.h"

#include "group/group_coordinator.h"
#include "operations/groups.h"
#include "rest/produce_apis.h"
#include "rest/read_apis.h"
#include "rest/streambed.h"
#include "rest/v2.h"
#include "rest/v3.h"
#include "server.h"

#include <stdio.h>

/* Of one page that is made in memory. */
#define PAGE_MAX  ((size_t)16 << 20)

#define JSON_TYPE "application/json"

static writer begin_page(struct http_exchange *exchange)
{
    writer w;
    writer_init(&w, exchange->server->memory, MEMORY_RESPONSES, PAGE_MAX);
    return w;
}

static void reply_page(struct http_exchange *exchange, const char *type, writer *w)
{
    http_reply_written(exchange, 200, type, w);
    writer_close(w);
}

/* ---- health ---- */

static void reply_status(struct http_exchange *exchange, int status, const char *text)
{
    char body[64];
    snprintf(body, sizeof body, "{\"status\":\"%s\"}", text);
    http_reply(exchange, status, JSON_TYPE, "Cache-Control: no-store\r\n", slice_of_text(body));
}

/* It turns its loop: that it answers says so. */
static void handle_live(struct http_exchange *exchange)
{
    reply_status(exchange, 200, "live");
}

/* The storage is open before the first connection is accepted; groups may still be read. */
static void handle_ready(struct http_exchange *exchange)
{
    const struct server *server = exchange->server;
    bool has_groups = server->groups == NULL || group_coordinator_available(group_service_coordinator(server->groups));
    if (has_groups)
        reply_status(exchange, 200, "ready");
    else
        reply_status(exchange, 503, "groups are not available");
}

/* ---- what runs ---- */

static void handle_version(struct http_exchange *exchange)
{
    const struct server *server = exchange->server;
    writer w = begin_page(exchange);
    struct json json = json_to(&w);
    json_begin_object(&json);
    json_key(&json, "version");
    json_text(&json, FURROW_VERSION);
    json_key(&json, "cluster_id");
    json_text(&json, server->start.cluster_id);
    json_key(&json, "node_id");
    json_int(&json, server->start.node_id);
    json_end_object(&json);
    reply_page(exchange, JSON_TYPE, &w);
}

static void handle_metrics(struct http_exchange *exchange)
{
    writer w = begin_page(exchange);
    metrics_write(exchange->server, &w);
    reply_page(exchange, "text/plain; version=0.0.4; charset=utf-8", &w);
}

/* ---- what there is ---- */

static void handle_openapi(struct http_exchange *exchange)
{
    writer w = begin_page(exchange);
    struct json json = json_to(&w);
    http_routes_write_openapi(exchange->server->http_apis, FURROW_VERSION, &json);
    reply_page(exchange, JSON_TYPE, &w);
}

static void write_text(writer *w, const char *text)
{
    write_bytes(w, slice_of_text(text));
}

static bool can_be_visited(const struct http_route *route)
{
    return route->method == HTTP_METHOD_GET && strchr(route->pattern, '{') == NULL;
}

/* Patterns and summaries are the tables' own and need no escaping. */
static void write_row(writer *w, const struct http_route *route)
{
    write_text(w, "<tr><td>");
    write_text(w, http_method_text(route->method));
    write_text(w, "<td><code>");
    if (can_be_visited(route)) {
        write_text(w, "<a href=\"");
        write_text(w, route->pattern);
        write_text(w, "\">");
    }
    write_text(w, route->pattern);
    write_text(w, can_be_visited(route) ? "</a></code><td>" : "</code><td>");
    write_text(w, route->summary);
    write_text(w, "\n");
}

static void handle_index(struct http_exchange *exchange)
{
    writer w = begin_page(exchange);
    write_text(&w, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Furrow</title>\n"
                   "<style>body{font-family:sans-serif;margin:2em}td{padding:.2em 1em .2em 0}</style>\n"
                   "<h1>Furrow " FURROW_VERSION "</h1>\n");
    for (const struct http_api *const *api = exchange->server->http_apis; *api != NULL; api++) {
        write_text(&w, "<h2>");
        write_text(&w, (*api)->name);
        write_text(&w, "</h2>\n<table>\n");
        for (size_t i = 0; i < (*api)->count; i++)
            write_row(&w, &(*api)->routes[i]);
        write_text(&w, "</table>\n");
    }
    write_text(&w, "</html>\n");
    reply_page(exchange, "text/html; charset=utf-8", &w);
}

#define ROUTE(path, handler, media, text)                                                                              \
    {                                                                                                                  \
        .method = HTTP_METHOD_GET, .pattern = path, .handle = handler, .type = media, .summary = text                  \
    }

static const struct http_route routes[] = {
    ROUTE("/", handle_index, "text/html", "This page"),
    ROUTE("/health/live", handle_live, JSON_TYPE, "Whether the server runs"),
    ROUTE("/health/ready", handle_ready, JSON_TYPE, "Whether the server serves clients"),
    ROUTE("/metrics", handle_metrics, "text/plain", "Metrics in Prometheus' text format"),
    ROUTE("/version", handle_version, JSON_TYPE, "Version, cluster id and node id"),
    ROUTE("/openapi.json", handle_openapi, JSON_TYPE, "All routes as OpenAPI 3.1"),
};

static const struct http_api site = {.name = "Server", .routes = routes, .count = sizeof routes / sizeof routes[0]};

const struct http_api *const http_apis[] = {
    &site,        &rest_v2_api, &produce_v2_api, &produce_v3_api, &produce_plain_api,
    &rest_v3_api, &read_v3_api, &read_plain_api, &streambed_api,  NULL,
};
