/* bench_groups: consumer groups of the classic protocol on 127.0.0.1. Prints one line of JSON. */
#include "client.h"
#include "clock.h"
#include "frame.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: bench_groups commits --port N --requests N [--connections N]    one offset each, for a group each\n"
    "       bench_groups members --port N [--groups N] [--partitions N]     one member and so many offsets in each\n"
    "       bench_groups offsets --port N [--groups N] [--partitions N]     the offsets alone\n"
    "       bench_groups rebalance --port N --requests N [--connections N]\n"
    "                              so many generations: from the last JoinGroup to the last SyncGroup's answer\n"
    "The topic \"bench\" is there.\n";

#define ANSWER_MAX         (2 << 20)
#define API_OFFSET_COMMIT  8
#define API_JOIN           11
#define API_SYNC           14
#define COMMIT_VERSION     9
#define JOIN_VERSION       9
#define SYNC_VERSION       5
#define MEMBER_ID_REQUIRED 79
#define TIMEOUT_MS         1800000 /* nobody sends heartbeats */
#define PROTOCOL           "range"
#define LEADER_AHEAD_US    3000

struct options {
    uint16_t port;
    int connections;
    int groups;
    int partitions;
    uint64_t requests;
};

static struct memory memory = {.fail_countdown = -1};
static uint8_t answer[ANSWER_MAX];

static _Noreturn void fail(const char *what, int error)
{
    fprintf(stderr, "bench_groups: %s: error %d\n", what, error);
    exit(1);
}

/* ---- requests ---- */

static void send_request(int fd, int16_t key, int16_t version, const void *body)
{
    writer w;
    frame_writer_init(&w);
    frame_write_request(&w, key, version, 0, body);
    int rc = client_send(fd, writer_slice(&w));
    if (rc != 0)
        fail("send", rc);
    writer_close(&w);
}

/* What is in it points into the answer, until the next one. */
static void take_answer(int fd, int16_t key, int16_t version, void *body, struct arena *arena)
{
    const struct kafka_api *api = kafka_api_find(key);
    int64_t size = client_take(fd, answer, sizeof answer);
    if (size < 0)
        fail("receive", (int)size);
    reader r = reader_of(slice_of(answer, (size_t)size));
    int32_t correlation_id;
    if (kafka_decode_response_header(api, version, &r, &correlation_id, arena) != 0 ||
        kafka_decode(api->response, version, &r, body, arena) != 0)
        fail("answer", -1);
}

struct member {
    int fd;
    char id[80];
    int32_t generation;
    bool leads;
};

static void write_commit(writer *w, const char *group, const struct member *member, int partitions)
{
    struct offset_commit_request_partition *items = calloc((size_t)partitions, sizeof *items);
    struct offset_commit_request_topic topic = {.name = slice_of_text(BENCH_TOPIC), .partitions = {items, partitions}};
    struct offset_commit_request request = OFFSET_COMMIT_REQUEST_DEFAULTS;
    if (items == NULL)
        fail("memory", ENOMEM);
    for (int i = 0; i < partitions; i++) {
        items[i] = (struct offset_commit_request_partition)OFFSET_COMMIT_REQUEST_PARTITION_DEFAULTS;
        items[i].partition_index = i;
        items[i].committed_metadata = slice_of_text("");
    }
    request.group_id = slice_of_text(group);
    request.member_id = slice_of_text(member != NULL ? member->id : "");
    request.generation_id_or_member_epoch = member != NULL ? member->generation : -1;
    request.topics = (struct offset_commit_request_topic_array){&topic, 1};
    frame_write_request(w, API_OFFSET_COMMIT, COMMIT_VERSION, 0, &request);
    free(items);
}

static void take_committed(int fd, struct arena *arena)
{
    struct offset_commit_response response;
    take_answer(fd, API_OFFSET_COMMIT, COMMIT_VERSION, &response, arena);
    for (int32_t i = 0; i < response.topics.count; i++) {
        const struct offset_commit_response_topic *topic = &response.topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (topic->partitions.items[j].error_code != 0)
                fail("OffsetCommit", topic->partitions.items[j].error_code);
        }
    }
    arena_reset(arena);
}

static void commit(int fd, const char *group, const struct member *member, int partitions, struct arena *arena)
{
    writer w;
    frame_writer_init(&w);
    write_commit(&w, group, member, partitions);
    int rc = client_send(fd, writer_slice(&w));
    if (rc != 0)
        fail("send", rc);
    writer_close(&w);
    take_committed(fd, arena);
}

/* ---- members ---- */

/* "bench", no data of the user's, in version 1. */
static const char subscription[] = "\0\1\0\0\0\1\0\5" BENCH_TOPIC "\xff\xff\xff\xff\0\0\0\0";
static const char assignment[] = "\0\1\0\0\0\1\0\5" BENCH_TOPIC "\0\0\0\1\0\0\0\0\xff\xff\xff\xff";

static void send_join(const struct member *member, const char *group)
{
    struct join_group_request_protocol protocol = {.name = slice_of_text(PROTOCOL),
                                                   .metadata = slice_of(subscription, sizeof subscription - 1)};
    struct join_group_request request = JOIN_GROUP_REQUEST_DEFAULTS;
    request.group_id = slice_of_text(group);
    request.session_timeout_ms = request.rebalance_timeout_ms = TIMEOUT_MS;
    request.member_id = slice_of_text(member->id);
    request.protocol_type = slice_of_text("consumer");
    request.protocols = (struct join_group_request_protocol_array){&protocol, 1};
    send_request(member->fd, API_JOIN, JOIN_VERSION, &request);
}

static int take_joined(struct member *member, struct arena *arena)
{
    struct join_group_response response;
    take_answer(member->fd, API_JOIN, JOIN_VERSION, &response, arena);
    if (response.error_code != 0 && response.error_code != MEMBER_ID_REQUIRED)
        fail("JoinGroup", response.error_code);
    snprintf(member->id, sizeof member->id, "%.*s", SLICE_PRINT(response.member_id));
    member->generation = response.generation_id;
    member->leads = slice_equal(response.leader, response.member_id);
    arena_reset(arena);
    return response.error_code;
}

static void send_sync(const struct member *member, const char *group, const struct member *members, int count)
{
    struct sync_group_request_assignment *items = calloc((size_t)count, sizeof *items);
    struct sync_group_request request = SYNC_GROUP_REQUEST_DEFAULTS;
    if (items == NULL)
        fail("memory", ENOMEM);
    for (int i = 0; i < count; i++)
        items[i] = (struct sync_group_request_assignment){.member_id = slice_of_text(members[i].id),
                                                          .assignment = slice_of(assignment, sizeof assignment - 1)};
    request.group_id = slice_of_text(group);
    request.generation_id = member->generation;
    request.member_id = slice_of_text(member->id);
    request.protocol_type = slice_of_text("consumer");
    request.protocol_name = slice_of_text(PROTOCOL);
    request.assignments = (struct sync_group_request_assignment_array){items, member->leads ? count : 0};
    send_request(member->fd, API_SYNC, SYNC_VERSION, &request);
    free(items);
}

static void take_synced(const struct member *member, struct arena *arena)
{
    struct sync_group_response response;
    take_answer(member->fd, API_SYNC, SYNC_VERSION, &response, arena);
    if (response.error_code != 0)
        fail("SyncGroup", response.error_code);
    arena_reset(arena);
}

/* ---- what is measured ---- */

static void run_commits(const struct options *options, struct arena *arena)
{
    int count = options->connections;
    struct pollfd *polled = calloc((size_t)count, sizeof *polled);
    writer *requests = calloc((size_t)count, sizeof *requests);
    int64_t *sent = calloc((size_t)count, sizeof *sent);
    if (polled == NULL || requests == NULL || sent == NULL)
        fail("memory", ENOMEM);
    for (int i = 0; i < count; i++) {
        char group[32];
        snprintf(group, sizeof group, "committer-%d", i);
        polled[i] = (struct pollfd){.fd = client_connect(options->port), .events = POLLIN};
        frame_writer_init(&requests[i]);
        write_commit(&requests[i], group, NULL, 1);
    }
    struct latencies latencies;
    latencies_init(&latencies, options->requests);
    uint64_t begun = 0;
    uint64_t done = 0;
    int64_t start = clock_ns();
    for (int i = 0; i < count && begun < options->requests; i++, begun++) {
        sent[i] = clock_ns();
        (void)!client_send(polled[i].fd, writer_slice(&requests[i]));
    }
    while (done < begun) {
        poll(polled, (nfds_t)count, -1);
        for (int i = 0; i < count; i++) {
            if (polled[i].revents == 0)
                continue;
            take_committed(polled[i].fd, arena);
            latencies_add(&latencies, clock_ns() - sent[i]);
            done++;
            if (begun == options->requests)
                continue;
            begun++;
            sent[i] = clock_ns();
            (void)!client_send(polled[i].fd, writer_slice(&requests[i]));
        }
    }
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (unsigned long long)done,
           (double)(clock_ns() - start) / 1e9, latencies_percentile(&latencies, 0.5),
           latencies_percentile(&latencies, 0.99));
}

static void run_groups(const struct options *options, struct arena *arena, bool with_members)
{
    int fd = client_connect(options->port);
    for (int i = 0; i < options->groups; i++) {
        char group[32];
        struct member member = {.fd = fd};
        snprintf(group, sizeof group, "bench-%d", i);
        if (with_members) {
            do {
                send_join(&member, group);
            } while (take_joined(&member, arena) != 0);
            send_sync(&member, group, &member, 1);
            take_synced(&member, arena);
        }
        commit(fd, group, with_members ? &member : NULL, options->partitions, arena);
    }
    close(fd);
    printf("{\"groups\": %d, \"offsets\": %d}\n", options->groups, options->groups * options->partitions);
}

static bool are_of_one_generation(const struct member *members, int count)
{
    int i = 1;
    while (i < count && members[i].generation == members[0].generation)
        i++;
    return i == count && members[0].generation > 0;
}

static void sync_all(const struct member *members, int count, const char *group, struct arena *arena)
{
    for (int i = 0; i < count; i++)
        send_sync(&members[i], group, members, count);
    for (int i = 0; i < count; i++)
        take_synced(&members[i], arena);
}

static void swap(struct member *one, struct member *other)
{
    struct member kept = *one;
    *one = *other;
    *other = kept;
}

/* The leader asks for a rebalance, the others are asked to join. Nanoseconds from when the last one does. */
static int64_t rebalance(struct member *members, int count, const char *group, struct arena *arena)
{
    int leader = 0;
    while (!members[leader].leads)
        leader++;
    swap(&members[leader], &members[0]);
    send_join(&members[0], group);
    usleep(LEADER_AHEAD_US); /* it is on another connection */
    for (int i = 1; i < count - 1; i++)
        send_join(&members[i], group);
    int64_t start = clock_ns();
    if (count > 1)
        send_join(&members[count - 1], group);
    for (int i = 0; i < count; i++)
        take_joined(&members[i], arena);
    sync_all(members, count, group, arena);
    int64_t took = clock_ns() - start;
    if (!are_of_one_generation(members, count))
        fail("members of several generations", count);
    return took;
}

static void run_rebalances(const struct options *options, struct arena *arena)
{
    static const char group[] = "bench-rebalance";
    int count = options->connections;
    struct member *members = calloc((size_t)count, sizeof *members);
    if (members == NULL)
        fail("memory", ENOMEM);
    for (int i = 0; i < count; i++) {
        members[i].fd = client_connect(options->port);
        send_join(&members[i], group);
        take_joined(&members[i], arena);
    }
    send_join(&members[0], group);
    take_joined(&members[0], arena);
    sync_all(members, 1, group, arena);
    rebalance(members, count, group, arena);
    struct latencies latencies;
    latencies_init(&latencies, options->requests);
    for (uint64_t i = 0; i < options->requests; i++)
        latencies_add(&latencies, rebalance(members, count, group, arena));
    printf("{\"rebalances\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (unsigned long long)options->requests,
           latencies_percentile(&latencies, 0.5), latencies_percentile(&latencies, 0.99));
}

/* ---- the command line ---- */

static _Noreturn void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static int number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > 10000000)
        usage();
    return (int)value;
}

int main(int argc, char **argv)
{
    enum { PORT, CONNECTIONS, GROUPS, PARTITIONS, REQUESTS };
    static const struct option names[] = {
        {"port", required_argument, NULL, PORT},         {"connections", required_argument, NULL, CONNECTIONS},
        {"groups", required_argument, NULL, GROUPS},     {"partitions", required_argument, NULL, PARTITIONS},
        {"requests", required_argument, NULL, REQUESTS}, {NULL, 0, NULL, 0},
    };
    struct options options = {.connections = 1, .groups = 1, .partitions = 1};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        int value = option == '?' ? 0 : number(optarg);
        switch (option) {
        case PORT:
            options.port = (uint16_t)value;
            break;
        case CONNECTIONS:
            options.connections = value;
            break;
        case GROUPS:
            options.groups = value;
            break;
        case PARTITIONS:
            options.partitions = value;
            break;
        case REQUESTS:
            options.requests = (uint64_t)value;
            break;
        default:
            usage();
        }
    }
    struct arena arena;
    arena_init(&arena, &memory, MEMORY_REQUESTS, ANSWER_MAX);
    const char *verb = optind < argc ? argv[optind] : "";
    if (options.port == 0)
        usage();
    if (strcmp(verb, "commits") == 0 && options.requests > 0)
        run_commits(&options, &arena);
    else if (strcmp(verb, "members") == 0 || strcmp(verb, "offsets") == 0)
        run_groups(&options, &arena, verb[0] == 'm');
    else if (strcmp(verb, "rebalance") == 0 && options.requests > 0)
        run_rebalances(&options, &arena);
    else
        usage();
    return 0;
}
