#include "http/metrics_text.h"
#include "kafka/api.h"
#include "operations/append.h"
#include "server.h"

#include <inttypes.h>

static void write_kafka_requests(const struct server *server, writer *w)
{
    metrics_begin(w, "furrow_kafka_requests_total", "counter", "Requests of Kafka's protocol since the start");
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct message_type *type = kafka_apis[i].request;
        if (server->requests_by_key[type->key] != 0)
            metrics_line(w, "furrow_kafka_requests_total{api=\"%s\"} %" PRIu64 "\n", type->name,
                         server->requests_by_key[type->key]);
    }
}

static void write_http_requests(const struct server *server, writer *w)
{
    const struct http_counts *counts = &server->http_counts;
    metrics_begin(w, "furrow_http_requests_total", "counter",
                  "Requests of HTTP that were answered since the start; no path: none was found");
    for (size_t i = 0; i < HTTP_COUNTS_MAX; i++) {
        const struct http_count *count = &counts->places[i];
        if (count->status == 0)
            continue;
        const char *method = count->route != NULL ? http_method_text(count->route->method) : "";
        const char *path = count->route != NULL ? count->route->pattern : "";
        metrics_line(w, "furrow_http_requests_total{method=\"%s\",path=\"%s\",status=\"%d\"} %" PRIu64 "\n", method,
                     path, count->status, count->answers);
    }
    metrics_histogram(w, "furrow_http_request_seconds", "From a request's head to its answer, or a stream's beginning",
                      &counts->times);
}

void metrics_write_times(const struct server *server, writer *w)
{
    write_kafka_requests(server, w);
    write_http_requests(server, w);
    if (server->appends != NULL)
        metrics_histogram(w, "furrow_append_seconds", "From the arrival of records to their acknowledgement",
                          append_service_times(server->appends));
    if (server->writer != NULL) {
        const struct writer_times *times = writer_thread_times(server->writer);
        metrics_histogram(w, "furrow_writer_queue_seconds", "What writes and syncs wait until they begin",
                          &times->waits);
        metrics_histogram(w, "furrow_write_seconds", "Writes by the writing thread", &times->writes);
        metrics_histogram(w, "furrow_sync_seconds", "Syncs of the disk", &times->syncs);
    }
    metrics_histogram(w, "furrow_job_queue_seconds", "What jobs of the thread pool wait until they begin",
                      &server->jobs.waits);
    metrics_histogram(w, "furrow_loop_turn_seconds",
                      "Turns of the event loop: what arrives during one waits for its end", &server->loop_watch.turns);
}
