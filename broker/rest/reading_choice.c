#include "http/parameters.h"
#include "rest/reading_private.h"

/* '*' stands for any characters; one place to come back to is enough. */
static bool matches(slice pattern, slice name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, after = 0;
    while (n < name.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            after = n;
        } else if (p < pattern.size && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++after;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

static bool covers(const struct reading_wish *wish, const struct topic *topic)
{
    slice name = topic_name(topic), list = wish->topics, pattern;
    while (http_next_item(&list, &pattern)) {
        if (slice_equal(pattern, name) || (!topic->is_internal && matches(pattern, name)))
            return true;
    }
    return false;
}

void reading_choice_add(struct reading_choice *choice, struct partition *partition)
{
    if (choice->count == choice->room) {
        int32_t room = choice->room != 0 ? 2 * choice->room : 4;
        struct partition **partitions =
            memory_realloc(choice->memory, MEMORY_REQUESTS, choice->partitions,
                           (size_t)choice->room * sizeof *partitions, (size_t)room * sizeof *partitions);
        choice->failed |= partitions == NULL;
        if (partitions == NULL)
            return;
        choice->partitions = partitions;
        choice->room = room;
    }
    choice->partitions[choice->count++] = partition;
}

static void add_topic(struct reading_choice *choice, const struct topic *topic, int32_t partition)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        if (partition == -1 || partition == i)
            reading_choice_add(choice, topic->partitions[i]);
    }
}

static int compare(const void *a, const void *b)
{
    const struct partition *first = *(struct partition *const *)a, *second = *(struct partition *const *)b;
    int order = slice_compare(topic_name(first->topic), topic_name(second->topic));
    return order != 0 ? order : (first->index > second->index) - (first->index < second->index);
}

void reading_choose(const struct topics *topics, const struct reading_wish *wish, struct reading_choice *choice)
{
    *choice = (struct reading_choice){.memory = topics->memory};
    const struct topic *named = wish->is_choice ? NULL : topics_find(topics, wish->topics);
    if (named != NULL)
        add_topic(choice, named, wish->partition);
    for (const struct topic *topic = topics->by_name; wish->is_choice && topic != NULL; topic = topic->by_name.next) {
        if (covers(wish, topic))
            add_topic(choice, topic, wish->partition);
    }
    if (choice->count > 1)
        qsort(choice->partitions, (size_t)choice->count, sizeof *choice->partitions, compare);
}

bool reading_choice_has(const struct reading_choice *choice, const struct partition *partition)
{
    for (int32_t i = 0; i < choice->count; i++) {
        if (choice->partitions[i] == partition)
            return true;
    }
    return false;
}

void reading_choice_close(struct reading_choice *choice)
{
    memory_free(choice->memory, MEMORY_REQUESTS, choice->partitions, (size_t)choice->room * sizeof *choice->partitions);
}
