/* Commits of a consumer instance. */
#pragma once

#include "rest/consumer_instances.h"

struct consumer_offset {
    slice topic;
    int32_t partition;
    int64_t offset; /* the next to be read */
    slice metadata; /* may be null */
};

/* With the first error of any of them. */
typedef void consumer_commit_callback(void *context, enum kafka_error error);

/* Copies what it is given. Once `done`, perhaps from within; NULL: nobody wants to know. */
void consumer_commit(struct consumer_instance *instance, const struct consumer_offset *offsets, size_t count,
                     consumer_commit_callback *done, void *context);

enum consumer_extent {
    CONSUMER_ACKNOWLEDGED, /* what is acknowledged and not committed */
    CONSUMER_HANDED_OUT,   /* what was handed out and is not committed */
    CONSUMER_ALL           /* as it was handed out, committed or not */
};
void consumer_commit_positions(struct consumer_instance *instance, enum consumer_extent extent,
                               consumer_commit_callback *done, void *context);
