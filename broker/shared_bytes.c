#include "shared_bytes.h"

static size_t held_by(const struct shared_bytes *shared)
{
    return sizeof *shared + shared->size;
}

struct shared_bytes *shared_bytes_make(struct memory *memory, struct budget_account *account, size_t size)
{
    struct shared_bytes *shared = memory_alloc(memory, MEMORY_RESPONSES, sizeof *shared + size);
    if (shared == NULL)
        return NULL;
    *shared = (struct shared_bytes){.memory = memory, .account = account, .holders = 1, .size = size};
    budget_add(account, held_by(shared));
    return shared;
}

struct shared_bytes *shared_bytes_hold(struct shared_bytes *shared)
{
    shared->holders++;
    return shared;
}

void shared_bytes_release(struct shared_bytes *shared)
{
    if (shared == NULL || --shared->holders != 0)
        return;
    budget_return(shared->account, held_by(shared));
    memory_free(shared->memory, MEMORY_RESPONSES, shared, held_by(shared));
}
