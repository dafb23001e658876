#include "rest/form_pass.h"

#include "container.h"
#include "server.h"

static int32_t list_ranges(const struct form_pass *made)
{
    int32_t count = 0;
    for (int32_t i = 0; i < made->read->part_count; i++) {
        const struct log_read *read = made->read->parts[i].read;
        if (read != NULL && read->bytes > 0)
            made->ranges[count++] = record_range_of(i, read);
    }
    return count;
}

bool form_pass_prepare(struct form_pass *made)
{
    int32_t ranges = list_ranges(made);
    made->wish = (struct record_wish){.output = RECORD_ITEMS,
                                      .filter = RECORD_FILTER_NONE,
                                      .parts = made->parts,
                                      .part_count = made->read->part_count,
                                      .form = made->form,
                                      .form_context = made->form_context};
    made->pass = (struct record_pass){.memory = made->server->memory,
                                      .wish = &made->wish,
                                      .ranges = made->ranges,
                                      .range_count = ranges,
                                      .positions = made->positions,
                                      .block_bytes = SIZE_MAX,
                                      .max_bytes = SIZE_MAX,
                                      .max_records = INT32_MAX};
    return ranges > 0;
}

static void make(struct job *job)
{
    record_pass_run(&CONTAINER_OF(job, struct form_pass, job)->pass);
}

static void on_made(struct job *job)
{
    struct form_pass *made = CONTAINER_OF(job, struct form_pass, job);
    made->done(made);
}

void form_pass_submit(struct form_pass *made)
{
    made->job = (struct job){.execute = make, .done = on_made};
    jobs_submit(&made->server->jobs, &made->job, JOB_RECORDS);
}

void form_pass_run(struct form_pass *made)
{
    if (!record_pass_is_light(&made->pass)) {
        form_pass_submit(made);
        return;
    }
    record_pass_run(&made->pass);
    made->done(made);
}
