/* Subscriptions by regular expression. What an expression names is kept for all members that have it, and asked again
 * when the server's topics have changed, not more often than CONSUMER_REGEX_REFRESH_MS. */
#include "group/consumer_private.h"
#include "group/subscription_regex.h"

#include <errno.h>
#include <stdio.h>

#define NAMES_FIRST 16

struct consumer_regex *consumer_find_regex(const struct consumer_group *group, slice text)
{
    struct text_index_entry *entry = text_index_find(&group->by_regex, text);
    return entry != NULL ? CONTAINER_OF(entry, struct consumer_regex, by_text) : NULL;
}

/* ---- the time that comparing takes ---- */

/* All groups together: a few easy comparisons for each ms, and what was not used of a second. Whoever sends ever new
 * expressions waits, with the expressions of others that are new. */
#define MATCHES_PER_MS 4
#define MATCHES_SAVED  1000 /* ms */

static bool may_match(const struct group_coordinator *coordinator)
{
    return coordinator->matching_until <= coordinator->time.steady + MATCHES_SAVED;
}

static void count_matches(struct group_coordinator *coordinator, const struct subscription_regex *compiled)
{
    int64_t now = coordinator->time.steady;
    int64_t from = coordinator->matching_until > now ? coordinator->matching_until : now;
    coordinator->matching_until = from + 1 + subscription_regex_work(compiled) / MATCHES_PER_MS;
}

/* ---- checking ---- */

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

/* What takes too long with the topics that are there is refused, too: it would name some of them only. Where there is
 * no time to tell, it is taken. */
enum kafka_error consumer_check_regex(struct group_coordinator *coordinator, slice text, struct arena *arena,
                                      slice *why)
{
    const struct group_topics *topics = &coordinator->store.topics;
    struct error error = {.message = ""};
    struct trying trying = {.error = &error};
    int rc = subscription_regex_compile(coordinator->memory, text, &trying.compiled, &error);
    if (rc == 0) {
        rc = may_match(coordinator) ? topics->list(topics->context, try_topic, &trying) : 0;
        count_matches(coordinator, trying.compiled);
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
        count_matches(group->group->coordinator, asking.compiled);
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
    if (differs)
        consumer_mark_regex(group, regex);
    regex->is_resolved = true;
    regex->version = topics->version(topics->context);
    regex->resolved_at = group->group->coordinator->time.wall;
    name_list_free(group->memory, &regex->topics);
    regex->topics = found;
    return 0;
}

/* ---- those that are asked ---- */

void consumer_mark_regex(struct consumer_group *group, struct consumer_regex *regex)
{
    group->marked_regexes += !regex->is_marked;
    regex->is_marked = true;
}

void consumer_unmark_regex(struct consumer_group *group, struct consumer_regex *regex)
{
    group->marked_regexes -= regex->is_marked;
    regex->is_marked = false;
}

static void free_regex(struct consumer_group *group, struct consumer_regex *regex)
{
    text_index_remove(&group->by_regex, &regex->by_text);
    consumer_unmark_regex(group, regex);
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
        if (regex->is_wanted) {
            regex->is_wanted = false;
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
    text_index_add(&group->by_regex, &regex->by_text, regex->text);
    regex->next = group->regexes;
    group->regexes = regex;
    return regex;
}

/* One pass over the members, and one over the expressions. */
static int add_wanted(struct consumer_group *group)
{
    for (const struct consumer_member *m = group->members; m != NULL; m = m->next) {
        if (slice_is_null(m->regex))
            continue;
        struct consumer_regex *regex = consumer_find_regex(group, m->regex);
        if (regex == NULL && (regex = consumer_add_regex(group, m->regex)) == NULL)
            return -ENOMEM;
        regex->is_wanted = true;
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

bool consumer_regexes_are_old(const struct consumer_group *group)
{
    const struct group_coordinator *coordinator = group->group->coordinator;
    return group->regexes != NULL &&
           coordinator->time.steady - group->regexes_at >= coordinator->limits->regex_refresh_ms;
}

int consumer_refresh_regexes(struct consumer_group *group, bool *changed)
{
    const struct group_coordinator *coordinator = group->group->coordinator;
    const struct group_topics *topics = &coordinator->store.topics;
    int64_t now = coordinator->time.steady;
    bool is_old = consumer_regexes_are_old(group), asked = false;
    bool may_ask_again = now >= group->regexes_at + CONSUMER_REGEX_REFRESH_MS;
    uint64_t version = topics->version(topics->context);
    int rc = add_wanted(group);
    if (rc == 0)
        rc = drop_unwanted(group);
    for (struct consumer_regex *regex = group->regexes; regex != NULL && rc == 0; regex = regex->next) {
        bool is_known = regex->is_resolved && regex->version == version && !is_old;
        if (is_known || (regex->is_resolved && !may_ask_again))
            continue;
        if (!may_match(coordinator)) {
            consumer_put_off(group, coordinator->matching_until - MATCHES_SAVED);
            break;
        }
        asked = true;
        rc = resolve(group, regex, changed);
    }
    if (asked)
        group->regexes_at = now;
    return rc;
}
