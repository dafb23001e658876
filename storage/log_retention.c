#include "log_retention.h"

#include "log_private.h"

static uint32_t first_kept(const struct log *log)
{
    return log_find_segment(log, log->start);
}

static bool is_active(const struct log *log, uint32_t i)
{
    return i + 1 == log->segment_count;
}

static int64_t largest_timestamp(const struct log *log, uint32_t i)
{
    return is_active(log, i) ? log->head.largest.timestamp : log->segments[i].largest_timestamp;
}

/* ---- one log ---- */

static void let_go(const struct log *log, uint32_t i, struct retention_verdict *verdict)
{
    if (is_active(log, i))
        verdict->wants_roll = true;
    else if (log->segments[i + 1].base_offset > verdict->start)
        verdict->start = log->segments[i + 1].base_offset;
}

static void decide_by_size(const struct log *log, int64_t limit, struct retention_verdict *verdict)
{
    uint64_t kept = retention_kept_bytes(log);
    if (limit < 0 || kept < (uint64_t)limit)
        return;
    uint64_t over = kept - (uint64_t)limit;
    for (uint32_t i = first_kept(log); i < log->segment_count; i++) {
        uint32_t size = log->segments[i].size;
        if (size > over || (is_active(log, i) && size == 0))
            return;
        over -= size;
        let_go(log, i, verdict);
    }
}

/* A segment of which no age is known is at least as old as one behind it. */
static void decide_by_time(const struct log *log, int64_t limit, const struct proven_time *time,
                           struct retention_verdict *verdict)
{
    if (limit < 0)
        return;
    for (uint32_t i = first_kept(log); i < log->segment_count; i++) {
        int64_t timestamp = largest_timestamp(log, i);
        if (log->segments[i].size == 0)
            return;
        if (timestamp == SEGMENT_TIMESTAMP_UNKNOWN) {
            verdict->wants_timestamps = true;
            return;
        }
        int64_t age = timestamp >= 0 ? proven_time_age(time, timestamp) : PROVEN_TIME_UNKNOWN;
        if (age == PROVEN_TIME_UNKNOWN)
            continue;
        if (age <= limit)
            return;
        let_go(log, i, verdict);
    }
}

static void decide_by_count(const struct log *log, int64_t limit, struct retention_verdict *verdict)
{
    if (limit >= 0 && log->end - limit > verdict->start)
        verdict->start = log->end - limit;
}

struct retention_verdict retention_decide(const struct log *log, const struct retention_limits *limits,
                                          const struct proven_time *time)
{
    struct retention_verdict verdict = {.start = log->start};
    decide_by_size(log, limits->bytes, &verdict);
    decide_by_time(log, limits->ms, time, &verdict);
    decide_by_count(log, limits->records, &verdict);
    return verdict;
}

/* ---- the whole data folder ---- */

uint64_t retention_kept_bytes(const struct log *log)
{
    uint64_t bytes = log->bytes;
    uint32_t first = first_kept(log);
    for (uint32_t i = 0; i < first; i++)
        bytes -= log->segments[i].size;
    return bytes;
}

struct retention_segment retention_oldest(const struct log *log)
{
    uint32_t i = first_kept(log);
    int64_t timestamp = largest_timestamp(log, i);
    return (struct retention_segment){
        .end_offset = log_segment_end_offset(log, i),
        .timestamp = timestamp >= 0 ? timestamp : -1,
        .is_unknown = timestamp == SEGMENT_TIMESTAMP_UNKNOWN,
        .bytes = log->segments[i].size,
        .is_active = is_active(log, i),
    };
}
