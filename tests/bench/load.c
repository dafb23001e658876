/* bench_load: traffic for a broker on 127.0.0.1 without a client library's cost. Prints one line of JSON. */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage_text[] =
    "usage: bench_load produce --port N [--acks 0|1|-1] [--records N] [--value-size BYTES] [--connections N]\n"
    "                          [--in-flight N] [--partitions N] [--requests N | --seconds S]\n"
    "       bench_load fetch --port N [--offset N] --end-offset N [--max-bytes N] [--connections N]\n"
    "                        [--records N] [--value-size BYTES]      as they were produced\n"
    "       bench_load round-trip --port N --requests N [--offset N] [--acks 1|-1] [--value-size BYTES]\n"
    "                             until a waiting consumer has it; the topic ends at the offset\n"
    "       bench_load first-read --port N --requests N --offset N [--records N] [--max-bytes N]\n"
    "                             from a new connection to the records there\n"
    "       bench_load paced --port N --requests N --rate N [--acks 1|-1] [--records N] [--value-size BYTES]\n"
    "                        so many requests a second, one by one\n"
    "       bench_load create-topic --port N [--partitions N] [--config KEY=VALUE]\n"
    "       bench_load await-leaders --port N [--partitions N]    until all can be read from\n"
    "       bench_load idle --port N --connections N    holds them, each after an ApiVersions, until stdin ends\n"
    "       bench_load startup --port N [--until-read [--partitions N]] -- COMMAND…\n"
    "                          ms from its start to the first answered ApiVersions, or until the last partition is "
    "read\n"
    "All take --topic NAME.\n";

_Noreturn void load_fail(const char *what, const char *why)
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

enum {
    OPTION_PORT,
    OPTION_ACKS,
    OPTION_RECORDS,
    OPTION_VALUE_SIZE,
    OPTION_CONNECTIONS,
    OPTION_IN_FLIGHT,
    OPTION_REQUESTS,
    OPTION_SECONDS,
    OPTION_RATE,
    OPTION_OFFSET,
    OPTION_END_OFFSET,
    OPTION_MAX_BYTES,
    OPTION_TOPIC,
    OPTION_PARTITIONS,
    OPTION_CONFIG,
    OPTION_UNTIL_READ
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
    {"rate", required_argument, NULL, OPTION_RATE},
    {"offset", required_argument, NULL, OPTION_OFFSET},
    {"end-offset", required_argument, NULL, OPTION_END_OFFSET},
    {"max-bytes", required_argument, NULL, OPTION_MAX_BYTES},
    {"topic", required_argument, NULL, OPTION_TOPIC},
    {"partitions", required_argument, NULL, OPTION_PARTITIONS},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"until-read", no_argument, NULL, OPTION_UNTIL_READ},
    {NULL, 0, NULL, 0},
};

static int64_t number(const char *text, int64_t least, int64_t greatest)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > greatest)
        load_fail(text, "not a number in the range");
    return value;
}

static double decimal(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || value < 0)
        load_fail(text, "not a number that may stand here");
    return value;
}

static void take_option(struct load_options *options, int option, const char *value)
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
    case OPTION_RATE:
        options->rate = decimal(value);
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
        options->partitions = (int32_t)number(value, 1, 100000);
        break;
    case OPTION_CONFIG:
        options->setting = value;
        break;
    case OPTION_UNTIL_READ:
        options->until_read = true;
        break;
    default:
        usage();
    }
}

typedef void load_function(const struct load_options *options, struct load_result *result);

static load_function *function_of(const char *verb, const struct load_options *options)
{
    bool counted = options->requests > 0;
    if (strcmp(verb, "produce") == 0 && (counted || options->seconds > 0))
        return load_produce;
    if (strcmp(verb, "fetch") == 0 && options->end_offset > options->offset)
        return load_fetch;
    if (strcmp(verb, "round-trip") == 0 && counted && options->acks != 0)
        return load_round_trip;
    if (strcmp(verb, "first-read") == 0 && counted)
        return load_first_read;
    if (strcmp(verb, "paced") == 0 && counted && options->rate > 0 && options->acks != 0)
        return load_paced;
    return NULL;
}

int main(int argc, char **argv)
{
    struct load_options options = {.connections = 1,
                                   .in_flight = 1,
                                   .partitions = 1,
                                   .acks = 1,
                                   .batch = {1, 100},
                                   .topic = BENCH_TOPIC,
                                   .max_bytes = 1 << 20};
    struct load_result result = {0};
    int option;
    while ((option = getopt_long(argc, argv, "", option_names, NULL)) != -1)
        take_option(&options, option, optarg);
    const char *verb = optind < argc ? argv[optind] : "";
    if (options.port == 0)
        usage();
    load_function *function = function_of(verb, &options);
    if (function != NULL) {
        function(&options, &result);
        print_result(&result);
    } else if (strcmp(verb, "create-topic") == 0) {
        load_create_topic(&options);
    } else if (strcmp(verb, "await-leaders") == 0) {
        load_await_leaders(&options);
    } else if (strcmp(verb, "idle") == 0) {
        load_stay_idle(&options);
    } else if (strcmp(verb, "startup") == 0 && optind + 1 < argc) {
        load_start_up(&options, argv + optind + 1);
    } else {
        usage();
    }
    return 0;
}
