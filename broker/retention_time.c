/* The clocks, and what is kept of them over a restart. */
#include "retention_private.h"

#include <errno.h>
#include <sys/timex.h>
#include <time.h>

#define TIME_FILE      "furrow-clock-checkpoint"
#define TIME_MAX_BYTES ((size_t)16 << 10)
#define READ_MS        100 /* what is asked again so soon gets the same answer */

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_synchronised(void)
{
    struct timex state = {.modes = 0};
    return adjtimex(&state) != -1 && (state.status & STA_UNSYNC) == 0;
}

static struct clock_reading read_clocks(const struct retention *retention)
{
    return (struct clock_reading){
        .wall = read_clock(CLOCK_REALTIME),
        .monotonic = read_clock(CLOCK_BOOTTIME),
        .synchronised = config_flag(retention->server->config, CONFIG_FURROW_CLOCK_TRUSTED) || is_synchronised(),
    };
}

/* FURROW_CORRUPT, -ENOENT: nothing is known. */
static int load(struct retention *retention, struct error *error)
{
    struct disk *disk = retention->server->disk;
    uint8_t *bytes;
    size_t size;
    int rc = disk_read_file(disk, TIME_FILE, TIME_MAX_BYTES, MEMORY_LOGS, &bytes, &size, error);
    if (rc != 0)
        return rc == FURROW_TOO_LARGE ? FURROW_CORRUPT : rc;
    rc = proven_time_parse(&retention->time, slice_of(bytes, size), error);
    memory_free(disk->memory, MEMORY_LOGS, bytes, size);
    return rc == FURROW_WRONG_VERSION ? FURROW_CORRUPT : rc;
}

int retention_time_open(struct retention *retention, struct error *error)
{
    struct logger *logger = retention->server->logger;
    struct clock_reading reading = read_clocks(retention);
    int rc = load(retention, error);
    if (rc == FURROW_CORRUPT)
        log_warn(logger, "clock", TIME_FILE ": %s: nothing is known of how much time has passed", error->message);
    if (rc != 0 && rc != -ENOENT && rc != FURROW_CORRUPT)
        return rc;
    if (rc == 0)
        proven_time_resume(&retention->time, &reading);
    else
        proven_time_init(&retention->time, &reading);
    log_info(logger, "clock", "synchronised=%s periods=%" PRIu32, reading.synchronised ? "yes" : "no",
             retention->time.count);
    retention->time_changed = true;
    return 0;
}

const struct proven_time *retention_time(struct retention *retention)
{
    if (retention->time_read_at != 0 && retention_now(retention) - retention->time_read_at < READ_MS)
        return &retention->time;
    retention->time_read_at = retention_now(retention);
    struct clock_reading reading = read_clocks(retention);
    struct proven_time *time = &retention->time;
    bool was_synchronised = time->synced_wall >= 0 && time->synced_period == time->count - 1;
    int64_t jump_ms;
    if (proven_time_note(time, &reading, &jump_ms)) {
        log_warn(retention->server->logger, "clock",
                 "jump_ms=%" PRId64 " synchronised=%s the wall clock has jumped; ages go by the time that is proven",
                 jump_ms, reading.synchronised ? "yes" : "no");
        retention->time_changed = true;
    }
    if (reading.synchronised && !was_synchronised)
        retention->time_changed = true;
    return time;
}

bool retention_time_is_due(const struct retention *retention)
{
    uint64_t since = retention_now(retention) - retention->time_saved_at;
    return retention->time_changed || since >= PROVEN_TIME_SAVE_MS; /* seldom, for flash wears */
}

/* ---- saving ---- */

void retention_write_time(struct retention *retention, bool stops, writer *text)
{
    if (!stops && !retention_time_is_due(retention))
        return;
    proven_time_write(retention_time(retention), text);
    retention->time_changed = !writer_ok(text);
    retention->time_saved_at = retention_now(retention);
}

int retention_save_time(struct disk *disk, slice text, struct error *error)
{
    return text.size != 0 ? disk_replace_file(disk, TIME_FILE, text, error) : 0;
}
