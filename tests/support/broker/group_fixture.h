/* A coordinator of groups without a server: its log is a list of batches, each of which waits until the test lets it be
 * written; time goes by hand. */
#pragma once

#include "check.h"
#include "group/group_coordinator.h"
#include "kafka/codec.h"

#define APPENDS_MAX     32
#define LOG_BATCHES_MAX 8192
#define TOPICS_MAX      8

struct group_fixture {
    struct memory memory;
    struct group_coordinator_limits limits;
    struct group_coordinator *coordinator;
    struct group_time now;
    struct coordinator_batch *waiting[APPENDS_MAX];
    int waiting_count;
    struct memory log_memory; /* what the log holds is nobody's memory here */
    uint8_t *log[LOG_BATCHES_MAX];
    size_t log_sizes[LOG_BATCHES_MAX];
    int log_count;
    struct arena arena;
    struct join_protocol protocol; /* of who joins */
    struct group_topic topics[TOPICS_MAX];
    int topic_count;
    uint64_t topics_version;
    int32_t assignment_interval_ms;
    int lookups; /* of topics by name */
    int answers; /* since the last call was made */
};

void group_fixture_open(struct group_fixture *f);
/* A topic comes; one of the name that is there grows. Its id begins with `id`. */
void group_fixture_set_topic(struct group_fixture *f, const char *name, uint8_t id, int32_t partitions);
void group_fixture_delete_topic(struct group_fixture *f, const char *name);
void group_fixture_close(struct group_fixture *f);
/* Those that wait are written, or not. */
void group_fixture_answer(struct group_fixture *f, enum kafka_error error);
/* Only the first of them. */
void group_fixture_answer_one(struct group_fixture *f, enum kafka_error error);
/* Into the log, past the coordinator. */
void group_fixture_write_tombstone(struct group_fixture *f, const struct message_type *key_type, const void *key);
/* How many kinds of records of that member stand in the log. */
int group_fixture_count_standing(const struct group_fixture *f, const char *member);
/* Only what was written is known. */
void group_fixture_restart(struct group_fixture *f);
void group_fixture_done(struct group_call *call);
struct commit_partition group_fixture_partition(const char *topic, int32_t partition, int64_t offset);
struct commit_call group_fixture_commit_call(struct group_fixture *f, const char *group,
                                             struct commit_partition *partitions, size_t count);
const struct committed_offset *group_fixture_find(const struct group_fixture *f, const char *group, const char *topic,
                                                  int32_t partition);
/* Written and answered. */
void group_fixture_commit(struct group_fixture *f, const char *group, const char *topic, int32_t partition,
                          int64_t offset);
struct join_call group_fixture_join_call(struct group_fixture *f, const char *member);
/* A stable group "g" of one; its id is copied to `id`. */
void group_fixture_settle(struct group_fixture *f, char id[80]);
