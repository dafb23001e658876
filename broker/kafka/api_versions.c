/* ApiVersions (key 18): what is served, in the windows by which clients judge a server. The header of its response is
 * always version 0 (KIP-511); a version that is not served is answered in version 0 with error 35. */
#include "kafka/feature_versions.h"
#include "kafka/request.h"

#include <ctype.h>

/* librdkafka turns gzip, snappy and lz4 off unless Produce is advertised from 0, and zstd unless from at most 7; v0-2
 * themselves are not served, as in Kafka. */
#define PRODUCE_ADVERTISED_FROM 0

static bool is_served(const struct kafka_api *api)
{
    return kafka_find_handler(api->request->key) != NULL;
}

static void list_window(const struct kafka_api *api, struct api_versions_response_api_key *window)
{
    *window = (struct api_versions_response_api_key){
        .api_key = api->request->key,
        .min_version = api->request->key == API_PRODUCE ? PRODUCE_ADVERTISED_FROM : api->request->first_version,
        .max_version = api->request->last_version,
    };
}

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool is_software_text(slice text)
{
    if (text.size == 0 || !isalnum(text.data[0]) || !isalnum(text.data[text.size - 1]))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!isalnum(text.data[i]) && text.data[i] != '-' && text.data[i] != '.')
            return false;
    }
    return true;
}

static bool names_software(const struct kafka_request *request)
{
    const struct api_versions_request *asked = request->message;
    return request->version < 3 ||
           (is_software_text(asked->client_software_name) && is_software_text(asked->client_software_version));
}

/* False when out of memory. */
static bool list_features(struct kafka_request *request, struct api_versions_response *response)
{
    const struct kafka_feature *features;
    size_t count = kafka_features(&features);
    response->supported_features.items =
        arena_alloc(&request->arena, count * sizeof *response->supported_features.items);
    response->finalized_features.items =
        arena_alloc(&request->arena, count * sizeof *response->finalized_features.items);
    if (response->supported_features.items == NULL || response->finalized_features.items == NULL)
        return false;
    response->supported_features.count = response->finalized_features.count = (int32_t)count;
    response->finalized_features_epoch = 0; /* they never change */
    for (size_t i = 0; i < count; i++) {
        response->supported_features.items[i] = (struct api_versions_response_supported_feature){
            .name = slice_of_text(features[i].name),
            .min_version = features[i].version,
            .max_version = features[i].version,
        };
        response->finalized_features.items[i] = (struct api_versions_response_finalized_feature){
            .name = slice_of_text(features[i].name),
            .min_version_level = features[i].version,
            .max_version_level = features[i].version,
        };
    }
    return true;
}

void handle_api_versions(struct kafka_request *request)
{
    struct api_versions_response response = API_VERSIONS_RESPONSE_DEFAULTS;
    if (!names_software(request)) {
        response.error_code = KAFKA_INVALID_REQUEST;
        kafka_answer(request, &response);
        return;
    }
    struct api_versions_response_api_key *windows = arena_alloc(&request->arena, kafka_api_count * sizeof *windows);
    if (windows == NULL || (request->version >= 3 && !list_features(request, &response))) {
        kafka_close(request, "out of memory");
        return;
    }
    response.api_keys.items = windows;
    for (size_t i = 0; i < kafka_api_count; i++) {
        if (is_served(&kafka_apis[i]))
            list_window(&kafka_apis[i], &windows[response.api_keys.count++]);
    }
    kafka_answer(request, &response);
}

void kafka_refuse_api_versions(struct kafka_request *request)
{
    struct api_versions_response_api_key window;
    list_window(request->api, &window);
    struct api_versions_response response = API_VERSIONS_RESPONSE_DEFAULTS;
    response.error_code = KAFKA_UNSUPPORTED_VERSION;
    response.api_keys.items = &window;
    response.api_keys.count = 1;
    kafka_answer_version(request, 0, &response);
}
