#include "flush.h"
#include "operations/append_private.h"

#include <errno.h>

static void finish(struct partition_append *state, int status)
{
    struct append_roll *roll = state->roll;
    state->roll = NULL;
    roll->done(roll, status);
}

static void on_rolled(struct writer_job *job)
{
    struct partition_append *state = CONTAINER_OF(job, struct partition_append, write);
    struct operations *operations = state->service->operations;
    struct error error = {0};
    (void)log_write_end(state->partition->log, job->write, &error); /* it had no batches */
    state->is_writing = false;
    if (error.code != 0)
        append_report_failure(state, &error);
    if (operations->flush != NULL)
        flush_note_dirty(operations->flush, state->partition);
    finish(state, error.code);
    append_ask_for_write(state);
    append_release_if_idle(state);
}

void append_form_roll(struct partition_append *state)
{
    if (state->roll == NULL || state->is_writing)
        return;
    struct operations *operations = state->service->operations;
    struct log_write *write = NULL;
    int rc = state->partition->topic->is_deleted
                 ? FURROW_OFFLINE
                 : log_roll_begin(state->partition->log, operations_now(operations), &write, NULL);
    if (write == NULL) {
        finish(state, rc);
        return;
    }
    state->is_writing = true;
    state->write = (struct writer_job){.write = write, .done = on_rolled};
    writer_thread_submit(operations->writer, &state->write);
}

void append_roll_start(struct append_service *service, struct append_roll *roll)
{
    struct partition_append *state = roll->partition->log != NULL ? append_acquire(service, roll->partition) : NULL;
    int rc = state == NULL ? -ENOMEM : state->roll != NULL ? -EBUSY : 0;
    if (rc != 0) {
        roll->done(roll, rc);
        return;
    }
    state->roll = roll;
    append_ask_for_write(state);
}
