#include "machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A control group's limit; UINT64_MAX when there is none. */
static uint64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return UINT64_MAX;
    char text[32] = "";
    bool was_read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    uint64_t limit = was_read ? strtoull(text, NULL, 10) : 0; /* 0 of "max", too */
    return limit != 0 ? limit : UINT64_MAX;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct machine machine_measure(void)
{
    struct machine machine = {.memory_bytes = (uint64_t)128 << 20, .cores = 1};
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_size > 0)
        machine.memory_bytes = (uint64_t)pages * (uint64_t)page_size;
    machine.memory_bytes = smaller(machine.memory_bytes, read_limit("/sys/fs/cgroup/memory.max"));
    machine.memory_bytes = smaller(machine.memory_bytes, read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores > 0)
        machine.cores = (unsigned)cores;
    return machine;
}
