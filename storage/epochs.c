#include "epochs.h"

#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define FIRST_CAPACITY 4

void epochs_init(struct epochs *epochs, struct memory *memory)
{
    *epochs = (struct epochs){.memory = memory};
}

void epochs_close(struct epochs *epochs)
{
    memory_free(epochs->memory, MEMORY_LOGS, epochs->starts, epochs->capacity * sizeof *epochs->starts);
    epochs_init(epochs, epochs->memory);
}

int32_t epochs_latest(const struct epochs *epochs)
{
    return epochs->count != 0 ? epochs->starts[epochs->count - 1].epoch : -1;
}

int32_t epochs_at(const struct epochs *epochs, int64_t offset)
{
    for (uint32_t i = epochs->count; i-- > 0;) {
        if (epochs->starts[i].start_offset <= offset)
            return epochs->starts[i].epoch;
    }
    return -1;
}

static bool make_room(struct epochs *epochs)
{
    if (epochs->count < epochs->capacity)
        return true;
    uint32_t capacity = epochs->capacity != 0 ? 2 * epochs->capacity : FIRST_CAPACITY;
    struct epoch_start *starts = memory_realloc(epochs->memory, MEMORY_LOGS, epochs->starts,
                                                epochs->capacity * sizeof *starts, capacity * sizeof *starts);
    if (starts == NULL)
        return false;
    epochs->starts = starts;
    epochs->capacity = capacity;
    return true;
}

int epochs_append(struct epochs *epochs, int32_t epoch, int64_t start_offset)
{
    if (epoch < 0 || epoch == epochs_latest(epochs))
        return 0;
    if (!make_room(epochs))
        return -ENOMEM;
    while (epochs->count != 0 && (epochs->starts[epochs->count - 1].epoch >= epoch ||
                                  epochs->starts[epochs->count - 1].start_offset >= start_offset))
        epochs->count--;
    epochs->starts[epochs->count++] = (struct epoch_start){epoch, start_offset};
    return 1;
}

bool epochs_cut_end(struct epochs *epochs, int64_t end)
{
    uint32_t before = epochs->count;
    while (epochs->count != 0 && epochs->starts[epochs->count - 1].start_offset >= end)
        epochs->count--;
    return epochs->count != before;
}

bool epochs_cut_start(struct epochs *epochs, int64_t start)
{
    uint32_t ended = 0; /* epochs that start before; the last of them may go on */
    while (ended < epochs->count && epochs->starts[ended].start_offset < start)
        ended++;
    if (ended == 0)
        return false;
    bool another_starts_there = ended < epochs->count && epochs->starts[ended].start_offset == start;
    uint32_t dropped = another_starts_there ? ended : ended - 1;
    epochs->count -= dropped;
    memmove(epochs->starts, epochs->starts + dropped, epochs->count * sizeof *epochs->starts);
    epochs->starts[0].start_offset = start;
    return true;
}

void epochs_find_end(const struct epochs *epochs, int32_t epoch, int64_t log_end, int32_t *found_epoch,
                     int64_t *end_offset)
{
    *found_epoch = -1;
    *end_offset = -1;
    if (epoch < 0 || epoch > epochs_latest(epochs))
        return;
    uint32_t higher = epochs->count; /* the first epoch above the one asked for */
    while (higher > 0 && epochs->starts[higher - 1].epoch > epoch)
        higher--;
    *found_epoch = higher > 0 ? epochs->starts[higher - 1].epoch : epoch;
    *end_offset = higher < epochs->count ? epochs->starts[higher].start_offset : log_end;
}

void epochs_write(const struct epochs *epochs, writer *w)
{
    char line[48];
    int length = snprintf(line, sizeof line, "0\n%" PRIu32 "\n", epochs->count);
    write_bytes(w, slice_of(line, (size_t)length));
    for (uint32_t i = 0; i < epochs->count; i++) {
        length = snprintf(line, sizeof line, "%" PRId32 " %" PRId64 "\n", epochs->starts[i].epoch,
                          epochs->starts[i].start_offset);
        write_bytes(w, slice_of(line, (size_t)length));
    }
}

static int take_epoch(void *context, int32_t epoch, int64_t start_offset)
{
    struct epochs *epochs = context;
    if (epochs->count != 0) {
        const struct epoch_start *last = &epochs->starts[epochs->count - 1];
        if (epoch <= last->epoch || start_offset <= last->start_offset)
            return FURROW_CORRUPT;
    }
    if (!make_room(epochs))
        return -ENOMEM;
    epochs->starts[epochs->count++] = (struct epoch_start){epoch, start_offset};
    return 0;
}

int epochs_parse(struct epochs *epochs, slice text, struct error *error)
{
    epochs->count = 0;
    int rc = checkpoint_parse_epochs(text, take_epoch, epochs, error);
    if (rc != 0)
        epochs->count = 0;
    return rc;
}
