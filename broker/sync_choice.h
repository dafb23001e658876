/* Whether several files are synced one by one or by one sync of the whole file system.
 *
 * The second costs one pause instead of many, but also writes what others have left unwritten. Which is shorter depends
 * on the disk and on its other users, so the time that both take is looked at: a running mean of each. What is not
 * chosen for long is tried again, for its mean is made smaller by each time that it was not chosen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SYNC_CHOICE_MIN_PAUSES 3
#define SYNC_CHOICE_FIRST_NS   ((uint64_t)1000000) /* for a pause, while none was measured */

/* Zeroed to begin with. */
struct sync_choice {
    uint64_t pause_ns; /* of one file; 0: not measured */
    uint64_t all_ns;   /* of the file system; 0: not measured */
};

/* `pauses`: files and folders that would be synced one by one. */
static inline bool sync_choice_all(const struct sync_choice *choice, uint32_t pauses)
{
    uint64_t pause = choice->pause_ns != 0 ? choice->pause_ns : SYNC_CHOICE_FIRST_NS;
    return pauses >= SYNC_CHOICE_MIN_PAUSES && pause * pauses > choice->all_ns;
}

static inline uint64_t sync_choice_mean(uint64_t mean, uint64_t measured)
{
    return mean == 0 ? measured : mean - mean / 8 + measured / 8;
}

static inline void sync_choice_note_each(struct sync_choice *choice, uint32_t pauses, uint64_t took_ns)
{
    if (pauses == 0)
        return;
    choice->pause_ns = sync_choice_mean(choice->pause_ns, took_ns / pauses);
    if (pauses >= SYNC_CHOICE_MIN_PAUSES)
        choice->all_ns -= choice->all_ns / 16;
}

static inline void sync_choice_note_all(struct sync_choice *choice, uint64_t took_ns)
{
    choice->all_ns = sync_choice_mean(choice->all_ns, took_ns);
}
