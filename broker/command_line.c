#include "command_line.h"

#include "kafka/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* The option's value: after '=', or the next argument. NULL when there is none. */
static const char *value_of(const struct command_line *line, const char *name, int *index)
{
    const char *argument = line->arguments[*index];
    if (argument[strlen(name)] == '=')
        return argument + strlen(name) + 1;
    return *index + 1 < line->argument_count ? line->arguments[++*index] : NULL;
}

static bool is_option(const char *argument, const char *name)
{
    size_t size = strlen(name);
    return strncmp(argument, name, size) == 0 && (argument[size] == '\0' || argument[size] == '=');
}

static int take_valued(struct command_line *line, int *index, struct error *error)
{
    static const char *const names[] = {"--data", "--config", "--set"};
    const char *argument = line->arguments[*index];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!is_option(argument, names[i]))
            continue;
        const char *value = value_of(line, names[i], index);
        if (value == NULL || value[0] == '\0')
            return error_set(error, -EINVAL, "%s needs a value", names[i]);
        if (i == 0)
            line->data = value;
        else if (i == 1)
            line->config_path = value;
        return 0;
    }
    return error_set(error, -EINVAL, "unknown argument %s", argument);
}

int command_line_parse(struct command_line *line, int argument_count, char *const *arguments, struct error *error)
{
    static const struct {
        const char *name;
        enum command command;
    } commands[] = {
        {"--check-config", COMMAND_CHECK_CONFIG},
        {"--print-config", COMMAND_PRINT_CONFIG},
        {"--help-config", COMMAND_HELP_CONFIG},
        {"--probe", COMMAND_PROBE},
        {"--apis", COMMAND_APIS},
        {"--help", COMMAND_HELP},
        {"-h", COMMAND_HELP},
        {"--version", COMMAND_VERSION},
    };
    *line = (struct command_line){.arguments = arguments, .argument_count = argument_count};
    for (int i = 1; i < argument_count; i++) {
        bool found = strcmp(arguments[i], "--print-memory") == 0;
        line->prints_memory |= found;
        for (size_t j = 0; !found && j < sizeof commands / sizeof commands[0]; j++) {
            found = strcmp(arguments[i], commands[j].name) == 0;
            if (found)
                line->command = commands[j].command;
        }
        int rc = found ? 0 : take_valued(line, &i, error);
        if (rc != 0)
            return rc;
    }
    if (line->command == COMMAND_SERVE && line->data == NULL)
        return error_set(error, -EINVAL, "--data is missing: the folder where furrowd keeps its data");
    return 0;
}

int command_line_configure(const struct command_line *line, struct config *config, char *const *environment,
                           config_unknown *unknown, void *context, struct error *error)
{
    int rc = line->config_path != NULL ? config_read_file(config, line->config_path, error) : 0;
    if (rc == 0)
        rc = config_read_environment(config, environment, unknown, context, error);
    for (int i = 1; rc == 0 && i < line->argument_count; i++) {
        if (is_option(line->arguments[i], "--set"))
            rc = config_set_argument(config, value_of(line, "--set", &i), error);
        else if (is_option(line->arguments[i], "--data") || is_option(line->arguments[i], "--config"))
            (void)value_of(line, is_option(line->arguments[i], "--data") ? "--data" : "--config", &i);
    }
    return rc != 0 ? rc : config_finish(config, error);
}

void command_line_print_help(void)
{
    puts("Usage: furrowd --data DIR [--config FILE] [--set KEY=VALUE …]\n"
         "\n"
         "A Kafka-wire-protocol broker for one small machine. Ends in order on SIGTERM and SIGINT.\n"
         "\n"
         "  --data DIR        where the data is kept; made when missing, its parent must exist\n"
         "  --config FILE     a properties file with Kafka's own key names\n"
         "  --set KEY=VALUE   one setting; may be repeated\n"
         "  --print-memory    prints the memory ledger when the server ends\n"
         "\n"
         "  --check-config    checks the configuration and ends\n"
         "  --print-config    prints the configuration in force and where each value is from\n"
         "  --help-config     prints every key with its documentation, as a properties file\n"
         "  --probe           asks the server that listens at `listeners` for its versions: exit status 0 when it "
         "answers\n"
         "  --apis            prints the APIs that are served: key, name, versions\n"
         "  --version, --help\n"
         "\n"
         "Settings, strongest first: --set, environment, file. In the environment, log.segment.bytes is\n"
         "FURROW_LOG_SEGMENT_BYTES. The log goes to stderr.\n"
         "Signals: SIGHUP reads log.level anew from --config FILE, SIGUSR1 writes the memory ledger to the log.\n"
         "Exit status: 0 an orderly end; 1 a failure at run time, or no answer to --probe; 2 the command line or the\n"
         "configuration is wrong; 3 the data folder is refused: in use, not Furrow's, of another version, not "
         "readable.\n"
         "\n"
         "Examples:\n"
         "  furrowd --data /var/lib/furrow\n"
         "  furrowd --data data --set listeners=127.0.0.1:9092,unix:/run/furrow.sock --set num.partitions=3\n"
         "  furrowd --data data --set listeners=0.0.0.0:9092 --set allow.unauthenticated=true\n"
         "  furrowd --check-config --config furrow.properties\n"
         "  furrowd --probe --set listeners=127.0.0.1:9092");
}

void command_line_print_apis(void)
{
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct kafka_api *api = &kafka_apis[i];
        if (!kafka_api_is_served(api->request->key))
            continue;
        int first = api->request->first_version, last = api->request->last_version;
        printf("%d %s %d", api->request->key, api->request->name, first);
        printf(first < last ? "-%d\n" : "\n", last);
    }
}

static void print_range(const struct config_key *key)
{
    if (key->valid != NULL)
        printf("# %s of: %s\n", key->type == SETTING_LIST ? "a list" : "one", key->valid);
    else if (key->type == SETTING_INT || key->type == SETTING_LONG || key->type == SETTING_DOUBLE)
        printf("# from %" PRId64 " to %" PRId64 "\n", key->min, key->max);
}

static void print_documented(int id, const char *text)
{
    const struct config_key *key = config_key(id);
    printf("# %s\n", key->documentation);
    print_range(key);
    if (config_is_dynamic(id))
        puts("# can be changed while the server runs (kafka-configs)");
    printf("#%s=%s\n\n", key->name, text != NULL ? text : "");
}

void command_line_print_config(const struct config *config, bool documentation)
{
    static const char *const sources[] = {NULL, "the file", "the environment", "the command line"};
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        const struct config_key *key = config_key(id);
        const char *text = config_text_at(config, id);
        const char *source = sources[config_source_at(config, id)];
        if (documentation) {
            print_documented(id, text);
            continue;
        }
        if (source != NULL)
            printf("# from %s:\n", source);
        printf(text != NULL ? "%s=%s\n" : "# %s is not set\n", key->name, text);
    }
}
