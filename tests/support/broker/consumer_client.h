/* A member of group "g" of the consumer protocol, as clients are: it gives up at once what it is not assigned any more,
 * and says so with its next heartbeat; fenced, it drops everything and joins again. */
#pragma once

#include "group_fixture.h"

#define CONSUMER_CLIENT_HELD_MAX 256

struct consumer_client_held {
    uint8_t topic; /* the first byte of its id */
    int32_t partition;
};

struct consumer_client {
    struct group_fixture *f;
    char id[16];
    const char *instance;
    slice names[4]; /* "t" at first */
    const char *regex;
    const char *assignor;
    int name_count;
    int32_t epoch;
    struct consumer_client_held held[CONSUMER_CLIENT_HELD_MAX];
    int held_count;
    enum kafka_error error; /* of the last answer */
    bool says_all;          /* its next heartbeat is a full one */
    bool is_beating;
    struct arena arena;  /* the request's */
    struct arena asking; /* what it says */
    struct consumer_group_heartbeat_request asked;
    struct consumer_call call;
};

void consumer_client_open(struct consumer_client *c, struct group_fixture *f, const char *id);
void consumer_client_close(struct consumer_client *c);
bool consumer_client_holds(const struct consumer_client *c, uint8_t topic, int32_t partition);
/* A heartbeat in that epoch: 0 joins, -1 and -2 leave. It is answered when it is written, or at once. */
void consumer_client_send(struct consumer_client *c, int32_t epoch);
/* In its own epoch. */
void consumer_client_begin_beat(struct consumer_client *c);
/* And everything is written. */
enum kafka_error consumer_client_beat(struct consumer_client *c);
/* Heartbeats of all, six times round. */
void consumer_client_settle(struct consumer_client **clients, int count);
/* Whether the group is in that state. */
bool consumer_client_group_is(const struct group_fixture *f, const char *state);
/* Of the last answer. */
slice consumer_client_words(const struct consumer_client *c);
