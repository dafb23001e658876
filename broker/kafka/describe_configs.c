/* DescribeConfigs (key 32), for topics, for this broker and what is set for all, for its log, and for groups. */
#include "kafka/changes.h"
#include "operations/described_config.h"
#include "operations/repeated.h"
#include "text_index.h"

struct describing {
    struct kafka_request *request;
    const struct describe_configs_request_resource *resource;
    struct describe_configs_response_resource *answer;
    struct text_index asked; /* names of settings, unless all are asked for */
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

/* The names that are asked for may be millions, and name one setting often: they are gone through once. */
static bool list_asked(struct describing *describing)
{
    const struct describe_configs_request_resource *resource = describing->resource;
    for (int32_t i = 0; i < resource->configuration_keys.count; i++) {
        slice name = resource->configuration_keys.items[i];
        if (text_index_find(&describing->asked, name) != NULL)
            continue;
        struct text_index_entry *entry = arena_alloc(&describing->request->arena, sizeof *entry);
        if (entry == NULL)
            return false;
        text_index_add(&describing->asked, entry, name);
    }
    return true;
}

static bool is_asked_for(const struct describing *describing, const char *name)
{
    return describing->resource->configuration_keys.count < 0 ||
           text_index_find(&describing->asked, slice_of_text(name)) != NULL;
}

static bool add_config(void *context, const struct described_config *described)
{
    struct describing *describing = context;
    struct describe_configs_response_resource *answer = describing->answer;
    if (is_asked_for(describing, described->name))
        describing->lacks_memory =
            !fill_entry(describing->request, described, &answer->configs.items[answer->configs.count++]);
    return !describing->lacks_memory;
}

static void describe_asked(struct describing *describing)
{
    struct kafka_request *request = describing->request;
    struct describe_configs_response_resource *answer = describing->answer;
    struct error error = {0};
    answer->error_code = describe_resource(request->server, answer->resource_type, answer->resource_name, add_config,
                                           describing, &error);
    if (answer->error_code != KAFKA_NONE)
        answer->error_message = change_message(request, &error);
}

/* False without memory. */
static bool describe(struct kafka_request *request, const struct describe_configs_request_resource *resource,
                     struct describe_configs_response_resource *answer)
{
    struct describing describing = {.request = request, .resource = resource, .answer = answer};
    answer->resource_type = resource->resource_type;
    answer->resource_name = resource->resource_name;
    answer->configs.items =
        arena_alloc(&request->arena, described_configs_most(resource->resource_type) * sizeof *answer->configs.items);
    uint32_t seed;
    server_random(request->server, &seed, sizeof seed);
    text_index_init(&describing.asked, request->arena.memory, MEMORY_REQUESTS, seed);
    describing.lacks_memory = answer->configs.items == NULL || !list_asked(&describing);
    if (!describing.lacks_memory)
        describe_asked(&describing);
    text_index_close(&describing.asked);
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
