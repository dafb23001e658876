#include "simulated_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A test without memory cannot go on. */
static void *grown(void *block, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return block;
    *capacity = *capacity != 0 ? 2 * *capacity : 16;
    block = realloc(block, *capacity * size);
    if (block == NULL)
        abort();
    return block;
}

/* ---- one table ---- */

static struct simulated_name *table_find(const struct simulated_table *table, const struct simulated_node *folder,
                                         const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->names[i].folder == folder && strcmp(table->names[i].name, name) == 0)
            return &table->names[i];
    }
    return NULL;
}

static struct simulated_node *table_node(const struct simulated_table *table, const struct simulated_node *folder,
                                         const char *name)
{
    const struct simulated_name *found = table_find(table, folder, name);
    return found != NULL ? found->node : NULL;
}

static void table_apply(struct simulated_table *table, const struct simulated_change *change)
{
    struct simulated_name *found = table_find(table, change->folder, change->name);
    if (change->after == NULL) {
        if (found != NULL)
            *found = table->names[--table->count];
        return;
    }
    if (found == NULL) {
        table->names = grown(table->names, table->count, &table->capacity, sizeof *table->names);
        found = &table->names[table->count++];
        found->folder = change->folder;
        memcpy(found->name, change->name, sizeof found->name);
    }
    found->node = change->after;
}

static void table_copy(struct simulated_table *to, const struct simulated_table *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        to->names = grown(to->names, to->count, &to->capacity, sizeof *to->names);
        to->names[to->count++] = from->names[i];
    }
}

/* ---- nodes ---- */

static struct simulated_node *new_node(struct simulated_names *names, bool is_folder)
{
    struct simulated_node *node = calloc(1, sizeof *node);
    if (node == NULL)
        abort();
    node->is_folder = is_folder;
    node->next = names->nodes;
    names->nodes = node;
    return node;
}

void simulated_names_init(struct simulated_names *names)
{
    memset(names, 0, sizeof *names);
    names->root = new_node(names, true);
}

void simulated_names_free(struct simulated_names *names)
{
    while (names->nodes != NULL) {
        struct simulated_node *node = names->nodes;
        names->nodes = node->next;
        simulated_content_free(&node->content);
        free(node);
    }
    free(names->seen.names);
    free(names->synced.names);
    free(names->pending);
    memset(names, 0, sizeof *names);
}

static bool has_name(const struct simulated_names *names, const struct simulated_node *node)
{
    if (node == names->root)
        return true;
    for (size_t i = 0; i < names->synced.count; i++) {
        if (names->synced.names[i].node == node)
            return true;
    }
    return false;
}

/* What is in a folder that did not survive did not survive either. */
static void drop_lost_folders(struct simulated_names *names)
{
    struct simulated_table *table = &names->synced;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = table->count; i-- > 0;) {
            if (has_name(names, table->names[i].folder))
                continue;
            table->names[i] = table->names[--table->count];
            changed = true;
        }
    }
}

/* After a power cut only what has a name, or an open file holds, is kept. */
static void free_unreachable(struct simulated_names *names)
{
    struct simulated_node **link = &names->nodes;
    while (*link != NULL) {
        struct simulated_node *node = *link;
        if (has_name(names, node) || node->open_files != 0) {
            link = &node->next;
            continue;
        }
        *link = node->next;
        simulated_content_free(&node->content);
        free(node);
    }
}

/* ---- paths ---- */

struct simulated_node *simulated_names_find_folder(const struct simulated_names *names, const char *path,
                                                   char name[SIMULATED_NAME_MAX])
{
    struct simulated_node *folder = names->root;
    for (;;) {
        const char *slash = strchr(path, '/');
        int length = slash != NULL ? (int)(slash - path) : (int)strlen(path);
        snprintf(name, SIMULATED_NAME_MAX, "%.*s", length, path);
        if (slash == NULL)
            return folder;
        folder = table_node(&names->seen, folder, name);
        if (folder == NULL || !folder->is_folder)
            return NULL;
        path = slash + 1;
    }
}

struct simulated_node *simulated_names_find(const struct simulated_names *names, const char *path)
{
    if (path[0] == '\0')
        return names->root;
    char name[SIMULATED_NAME_MAX];
    struct simulated_node *folder = simulated_names_find_folder(names, path, name);
    return folder != NULL ? table_node(&names->seen, folder, name) : NULL;
}

bool simulated_names_is_empty(const struct simulated_names *names, const struct simulated_node *folder)
{
    for (size_t i = 0; i < names->seen.count; i++) {
        if (names->seen.names[i].folder == folder)
            return false;
    }
    return true;
}

/* ---- changes ---- */

static struct simulated_change change_of(const struct simulated_names *names, const char *path,
                                         struct simulated_node *after)
{
    struct simulated_change change = {.after = after};
    change.folder = simulated_names_find_folder(names, path, change.name);
    change.before = table_node(&names->seen, change.folder, change.name);
    return change;
}

static void take_step(struct simulated_names *names, const struct simulated_step *step)
{
    for (int i = 0; i < step->count; i++)
        table_apply(&names->seen, &step->changes[i]);
    names->pending = grown(names->pending, names->pending_count, &names->pending_capacity, sizeof *names->pending);
    names->pending[names->pending_count++] = *step;
}

struct simulated_node *simulated_names_make(struct simulated_names *names, const char *path, bool is_folder)
{
    struct simulated_node *node = new_node(names, is_folder);
    struct simulated_step step = {.changes = {change_of(names, path, node)}, .count = 1};
    take_step(names, &step);
    return node;
}

void simulated_names_remove(struct simulated_names *names, const char *path)
{
    struct simulated_step step = {.changes = {change_of(names, path, NULL)}, .count = 1};
    take_step(names, &step);
}

void simulated_names_rename(struct simulated_names *names, const char *from, const char *to)
{
    struct simulated_node *node = simulated_names_find(names, from);
    struct simulated_step step = {.changes = {change_of(names, from, NULL), change_of(names, to, node)}, .count = 2};
    if (step.changes[1].before != node)
        take_step(names, &step);
}

/* ---- what reaches the platter ---- */

/* Renaming what was made needs the making; removing a folder needs it to be empty. */
static bool needs(const struct simulated_step *later, const struct simulated_step *earlier)
{
    for (int i = 0; i < later->count; i++) {
        const struct simulated_change *l = &later->changes[i];
        for (int j = 0; j < earlier->count; j++) {
            const struct simulated_change *e = &earlier->changes[j];
            if (l->folder == e->folder && strcmp(l->name, e->name) == 0)
                return true;
            if (l->before != NULL && l->before->is_folder && l->before == e->folder)
                return true;
        }
    }
    return false;
}

static void apply_chosen(struct simulated_names *names)
{
    size_t left = 0;
    for (size_t i = 0; i < names->pending_count; i++) {
        struct simulated_step *step = &names->pending[i];
        if (!step->chosen) {
            names->pending[left++] = *step;
            continue;
        }
        for (int j = 0; j < step->count; j++)
            table_apply(&names->synced, &step->changes[j]);
    }
    names->pending_count = left;
}

static bool touches(const struct simulated_step *step, const struct simulated_node *folder)
{
    return step->changes[0].folder == folder || (step->count == 2 && step->changes[1].folder == folder);
}

void simulated_names_sync(struct simulated_names *names, const struct simulated_node *folder)
{
    for (size_t i = 0; i < names->pending_count; i++)
        names->pending[i].chosen = touches(&names->pending[i], folder);
    for (size_t i = names->pending_count; i-- > 0;) {
        for (size_t j = 0; names->pending[i].chosen && j < i; j++)
            names->pending[j].chosen |= needs(&names->pending[i], &names->pending[j]);
    }
    apply_chosen(names);
}

void simulated_names_power_cut(struct simulated_names *names, struct seeded_random *random)
{
    static const unsigned survivals[] = {0, 50, 90, 100}; /* percent */
    unsigned survival = survivals[random_below(random, sizeof survivals / sizeof survivals[0])];
    for (size_t i = 0; i < names->pending_count; i++) {
        bool chosen = random_chance(random, survival);
        for (size_t j = 0; j < i && chosen; j++)
            chosen = names->pending[j].chosen || !needs(&names->pending[i], &names->pending[j]);
        names->pending[i].chosen = chosen;
    }
    apply_chosen(names);
    names->pending_count = 0;
    drop_lost_folders(names);
    table_copy(&names->seen, &names->synced);
    free_unreachable(names);
    for (struct simulated_node *node = names->nodes; node != NULL; node = node->next)
        simulated_content_power_cut(&node->content, random);
}
