/* The topic that records are to go to: found, or made first where auto.create.topics.enable says so, as Metadata makes
 * it for clients of Kafka.
 *
 * Who asks for a topic that is just being made waits for that, whoever makes it. One that is just being deleted is
 * waited for too, and then made anew. */
#pragma once

#include "kafka/error_code.h"
#include "slice.h"
#include "status.h"

struct server;
struct topic;
struct missing_topics;

/* Embedded in the caller's, which must stay until `done`. */
struct missing_topic_request {
    slice name; /* borrowed until done */
    /* The topic, or NULL with an error and words. Called at once when nothing is waited for. */
    void (*done)(struct missing_topic_request *request, struct topic *topic, enum kafka_error code,
                 const struct error *error);
    void *context;

    /* Private */
    struct missing_topics *service;
    struct missing_topic_request *next;
    int64_t until;    /* ms of uv_now: when it gives up */
    bool is_creating; /* it has asked the metadata log */
};

MUST_USE int missing_topics_open(struct server *server, struct missing_topics **service);
/* Nobody may wait. Freed by a later turn of the loop. */
void missing_topics_close(struct missing_topics *service);
/* Who waits for what others do gets an answer at the next look. */
void missing_topics_end_waits(struct missing_topics *service);
bool missing_topics_idle(const struct missing_topics *service);

void missing_topic_start(struct missing_topics *service, struct missing_topic_request *request);
