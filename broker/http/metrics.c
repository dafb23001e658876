/* Names are those of kafka_exporter and of the JMX exporter where they have the thing, since dashboards know them; what
 * is Furrow's own begins with furrow_. */
#include "http/metrics_text.h"

#include "rest/rest.h"
#include "rest/streambed.h"
#include "server.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 256

void metrics_line(writer *w, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    write_bytes(w, slice_of_text(line));
}

void metrics_begin(writer *w, const char *name, const char *type, const char *help)
{
    metrics_line(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_single(writer *w, const char *name, const char *type, const char *help, uint64_t value)
{
    metrics_begin(w, name, type, help);
    metrics_line(w, "%s %" PRIu64 "\n", name, value);
}

void metrics_histogram(writer *w, const char *name, const char *help, const struct histogram *histogram)
{
    uint64_t count = 0;
    metrics_begin(w, name, "histogram", help);
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
        metrics_line(w, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, histogram_bounds_us[i] / 1e6, count);
    }
    count += histogram->counts[HISTOGRAM_BOUNDS];
    metrics_line(w, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9g\n%s_count %" PRIu64 "\n", name, count, name,
                 (double)histogram->sum / 1e9, name, count);
}

/* JSON's escapes of quotes, backslashes and line ends are Prometheus' too; it leaves others as they are. */
void metrics_label(writer *w, const char *before, slice value)
{
    struct json json = json_to(w);
    write_bytes(w, slice_of_text(before));
    json_string(&json, value);
}

void metrics_write(struct server *server, writer *w)
{
    metrics_begin(w, "furrow_build_info", "gauge", "The version that runs");
    metrics_line(w, "furrow_build_info{version=\"%s\"} 1\n", FURROW_VERSION);
    metrics_single(w, "kafka_brokers", "gauge", "Number of brokers", 1);
    metrics_write_topics(server, w);
    metrics_write_groups(server, w);
    metrics_write_times(server, w);
    if (server->rest != NULL)
        metrics_single(w, "furrow_streambed_records_left_out_total", "counter",
                       "Records that Streambed's clients did not get, since its form cannot hold them",
                       streambed_left_out(server->rest->streambed));
    metrics_write_process(server, w);
}
