#include "group/consumer_private.h"

#include <errno.h>
#include <stdlib.h>

bool consumer_keep(struct consumer_group *group, slice *to, slice from)
{
    slice copy = NULL_SLICE;
    if (!slice_is_null(from)) {
        uint8_t *bytes = memory_alloc(group->memory, MEMORY_GROUPS, from.size);
        if (bytes == NULL)
            return false;
        if (from.size > 0)
            memcpy(bytes, from.data, from.size);
        copy = slice_of(bytes, from.size);
    }
    consumer_drop(group, to);
    *to = copy;
    return true;
}

void consumer_drop(struct consumer_group *group, slice *text)
{
    if (!slice_is_null(*text))
        memory_free(group->memory, MEMORY_GROUPS, (void *)(uintptr_t)text->data, text->size);
    *text = NULL_SLICE;
}

/* ---- lists of names ---- */

static int compare_names(const void *left, const void *right)
{
    const slice *a = left, *b = right;
    size_t common = a->size < b->size ? a->size : b->size;
    int order = common > 0 ? memcmp(a->data, b->data, common) : 0;
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* One block: the slices, then their bytes. Doubles keep their bytes, which nobody sees. */
int name_list_make(struct memory *memory, struct name_list *to, const slice *names, size_t count)
{
    size_t size = count * sizeof(slice);
    for (size_t i = 0; i < count; i++)
        size += names[i].size;
    slice *items = memory_alloc(memory, MEMORY_GROUPS, size);
    if (items == NULL)
        return -ENOMEM;
    uint8_t *text = (uint8_t *)(items + count);
    for (size_t i = 0; i < count; i++) {
        if (names[i].size > 0)
            memcpy(text, names[i].data, names[i].size);
        items[i] = slice_of(text, names[i].size);
        text += names[i].size;
    }
    if (count > 1)
        qsort(items, count, sizeof *items, compare_names);
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_equal(items[kept - 1], items[i]))
            items[kept++] = items[i];
    }
    name_list_free(memory, to);
    *to = (struct name_list){.items = items, .count = kept, .size = size};
    return 0;
}

void name_list_free(struct memory *memory, struct name_list *list)
{
    memory_free(memory, MEMORY_GROUPS, list->items, list->size);
    *list = (struct name_list){.items = NULL};
}

bool name_list_equal(const struct name_list *a, const struct name_list *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!slice_equal(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

bool name_list_has(const struct name_list *list, slice name)
{
    return list->count > 0 && bsearch(&name, list->items, list->count, sizeof name, compare_names) != NULL;
}
