#include "survivors.h"

#include <errno.h>
#include <stdio.h>

int survivors_open(struct survivors *survivors, struct disk *disk, const char *path)
{
    *survivors = (struct survivors){.disk = disk};
    snprintf(survivors->path, sizeof survivors->path, "%s", path);
    survivors->block = memory_alloc_zeroed(disk->memory, MEMORY_LOGS, SURVIVORS_BLOCK_BYTES);
    return survivors->block != NULL ? 0 : -ENOMEM;
}

void survivors_close(struct survivors *survivors)
{
    if (survivors->file != NULL) {
        file_close(survivors->file);
        int rc = disk_remove_file(survivors->disk, survivors->path, NULL);
        (void)rc;
    }
    if (survivors->block != NULL)
        memory_free(survivors->disk->memory, MEMORY_LOGS, survivors->block, SURVIVORS_BLOCK_BYTES);
    *survivors = (struct survivors){0};
}

static int make_file(struct survivors *survivors, struct error *error)
{
    if (survivors->file != NULL)
        return 0;
    int rc = disk_open_file(survivors->disk, survivors->path, FILE_CREATE, &survivors->file, error);
    return rc == 0 ? file_truncate(survivors->file, 0, error) : rc;
}

static int store(struct survivors *survivors, struct error *error)
{
    if (!survivors->changed)
        return 0;
    int rc = make_file(survivors, error);
    if (rc != 0)
        return rc;
    struct iovec part = {survivors->block, SURVIVORS_BLOCK_BYTES};
    rc = file_write(survivors->file, &part, 1, survivors->first / 8, error);
    if (rc == 0)
        survivors->changed = false;
    return rc;
}

int survivors_load(struct survivors *survivors, uint32_t ordinal, struct error *error)
{
    if (survivors_is_loaded(survivors, ordinal))
        return 0;
    int rc = store(survivors, error);
    if (rc != 0)
        return rc;
    uint32_t first = ordinal / SURVIVORS_BLOCK_RECORDS * SURVIVORS_BLOCK_RECORDS;
    size_t got = 0;
    if (survivors->file != NULL)
        rc = file_read(survivors->file, survivors->block, SURVIVORS_BLOCK_BYTES, first / 8, &got, error);
    if (rc != 0)
        return rc;
    memset(survivors->block + got, 0, SURVIVORS_BLOCK_BYTES - got);
    survivors->first = first;
    return 0;
}
