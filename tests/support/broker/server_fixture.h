/* A server without its listeners, on a real loop: configuration, budget, connections over socket pairs, a log that can
 * be looked at; and, where a test needs it, the storage on a simulated disk. */
#pragma once

#include "connection.h"
#include "operations/append.h"
#include "server.h"

struct server_fixture {
    struct memory memory;
    struct logger logger;
    struct server server;
    uv_loop_t loop;
    int log; /* what was logged */
    struct error error;
};

/* settings: "key=value", ended by NULL; or NULL. All levels are logged. Before this call nothing is set. */
void server_fixture_open(struct server_fixture *f, const char *const *settings);
/* True when all memory came back. */
bool server_fixture_close(struct server_fixture *f);

/* Budget and connections. 0 or -ENOMEM. */
int server_fixture_open_connections(struct server_fixture *f);
/* Closes all that is left. */
void server_fixture_close_connections(struct server_fixture *f);

/* A connected peer that does not block; `address` ("10.0.0.1") is where it seems to come from. */
int server_fixture_connect(struct server_fixture *f, const struct connection_dialect *dialect, const char *address);

/* Until all that the sockets hold has been worked on. */
void server_fixture_turn(struct server_fixture *f);
/* Turns the loop for so long, sleeping where it sleeps. How often it woke up. */
unsigned server_fixture_run_ms(struct server_fixture *f, unsigned ms);
/* How often `text` stands in the log. */
unsigned server_fixture_logged(const struct server_fixture *f, const char *text);
/* Timers of the loop that are running. */
unsigned server_fixture_timers(struct server_fixture *f);

/* ---- storage ---- */

/* Makes the simulated disk; it stays over restarts, until server_fixture_close. */
void server_fixture_make_disk(struct server_fixture *f, uint64_t seed);
int server_fixture_open_storage(struct server_fixture *f);
void server_fixture_close_storage(struct server_fixture *f);
/* Connections and storage of one server: neither waits for the other's handles. */
void server_fixture_close_services(struct server_fixture *f);

/* Turns the loop until the topic is made, or is not; config NULL: as the server's. */
int server_fixture_create_topic(struct server_fixture *f, const char *name, int32_t partitions,
                                const struct topic_config *config, struct topic **topic);
/* One part, and a record in a batch of its own: turn the loop until it has its result. An allocation that a test lets
 * fail is not one of these. */
enum kafka_error server_fixture_append_batch(struct server_fixture *f, struct append_part *part, enum append_acks acks,
                                             enum append_origin origin);
enum kafka_error server_fixture_append(struct server_fixture *f, struct partition *partition, enum append_acks acks,
                                       int64_t timestamp, slice key, slice value);
