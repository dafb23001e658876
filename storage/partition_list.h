/* The partitions' folders of a data folder, by name: what backup, verify and repair go through. */
#pragma once

#include "file.h"
#include "writer.h"

struct partition_list {
    writer names; /* each with a NUL byte, by name, internal topics (those that start with "__") first */
    uint32_t count;
    uint32_t removed; /* folders of deleted topics, which the next start removes */
};

/* Memory: the names. Closed by partition_list_close, also after an error. */
MUST_USE int partition_list_read(struct partition_list *list, struct disk *disk, struct error *error);
void partition_list_close(struct partition_list *list);

static inline const char *partition_list_first(const struct partition_list *list)
{
    return list->count > 0 ? (const char *)list->names.data : NULL;
}

/* NULL after the last. */
static inline const char *partition_list_next(const struct partition_list *list, const char *name)
{
    name += strlen(name) + 1;
    return name < (const char *)list->names.data + list->names.size ? name : NULL;
}
