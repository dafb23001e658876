#include "operations/alteration_private.h"
#include "operations/repeated.h"
#include "operations/resources.h"

#include <errno.h>

int16_t alter_refuse(struct error *error, int16_t code, const char *words, slice value)
{
    error_set(error, -EINVAL, "%s: %.*s", words, SLICE_PRINT(value));
    return code;
}

/* ---- lists ---- */

static slice list_of(slice text)
{
    return text.size != 0 ? text : NULL_SLICE;
}

static bool has_element(slice list, slice wanted)
{
    slice element;
    while (setting_next_element(&list, &element)) {
        if (slice_equal(element, wanted))
            return true;
    }
    return false;
}

static void write_element(writer *w, slice element, bool *is_first)
{
    if (!*is_first)
        write_u8(w, ',');
    *is_first = false;
    write_bytes(w, element);
}

/* Elements of `from` that are not in `without`, then those of `added` that `from` lacks. */
static void merge_lists(writer *w, slice from, slice without, slice added)
{
    slice rest = list_of(from), element;
    bool is_first = true;
    while (setting_next_element(&rest, &element)) {
        if (!has_element(without, element))
            write_element(w, element, &is_first);
    }
    while (setting_next_element(&added, &element)) {
        if (!has_element(list_of(from), element))
            write_element(w, element, &is_first);
    }
}

int16_t alter_list(struct alteration *alteration, enum alter_operation operation, slice current, slice value,
                   slice *changed, struct error *error)
{
    if (value.size > SETTING_TEXT_MAX) {
        error_set(error, -EINVAL, "The list is too long");
        return KAFKA_INVALID_CONFIG;
    }
    writer w;
    writer_init(&w, alteration->server->memory, MEMORY_TOPICS, INT16_MAX);
    if (operation == ALTER_APPEND)
        merge_lists(&w, current, NULL_SLICE, value);
    else
        merge_lists(&w, current, value, NULL_SLICE);
    *changed = arena_copy(alteration->arena, w.size != 0 ? writer_slice(&w) : slice_of_text(""));
    bool ok = writer_ok(&w) && !slice_is_null(*changed);
    writer_close(&w);
    return ok ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

/* ---- one resource ---- */

static const struct alteration_kind *kind_of(int8_t type, bool replaces)
{
    switch (type) {
    case RESOURCE_TOPIC:
        return &alteration_of_topic;
    case RESOURCE_BROKER:
        return &alteration_of_broker;
    case RESOURCE_BROKER_LOGGER:
        return replaces ? NULL : &alteration_of_logger;
    case RESOURCE_GROUP:
        return &alteration_of_group;
    default:
        return NULL;
    }
}

static int16_t check_names(struct alteration *alteration, const struct alter_resource *asked, struct error *error)
{
    slice *names = arena_alloc(alteration->arena, (size_t)asked->count * sizeof *names);
    for (int32_t i = 0; names != NULL && i < asked->count; i++)
        names[i] = asked->entries[i].name;
    const bool *repeated = names != NULL ? repeated_find(alteration->arena, names, asked->count) : NULL;
    if (repeated == NULL)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; i < asked->count; i++) {
        if (repeated[i]) {
            error_set(error, -EINVAL, "Error due to duplicate config keys");
            return KAFKA_INVALID_REQUEST;
        }
    }
    return KAFKA_NONE;
}

static int16_t begin_alteration(struct alteration *alteration, const struct alter_resource *asked, struct error *error)
{
    const struct alteration_kind *kind = kind_of(asked->type, asked->replaces);
    if (kind == NULL) {
        error_set(error, -EINVAL, "Unknown resource type %d", asked->type);
        return KAFKA_INVALID_REQUEST;
    }
    int16_t code = kind->open(alteration, error);
    if (code != KAFKA_NONE)
        return code;
    alteration->kind = kind;
    return check_names(alteration, asked, error);
}

static int16_t change_entry(struct alteration *alteration, const struct alter_entry *entry, struct error *error)
{
    if (entry->operation < ALTER_SET || entry->operation > ALTER_SUBTRACT)
        return alter_refuse(error, KAFKA_INVALID_REQUEST, "Unknown operation for the configuration", entry->name);
    if (entry->operation != ALTER_DELETE && slice_is_null(entry->value))
        return alter_refuse(error, KAFKA_INVALID_REQUEST, "Null value not supported for ", entry->name);
    return alteration->kind->change(alteration, (enum alter_operation)entry->operation, entry->name, entry->value,
                                    error);
}

void alter_resource(struct server *server, struct arena *arena, const struct alter_resource *asked,
                    struct change_call *call)
{
    struct alteration alteration = {.server = server, .arena = arena, .name = asked->name, .replaces = asked->replaces};
    struct error error = {0};
    int16_t code = begin_alteration(&alteration, asked, &error);
    for (int32_t i = 0; code == KAFKA_NONE && i < asked->count; i++)
        code = change_entry(&alteration, &asked->entries[i], &error);
    const struct alteration_kind *kind = alteration.kind;
    if (code == KAFKA_NONE && kind->check != NULL)
        code = kind->check(&alteration, &error);
    if (code != KAFKA_NONE || asked->validate_only)
        change_end(call, code, &error);
    else
        kind->submit(&alteration, call);
    if (kind != NULL)
        kind->close(&alteration);
}
