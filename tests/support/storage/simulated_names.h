/* The names on the simulated disk: a table of (folder, name, node) as programs see it, one that is certainly on the
 * platter, and the changes between the two in their order. */
#pragma once

#include "seeded_random.h"
#include "simulated_content.h"

#define SIMULATED_NAME_MAX 256 /* with the NUL byte */

/* A file or a folder; names point to it. */
struct simulated_node {
    bool is_folder;
    uint32_t open_files;
    bool sync_failed;                 /* among all: the file's own next sync does the damage and tells */
    struct simulated_content content; /* of a file */
    struct simulated_node *next;
};

struct simulated_name {
    struct simulated_node *folder;
    char name[SIMULATED_NAME_MAX];
    struct simulated_node *node;
};

struct simulated_table {
    struct simulated_name *names;
    size_t count;
    size_t capacity;
};

/* One name before and after; NULL: not there. */
struct simulated_change {
    struct simulated_node *folder;
    char name[SIMULATED_NAME_MAX];
    struct simulated_node *before;
    struct simulated_node *after;
};

/* Whole or not at all. */
struct simulated_step {
    struct simulated_change changes[2]; /* two for a rename */
    int count;
    bool chosen; /* while a subset is chosen */
};

struct simulated_names {
    struct simulated_node *nodes; /* all of them, the root last */
    struct simulated_node *root;
    struct simulated_table seen;
    struct simulated_table synced;
    struct simulated_step *pending;
    size_t pending_count;
    size_t pending_capacity;
};

void simulated_names_init(struct simulated_names *names);
void simulated_names_free(struct simulated_names *names);

/* NULL when it is not there. "" is the root. */
struct simulated_node *simulated_names_find(const struct simulated_names *names, const char *path);
/* Splits off the last part: its folder (NULL when that is not there or no folder) and its name. */
struct simulated_node *simulated_names_find_folder(const struct simulated_names *names, const char *path,
                                                   char name[SIMULATED_NAME_MAX]);
bool simulated_names_is_empty(const struct simulated_names *names, const struct simulated_node *folder);

struct simulated_node *simulated_names_make(struct simulated_names *names, const char *path, bool is_folder);
/* `path` is there. */
void simulated_names_remove(struct simulated_names *names, const char *path);
/* `from` and the folder of `to` are there. */
void simulated_names_rename(struct simulated_names *names, const char *from, const char *to);

void simulated_names_sync(struct simulated_names *names, const struct simulated_node *folder);
void simulated_names_power_cut(struct simulated_names *names, struct seeded_random *random);
