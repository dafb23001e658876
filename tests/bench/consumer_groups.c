/* bench_consumers: one group of the consumer protocol (KIP-848) on 127.0.0.1, whose members all come at once. Each does
 * as clients do: a heartbeat every interval that the server asks for, and one at once when it has given up what it is
 * to lose. Prints one line of JSON, when every member owns its share and nobody what another one owns:
 *
 *     {"ms": since the first heartbeat, "heartbeats": the most that any member has sent} */
#include "client.h"
#include "clock.h"
#include "frame.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage_text[] = "usage: bench_consumers --port N [--members N] [--partitions N] [--topic NAME]\n"
                                 "The topic is made, and must not be there.\n";

#define API_CREATE_TOPICS     19
#define CREATE_TOPICS_VERSION 7
#define API_HEARTBEAT         68
#define HEARTBEAT_VERSION     1
#define ANSWER_MAX            (1 << 20)
#define GIVEN_UP_AFTER_NS     (30 * INT64_C(1000000000))
#define NS_PER_MS             INT64_C(1000000)
#define REBALANCE_TIMEOUT_MS  60000

struct options {
    uint16_t port;
    int members;
    int partitions;
    const char *topic;
};

struct member {
    int fd;
    char id[24];
    int32_t epoch;
    bool waits; /* for an answer */
    bool tells; /* what it owns, with the next heartbeat */
    int64_t due_ns;
    uint32_t heartbeats;
    bool *owns; /* of partitions */
    int owned;
};

static struct memory memory = {.fail_countdown = -1};
static uint8_t answer[ANSWER_MAX];
static struct uuid topic_id;

static _Noreturn void fail(const char *what, int error)
{
    fprintf(stderr, "bench_consumers: %s: error %d\n", what, error);
    exit(1);
}

static void *make(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (block == NULL)
        fail("memory", ENOMEM);
    return block;
}

static void create_topic(const struct options *options)
{
    writer w;
    int fd = client_connect(options->port);
    frame_writer_init(&w);
    frame_write_create_topic(&w, 0, slice_of_text(options->topic), options->partitions, NULL);
    int64_t size = client_exchange(fd, writer_slice(&w), answer, sizeof answer);
    int error =
        size < 0 ? (int)size : frame_error_of(API_CREATE_TOPICS, CREATE_TOPICS_VERSION, slice_of(answer, (size_t)size));
    if (error != 0)
        fail("CreateTopics", error);
    writer_close(&w);
    close(fd);
}

/* ---- a heartbeat ---- */

static void send_heartbeat(struct member *member, const struct options *options, int64_t now)
{
    struct consumer_group_heartbeat_request request = CONSUMER_GROUP_HEARTBEAT_REQUEST_DEFAULTS;
    slice topic = slice_of_text(options->topic);
    struct consumer_group_heartbeat_request_topic owned = {.topic_id = topic_id};
    int32_t *partitions = make((size_t)options->partitions, sizeof *partitions);
    request.group_id = slice_of_text("bench");
    request.member_id = slice_of_text(member->id);
    request.member_epoch = member->epoch;
    if (member->epoch == 0) {
        request.rebalance_timeout_ms = REBALANCE_TIMEOUT_MS;
        request.subscribed_topic_names = (struct string_array){&topic, 1};
    }
    owned.partitions.items = partitions;
    for (int p = 0; p < options->partitions; p++) {
        if (member->owns[p])
            partitions[owned.partitions.count++] = p;
    }
    if (member->epoch == 0 || member->tells)
        request.topic_partitions =
            (struct consumer_group_heartbeat_request_topic_array){&owned, owned.partitions.count > 0};
    writer w;
    frame_writer_init(&w);
    frame_write_request(&w, API_HEARTBEAT, HEARTBEAT_VERSION, 0, &request);
    int rc = client_send(member->fd, writer_slice(&w));
    if (rc != 0)
        fail("send", rc);
    writer_close(&w);
    free(partitions);
    member->waits = true;
    member->tells = false;
    member->heartbeats++;
    member->due_ns = now;
}

/* Takes over what it is assigned; what it did not have, or is to lose, it tells the server at once. */
static void note_assignment(struct member *member, const struct options *options,
                            const struct consumer_group_heartbeat_response_assignment *assignment)
{
    bool *owns = make((size_t)options->partitions, sizeof *owns);
    member->owned = 0;
    for (int32_t t = 0; t < assignment->topic_partitions.count; t++) {
        const struct consumer_group_heartbeat_response_topic *topic = &assignment->topic_partitions.items[t];
        topic_id = topic->topic_id;
        for (int32_t i = 0; i < topic->partitions.count; i++) {
            owns[topic->partitions.items[i]] = true;
            member->owned++;
        }
    }
    member->tells = memcmp(owns, member->owns, (size_t)options->partitions) != 0;
    free(member->owns);
    member->owns = owns;
}

static void take_answer(struct member *member, const struct options *options, struct arena *arena)
{
    const struct kafka_api *api = kafka_api_find(API_HEARTBEAT);
    struct consumer_group_heartbeat_response response;
    int64_t size = client_take(member->fd, answer, sizeof answer);
    if (size < 0)
        fail("receive", (int)size);
    reader r = reader_of(slice_of(answer, (size_t)size));
    int32_t correlation_id;
    if (kafka_decode_response_header(api, HEARTBEAT_VERSION, &r, &correlation_id, arena) != 0 ||
        kafka_decode(api->response, HEARTBEAT_VERSION, &r, &response, arena) != 0)
        fail("answer", -1);
    if (response.error_code != 0)
        fail("ConsumerGroupHeartbeat", response.error_code);
    member->epoch = response.member_epoch;
    member->waits = false;
    member->due_ns += response.heartbeat_interval_ms * NS_PER_MS;
    if (response.assignment != NULL)
        note_assignment(member, options, response.assignment);
    if (member->tells)
        member->due_ns = 0;
    arena_reset(arena);
}

/* ---- the group ---- */

static bool all_own_their_share(const struct member *members, const struct options *options)
{
    int least = options->partitions / options->members, owned = 0;
    bool *taken = make((size_t)options->partitions, sizeof *taken);
    bool is_shared = false;
    for (int m = 0; m < options->members; m++) {
        is_shared |= members[m].owned < least || members[m].owned > least + 1;
        owned += members[m].owned;
        for (int p = 0; p < options->partitions; p++) {
            is_shared |= members[m].owns[p] && taken[p];
            taken[p] |= members[m].owns[p];
        }
    }
    free(taken);
    return !is_shared && owned == options->partitions;
}

/* Until the next heartbeat is due, in ms, up. */
static int send_what_is_due(struct member *members, const struct options *options)
{
    int64_t now = clock_ns(), next = now + 100 * NS_PER_MS;
    for (int m = 0; m < options->members; m++) {
        if (!members[m].waits && members[m].due_ns <= now)
            send_heartbeat(&members[m], options, now);
        if (!members[m].waits && members[m].due_ns < next)
            next = members[m].due_ns;
    }
    return (int)((next - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void run(struct member *members, const struct options *options)
{
    struct arena arena;
    struct pollfd *polled = make((size_t)options->members, sizeof *polled);
    int64_t began = clock_ns();
    arena_init(&arena, &memory, MEMORY_REQUESTS, ANSWER_MAX);
    while (!all_own_their_share(members, options)) {
        if (clock_ns() - began > GIVEN_UP_AFTER_NS)
            fail("no end", ETIMEDOUT);
        int wait_ms = send_what_is_due(members, options);
        for (int m = 0; m < options->members; m++)
            polled[m] = (struct pollfd){.fd = members[m].fd, .events = POLLIN};
        if (poll(polled, (nfds_t)options->members, wait_ms) < 0)
            fail("poll", errno);
        for (int m = 0; m < options->members; m++) {
            if (polled[m].revents != 0)
                take_answer(&members[m], options, &arena);
        }
    }
    uint32_t most = 0;
    for (int m = 0; m < options->members; m++)
        most = members[m].heartbeats > most ? members[m].heartbeats : most;
    printf("{\"ms\": %.1f, \"heartbeats\": %u}\n", (double)(clock_ns() - began) / 1e6, most);
    arena_close(&arena);
    free(polled);
}

static void read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"members", required_argument, NULL, 'm'},
                                          {"partitions", required_argument, NULL, 'n'},
                                          {"topic", required_argument, NULL, 't'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'p':
            options->port = (uint16_t)atoi(optarg);
            break;
        case 'm':
            options->members = atoi(optarg);
            break;
        case 'n':
            options->partitions = atoi(optarg);
            break;
        case 't':
            options->topic = optarg;
            break;
        default:
            fputs(usage_text, stderr);
            exit(2);
        }
    }
    if (options->port == 0 || options->members < 1 || options->partitions < options->members) {
        fputs(usage_text, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct options options = {.members = 50, .partitions = 100, .topic = BENCH_TOPIC};
    read_options(argc, argv, &options);
    create_topic(&options);
    struct member *members = make((size_t)options.members, sizeof *members);
    for (int m = 0; m < options.members; m++) {
        snprintf(members[m].id, sizeof members[m].id, "member-%d", m);
        members[m].fd = client_connect(options.port);
        members[m].owns = make((size_t)options.partitions, sizeof *members[m].owns);
    }
    run(members, &options);
    return 0;
}
