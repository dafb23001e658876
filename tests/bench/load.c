/* bench_load: traffic for a broker on 127.0.0.1 without a client library's cost. Prints one line of JSON. */
#include "load.h"
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX       (64 << 10)
#define STARTUP_LIMIT_NS INT64_C(10000000000)
#define STARTUP_PAUSE_US 50

static const char usage_text[] =
    "usage: bench_load produce --port N [--acks 0|1|-1] [--records N] [--value-size BYTES] [--connections N]\n"
    "                          [--in-flight N] [--requests N | --seconds S]\n"
    "       bench_load fetch --port N [--offset N] --end-offset N [--max-bytes N] [--connections N]\n"
    "                        [--records N] [--value-size BYTES]      as they were produced\n"
    "       bench_load create-topic --port N [--partitions N]\n"
    "       bench_load idle --port N --connections N    holds them, each after an ApiVersions, until stdin ends\n"
    "       bench_load startup --port N -- COMMAND…     ms from its start to the first answered ApiVersions\n"
    "All but startup take --topic NAME.\n";

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, why);
    exit(1);
}

static _Noreturn void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static void print_result(struct load_result *result)
{
    printf("{\"requests\": %llu, \"records\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f}\n",
           (unsigned long long)result->requests, (unsigned long long)result->records, (unsigned long long)result->bytes,
           result->seconds, latencies_percentile(&result->latencies, 0.5),
           latencies_percentile(&result->latencies, 0.99));
}

static int exchange_versions(int fd)
{
    static uint8_t answer[ANSWER_MAX];
    writer w;
    frame_writer_init(&w);
    frame_write_api_versions(&w, 1);
    int64_t size = client_exchange(fd, writer_slice(&w), answer, sizeof answer);
    writer_close(&w);
    if (size < 0)
        return (int)size;
    return frame_error_of(18, 3, slice_of(answer, (size_t)size));
}

static void create_topic(const struct load_options *options, int32_t partitions)
{
    static uint8_t answer[ANSWER_MAX];
    writer w;
    frame_writer_init(&w);
    frame_write_create_topic(&w, 1, slice_of_text(options->topic), partitions);
    int64_t size = client_exchange(client_connect(options->port), writer_slice(&w), answer, sizeof answer);
    int error = size < 0 ? (int)size : frame_error_of(19, 7, slice_of(answer, (size_t)size));
    if (error != 0) {
        fprintf(stderr, "bench_load: create-topic: error %d\n", error);
        exit(1);
    }
}

static void stay_idle(const struct load_options *options)
{
    for (int i = 0; i < options->connections; i++)
        if (exchange_versions(client_connect(options->port)) != 0)
            fail("idle", "no answer to ApiVersions");
    if (puts("ready") == EOF || fflush(stdout) != 0)
        fail("idle", "nobody reads");
    while (getchar() != EOF) {
    }
}

static void start_up(uint16_t port, char **command)
{
    extern char **environ;
    pid_t child;
    posix_spawn_file_actions_t quiet;
    if (posix_spawn_file_actions_init(&quiet) != 0 ||
        posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO) != 0)
        fail("startup", "out of memory");
    int64_t start = clock_ns();
    int rc = posix_spawn(&child, command[0], &quiet, NULL, command, environ);
    if (rc != 0)
        fail(command[0], strerror(rc));
    int fd;
    while ((fd = client_try_connect(port)) < 0 && clock_ns() - start < STARTUP_LIMIT_NS)
        usleep(STARTUP_PAUSE_US);
    rc = fd < 0 ? fd : exchange_versions(fd);
    int64_t end = clock_ns();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (rc != 0)
        fail("startup", "no answer to ApiVersions");
    printf("{\"ms\": %.3f}\n", (double)(end - start) / 1e6);
}

enum {
    OPTION_PORT,
    OPTION_ACKS,
    OPTION_RECORDS,
    OPTION_VALUE_SIZE,
    OPTION_CONNECTIONS,
    OPTION_IN_FLIGHT,
    OPTION_REQUESTS,
    OPTION_SECONDS,
    OPTION_OFFSET,
    OPTION_END_OFFSET,
    OPTION_MAX_BYTES,
    OPTION_TOPIC,
    OPTION_PARTITIONS
};

static const struct option option_names[] = {
    {"port", required_argument, NULL, OPTION_PORT},
    {"acks", required_argument, NULL, OPTION_ACKS},
    {"records", required_argument, NULL, OPTION_RECORDS},
    {"value-size", required_argument, NULL, OPTION_VALUE_SIZE},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"in-flight", required_argument, NULL, OPTION_IN_FLIGHT},
    {"requests", required_argument, NULL, OPTION_REQUESTS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"offset", required_argument, NULL, OPTION_OFFSET},
    {"end-offset", required_argument, NULL, OPTION_END_OFFSET},
    {"max-bytes", required_argument, NULL, OPTION_MAX_BYTES},
    {"topic", required_argument, NULL, OPTION_TOPIC},
    {"partitions", required_argument, NULL, OPTION_PARTITIONS},
    {NULL, 0, NULL, 0},
};

static int64_t number(const char *text, int64_t least, int64_t greatest)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > greatest)
        fail(text, "not a number in the range");
    return value;
}

static double decimal(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || value < 0)
        fail(text, "not a number of seconds");
    return value;
}

static void take_option(struct load_options *options, int32_t *partitions, int option, const char *value)
{
    switch (option) {
    case OPTION_PORT:
        options->port = (uint16_t)number(value, 1, UINT16_MAX);
        break;
    case OPTION_ACKS:
        options->acks = (int16_t)number(value, -1, 1);
        break;
    case OPTION_RECORDS:
        options->batch.records = (int32_t)number(value, 1, INT32_MAX);
        break;
    case OPTION_VALUE_SIZE:
        options->batch.value_size = (int32_t)number(value, 0, INT32_MAX / 2);
        break;
    case OPTION_CONNECTIONS:
        options->connections = (int)number(value, 1, LOAD_CONNECTIONS_MAX);
        break;
    case OPTION_IN_FLIGHT:
        options->in_flight = (int)number(value, 1, 1 << 16);
        break;
    case OPTION_REQUESTS:
        options->requests = (uint64_t)number(value, 1, INT64_MAX);
        break;
    case OPTION_SECONDS:
        options->seconds = decimal(value);
        break;
    case OPTION_OFFSET:
        options->offset = number(value, 0, INT64_MAX);
        break;
    case OPTION_END_OFFSET:
        options->end_offset = number(value, 1, INT64_MAX);
        break;
    case OPTION_MAX_BYTES:
        options->max_bytes = (int32_t)number(value, 1, INT32_MAX);
        break;
    case OPTION_TOPIC:
        options->topic = value;
        break;
    case OPTION_PARTITIONS:
        *partitions = (int32_t)number(value, 1, 100000);
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    struct load_options options = {
        .connections = 1, .in_flight = 1, .acks = 1, .batch = {1, 100}, .topic = BENCH_TOPIC, .max_bytes = 1 << 20};
    struct load_result result = {0};
    int32_t partitions = 1;
    int option;
    while ((option = getopt_long(argc, argv, "", option_names, NULL)) != -1)
        take_option(&options, &partitions, option, optarg);
    const char *verb = optind < argc ? argv[optind] : "";
    if (options.port == 0)
        usage();
    if (strcmp(verb, "produce") == 0 && (options.requests > 0 || options.seconds > 0)) {
        load_produce(&options, &result);
        print_result(&result);
    } else if (strcmp(verb, "fetch") == 0 && options.end_offset > options.offset) {
        load_fetch(&options, &result);
        print_result(&result);
    } else if (strcmp(verb, "create-topic") == 0) {
        create_topic(&options, partitions);
    } else if (strcmp(verb, "idle") == 0) {
        stay_idle(&options);
    } else if (strcmp(verb, "startup") == 0 && optind + 1 < argc) {
        start_up(options.port, argv + optind + 1);
    } else {
        usage();
    }
    return 0;
}
