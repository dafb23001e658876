/* furrowd: arguments, configuration, the server's life, the exit code. The only place with global state. */
#include "command_line.h"
#include "listener.h"
#include "probe.h"
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static struct memory memory;
static struct logger logger;
static struct server server;
static uv_loop_t loop;
static struct command_line line;
static struct machine machine;

/* One arena for all threads (only the loop allocates much), and free memory goes back to the system early: resident
 * memory counts more here than the cost of asking for it again. */
static void set_up_allocator(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
}

/* Connections and segment files: as many as the system permits. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Pool threads wait for the disk, not for a core; each has a stack. Before libuv starts them. */
static unsigned set_up_pool(void)
{
    unsigned threads = machine.cores > 1 ? 4 : 2;
    char text[8];
    snprintf(text, sizeof text, "%u", threads);
    setenv("UV_THREADPOOL_SIZE", text, 1);
    return threads;
}

static void warn_unknown_variable(void *context, const char *variable)
{
    (void)context;
    log_warn(&logger, "config", "variable=%s is no key's name and was ignored", variable);
}

static bool parse_log_level(const struct config *config, enum log_level *level)
{
    return log_level_parse(slice_of_text(config_string(config, CONFIG_LOG_LEVEL)), level);
}

static void ignore_unknown_variable(void *context, const char *variable)
{
    (void)context;
    (void)variable;
}

static int read_log_level(enum log_level *level, struct error *error)
{
    struct config *config = config_create(&memory, &machine);
    if (config == NULL)
        return error_set_status(error, -ENOMEM, "configuration");
    int rc = command_line_configure(&line, config, environ, ignore_unknown_variable, NULL, error);
    if (rc == 0 && !parse_log_level(config, level))
        rc = error_set(error, -EINVAL, "log.level");
    config_destroy(config);
    return rc;
}

static int configure(struct config *config, struct error *error)
{
    int rc = command_line_configure(&line, config, environ, warn_unknown_variable, NULL, error);
    /* a container's health check sees the environment, not the arguments that gave the server its permission */
    bool anywhere = line.command == COMMAND_PROBE || config_flag(config, CONFIG_ALLOW_UNAUTHENTICATED);
    if (rc == 0)
        rc = listeners_check(config_string(config, CONFIG_LISTENERS), anywhere, error);
    const char *rest = config_string(config, CONFIG_REST_LISTENERS);
    if (rc == 0 && rest[0] != '\0')
        rc = listeners_check(rest, anywhere, error);
    if (rc == 0)
        rc = listeners_check_advertised(config_string(config, CONFIG_ADVERTISED_LISTENERS), error);
    enum log_level level;
    if (rc == 0 && parse_log_level(config, &level))
        logger_set_level(&logger, level);
    return rc;
}

static void print_memory(void)
{
    for (int i = 0; i < MEMORY_PURPOSES; i++)
        printf("%-12s peak %zu bytes, left %zu bytes in %zu blocks\n", memory_purpose_text((enum memory_purpose)i),
               atomic_load(&memory.counts[i].peak_bytes), atomic_load(&memory.counts[i].bytes),
               atomic_load(&memory.counts[i].blocks));
}

static int report(enum exit_code code, const struct error *error)
{
    log_error(&logger, "server", "%s", error->message);
    return (int)code;
}

/* Of the data folder; the same codes may come from a listener. */
static bool is_refusal(int code)
{
    return code == FURROW_IN_USE || code == FURROW_WRONG_VERSION || code == FURROW_CORRUPT || code == -ENOTEMPTY ||
           code == -EACCES || code == -EPERM || code == -EROFS || code == -ENOTDIR || code == -ENOENT ||
           code == -EINVAL;
}

static int serve(struct config *config)
{
    struct error error;
    server.memory = &memory;
    server.logger = &logger;
    server.config = config;
    server.loop = &loop;
    server.read_log_level = read_log_level;
    int rc = uv_loop_init(&loop);
    if (rc != 0) {
        error_set_status(&error, rc, "event loop");
        return report(EXIT_FAILED, &error);
    }
    jobs_init(&server.jobs, &loop, set_up_pool());
    log_info(&logger, "server", "version=%s pid=%d memory_bytes=%" PRIu64 " cores=%u starting", FURROW_VERSION,
             (int)getpid(), machine.memory_bytes, machine.cores);
    rc = server_open(&server, line.data, &error);
    if (rc != 0)
        return report(server.folder_failed && is_refusal(rc) ? EXIT_REFUSED : EXIT_FAILED, &error);
    rc = server_run(&server, &error);
    server_close(&server);
    uv_loop_close(&loop);
    return rc != 0 ? report(EXIT_FAILED, &error) : EXIT_OK;
}

static int run_command(struct config *config)
{
    struct error error;
    switch (line.command) {
    case COMMAND_SERVE:
        return serve(config);
    case COMMAND_PROBE:
        if (probe_listener(config_string(config, CONFIG_LISTENERS), &error) == 0)
            return EXIT_OK;
        fprintf(stderr, "furrowd: %s\n", error.message);
        return EXIT_FAILED;
    case COMMAND_PRINT_CONFIG:
    case COMMAND_HELP_CONFIG:
        command_line_print_config(config, line.command == COMMAND_HELP_CONFIG);
        return EXIT_OK;
    case COMMAND_CHECK_CONFIG:
        puts("the configuration is right");
        return EXIT_OK;
    default:
        return EXIT_OK;
    }
}

int main(int argument_count, char **arguments)
{
    struct error error;
    set_up_allocator();
    raise_descriptor_limit();
    memory_init(&memory);
    logger_init(&logger, STDERR_FILENO, LOG_INFO);
    if (command_line_parse(&line, argument_count, arguments, &error) != 0) {
        fprintf(stderr, "furrowd: %s\nfurrowd --help says more\n", error.message);
        return EXIT_USAGE;
    }
    if (line.command == COMMAND_HELP) {
        command_line_print_help();
        return EXIT_OK;
    }
    if (line.command == COMMAND_APIS) {
        command_line_print_apis();
        return EXIT_OK;
    }
    if (line.command == COMMAND_VERSION) {
        puts("furrowd " FURROW_VERSION);
        return EXIT_OK;
    }
    machine = machine_measure();
    struct config *config = config_create(&memory, &machine);
    if (config == NULL)
        return EXIT_FAILED;
    int code;
    if (configure(config, &error) != 0) {
        fprintf(stderr, "furrowd: %s\n", error.message);
        code = EXIT_USAGE;
    } else {
        code = run_command(config);
    }
    config_destroy(config);
    if (line.prints_memory)
        print_memory();
    return code;
}
