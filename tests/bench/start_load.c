/* What is done once: to make a topic, to hold idle connections, to time a server's start. */
#include "client.h"
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX        (2 << 20)
#define READ_BYTES        (64 << 10)
#define STARTUP_LIMIT_NS  INT64_C(600000000000)
#define LEADER_LIMIT_NS   INT64_C(20000000000)
#define STARTUP_PAUSE_US  50
#define API_FETCH         1
#define API_CREATE_TOPICS 19
#define API_VERSIONS      18

static uint8_t answer[ANSWER_MAX];

static int exchange(int fd, const writer *request, int16_t key, int16_t version)
{
    int64_t size = client_exchange(fd, writer_slice(request), answer, sizeof answer);
    return size < 0 ? (int)size : frame_error_of(key, version, slice_of(answer, (size_t)size));
}

static int exchange_versions(int fd)
{
    writer w;
    frame_writer_init(&w);
    frame_write_api_versions(&w, 1);
    int rc = exchange(fd, &w, API_VERSIONS, 3);
    writer_close(&w);
    return rc;
}

/* Until the partition can be read from: right after a start, or after the topic's creation, it may have no leader. */
static int read_from(int fd, const struct load_options *options, int32_t partition, int64_t limit_ns)
{
    struct bench_fetch fetch = {.partition = partition, .max_bytes = READ_BYTES};
    writer w;
    frame_writer_init(&w);
    frame_write_fetch(&w, 1, slice_of_text(options->topic), &fetch);
    int64_t start = clock_ns();
    int rc;
    while ((rc = exchange(fd, &w, API_FETCH, BENCH_FETCH_VERSION)) > 0 && clock_ns() - start < limit_ns)
        usleep(STARTUP_PAUSE_US);
    writer_close(&w);
    return rc;
}

static _Noreturn void fail_with(const char *what, int error)
{
    char text[32];
    snprintf(text, sizeof text, "error %d", error);
    load_fail(what, text);
}

void load_await_leaders(const struct load_options *options)
{
    int fd = client_connect(options->port);
    int error = 0;
    for (int32_t i = 0; i < options->partitions && error == 0; i++)
        error = read_from(fd, options, i, LEADER_LIMIT_NS);
    if (error != 0)
        fail_with("await-leaders", error);
    close(fd);
}

void load_create_topic(const struct load_options *options)
{
    writer w;
    frame_writer_init(&w);
    frame_write_create_topic(&w, 1, slice_of_text(options->topic), options->partitions, options->setting);
    int fd = client_connect(options->port);
    int error = exchange(fd, &w, API_CREATE_TOPICS, 7);
    if (error != 0)
        fail_with("create-topic", error);
    close(fd);
    writer_close(&w);
    load_await_leaders(options);
}

void load_stay_idle(const struct load_options *options)
{
    for (int i = 0; i < options->connections; i++)
        if (exchange_versions(client_connect(options->port)) != 0)
            load_fail("idle", "no answer to ApiVersions");
    if (puts("ready") == EOF || fflush(stdout) != 0)
        load_fail("idle", "nobody reads");
    while (getchar() != EOF) {
    }
}

void load_start_up(const struct load_options *options, char **command)
{
    extern char **environ;
    pid_t child;
    posix_spawn_file_actions_t quiet;
    if (posix_spawn_file_actions_init(&quiet) != 0 ||
        posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO) != 0)
        load_fail("startup", "out of memory");
    int64_t start = clock_ns();
    int rc = posix_spawnp(&child, command[0], &quiet, NULL, command, environ);
    if (rc != 0)
        load_fail(command[0], strerror(rc));
    int fd;
    while ((fd = client_try_connect(options->port)) < 0 && clock_ns() - start < STARTUP_LIMIT_NS &&
           waitpid(child, NULL, WNOHANG) == 0)
        usleep(STARTUP_PAUSE_US);
    rc = fd < 0 ? fd : exchange_versions(fd);
    if (rc == 0 && options->until_read)
        rc = read_from(fd, options, options->partitions - 1, STARTUP_LIMIT_NS);
    int64_t end = clock_ns();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (rc != 0)
        load_fail("startup", "it does not answer as it should");
    printf("{\"ms\": %.3f}\n", (double)(end - start) / 1e6);
}
