/* The background flush.
 *
 * Happy path. A partition that becomes dirty is put on a list, its topic held; the first one starts the timer. When it
 * fires, every log of the list is synced by the writer, which lets syncs that somebody waits for go first; then, with
 * what is synced now, the checkpoint files are replaced. Partitions that become dirty meanwhile wait for the next
 * round.
 *
 * Failures. A log whose sync fails is offline (log.h), but for what fails before the sync itself, as when the disk is
 * full: then it stays dirty and is tried again. A checkpoint that cannot be written costs only a longer
 * recovery: it is said in the log, and written again after the next round. */
#include "flush.h"

#include "checkpoints.h"
#include "container.h"
#include "server.h"
#include "writer_thread.h"

#include <errno.h>

struct flush_item {
    struct flush *flush;
    struct partition *partition;
    struct log_sync *sync; /* NULL: all was synced by others */
    struct writer_job job;
};

struct flush {
    struct server *server;
    uv_timer_t timer;
    struct partition *dirty;
    uint64_t due; /* ms of the loop's clock, while the timer runs */
    size_t dirty_count;

    /* The round under way */
    size_t pending; /* items that are not synced yet */
    struct checkpoint_request checkpoint;
    bool is_running;
    struct flush_item *items;
    size_t item_count;
    size_t item_capacity;
    struct log_limit failures;
};

static void on_timer(uv_timer_t *timer);

int flush_create(struct server *server, struct flush **created)
{
    struct flush *flush = memory_alloc_zeroed(server->memory, MEMORY_LOGS, sizeof *flush);
    if (flush == NULL)
        return -ENOMEM;
    flush->server = server;
    uv_timer_init(server->loop, &flush->timer);
    flush->timer.data = flush;
    *created = flush;
    return 0;
}

static void free_flush(uv_handle_t *handle)
{
    struct flush *flush = handle->data;
    memory_free(flush->server->memory, MEMORY_LOGS, flush, sizeof *flush);
}

static struct partition *pop_dirty(struct flush *flush)
{
    struct partition *partition = flush->dirty;
    flush->dirty = partition->next_dirty;
    flush->dirty_count--;
    partition->next_dirty = NULL;
    partition->is_dirty = false;
    return partition;
}

void flush_destroy(struct flush *flush)
{
    while (flush->dirty != NULL) {
        struct partition *partition = pop_dirty(flush);
        topic_release(&flush->server->topics, partition->topic);
    }
    uv_close((uv_handle_t *)&flush->timer, free_flush);
}

bool flush_idle(const struct flush *flush)
{
    return !flush->is_running;
}

static void arm_timer(struct flush *flush, int64_t after_ms)
{
    uint64_t due = uv_now(flush->server->loop) + (uint64_t)after_ms;
    bool active = uv_is_active((uv_handle_t *)&flush->timer);
    if (flush->is_running || (active && flush->due <= due))
        return;
    flush->due = due;
    uv_timer_start(&flush->timer, on_timer, (uint64_t)after_ms, 0);
}

static int64_t flush_interval(const struct partition *partition)
{
    int64_t ms = partition->topic->config.flush_ms;
    return ms < INT32_MAX ? ms : INT32_MAX; /* 24 days: rather then than never, for the recovery point's sake */
}

void flush_note_dirty(struct flush *flush, struct partition *partition)
{
    if (partition->is_dirty)
        return;
    partition->is_dirty = true;
    partition->next_dirty = flush->dirty;
    flush->dirty = partition;
    flush->dirty_count++;
    topic_hold(partition->topic);
    arm_timer(flush, flush_interval(partition));
}

/* ---- a round ---- */

static void end_round(struct flush *flush)
{
    struct memory *memory = flush->server->memory;
    memory_free(memory, MEMORY_LOGS, flush->items, flush->item_capacity * sizeof *flush->items);
    flush->items = NULL;
    flush->is_running = false;
    for (struct partition *partition = flush->dirty; partition != NULL; partition = partition->next_dirty)
        arm_timer(flush, flush_interval(partition));
}

static void on_points_written(struct checkpoint_request *request, int status)
{
    (void)status; /* was told; the next round tries again */
    end_round(CONTAINER_OF(request, struct flush, checkpoint));
}

static void take_in(struct flush *flush, struct flush_item *item)
{
    struct error error = {.code = 0};
    struct log *log = item->partition->log;
    if (item->sync != NULL && log_sync_end(log, item->sync, &error) != 0 && !item->partition->topic->is_deleted) {
        bool is_offline = log_is_offline(log);
        log_line_limited(flush->server->logger, &flush->failures, LOG_ERROR, "storage", "partition=%s %s: %s",
                         log_folder(log), is_offline ? "offline" : "not synced yet", error.message);
        if (!is_offline)
            flush_note_dirty(flush, item->partition);
    }
    topic_release(&flush->server->topics, item->partition->topic);
}

static void end_one(struct flush *flush)
{
    if (--flush->pending != 0)
        return;
    flush->checkpoint = (struct checkpoint_request){.done = on_points_written, .is_lax = true};
    checkpoints_write(flush->server->checkpoints, &flush->checkpoint);
}

static void on_synced(struct writer_job *job)
{
    struct flush_item *item = CONTAINER_OF(job, struct flush_item, job);
    struct flush *flush = item->flush;
    take_in(flush, item);
    end_one(flush);
}

static void sync_items(struct flush *flush)
{
    flush->pending = flush->item_count + 1;
    for (size_t i = 0; i < flush->item_count; i++) {
        struct flush_item *item = &flush->items[i];
        item->job = (struct writer_job){.sync = item->sync, .is_patient = true, .done = on_synced};
        if (item->sync != NULL) {
            writer_thread_submit(flush->server->writer, &item->job);
            continue;
        }
        take_in(flush, item);
        flush->pending--;
    }
    end_one(flush);
}

/* What the round syncs. A log that cannot begin for now is left dirty. */
static void collect(struct flush *flush)
{
    struct partition *list = flush->dirty;
    flush->dirty = NULL;
    flush->dirty_count = 0;
    for (struct partition *partition = list, *next; partition != NULL; partition = next) {
        next = partition->next_dirty;
        struct flush_item *item = &flush->items[flush->item_count];
        *item = (struct flush_item){.flush = flush, .partition = partition};
        partition->next_dirty = NULL;
        partition->is_dirty = false;
        bool gone = partition->topic->is_deleted || partition->log == NULL || log_is_offline(partition->log);
        if (!gone && log_sync_begin(partition->log, true, &item->sync, NULL) == 0) {
            flush->item_count++;
            continue;
        }
        if (!gone)
            flush_note_dirty(flush, partition);
        topic_release(&flush->server->topics, partition->topic);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct flush *flush = timer->data;
    struct server *server = flush->server;
    if (flush->is_running || flush->dirty == NULL)
        return;
    flush->item_capacity = flush->dirty_count;
    flush->item_count = 0;
    flush->items = memory_alloc(server->memory, MEMORY_LOGS, flush->item_capacity * sizeof *flush->items);
    if (flush->items == NULL) {
        arm_timer(flush, 1000);
        return;
    }
    flush->is_running = true;
    collect(flush);
    sync_items(flush);
}
