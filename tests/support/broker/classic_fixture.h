/* A group of the classic protocol and clients of it, on time by hand. */
#pragma once

#include "check.h"
#include "group/classic_group.h"
#include "seeded_random.h"

/* A client that waits for its answers, and remembers them. */
struct classic_client {
    struct arena arena;
    struct join_call join;
    struct sync_call sync;
    char id[80];
    char instance[16]; /* empty: dynamic */
    char metadata[16];
    struct join_protocol protocols[2];
    int joined; /* answers */
    int synced;
};

struct classic_fixture {
    struct memory memory;
    struct group_limits limits;
    struct group_answers answers;
    struct classic_group *group;
    struct seeded_random random;
    int64_t now;
    uint64_t written[64]; /* tokens that wait for their result */
    int writes;
};

void classic_fixture_open(struct classic_fixture *f);
/* Whoever waits is answered. */
void classic_fixture_close_group(struct classic_fixture *f);
/* The group and the clients are closed. */
void classic_fixture_close(struct classic_fixture *f);
void classic_client_open(struct classic_fixture *f, struct classic_client *c, const char *instance,
                         const char *metadata);
slice classic_client_instance(const struct classic_client *c);
void classic_client_join_with(struct classic_fixture *f, struct classic_client *c,
                              const struct join_protocol *protocols, int32_t count, bool requires_id);
void classic_client_join_as(struct classic_fixture *f, struct classic_client *c, const char *first, const char *second,
                            bool requires_id);
void classic_client_keep_id(struct classic_client *c);
void classic_client_join(struct classic_fixture *f, struct classic_client *c);
void classic_client_sync(struct classic_fixture *f, struct classic_client *c,
                         const struct group_assignment *assignments, int32_t count);
void classic_fixture_answer(struct classic_fixture *f, enum kafka_error error);
void classic_fixture_wait_until(struct classic_fixture *f, int64_t now);
enum kafka_error classic_client_heartbeat(struct classic_fixture *f, const struct classic_client *c);
/* One member that leads a stable group of itself. */
void classic_fixture_settle_alone(struct classic_fixture *f, struct classic_client *c);
/* Two members, the first one leads; assigned "first" and "second". */
void classic_fixture_settle_two(struct classic_fixture *f, struct classic_client *first, struct classic_client *second);
