/* Prometheus' text format, version 0.0.4: what the files of /metrics share. A family is begun once, and its lines
 * follow. */
#pragma once

#include "histogram.h"
#include "http/site.h"

/* One line or more, bounded; `value` and labels of the server's own text. */
PRINTF_LIKE(2, 3) void metrics_line(writer *w, const char *format, ...);
/* type: "gauge", "counter", "histogram". */
void metrics_begin(writer *w, const char *name, const char *type, const char *help);
/* A family of one value without labels. */
void metrics_single(writer *w, const char *name, const char *type, const char *help, uint64_t value);
/* A family of one histogram without labels; in seconds. */
void metrics_histogram(writer *w, const char *name, const char *help, const struct histogram *histogram);
/* `before` and the value in quotes: "{topic=", "orders". Any bytes. */
void metrics_label(writer *w, const char *before, slice value);

/* The parts of /metrics. */
void metrics_write_topics(const struct server *server, writer *w);  /* metrics_topics.c */
void metrics_write_groups(const struct server *server, writer *w);  /* metrics_groups.c */
void metrics_write_times(const struct server *server, writer *w);   /* metrics_times.c: requests, and how long */
void metrics_write_process(const struct server *server, writer *w); /* metrics_process.c: memory, disk, connections */
