#include "offset_table.h"

#include <errno.h>
#include <stdlib.h>

void offset_table_close(struct offset_table *table, struct memory *memory)
{
    memory_free(memory, MEMORY_SERVER, table->entries, table->capacity * sizeof *table->entries);
    memory_free(memory, MEMORY_SERVER, table->text, table->text_size);
    *table = (struct offset_table){.count = 0};
}

struct filling {
    struct offset_table *table;
    struct memory *memory;
};

static int take_entry(void *context, const struct checkpoint_offset *entry)
{
    const struct filling *filling = context;
    struct offset_table *table = filling->table;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity != 0 ? 2 * table->capacity : 16;
        void *entries = memory_realloc(filling->memory, MEMORY_SERVER, table->entries, table->capacity * sizeof *entry,
                                       capacity * sizeof *entry);
        if (entries == NULL)
            return -ENOMEM;
        table->entries = entries;
        table->capacity = capacity;
    }
    table->entries[table->count++] = *entry;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct checkpoint_offset *x = a, *y = b;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    if (x->topic.size != y->topic.size)
        return x->topic.size < y->topic.size ? -1 : 1;
    return x->topic.size != 0 ? memcmp(x->topic.data, y->topic.data, x->topic.size) : 0;
}

int offset_table_read(struct offset_table *table, struct disk *disk, const char *path, struct error *error)
{
    int rc = disk_read_file(disk, path, CHECKPOINT_MAX_BYTES, MEMORY_SERVER, &table->text, &table->text_size, error);
    if (rc != 0)
        return rc;
    struct filling filling = {table, disk->memory};
    rc = checkpoint_parse_offsets(slice_of(table->text, table->text_size), take_entry, &filling, error);
    if (rc != 0) {
        offset_table_close(table, disk->memory);
        return error_wrap(error, rc, "%s", path);
    }
    if (table->count != 0)
        qsort(table->entries, table->count, sizeof *table->entries, compare);
    return 0;
}

int64_t offset_table_find(const struct offset_table *table, slice topic, int32_t partition)
{
    struct checkpoint_offset key = {.topic = topic, .partition = partition};
    if (table->count == 0)
        return -1;
    const struct checkpoint_offset *found = bsearch(&key, table->entries, table->count, sizeof key, compare);
    return found != NULL ? found->offset : -1;
}
