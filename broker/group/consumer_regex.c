/* Subscriptions by regular expression. What an expression names is kept for all members that have it, and asked again
 * when the server's topics have changed, not more often than CONSUMER_REGEX_REFRESH_MS. */
#include "group/consumer_private.h"
#include "group/subscription_regex.h"

#include <errno.h>
#include <stdio.h>

#define NAMES_FIRST 16

struct consumer_regex *consumer_find_regex(const struct consumer_group *group, slice text)
{
    struct consumer_regex *regex = group->regexes;
    while (regex != NULL && !slice_equal(regex->text, text))
        regex = regex->next;
    return regex;
}

struct trying {
    struct subscription_regex *compiled;
    struct error *error;
};

static int try_topic(void *context, const struct group_topic *topic)
{
    struct trying *trying = context;
    bool matches;
    return subscription_regex_match(trying->compiled, topic->name, &matches, trying->error);
}

/* What takes too long with the topics that are there is refused, too: it would name some of them only. */
enum kafka_error consumer_check_regex(const struct group_coordinator *coordinator, slice text, struct arena *arena,
                                      slice *why)
{
    const struct group_topics *topics = &coordinator->store.topics;
    struct error error = {.message = ""};
    struct trying trying = {.error = &error};
    int rc = subscription_regex_compile(coordinator->memory, text, &trying.compiled, &error);
    if (rc == 0) {
        rc = topics->list(topics->context, try_topic, &trying);
        subscription_regex_close(trying.compiled);
    }
    if (rc == 0)
        return KAFKA_NONE;
    if (rc == -ENOMEM)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    char words[sizeof error.message + 160];
    snprintf(words, sizeof words, "SubscribedTopicRegex `%.*s` is not a valid regular expression: %s.",
             text.size < 100 ? (int)text.size : 100, (const char *)text.data, error.message);
    *why = arena_copy(arena, slice_of_text(words));
    return KAFKA_INVALID_REGULAR_EXPRESSION;
}

/* ---- asking ---- */

struct asking {
    struct memory *memory;
    struct subscription_regex *compiled;
    slice *names; /* borrowed from the topics */
    size_t count;
    size_t capacity;
};

/* A topic of which the expression cannot say whether it names it, is not named. */
static int ask_topic(void *context, const struct group_topic *topic)
{
    struct asking *asking = context;
    bool matches = false;
    int rc = subscription_regex_match(asking->compiled, topic->name, &matches, NULL);
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0 || !matches)
        return 0;
    if (asking->count == asking->capacity) {
        size_t capacity = asking->capacity > 0 ? asking->capacity * 2 : NAMES_FIRST;
        slice *more = memory_realloc(asking->memory, MEMORY_GROUPS, asking->names,
                                     asking->capacity * sizeof *asking->names, capacity * sizeof *asking->names);
        if (more == NULL)
            return -ENOMEM;
        asking->names = more;
        asking->capacity = capacity;
    }
    asking->names[asking->count++] = topic->name;
    return 0;
}

static int resolve(struct consumer_group *group, struct consumer_regex *regex, bool *changed)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    struct asking asking = {.memory = group->memory};
    struct name_list found = {.items = NULL};
    int rc = subscription_regex_compile(group->memory, regex->text, &asking.compiled, NULL);
    if (rc == 0) {
        rc = topics->list(topics->context, ask_topic, &asking);
        subscription_regex_close(asking.compiled);
    } else if (rc != -ENOMEM) {
        rc = 0; /* loaded, and not what this version takes: it names nothing */
    }
    if (rc == 0)
        rc = name_list_make(group->memory, &found, asking.names, asking.count);
    memory_free(group->memory, MEMORY_GROUPS, asking.names, asking.capacity * sizeof *asking.names);
    if (rc != 0)
        return rc;
    bool differs = !regex->is_resolved || !name_list_equal(&found, &regex->topics);
    *changed = *changed || differs;
    regex->dirty |= differs ? DIRTY_REGEX : 0;
    regex->is_resolved = true;
    regex->version = topics->version(topics->context);
    regex->resolved_at = group->group->coordinator->time.wall;
    name_list_free(group->memory, &regex->topics);
    regex->topics = found;
    return 0;
}

/* ---- those that are asked ---- */

static bool is_wanted(const struct consumer_group *group, const struct consumer_regex *regex)
{
    for (const struct consumer_member *m = group->members; m != NULL; m = m->next) {
        if (!slice_is_null(m->regex) && slice_equal(m->regex, regex->text))
            return true;
    }
    return false;
}

static void free_regex(struct consumer_group *group, struct consumer_regex *regex)
{
    consumer_drop(group, &regex->text);
    name_list_free(group->memory, &regex->topics);
    memory_free(group->memory, MEMORY_GROUPS, regex, sizeof *regex);
}

void consumer_free_regexes(struct consumer_group *group)
{
    while (group->regexes != NULL) {
        struct consumer_regex *regex = group->regexes;
        group->regexes = regex->next;
        free_regex(group, regex);
    }
}

static int drop_unwanted(struct consumer_group *group)
{
    for (struct consumer_regex **link = &group->regexes; *link != NULL;) {
        struct consumer_regex *regex = *link;
        if (is_wanted(group, regex)) {
            link = &regex->next;
            continue;
        }
        if (consumer_add_grave(group, regex->text, true) != 0)
            return -ENOMEM;
        *link = regex->next;
        free_regex(group, regex);
    }
    return 0;
}

struct consumer_regex *consumer_add_regex(struct consumer_group *group, slice text)
{
    struct consumer_regex *regex = memory_alloc_zeroed(group->memory, MEMORY_GROUPS, sizeof *regex);
    if (regex == NULL || !consumer_keep(group, &regex->text, text)) {
        memory_free(group->memory, MEMORY_GROUPS, regex, sizeof *regex);
        return NULL;
    }
    regex->next = group->regexes;
    group->regexes = regex;
    return regex;
}

static int add_wanted(struct consumer_group *group)
{
    for (const struct consumer_member *m = group->members; m != NULL; m = m->next) {
        bool is_new = !slice_is_null(m->regex) && consumer_find_regex(group, m->regex) == NULL;
        if (is_new && consumer_add_regex(group, m->regex) == NULL)
            return -ENOMEM;
    }
    return 0;
}

bool consumer_regexes_settled(const struct consumer_group *group)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    uint64_t version = topics->version(topics->context);
    const struct consumer_regex *regex = group->regexes;
    while (regex != NULL && regex->is_resolved && regex->version == version)
        regex = regex->next;
    return regex == NULL;
}

int consumer_refresh_regexes(struct consumer_group *group, bool *changed)
{
    const struct group_topics *topics = &group->group->coordinator->store.topics;
    int64_t now = group->group->coordinator->time.steady;
    bool may_ask = now >= group->regexes_at + CONSUMER_REGEX_REFRESH_MS;
    uint64_t version = topics->version(topics->context);
    int rc = drop_unwanted(group);
    if (rc == 0)
        rc = add_wanted(group);
    bool asked = false;
    for (struct consumer_regex *regex = group->regexes; regex != NULL && rc == 0; regex = regex->next) {
        if (regex->is_resolved && (regex->version == version || !may_ask))
            continue;
        asked = true;
        rc = resolve(group, regex, changed);
    }
    if (asked)
        group->regexes_at = now;
    return rc;
}
