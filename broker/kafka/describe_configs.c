/* DescribeConfigs (key 32), for topics, for this broker and what is set for all, for its log, and for groups. */
#include "kafka/changes.h"
#include "operations/described_config.h"
#include "operations/repeated.h"

struct describing {
    struct kafka_request *request;
    const struct describe_configs_request_resource *resource;
    struct describe_configs_response_resource *answer;
    bool lacks_memory;
};

static bool fill_synonyms(struct kafka_request *request, const struct described_config *described,
                          struct describe_configs_response_config *entry)
{
    entry->synonyms.items =
        arena_alloc(&request->arena, (size_t)described->synonym_count * sizeof *entry->synonyms.items);
    if (entry->synonyms.items == NULL)
        return false;
    for (int32_t i = 0; i < described->synonym_count; i++) {
        const struct described_synonym *synonym = &described->synonyms[i];
        entry->synonyms.items[entry->synonyms.count++] = (struct describe_configs_response_synonym){
            .name = synonym->name, .value = synonym->value, .source = synonym->source};
    }
    return true;
}

static bool fill_entry(struct kafka_request *request, const struct described_config *described,
                       struct describe_configs_response_config *entry)
{
    const struct describe_configs_request *asked = request->message;
    *entry = (struct describe_configs_response_config){
        .name = slice_of_text(described->name),
        .value = slice_is_null(described->value) ? NULL_SLICE : arena_copy(&request->arena, described->value),
        .read_only = described->is_read_only,
        .config_source = described->source,
        .config_type = described->type,
        /* of a logger there is none, asked for or not, as in Kafka */
        .documentation = asked->include_documentation || *described->documentation == '\0'
                             ? slice_of_text(described->documentation)
                             : NULL_SLICE,
    };
    return !asked->include_synonyms || fill_synonyms(request, described, entry);
}

static bool is_asked_for(const struct describe_configs_request_resource *resource, const char *name)
{
    if (resource->configuration_keys.count < 0)
        return true;
    for (int32_t i = 0; i < resource->configuration_keys.count; i++) {
        if (slice_equal(resource->configuration_keys.items[i], slice_of_text(name)))
            return true;
    }
    return false;
}

static bool add_config(void *context, const struct described_config *described)
{
    struct describing *describing = context;
    struct describe_configs_response_resource *answer = describing->answer;
    if (is_asked_for(describing->resource, described->name))
        describing->lacks_memory =
            !fill_entry(describing->request, described, &answer->configs.items[answer->configs.count++]);
    return !describing->lacks_memory;
}

/* False without memory. */
static bool describe(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                     struct describe_configs_response_resource *answer)
{
    struct describing describing = {request, resource, answer, false};
    struct error error = {0};
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->configs.items =
        arena_alloc(&request->arena, described_configs_most(resource->resource_type) * sizeof *answer->configs.items);
    if (answer->configs.items == NULL)
        return false;
    answer->error_code = describe_resource(request->server, resource->resource_type, resource->resource_name,
                                           add_config, &describing, &error);
    if (answer->error_code != KAFKA_NONE)
        answer->error_message = change_message(request, &error);
    return !describing.lacks_memory;
}

/* For each resource, the index of the first one that is the same. */
static const int32_t *find_first(struct kafka_request *request)
{
    const struct describe_configs_request *asked = request->message;
    int32_t count = asked->resources.count;
    struct repeated_partition *names = arena_alloc(&request->arena, (size_t)count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < count; i++)
        names[i] = (struct repeated_partition){asked->resources.items[i].resource_name,
                                               asked->resources.items[i].resource_type};
    return names != NULL ? repeated_find_first(&request->arena, names, count) : NULL;
}

/* A resource that is named more than once is described once: clients take the answer for a map, and a short request
 * could ask for hours of work. */
void handle_describe_configs(struct kafka_request *request)
{
    const struct describe_configs_request *asked = request->message;
    struct describe_configs_response response = {.throttle_time_ms = 0};
    const int32_t *first = find_first(request);
    response.results.items =
        arena_alloc(&request->arena, (size_t)asked->resources.count * sizeof *response.results.items);
    if (response.results.items == NULL || first == NULL) {
        kafka_close(request, "out of memory");
        return;
    }
    for (int32_t i = 0; i < asked->resources.count; i++) {
        if (first[i] != i)
            continue;
        struct describe_configs_response_resource *answer = &response.results.items[response.results.count++];
        if (!describe(request, &asked->resources.items[i], answer)) {
            kafka_close(request, "out of memory");
            return;
        }
    }
    kafka_answer(request, &response);
}
