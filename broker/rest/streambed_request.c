#include "rest/streambed_request.h"

#include "json_read.h"
#include "rest/rest_body.h"
#include "rest/rest_failure.h"
#include "server.h"

#define TOPICS_MAX 1000
#define ARENA_MAX  ((size_t)4 << 20)

struct asked {
    const struct json_value *offsets, *subscriptions;
};

static const struct rest_field asked_fields[] = {
    {"offsets", REST_LIST, false, offsetof(struct asked, offsets)},
    {"subscriptions", REST_LIST, false, offsetof(struct asked, subscriptions)},
};

/* 0, or an error_code with words. */
static int read_topics(struct rest_body *body, const struct json_value *list, struct streambed_request *request,
                       struct error *error)
{
    if (list == NULL || list->count == 0 || list->count > TOPICS_MAX)
        return error_set(error, REST_UNPROCESSABLE, "subscriptions must be a list of 1 to %d topics", TOPICS_MAX);
    request->topics = arena_alloc(&request->arena, list->count * sizeof *request->topics);
    const struct json_value *item = list + 1;
    for (uint32_t i = 0; request->topics != NULL && i < list->count; i++, item = json_value_after(item)) {
        const struct json_value *name = item->kind == JSON_OBJECT ? json_value_member(item, "topic") : NULL;
        if (name == NULL || name->kind != JSON_STRING)
            return error_set(error, REST_UNPROCESSABLE, "subscriptions must be a list of {topic}");
        slice text = arena_copy(&request->arena, json_value_string(name, &body->arena));
        if (slice_is_null(text))
            return error_set(error, REST_NO_MEMORY, "out of memory");
        request->topics[request->topic_count++] = text;
    }
    return request->topics != NULL ? 0 : error_set(error, REST_NO_MEMORY, "out of memory");
}

static int read_places(struct rest_body *body, const struct json_value *list, struct streambed_request *request,
                       struct error *error)
{
    uint32_t count = list != NULL ? list->count : 0;
    request->places = arena_alloc(&request->arena, count * sizeof *request->places);
    const struct json_value *item = list != NULL ? list + 1 : NULL;
    for (uint32_t i = 0; request->places != NULL && i < count; i++, item = json_value_after(item)) {
        const struct json_value *name = json_value_member(item, "topic");
        const struct json_value *partition = json_value_member(item, "partition");
        const struct json_value *offset = json_value_member(item, "offset");
        int64_t index = 0;
        uint64_t last = 0;
        if (name == NULL || name->kind != JSON_STRING || partition == NULL || offset == NULL ||
            !json_value_int64(partition, &index) || index < 0 || index > INT32_MAX || !json_value_uint64(offset, &last))
            return error_set(error, REST_UNPROCESSABLE, "offsets must be a list of {topic, partition, offset}");
        slice text = arena_copy(&request->arena, json_value_string(name, &body->arena));
        if (slice_is_null(text))
            return error_set(error, REST_NO_MEMORY, "out of memory");
        request->places[request->place_count++] =
            (struct streambed_place){text, (int32_t)index, last < INT64_MAX - 1 ? (int64_t)last : INT64_MAX - 2};
    }
    return request->places != NULL ? 0 : error_set(error, REST_NO_MEMORY, "out of memory");
}

static int read_body(struct streambed_request *request, struct rest_body *body, struct error *error)
{
    struct asked asked = {.offsets = NULL};
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(asked_fields), &asked, error);
    if (rc == 0)
        rc = read_topics(body, asked.subscriptions, request, error);
    return rc == 0 ? read_places(body, asked.offsets, request, error) : rc;
}

int streambed_request_read(struct streambed_request *request, struct http_exchange *exchange, struct error *error)
{
    struct rest_body body;
    if (!rest_body_open(&body, exchange))
        return -1;
    *request = (struct streambed_request){.topics = NULL};
    arena_init(&request->arena, exchange->server->memory, MEMORY_REQUESTS, ARENA_MAX);
    int rc = read_body(request, &body, error);
    rest_body_close(&body);
    if (rc != 0)
        streambed_request_close(request);
    return rc;
}

void streambed_request_close(struct streambed_request *request)
{
    arena_close(&request->arena);
}

static struct streambed_place *find_place(const struct streambed_request *request, slice topic, int32_t partition)
{
    for (size_t i = 0; i < request->place_count; i++) {
        struct streambed_place *place = &request->places[i];
        if (place->partition == partition && slice_equal(place->topic, topic))
            return place;
    }
    return NULL;
}

int64_t streambed_request_last(const struct streambed_request *request, slice topic, int32_t partition)
{
    const struct streambed_place *place = find_place(request, topic, partition);
    return place != NULL ? place->offset : -1;
}

void streambed_request_put(struct streambed_request *request, slice topic, int32_t partition, int64_t offset)
{
    struct streambed_place *place = find_place(request, topic, partition);
    if (place != NULL) {
        place->offset = offset;
        return;
    }
    struct streambed_place *places = arena_alloc(&request->arena, (request->place_count + 1) * sizeof *places);
    slice name = arena_copy(&request->arena, topic);
    if (places == NULL || slice_is_null(name))
        return;
    if (request->place_count > 0)
        memcpy(places, request->places, request->place_count * sizeof *places);
    places[request->place_count++] = (struct streambed_place){name, partition, offset};
    request->places = places;
}
