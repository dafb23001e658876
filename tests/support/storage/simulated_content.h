/* The bytes of one file on the simulated disk: as programs see them, and as they are certainly on the platter. */
#pragma once

#include "seeded_random.h"

#include <stddef.h>
#include <stdint.h>

#define SIMULATED_SECTOR 512 /* bytes that a real disk writes together, if the power lasts */

struct simulated_bytes {
    uint8_t *data;
    uint64_t size;
    uint64_t capacity;
};

struct simulated_content {
    struct simulated_bytes seen;
    struct simulated_bytes synced;
    uint64_t dirty_from; /* the range in which seen and synced may differ; empty when dirty_from >= dirty_to */
    uint64_t dirty_to;
};

void simulated_content_free(struct simulated_content *content);

/* A gap before `position` is filled with zeros. */
void simulated_content_write(struct simulated_content *content, const uint8_t *bytes, uint64_t size, uint64_t position);
void simulated_content_truncate(struct simulated_content *content, uint64_t size);
void simulated_content_sync(struct simulated_content *content);
/* Of the unsynced sectors some are synced, the others go back to what they were; nothing is unsynced then. */
void simulated_content_fail_sync(struct simulated_content *content, struct seeded_random *random);
/* What is found when the power is back. */
void simulated_content_power_cut(struct simulated_content *content, struct seeded_random *random);
bool simulated_content_is_synced(const struct simulated_content *content);
