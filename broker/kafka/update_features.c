/* UpdateFeatures (key 57): each feature has one version, so an update says what holds already, or fails. */
#include "kafka/feature_versions.h"
#include "kafka/request.h"

#include <errno.h>

enum { UPGRADE = 1, UNSAFE_DOWNGRADE = 3 };

static const struct kafka_feature *find_feature(slice name)
{
    const struct kafka_feature *features;
    size_t count = kafka_features(&features);
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(name, slice_of_text(features[i].name)))
            return &features[i];
    }
    return NULL;
}

static int refuse(const struct update_features_request_feature_update *update, const char *why, struct error *error)
{
    return error_set(error, -EINVAL,
                     "The update failed for all features since the following feature had an error: Invalid update "
                     "version %d for feature %.*s. %s",
                     update->max_version_level, SLICE_PRINT(update->feature), why);
}

static int check_update(const struct kafka_request *request,
                        const struct update_features_request_feature_update *update, struct error *error)
{
    int node = request->server->start.node_id;
    const struct kafka_feature *feature = find_feature(update->feature);
    struct error why;
    if (update->upgrade_type < UPGRADE || update->upgrade_type > UNSAFE_DOWNGRADE)
        return refuse(update, "The controller does not support the given upgrade type.", error);
    if (update->max_version_level < 0)
        return refuse(update, "A feature version cannot be less than 0.", error);
    if (feature != NULL && update->max_version_level == feature->version)
        return 0;
    if (feature == NULL)
        error_set(&why, -ENOENT, "Local controller %d does not support this feature.", node);
    else
        error_set(&why, -ENOENT, "Local controller %d only supports versions %d-%d", node, feature->version,
                  feature->version);
    return refuse(update, why.message, error);
}

void handle_update_features(struct kafka_request *request)
{
    const struct update_features_request *asked = request->message;
    struct update_features_response response = {.error_code = KAFKA_NONE};
    struct error error;
    int32_t count = asked->feature_updates.count;
    response.error_message = NULL_SLICE;
    response.results.items = arena_alloc(&request->arena, (size_t)count * sizeof *response.results.items);
    if (response.results.items == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (int32_t i = 0; i < count && response.error_code == KAFKA_NONE; i++) {
        const struct update_features_request_feature_update *update = &asked->feature_updates.items[i];
        if (check_update(request, update, &error) != 0) {
            response.error_code = KAFKA_INVALID_UPDATE_VERSION;
            response.error_message = slice_of_text(error.message);
        }
        response.results.items[i] = (struct update_features_response_feature){.feature = update->feature,
                                                                              .error_message = slice_of_text("NONE")};
    }
    response.results.count = response.error_code == KAFKA_NONE ? count : 0;
    kafka_answer(request, &response);
}
