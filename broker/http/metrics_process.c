#include "connection.h"
#include "file.h"
#include "http/metrics_text.h"
#include "http/session.h"
#include "kafka/session.h"
#include "server.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>

/* ---- memory ---- */

static void write_memory(const struct memory *memory, writer *w)
{
    metrics_begin(w, "furrow_memory_bytes", "gauge", "Memory in use, by its purpose");
    for (int i = 0; i < MEMORY_PURPOSES; i++)
        metrics_line(w, "furrow_memory_bytes{purpose=\"%s\"} %zu\n", memory_purpose_text((enum memory_purpose)i),
                     atomic_load(&memory->counts[i].bytes));
    metrics_begin(w, "furrow_memory_peak_bytes", "gauge", "The most memory that was in use, by its purpose");
    for (int i = 0; i < MEMORY_PURPOSES; i++)
        metrics_line(w, "furrow_memory_peak_bytes{purpose=\"%s\"} %zu\n", memory_purpose_text((enum memory_purpose)i),
                     atomic_load(&memory->counts[i].peak_bytes));
}

static void write_budget(const struct server *server, writer *w)
{
    metrics_single(w, "furrow_budget_used_bytes", "gauge", "Bytes of requests and responses under way",
                   budget_used(server->budget));
    metrics_single(w, "furrow_budget_limit_bytes", "gauge", "What those bytes may grow to",
                   budget_limit(server->budget));
    metrics_single(w, "furrow_budget_waiting_connections", "gauge", "Connections that wait for memory",
                   budget_waiting(server->budget));
}

/* ---- connections ---- */

static void write_connections(const struct server *server, writer *w)
{
    static const struct connection_dialect *const dialects[] = {&kafka_dialect, &http_dialect};
    metrics_begin(w, "furrow_connections", "gauge", "Open connections");
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        metrics_line(w, "furrow_connections{protocol=\"%s\"} %zu\n", dialects[i]->name,
                     connections_count_of(server->connections, dialects[i]));
}

/* ---- the disk ---- */

static void write_disk(const struct server *server, writer *w)
{
    struct disk_space space;
    if (server->disk == NULL || disk_find_space(server->disk, &space, NULL) != 0)
        return;
    metrics_single(w, "furrow_disk_total_bytes", "gauge", "Size of the disk that the data folder is on", space.total);
    metrics_single(w, "furrow_disk_free_bytes", "gauge", "What of it may still be written", space.free);
    metrics_single(w, "furrow_disk_reserve_bytes", "gauge", "What must stay free for records to be taken",
                   server->disk_watch.reserve);
    metrics_single(w, "furrow_disk_full", "gauge", "Whether records are refused, since too little is free",
                   server->disk_watch.is_full);
}

/* ---- the process ---- */

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; /* the folder's own */
}

static double seconds_of(uv_timeval_t time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* The names that Prometheus' own client libraries have. */
static void write_process(const struct server *server, writer *w)
{
    size_t resident = 0;
    uv_rusage_t usage;
    struct rlimit limit;
    if (uv_resident_set_memory(&resident) == 0)
        metrics_single(w, "process_resident_memory_bytes", "gauge", "Resident memory", resident);
    if (uv_getrusage(&usage) == 0) {
        metrics_begin(w, "process_cpu_seconds_total", "counter", "User and system time");
        metrics_line(w, "process_cpu_seconds_total %.6f\n", seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    }
    metrics_single(w, "process_open_fds", "gauge", "Open descriptors", count_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metrics_single(w, "process_max_fds", "gauge", "Descriptors that may be open", (uint64_t)limit.rlim_cur);
    metrics_single(w, "process_start_time_seconds", "gauge", "When it started, seconds since 1970",
                   (uint64_t)(server->started / 1000));
}

void metrics_write_process(const struct server *server, writer *w)
{
    write_budget(server, w);
    write_memory(server->memory, w);
    write_connections(server, w);
    write_disk(server, w);
    write_process(server, w);
}
