/* Settings of topics, of the broker, and of all brokers of the cluster: looked at, set, reset. */
#include "operations/alteration.h"
#include "operations/described_config.h"
#include "rest/rest_failure.h"
#include "rest/v3.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define ONE_MAX   ((size_t)256 << 10)
#define WORDS_MAX 512

/* Whose settings they are. */
struct owner {
    int8_t type;
    slice name; /* as describe_resource and alter_resource want it; a broker's is in the room */
    struct resource_number room;
};

/* Finds whom the path names. False: it has been answered. */
typedef bool owner_finder(struct http_exchange *exchange, struct owner *owner);

static bool find_topic(struct http_exchange *exchange, struct owner *owner)
{
    owner->type = RESOURCE_TOPIC;
    owner->name = http_argument(exchange, "topic_name");
    return v3_find_topic(exchange) != NULL;
}

static void set_broker(const struct server *server, struct owner *owner)
{
    owner->type = RESOURCE_BROKER;
    owner->name = resource_number(&owner->room, server->start.node_id);
}

static bool find_broker(struct http_exchange *exchange, struct owner *owner)
{
    set_broker(exchange->server, owner);
    return v3_check_broker(exchange);
}

static bool find_cluster(struct http_exchange *exchange, struct owner *owner)
{
    owner->type = RESOURCE_BROKER;
    owner->name = slice_of_text("");
    return v3_check_cluster(exchange);
}

/* ---- writing ---- */

static const char *source_text(int8_t source)
{
    switch (source) {
    case SOURCE_TOPIC:
        return "DYNAMIC_TOPIC_CONFIG";
    case SOURCE_DYNAMIC_BROKER:
        return "DYNAMIC_BROKER_CONFIG";
    case SOURCE_DYNAMIC_DEFAULT_BROKER:
        return "DYNAMIC_DEFAULT_BROKER_CONFIG";
    case SOURCE_STATIC_BROKER:
        return "STATIC_BROKER_CONFIG";
    case SOURCE_DEFAULT:
        return "DEFAULT_CONFIG";
    default:
        return "UNKNOWN";
    }
}

static void begin_config(struct resource_writer *w, const struct owner *owner, slice config)
{
    slice name = owner->name;
    if (owner->type == RESOURCE_TOPIC) {
        resource_begin(w, "KafkaTopicConfig", RESOURCE_PATH(TEXT("topics"), name, TEXT("configs"), config),
                       RESOURCE_PATH(TEXT("topic"), name, TEXT("config"), config));
        resource_text(w, "topic_name", name);
    } else if (name.size != 0) {
        resource_begin(w, "KafkaBrokerConfig", RESOURCE_PATH(TEXT("brokers"), name, TEXT("configs"), config),
                       RESOURCE_PATH(TEXT("broker"), name, TEXT("config"), config));
        resource_int(w, "broker_id", w->exchange->server->start.node_id);
    } else {
        resource_begin(w, "KafkaClusterConfig", RESOURCE_PATH(TEXT("broker-configs"), config),
                       RESOURCE_PATH(TEXT("broker-config"), config));
        resource_text(w, "config_type", TEXT("BROKER"));
    }
}

static void write_config(struct resource_writer *w, const struct owner *owner, const struct described_config *config)
{
    begin_config(w, owner, slice_of_text(config->name));
    resource_text(w, "name", slice_of_text(config->name));
    resource_text(w, "value", config->value);
    resource_flag(w, "is_default", config->source == SOURCE_DEFAULT);
    resource_flag(w, "is_read_only", config->is_read_only);
    resource_flag(w, "is_sensitive", false);
    resource_text(w, "source", slice_of_text(source_text(config->source)));
    json_key(&w->json, "synonyms");
    json_begin_array(&w->json);
    for (int32_t i = 0; i < config->synonym_count; i++) {
        json_begin_object(&w->json);
        resource_text(w, "name", config->synonyms[i].name);
        resource_text(w, "value", config->synonyms[i].value);
        resource_text(w, "source", slice_of_text(source_text(config->synonyms[i].source)));
        json_end_object(&w->json);
    }
    json_end_array(&w->json);
    resource_end(w);
}

/* ---- lists: an item is a whole resource, since its settings are few ---- */

struct config_notes {
    const slice *topics; /* NULL: of `owner` alone */
    struct owner owner;
    struct described_config *room; /* for one resource's, sorted before they are written */
    size_t count;
};

static bool add_config(void *context, const struct described_config *config)
{
    struct config_notes *notes = context;
    notes->room[notes->count++] = *config;
    return true;
}

static int compare_configs(const void *left, const void *right)
{
    return strcmp(((const struct described_config *)left)->name, ((const struct described_config *)right)->name);
}

static void add_configs(struct resource_list *list, size_t index)
{
    struct config_notes *notes = list->notes;
    if (notes->topics != NULL)
        notes->owner.name = notes->topics[index];
    notes->count = 0;
    if (describe_resource(list->out.exchange->server, notes->owner.type, notes->owner.name, add_config, notes, NULL) !=
        KAFKA_NONE)
        return; /* the topic has gone */
    qsort(notes->room, notes->count, sizeof *notes->room, compare_configs);
    for (size_t i = 0; i < notes->count; i++)
        write_config(&list->out, &notes->owner, &notes->room[i]);
}

/* Of one resource; of all topics when the list has noted them. */
static void start_list(struct resource_list *list, const struct owner *owner, const char *kind,
                       struct resource_path url)
{
    struct http_exchange *exchange = list->out.exchange;
    struct config_notes *notes = arena_alloc(&list->arena, sizeof *notes);
    struct described_config *room = arena_alloc(&list->arena, described_configs_most(owner->type) * sizeof *room);
    slice name = arena_copy(&list->arena, owner->name);
    if (notes == NULL || room == NULL || slice_is_null(name)) {
        resource_list_close(list);
        rest_reply_no_memory(exchange);
        return;
    }
    *notes = (struct config_notes){.topics = list->notes, .owner = {.type = owner->type, .name = name}, .room = room};
    if (list->notes == NULL)
        list->count = 1;
    list->notes = notes;
    list->write = add_configs;
    resource_list_start(list, kind, url);
}

static void list_configs(struct http_exchange *exchange, const struct owner *owner, const char *kind,
                         struct resource_path url)
{
    struct resource_list *list = resource_list_open(exchange);
    if (list != NULL)
        start_list(list, owner, kind, url);
}

void v3_list_topic_configs(struct http_exchange *exchange)
{
    struct owner owner;
    if (find_topic(exchange, &owner))
        list_configs(exchange, &owner, "KafkaTopicConfigList",
                     RESOURCE_PATH(TEXT("topics"), owner.name, TEXT("configs")));
}

void v3_list_all_topic_configs(struct http_exchange *exchange)
{
    const struct owner owner = {.type = RESOURCE_TOPIC};
    struct resource_list *list = v3_check_cluster(exchange) ? resource_list_open(exchange) : NULL;
    if (list != NULL && v3_note_topics(list))
        start_list(list, &owner, "KafkaTopicConfigList", RESOURCE_PATH(TEXT("topics"), TEXT("-"), TEXT("configs")));
}

void v3_list_broker_configs(struct http_exchange *exchange)
{
    struct owner owner;
    if (find_broker(exchange, &owner))
        list_configs(exchange, &owner, "KafkaBrokerConfigList",
                     RESOURCE_PATH(TEXT("brokers"), owner.name, TEXT("configs")));
}

void v3_list_all_broker_configs(struct http_exchange *exchange)
{
    struct owner owner;
    set_broker(exchange->server, &owner);
    if (v3_check_cluster(exchange))
        list_configs(exchange, &owner, "KafkaBrokerConfigList",
                     RESOURCE_PATH(TEXT("brokers"), TEXT("-"), TEXT("configs")));
}

void v3_list_cluster_configs(struct http_exchange *exchange)
{
    struct owner owner;
    if (find_cluster(exchange, &owner))
        list_configs(exchange, &owner, "KafkaClusterConfigList", RESOURCE_PATH(TEXT("broker-configs")));
}

/* ---- one ---- */

struct search {
    slice name;
    struct described_config found;
    bool is_found;
};

static bool look_at(void *context, const struct described_config *config)
{
    struct search *search = context;
    search->is_found = slice_equal(search->name, slice_of_text(config->name));
    if (search->is_found)
        search->found = *config;
    return !search->is_found;
}

/* The owner is there. */
static bool find_config(const struct server *server, const struct owner *owner, struct search *search)
{
    return describe_resource(server, owner->type, owner->name, look_at, search, NULL) == KAFKA_NONE && search->is_found;
}

static void write_missing(const struct http_exchange *exchange, const struct owner *owner, slice name,
                          char words[WORDS_MAX])
{
    snprintf(words, WORDS_MAX, "Config %.*s cannot be found for %s %.*s in cluster %s.", SLICE_PRINT(name),
             owner->type == RESOURCE_TOPIC ? "TOPIC" : "BROKER", SLICE_PRINT(owner->name),
             exchange->server->start.cluster_id);
}

static void get_config(struct http_exchange *exchange, owner_finder *find)
{
    struct search search = {.name = http_argument(exchange, "name")};
    struct resource_writer w;
    struct owner owner;
    char words[WORDS_MAX];
    if (!find(exchange, &owner))
        return;
    if (!find_config(exchange->server, &owner, &search)) {
        write_missing(exchange, &owner, search.name, words);
        http_reply_error(exchange, 404, words);
        return;
    }
    resource_writer_open(&w, exchange, ONE_MAX);
    write_config(&w, &owner, &search.found);
    resource_reply(&w, 200, RESOURCE_CLUSTER);
}

/* ---- changes ---- */

/* A name that is not known is 404. Not where all of the cluster is meant: it shows only what is set. */
static bool has_all(const struct server *server, const struct owner *owner, const struct alter_entry *entries,
                    size_t count, slice *missing)
{
    for (size_t i = 0; i < count && owner->name.size != 0; i++) {
        struct search search = {.name = entries[i].name};
        *missing = entries[i].name;
        if (!find_config(server, owner, &search))
            return false;
    }
    return true;
}

static void alter(struct v3_change *change, const struct owner *owner, const struct alter_entry *entries, size_t count,
                  bool validate_only)
{
    struct alter_resource asked = {.type = owner->type,
                                   .name = owner->name,
                                   .validate_only = validate_only,
                                   .entries = entries,
                                   .count = (int32_t)count};
    struct server *server = change->exchange->server;
    char words[WORDS_MAX];
    slice missing;
    if (has_all(server, owner, entries, count, &missing)) {
        alter_resource(server, &change->arena, &asked, &change->call);
        return;
    }
    write_missing(change->exchange, owner, missing, words);
    v3_change_refuse(change, 404, words);
}

static const struct rest_field value_fields[] = {
    {"value", REST_TEXT, false, offsetof(struct alter_entry, value)},
};

static void set_config(struct http_exchange *exchange, owner_finder *find)
{
    struct owner owner;
    struct error error;
    struct v3_change *change = find(exchange, &owner) ? v3_change_open(exchange, true) : NULL;
    if (change == NULL)
        return;
    struct rest_body *body = &change->body;
    struct alter_entry entry = {.name = http_argument(exchange, "name"), .operation = ALTER_SET};
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(value_fields), &entry, &error);
    if (rc == 0)
        alter(change, &owner, &entry, 1, false);
    else
        v3_change_refuse(change, rc, error.message);
}

static void reset_config(struct http_exchange *exchange, owner_finder *find)
{
    struct owner owner;
    struct v3_change *change = find(exchange, &owner) ? v3_change_open(exchange, false) : NULL;
    if (change == NULL)
        return;
    struct alter_entry entry = {.name = http_argument(exchange, "name"), .operation = ALTER_DELETE};
    alter(change, &owner, &entry, 1, false);
}

struct batch {
    const struct json_value *data;
    bool validate_only;
};

static const struct rest_field batch_fields[] = {
    {"data", REST_LIST, true, offsetof(struct batch, data)},
    {"validate_only", REST_FLAG, false, offsetof(struct batch, validate_only)},
};

struct batch_entry {
    slice name, value, operation;
};

static const struct rest_field batch_entry_fields[] = {
    {"name", REST_TEXT, true, offsetof(struct batch_entry, name)},
    {"value", REST_TEXT, false, offsetof(struct batch_entry, value)},
    {"operation", REST_TEXT, false, offsetof(struct batch_entry, operation)},
};

static bool read_operation(slice text, int8_t *operation)
{
    static const char *const names[] = {
        [ALTER_SET] = "SET", [ALTER_DELETE] = "DELETE", [ALTER_APPEND] = "APPEND", [ALTER_SUBTRACT] = "SUBTRACT"};
    *operation = ALTER_SET;
    for (int8_t i = 0; !slice_is_null(text) && i < (int8_t)(sizeof names / sizeof names[0]); i++) {
        *operation = i;
        if (slice_equal(text, slice_of_text(names[i])))
            return true;
    }
    return slice_is_null(text);
}

/* 0, or the error_code of REST. */
static int read_batch(struct v3_change *change, struct batch *batch, struct alter_entry **entries, struct error *error)
{
    struct rest_body *body = &change->body;
    int rc = rest_read_object(body, rest_body_root(body), REST_FIELDS(batch_fields), batch, error);
    if (rc != 0)
        return rc;
    const struct batch_entry *given =
        rest_read_list(body, batch->data, REST_FIELDS(batch_entry_fields), sizeof *given, error);
    if (given == NULL)
        return error->code;
    *entries = arena_alloc(&body->arena, batch->data->count * sizeof **entries);
    if (*entries == NULL)
        return error_set(error, REST_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < batch->data->count; i++) {
        struct alter_entry *entry = &(*entries)[i];
        *entry = (struct alter_entry){.name = given[i].name, .value = given[i].value};
        if (!read_operation(given[i].operation, &entry->operation))
            return error_set(error, 400, "operation must be one of SET, DELETE, APPEND, SUBTRACT");
    }
    return 0;
}

static void alter_configs(struct http_exchange *exchange, owner_finder *find)
{
    struct owner owner;
    struct error error;
    struct alter_entry *entries = NULL;
    struct batch batch = {.validate_only = false};
    struct v3_change *change = find(exchange, &owner) ? v3_change_open(exchange, true) : NULL;
    if (change == NULL)
        return;
    int rc = read_batch(change, &batch, &entries, &error);
    if (rc == 0)
        alter(change, &owner, entries, batch.data->count, batch.validate_only);
    else
        v3_change_refuse(change, rc, error.message);
}

/* ---- the routes' handlers ---- */

#define HANDLERS(what)                                                                                                 \
    void v3_get_##what##_config(struct http_exchange *exchange)                                                        \
    {                                                                                                                  \
        get_config(exchange, find_##what);                                                                             \
    }                                                                                                                  \
    void v3_set_##what##_config(struct http_exchange *exchange)                                                        \
    {                                                                                                                  \
        set_config(exchange, find_##what);                                                                             \
    }                                                                                                                  \
    void v3_reset_##what##_config(struct http_exchange *exchange)                                                      \
    {                                                                                                                  \
        reset_config(exchange, find_##what);                                                                           \
    }                                                                                                                  \
    void v3_alter_##what##_configs(struct http_exchange *exchange)                                                     \
    {                                                                                                                  \
        alter_configs(exchange, find_##what);                                                                          \
    }

HANDLERS(topic)
HANDLERS(broker)
HANDLERS(cluster)
