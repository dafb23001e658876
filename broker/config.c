#include "config_private.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const struct config_key keys[CONFIG_KEY_COUNT] = {
#define B(id, name, text, help)              [CONFIG_##id] = {name, SETTING_BOOLEAN, text, 0, 1, "true,false", help},
#define S(id, name, text, valid, help)       [CONFIG_##id] = {name, SETTING_STRING, text, 0, 0, valid, help},
#define L(id, name, text, valid, help)       [CONFIG_##id] = {name, SETTING_LIST, text, 0, 0, valid, help},
#define I(id, name, text, least, most, help) [CONFIG_##id] = {name, SETTING_INT, text, least, most, NULL, help},
#define N(id, name, text, least, most, help) [CONFIG_##id] = {name, SETTING_LONG, text, least, most, NULL, help},
#define D(id, name, text, least, most, help) [CONFIG_##id] = {name, SETTING_DOUBLE, text, least, most, NULL, help},
    CONFIG_KEYS(B, S, L, I, N, D)
#undef B
#undef S
#undef L
#undef I
#undef N
#undef D
};

/* ---- names ---- */

static bool same_name(slice name, const char *key)
{
    return slice_equal(name, slice_of_text(key));
}

int config_find(slice name)
{
    if (same_name(name, "broker.id"))
        return CONFIG_NODE_ID;
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        if (same_name(name, keys[id].name))
            return id;
    }
    return -1;
}

const struct config_key *config_key(int id)
{
    return &keys[id];
}

#define NAME_MAX_COMPARED 64

/* Levenshtein's distance, one row at a time. */
static unsigned distance(slice a, slice b)
{
    unsigned row[NAME_MAX_COMPARED + 1];
    for (unsigned j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 0; i < a.size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b.size; j++) {
            unsigned best = diagonal + (tolower(a.data[i]) != b.data[j]);
            diagonal = row[j + 1];
            if (diagonal + 1 < best)
                best = diagonal + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[b.size];
}

const char *config_nearest(slice name)
{
    const char *nearest = NULL;
    unsigned least = (unsigned)name.size / 2; /* half of it wrong: another word */
    if (name.size > NAME_MAX_COMPARED)
        return NULL;
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        unsigned far = distance(name, slice_of_text(keys[id].name));
        if (far <= least && (nearest == NULL || far < least)) {
            least = far;
            nearest = keys[id].name;
        }
    }
    return nearest;
}

/* ---- values ---- */

static bool parse_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *number = value;
    return end != text && *end == '\0' && errno == 0 && !isspace((unsigned char)text[0]);
}

static bool parse_decimal(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool among(const char *valid, slice word)
{
    if (valid == NULL)
        return true;
    for (const char *at = valid; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        if (slice_equal(slice_of(at, strcspn(at, ",")), word))
            return true;
    }
    return false;
}

static bool all_among(const char *valid, const char *list)
{
    if (valid == NULL)
        return true;
    for (const char *at = list;; at += strcspn(at, ",") + 1) {
        slice word = slice_of(at, strcspn(at, ","));
        while (word.size != 0 && word.data[0] == ' ')
            word = slice_of(word.data + 1, word.size - 1);
        if (!among(valid, word))
            return false;
        if (at[strcspn(at, ",")] == '\0')
            return true;
    }
}

static int refuse(const struct config_key *key, const char *text, struct error *error)
{
    if (key->valid != NULL)
        return error_set(error, -EINVAL, "%s=%s: must be %s%s", key->name, text,
                         key->type == SETTING_LIST ? "a list of " : "one of ", key->valid);
    if (key->type == SETTING_DOUBLE)
        return error_set(error, -EINVAL, "%s=%s: must be a number from %" PRId64 " to %" PRId64, key->name, text,
                         key->min, key->max);
    return error_set(error, -EINVAL, "%s=%s: must be a whole number from %" PRId64 " to %" PRId64, key->name, text,
                     key->min, key->max);
}

/* Checks the text and works the number out. */
static int parse_value(const struct config_key *key, const char *text, int64_t *number, struct error *error)
{
    bool ok = true;
    double decimal;
    *number = 0;
    switch (key->type) {
    case SETTING_BOOLEAN:
        *number = strcasecmp(text, "true") == 0;
        ok = *number != 0 || strcasecmp(text, "false") == 0;
        break;
    case SETTING_INT:
    case SETTING_LONG:
        ok = parse_number(text, number) && *number >= key->min && *number <= key->max;
        break;
    case SETTING_DOUBLE:
        ok = parse_decimal(text, &decimal) && decimal >= (double)key->min &&
             (key->max == INT64_MAX || decimal <= (double)key->max);
        break;
    case SETTING_STRING:
        ok = among(key->valid, slice_of_text(text));
        break;
    case SETTING_LIST:
        ok = all_among(key->valid, text);
        break;
    }
    return ok ? 0 : refuse(key, text, error);
}

static void free_text(struct memory *memory, char *text)
{
    if (text != NULL)
        memory_free(memory, MEMORY_SERVER, text, strlen(text) + 1);
}

static char *copy_text(struct memory *memory, slice text)
{
    char *copy = memory_alloc(memory, MEMORY_SERVER, text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

int config_set(struct config *config, slice name, slice value, enum config_source source, struct error *error)
{
    int id = config_find(name);
    if (id < 0) {
        const char *nearest = config_nearest(name);
        return nearest != NULL
                   ? error_set(error, -ENOENT, "unknown key %.*s; did you mean %s?", SLICE_PRINT(name), nearest)
                   : error_set(error, -ENOENT, "unknown key %.*s", SLICE_PRINT(name));
    }
    char *text = memchr(value.data, '\0', value.size) == NULL ? copy_text(config->memory, value) : NULL;
    if (text == NULL)
        return error_set_status(error, -ENOMEM, "%s", keys[id].name);
    int64_t number;
    int rc = parse_value(&keys[id], text, &number, error);
    struct config_value *present = &config->values[id];
    if (rc != 0 || (present->text != NULL && present->source > source)) {
        free_text(config->memory, text);
        return rc;
    }
    free_text(config->memory, present->text);
    *present = (struct config_value){.text = text, .source = source};
    config_refresh(config, id);
    return 0;
}

int config_set_default(struct config *config, enum config_id id, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    char *copy = copy_text(config->memory, slice_of_text(text));
    if (copy == NULL)
        return -ENOMEM;
    free_text(config->memory, config->sized[id]);
    config->sized[id] = copy;
    config_refresh(config, (int)id);
    return 0;
}

struct config *config_create(struct memory *memory, const struct machine *machine)
{
    struct config *config = memory_alloc_zeroed(memory, MEMORY_SERVER, sizeof *config);
    if (config == NULL)
        return NULL;
    config->memory = memory;
    for (int id = 0; id < CONFIG_KEY_COUNT; id++)
        config_refresh(config, id);
    if (config_size_defaults(config, machine) != 0) {
        config_destroy(config);
        return NULL;
    }
    return config;
}

void config_destroy(struct config *config)
{
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        free_text(config->memory, config->values[id].text);
        free_text(config->memory, config->sized[id]);
    }
    memory_free(config->memory, MEMORY_SERVER, config, sizeof *config);
}

/* ---- access ---- */

int64_t config_number(const struct config *config, enum config_id id)
{
    return config->numbers[id];
}

double config_decimal(const struct config *config, enum config_id id)
{
    return strtod(config_string(config, id), NULL);
}

bool config_flag(const struct config *config, enum config_id id)
{
    return config->numbers[id] != 0;
}

const char *config_text_of(const struct config *config, int id, enum config_level level)
{
    switch (level) {
    case CONFIG_OF_BROKER:
    case CONFIG_OF_CLUSTER:
        return config->changes[level] != NULL ? settings_find(config->changes[level], id) : NULL;
    case CONFIG_OF_START:
        return config->values[id].text;
    default:
        return config->sized[id] != NULL ? config->sized[id] : keys[id].default_text;
    }
}

enum config_level config_level_at(const struct config *config, int id)
{
    int level = CONFIG_OF_BROKER;
    while (level < CONFIG_OF_DEFAULT && config_text_of(config, id, (enum config_level)level) == NULL)
        level++;
    return (enum config_level)level;
}

const char *config_text_at(const struct config *config, int id)
{
    return config_text_of(config, id, config_level_at(config, id));
}

void config_refresh(struct config *config, int id)
{
    const char *text = config_text_at(config, id);
    config->numbers[id] = 0;
    if (text != NULL)
        (void)parse_value(&keys[id], text, &config->numbers[id], NULL);
}

const char *config_string(const struct config *config, enum config_id id)
{
    const char *text = config_text_at(config, (int)id);
    return text != NULL ? text : "";
}

const char *config_text(const struct config *config, const char *name)
{
    int id = config_find(slice_of_text(name));
    return id >= 0 ? config_text_at(config, id) : NULL;
}

enum config_source config_source_at(const struct config *config, int id)
{
    switch (config_level_at(config, id)) {
    case CONFIG_OF_BROKER:
        return CONFIG_FROM_BROKER;
    case CONFIG_OF_CLUSTER:
        return CONFIG_FROM_CLUSTER;
    case CONFIG_OF_START:
        return config->values[id].source;
    default:
        return CONFIG_FROM_DEFAULT;
    }
}
