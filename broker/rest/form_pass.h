/* A record_pass over what a read has found, in a dialect's own form: all of it as one block. Embedded by who reads. */
#pragma once

#include "jobs.h"
#include "operations/read.h"
#include "rest/record_pass.h"

struct server;

struct form_pass {
    /* Asked; it all stays until `done` */
    struct server *server;
    const struct read_request *read;
    const struct record_part *parts; /* of each part of the read, as the two below */
    const int64_t *positions;
    struct record_range *ranges; /* room for them */
    record_form_hook *form;
    void *form_context;
    void (*done)(struct form_pass *made);

    struct record_pass pass; /* what was made; to be closed */

    /* Private */
    struct record_wish wish;
    struct job job;
};

/* False: the read has found nothing, and there is nothing to make. */
MUST_USE bool form_pass_prepare(struct form_pass *made);
/* On the loop where the pass is light: `done` is called from within then. */
void form_pass_run(struct form_pass *made);
/* In the pool, light or not. */
void form_pass_submit(struct form_pass *made);

/* The block; NULL: there is none. */
static inline const struct record_block *form_pass_block(const struct form_pass *made)
{
    const struct record_pass *pass = &made->pass;
    return pass->block_count > 0 ? &pass->blocks[pass->block_count - 1] : NULL;
}
