/* The server: everything that lives as long as the process, put together by main.c and handed to whoever needs it. All
 * of it belongs to the loop's thread. */
#pragma once

#include "budget.h"
#include "config.h"
#include "data_folder.h"
#include "disk_watch.h"
#include "http/counts.h"
#include "jobs.h"
#include "logger.h"
#include "loop_watch.h"
#include "topics.h"
#include "writer_thread.h"

#include <uv.h>

struct checkpoints;
struct cleaner;
struct connections;
struct flush;
struct lifecycle;
struct metadata_log;
struct operations;
struct append_service;
struct read_service;
struct record_readers;
struct fetch_sessions;
struct producer_ids;
struct missing_topics;
struct group_service;
struct transaction_service;
struct http_api;
struct rest;
struct retention;
struct scrub;

#define SERVER_KEYS_MAX 128 /* of Kafka's APIs */

struct server {
    struct memory *memory;
    struct logger *logger;
    struct config *config;
    uv_loop_t *loop;
    /* SIGHUP: what the sources of the configuration say now. Set by main.c. */
    int (*read_log_level)(enum log_level *level, struct error *error);

    const char *data; /* the data folder, as it was named; "" until it is open */
    int lock;         /* of the data folder, held while the server runs */
    struct disk *disk;
    struct disk_watch disk_watch; /* whether it takes records */
    struct data_folder *folder;
    struct data_folder_start start; /* cluster id, node id, leader epoch */
    bool folder_failed;             /* server_open: what failed is the data folder or what lies in it */
    struct log_environment logs;

    struct budget *budget; /* bytes of requests and responses, shared out among connections */
    struct jobs jobs;
    struct writer_thread *writer;
    struct retention *retention;     /* lets old segments go; NULL while the storage is opened */
    struct checkpoints *checkpoints; /* all checkpoint files are written through it */
    bool checkpoints_stale;  /* they speak of logs that are not these, or not at all of some: to be written soon */
    struct flush *flush;     /* background syncs; told of each append that was not synced */
    struct cleaner *cleaner; /* compacts logs */
    struct scrub *scrub;     /* looks for bit rot */
    struct connections *connections;
    uint16_t kafka_port;                     /* of the first listener for Kafka's protocol; 0: none */
    const struct http_api *const *http_apis; /* what HTTP serves, NULL at the end */
    struct http_counts http_counts;
    struct loop_watch loop_watch;
    int64_t started;             /* ms since 1970 */
    struct lifecycle *lifecycle; /* server.c: signals, listeners, the way to the end */

    struct topics topics;
    struct metadata_log *metadata; /* where topics, configurations and producer id blocks are remembered */
    struct operations *operations; /* what the services below stand on */
    struct append_service *appends;
    struct read_service *reads;
    struct record_readers *record_readers; /* who reads by HTTP */
    struct fetch_sessions *sessions;
    struct producer_ids *producer_ids;
    struct missing_topics *missing_topics;
    uint64_t requests_started;                 /* of clients, since the start */
    uint64_t requests_by_key[SERVER_KEYS_MAX]; /* the same, by the APIs' keys */
    struct group_service *groups;
    struct transaction_service *transactions;
    struct rest *rest; /* what the REST APIs keep between requests */
};

/* Wall clock, ms since 1970, as of this turn of the loop or newer. */
int64_t server_now(const struct server *server);
void server_random(struct server *server, void *to, size_t size);

/* ---- its life, for main.c ---- */

/* Opens everything in the data folder `data`, recovering what needs it, and listens. memory, logger, config, loop and
 * read_log_level are set already, jobs initialised. Blocking. After a failure nothing is left open. */
MUST_USE int server_open(struct server *server, const char *data, struct error *error);
/* Serves until SIGTERM or SIGINT; then ends in order: accepts nothing, finishes what is under way, flushes the logs and
 * marks the folder as cleanly left. Errors: what could not be flushed. */
MUST_USE int server_run(struct server *server, struct error *error);
/* After server_run. */
void server_close(struct server *server);
