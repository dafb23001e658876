/* A change of topics or settings on its way, in whatever dialect it was asked for: with Kafka's codes and words. */
#pragma once

#include "kafka/error_code.h"
#include "status.h"

/* The caller's, until it is done. */
struct change_call {
    /* Once, perhaps from within the function that took the call. `error` has words, unless it is NULL or empty; they
     * are valid during the call. */
    void (*done)(struct change_call *call, int16_t code, const struct error *error);
    void *context; /* the caller's */
};

/* For who takes the call. */
static inline void change_end(struct change_call *call, int16_t code, const struct error *error)
{
    call->done(call, code, error);
}
/* A metadata_done whose context is the call. */
void change_written(void *context, int status, const struct error *error);
