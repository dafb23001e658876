/* bench_compact: the cost of a compaction against the least work that it needs. tests/bench/compact drives it. */
#include "compact.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static const char usage_text[] =
    "usage: bench_compact fill FOLDER [--records N] [--keys N] [--value-size BYTES] [--segment BYTES] [--codec NAME]\n"
    "           makes a partition's segment files in FOLDER, which exists\n"
    "       bench_compact run FOLDER [--buffer BYTES]\n"
    "           compacts it; FOLDER is a partition's folder, named as one (orders-0)\n"
    "       bench_compact least FOLDER --slices N --survive BYTES\n"
    "           only reads it N times, key by key, and copies so much of it\n"
    "run and least print one line of JSON.\n";

_Noreturn void compact_fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_compact: %s: %s\n", what, why);
    exit(1);
}

double compact_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static _Noreturn void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || end == text)
        usage();
    return value;
}

static void take_option(struct compact_options *options, int option)
{
    switch (option) {
    case 'r':
        options->records = number(optarg);
        break;
    case 'k':
        options->keys = number(optarg);
        break;
    case 'v':
        options->value_size = (size_t)number(optarg);
        break;
    case 's':
        options->segment_bytes = number(optarg);
        break;
    case 'b':
        options->buffer = (size_t)number(optarg);
        break;
    case 'n':
        options->slices = (unsigned)number(optarg);
        break;
    case 'o':
        options->surviving_bytes = number(optarg);
        break;
    case 'c':
        if (!codec_parse(slice_of_text(optarg), &options->codec))
            usage();
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"records", required_argument, NULL, 'r'},
        {"keys", required_argument, NULL, 'k'},
        {"value-size", required_argument, NULL, 'v'},
        {"segment", required_argument, NULL, 's'},
        {"codec", required_argument, NULL, 'c'},
        {"buffer", required_argument, NULL, 'b'},
        {"slices", required_argument, NULL, 'n'},
        {"survive", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    struct compact_options options = {.records = 5000000,
                                      .keys = 500000,
                                      .value_size = 100,
                                      .segment_bytes = (uint64_t)64 << 20,
                                      .buffer = (size_t)1 << 20,
                                      .slices = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        take_option(&options, option);
    if (argc - optind != 2 || options.keys == 0 || options.value_size == 0)
        usage();
    const char *command = argv[optind];
    options.folder = argv[optind + 1];
    if (strcmp(command, "fill") == 0)
        compact_fill(&options);
    else if (strcmp(command, "run") == 0)
        compact_run(&options);
    else if (strcmp(command, "least") == 0)
        compact_least(&options);
    else
        usage();
    return 0;
}
