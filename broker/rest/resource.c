#include "rest/resource.h"

#include "rest/rest_failure.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>

#define SCRATCH_MAX  ((size_t)256 << 10)
#define LOCATION_MAX ((size_t)2 << 10)

void resource_writer_open(struct resource_writer *w, struct http_exchange *exchange, size_t limit)
{
    struct memory *memory = exchange->server->memory;
    w->exchange = exchange;
    writer_init(&w->body, memory, MEMORY_RESPONSES, limit);
    writer_init(&w->scratch, memory, MEMORY_RESPONSES, SCRATCH_MAX);
    w->json = json_to(&w->body);
}

void resource_writer_close(struct resource_writer *w)
{
    writer_close(&w->body);
    writer_close(&w->scratch);
}

/* ---- URLs and names ---- */

static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("-._~:@!$*,", byte) != NULL);
}

/* RFC 3986 3.3 lets more stand as it is; what is encoded here too is what shells and proxies stumble over. */
static void write_segment(writer *w, slice segment)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < segment.size; i++) {
        uint8_t byte = segment.data[i];
        if (is_plain(byte)) {
            write_u8(w, byte);
            continue;
        }
        write_u8(w, '%');
        write_u8(w, (uint8_t)digits[byte >> 4]);
        write_u8(w, (uint8_t)digits[byte & 15]);
    }
}

static bool is_host(slice host)
{
    for (size_t i = 0; i < host.size; i++) {
        if (!is_plain(host.data[i]) && host.data[i] != '[' && host.data[i] != ']')
            return false;
    }
    return host.size != 0;
}

static void write_text(writer *w, const char *text)
{
    write_bytes(w, slice_of_text(text));
}

/* A client that names no host is told of none: such a URL leads back to where it has asked, too. */
static void write_url(const struct resource_writer *w, writer *to, struct resource_path url)
{
    slice host = w->exchange->request.host;
    if (is_host(host)) {
        write_text(to, "http://");
        write_bytes(to, host);
    }
    write_text(to, "/v3/clusters");
    if (url.count == RESOURCE_CLUSTERS.count)
        return;
    write_u8(to, '/');
    write_segment(to, slice_of_text(w->exchange->server->start.cluster_id));
    for (size_t i = 0; i < url.count; i++) {
        write_u8(to, '/');
        write_segment(to, url.segments[i]);
    }
}

static void write_name(const struct resource_writer *w, writer *to, struct resource_path name)
{
    write_text(to, "crn:///kafka=");
    write_segment(to, slice_of_text(w->exchange->server->start.cluster_id));
    for (size_t i = 0; i < name.count; i++) {
        write_u8(to, i % 2 == 0 ? '/' : '=');
        write_segment(to, name.segments[i]);
    }
}

/* What the scratch holds, as a value. */
static void put_scratch(struct resource_writer *w)
{
    if (!writer_ok(&w->scratch))
        w->body.failed = true;
    json_string(&w->json, writer_slice(&w->scratch));
    writer_cut(&w->scratch, 0);
}

void resource_url(struct resource_writer *w, struct resource_path url)
{
    write_url(w, &w->scratch, url);
    put_scratch(w);
}

/* ---- resources ---- */

void resource_begin(struct resource_writer *w, const char *kind, struct resource_path url, struct resource_path name)
{
    json_begin_object(&w->json);
    json_key(&w->json, "kind");
    json_text(&w->json, kind);
    json_key(&w->json, "metadata");
    json_begin_object(&w->json);
    json_key(&w->json, "self");
    resource_url(w, url);
    json_key(&w->json, "resource_name");
    write_name(w, &w->scratch, name);
    put_scratch(w);
    json_end_object(&w->json);
    json_key(&w->json, "cluster_id");
    json_text(&w->json, w->exchange->server->start.cluster_id);
}

void resource_end(struct resource_writer *w)
{
    json_end_object(&w->json);
}

void resource_text(struct resource_writer *w, const char *key, slice value)
{
    json_key(&w->json, key);
    json_string(&w->json, value);
}

void resource_int(struct resource_writer *w, const char *key, int64_t value)
{
    json_key(&w->json, key);
    json_int(&w->json, value);
}

void resource_flag(struct resource_writer *w, const char *key, bool value)
{
    json_key(&w->json, key);
    json_bool(&w->json, value);
}

void resource_link(struct resource_writer *w, const char *key, struct resource_path url)
{
    json_key(&w->json, key);
    json_begin_object(&w->json);
    json_key(&w->json, "related");
    resource_url(w, url);
    json_end_object(&w->json);
}

/* ---- answers ---- */

void resource_reply(struct resource_writer *w, int status, struct resource_path location)
{
    char headers[LOCATION_MAX] = "";
    if (location.count != 0) {
        write_url(w, &w->scratch, location);
        if (writer_ok(&w->scratch))
            snprintf(headers, sizeof headers, "Location: %.*s\r\n", SLICE_PRINT(writer_slice(&w->scratch)));
    }
    if (!writer_ok(&w->body) || !writer_ok(&w->scratch))
        rest_reply_no_memory(w->exchange);
    else
        http_reply(w->exchange, status, RESOURCE_TYPE, headers[0] != '\0' ? headers : NULL, writer_slice(&w->body));
    resource_writer_close(w);
}

slice resource_number(struct resource_number *room, int64_t value)
{
    int size = snprintf(room->text, sizeof room->text, "%" PRId64, value);
    return slice_of(room->text, (size_t)size);
}
