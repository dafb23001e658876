/* Happy path. Whoever asks is put on a list. When no job is under way, the list is taken, what the logs say now is
 * copied, and a pool job replaces the files; then those of the list are told, and the next list is taken.
 *
 * Failures. A file that cannot be written costs only a longer recovery, or a log's start that goes back at a crash: it
 * is said in the server's log, and whoever needed it is told. */
#include "checkpoints.h"

#include "cleaner.h"
#include "container.h"
#include "recovery_points.h"
#include "retention.h"
#include "server.h"

#include <errno.h>

#define TIME_LIMIT ((size_t)16 << 10)

struct checkpoints {
    struct server *server;
    struct checkpoint_request *waiting; /* for the next job */
    struct checkpoint_request **waiting_tail;
    struct checkpoint_request *served; /* by the job under way */
    struct recovery_points points;
    writer time; /* proven_time.h; empty: that on the disk is good enough */
    struct recovery_points_written written;
    struct job job;
    bool is_durable; /* one of them needs it */
    bool is_running;
    int status;
    struct error error;
    struct log_limit failures;
};

static void begin(struct checkpoints *checkpoints);

int checkpoints_create(struct server *server, struct checkpoints **created)
{
    struct checkpoints *checkpoints = memory_alloc_zeroed(server->memory, MEMORY_LOGS, sizeof *checkpoints);
    if (checkpoints == NULL)
        return -ENOMEM;
    checkpoints->server = server;
    checkpoints->waiting_tail = &checkpoints->waiting;
    *created = checkpoints;
    return 0;
}

void checkpoints_destroy(struct checkpoints *checkpoints)
{
    memory_free(checkpoints->server->memory, MEMORY_LOGS, checkpoints, sizeof *checkpoints);
}

bool checkpoints_idle(const struct checkpoints *checkpoints)
{
    return !checkpoints->is_running;
}

static void write_files(struct job *job)
{
    struct checkpoints *checkpoints = CONTAINER_OF(job, struct checkpoints, job);
    if (checkpoints->status == 0)
        checkpoints->status =
            recovery_points_write(&checkpoints->points, checkpoints->server->disk, &checkpoints->written,
                                  checkpoints->is_durable, &checkpoints->error);
    if (checkpoints->status == 0)
        checkpoints->status =
            retention_save_time(checkpoints->server->disk, writer_slice(&checkpoints->time), &checkpoints->error);
}

static void on_written(struct job *job)
{
    struct checkpoints *checkpoints = CONTAINER_OF(job, struct checkpoints, job);
    struct checkpoint_request *served = checkpoints->served;
    if (checkpoints->status != 0)
        log_line_limited(checkpoints->server->logger, &checkpoints->failures, LOG_WARN, "storage",
                         "checkpoints could not be written: %s", checkpoints->error.message);
    else if (checkpoints->is_durable)
        recovery_points_note_saved(checkpoints->server);
    recovery_points_free(&checkpoints->points);
    writer_close(&checkpoints->time);
    checkpoints->served = NULL;
    checkpoints->is_running = false;
    int status = checkpoints->status;
    if (checkpoints->waiting != NULL)
        begin(checkpoints);
    cleaner_wake(checkpoints->server->cleaner);
    for (struct checkpoint_request *request = served, *next; request != NULL; request = next) {
        next = request->next;
        request->done(request, status);
    }
}

static void begin(struct checkpoints *checkpoints)
{
    checkpoints->served = checkpoints->waiting;
    checkpoints->waiting = NULL;
    checkpoints->waiting_tail = &checkpoints->waiting;
    checkpoints->is_running = true;
    checkpoints->is_durable = false;
    for (const struct checkpoint_request *request = checkpoints->served; request != NULL; request = request->next)
        checkpoints->is_durable |= !request->is_lax;
    checkpoints->status = recovery_points_collect(checkpoints->server, &checkpoints->points);
    if (checkpoints->status != 0)
        error_set_status(&checkpoints->error, checkpoints->status, "recovery points");
    writer_init(&checkpoints->time, checkpoints->server->memory, MEMORY_LOGS, TIME_LIMIT);
    if (checkpoints->server->retention != NULL)
        retention_write_time(checkpoints->server->retention, false, &checkpoints->time);
    checkpoints->job = (struct job){.execute = write_files, .done = on_written};
    jobs_submit(&checkpoints->server->jobs, &checkpoints->job, JOB_FLUSH);
}

void checkpoints_write(struct checkpoints *checkpoints, struct checkpoint_request *request)
{
    request->next = NULL;
    *checkpoints->waiting_tail = request;
    checkpoints->waiting_tail = &request->next;
    if (!checkpoints->is_running)
        begin(checkpoints);
}
