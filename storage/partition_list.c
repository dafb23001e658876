#include "partition_list.h"

#include "data_folder.h"

#include <errno.h>
#include <stdlib.h>

static int note_entry(void *context, const struct disk_entry *entry)
{
    struct partition_list *list = context;
    static const char removed[] = "-delete";
    char topic[DISK_PATH_MAX];
    int32_t partition;
    if (!entry->is_folder)
        return 0;
    size_t length = strlen(entry->name);
    if (length >= sizeof removed && strcmp(entry->name + length + 1 - sizeof removed, removed) == 0) {
        list->removed++;
    } else if (partition_folder_parse(entry->name, topic, &partition)) {
        write_bytes(&list->names, slice_of(entry->name, length + 1));
        list->count++;
    }
    return writer_ok(&list->names) ? 0 : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    bool left_internal = strncmp(left, "__", 2) == 0;
    bool right_internal = strncmp(right, "__", 2) == 0;
    return left_internal != right_internal ? right_internal - left_internal : strcmp(left, right);
}

static int sort(struct partition_list *list, struct memory *memory)
{
    const char **order = memory_alloc(memory, MEMORY_SERVER, list->count * sizeof *order);
    writer sorted;
    if (order == NULL)
        return -ENOMEM;
    uint32_t count = 0;
    for (const char *name = partition_list_first(list); name != NULL; name = partition_list_next(list, name))
        order[count++] = name;
    qsort(order, count, sizeof *order, compare);
    writer_init(&sorted, memory, MEMORY_SERVER, list->names.size);
    for (uint32_t i = 0; i < count; i++)
        write_bytes(&sorted, slice_of(order[i], strlen(order[i]) + 1));
    memory_free(memory, MEMORY_SERVER, order, list->count * sizeof *order);
    writer_close(&list->names);
    list->names = sorted;
    return writer_ok(&sorted) ? 0 : -ENOMEM;
}

int partition_list_read(struct partition_list *list, struct disk *disk, struct error *error)
{
    *list = (struct partition_list){.count = 0};
    writer_init(&list->names, disk->memory, MEMORY_SERVER, SIZE_MAX);
    int rc = disk_list(disk, "", note_entry, list, error);
    if (rc == 0 && list->count > 1 && (rc = sort(list, disk->memory)) != 0)
        error_set_status(error, rc, "the list of partitions");
    return rc;
}

void partition_list_close(struct partition_list *list)
{
    writer_close(&list->names);
}
