/* Resources of REST v3 as JSON: each has a kind, a URL of its own, a resource name (CRN), the cluster's id, fields, and
 * links to what belongs to it.
 *
 *     resource_begin(w, "KafkaTopic", RESOURCE_PATH(TEXT("topics"), name), RESOURCE_PATH(TEXT("topic"), name));
 *     resource_int(w, "partitions_count", 3);
 *     resource_link(w, "partitions", RESOURCE_PATH(TEXT("topics"), name, TEXT("partitions")));
 *     resource_end(w);
 *
 * URLs begin with the host that the client has asked for, so they lead back the way it came. */
#pragma once

#include "http/exchange.h"
#include "json.h"

#define RESOURCE_TYPE "application/json"

/* Segments behind "/v3/clusters/ID" of a URL; names and values in turn behind "crn:///kafka=ID" of a resource name,
 * whose last name may stand alone. */
struct resource_path {
    const slice *segments;
    size_t count;
};

#define TEXT(text) slice_of_text(text)
#define RESOURCE_PATH(...)                                                                                             \
    ((struct resource_path){(const slice[]){__VA_ARGS__}, sizeof((const slice[]){__VA_ARGS__}) / sizeof(slice)})
#define RESOURCE_CLUSTER  ((struct resource_path){NULL, 0})
#define RESOURCE_CLUSTERS ((struct resource_path){NULL, SIZE_MAX}) /* "/v3/clusters" itself */

struct resource_writer {
    struct http_exchange *exchange;
    writer body;
    struct json json;
    writer scratch; /* one URL */
};

/* At most `limit` bytes. */
void resource_writer_open(struct resource_writer *w, struct http_exchange *exchange, size_t limit);
void resource_writer_close(struct resource_writer *w);

void resource_begin(struct resource_writer *w, const char *kind, struct resource_path url, struct resource_path name);
void resource_end(struct resource_writer *w);
void resource_text(struct resource_writer *w, const char *key, slice value); /* a null slice gives null */
void resource_int(struct resource_writer *w, const char *key, int64_t value);
void resource_flag(struct resource_writer *w, const char *key, bool value);
/* {"related": URL} */
void resource_link(struct resource_writer *w, const char *key, struct resource_path url);

/* The URL alone, as a value. */
void resource_url(struct resource_writer *w, struct resource_path url);
/* Answers with what was written and closes the writer; `location` goes into the head, unless it is
 * RESOURCE_CLUSTER. */
void resource_reply(struct resource_writer *w, int status, struct resource_path location);

/* A number as a segment of a path; the text is in the room. */
struct resource_number {
    char text[24];
};
slice resource_number(struct resource_number *room, int64_t value);
