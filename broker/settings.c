#include "settings.h"

#include <errno.h>

static struct setting *find(const struct settings *settings, int key)
{
    for (uint16_t i = 0; i < settings->count; i++) {
        if (settings->items[i].key == key)
            return &settings->items[i];
    }
    return NULL;
}

const char *settings_find(const struct settings *settings, int key)
{
    const struct setting *found = find(settings, key);
    return found != NULL ? found->text : NULL;
}

static char *copy_text(struct memory *memory, slice text)
{
    char *copy = memory_alloc(memory, MEMORY_TOPICS, text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static void free_text(struct memory *memory, char *text)
{
    memory_free(memory, MEMORY_TOPICS, text, strlen(text) + 1);
}

static bool grow(struct settings *settings, struct memory *memory)
{
    if (settings->count < settings->capacity)
        return true;
    uint16_t capacity = (uint16_t)(settings->capacity + 4);
    struct setting *items = memory_realloc(memory, MEMORY_TOPICS, settings->items, settings->capacity * sizeof *items,
                                           capacity * sizeof *items);
    if (items == NULL)
        return false;
    settings->items = items;
    settings->capacity = capacity;
    return true;
}

int settings_set(struct settings *settings, struct memory *memory, int key, slice value)
{
    struct setting *present = find(settings, key);
    if (present == NULL && !grow(settings, memory))
        return -ENOMEM;
    char *text = copy_text(memory, value);
    if (text == NULL)
        return -ENOMEM;
    if (present != NULL)
        free_text(memory, present->text);
    else
        present = &settings->items[settings->count++];
    *present = (struct setting){.key = (uint16_t)key, .text = text};
    return 0;
}

bool settings_unset(struct settings *settings, struct memory *memory, int key)
{
    struct setting *present = find(settings, key);
    if (present == NULL)
        return false;
    free_text(memory, present->text);
    *present = settings->items[--settings->count];
    return true;
}

int settings_copy(struct settings *to, const struct settings *from, struct memory *memory)
{
    *to = (struct settings){.items = NULL};
    for (uint16_t i = 0; i < from->count; i++) {
        int rc = settings_set(to, memory, from->items[i].key, slice_of_text(from->items[i].text));
        if (rc != 0) {
            settings_close(to, memory);
            return rc;
        }
    }
    return 0;
}

void settings_close(struct settings *settings, struct memory *memory)
{
    for (uint16_t i = 0; i < settings->count; i++)
        free_text(memory, settings->items[i].text);
    memory_free(memory, MEMORY_TOPICS, settings->items, settings->capacity * sizeof *settings->items);
    *settings = (struct settings){.items = NULL};
}
