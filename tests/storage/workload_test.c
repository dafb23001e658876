/* All of storage under a seeded workload, with failures and power cuts anywhere.
 *
 *     storage_workload_test           300 seeds, 60 under a sanitizer
 *     storage_workload_test SEED      one seed again
 *     FURROW_WORKLOAD_SEEDS=10000     that many seeds */
#include "workload.h"

#include "check.h"

#include <inttypes.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS 60
#else
#define SEEDS 300
#endif

static uint64_t first_seed = 1;
static uint64_t seed_count = SEEDS;

static void whatever_happens_acknowledged_records_survive(void)
{
    struct workload_counts counts = {0};
    uint64_t failed = 0;
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        char message[400];
        if (!workload_run(seed, &counts, message, sizeof message)) {
            printf("\nseed %" PRIu64 ": %s\n", seed, message);
            failed++;
        }
    }
    printf("\n%" PRIu64 " seeds:", seed_count);
#define X(name, text) printf(" %" PRIu64 " " text ",", counts.name);
    WORKLOAD_COUNTS(X)
#undef X
    printf(" %" PRIu64 " seeds failed\n", failed);
    CHECK_EQUAL(failed, 0);
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("FURROW_WORKLOAD_SEEDS");
    if (seeds != NULL)
        seed_count = strtoull(seeds, NULL, 10);
    if (argc > 1) {
        first_seed = strtoull(argv[1], NULL, 10);
        seed_count = 1;
    }
    static const struct check_test tests[] = {CHECK_TEST(whatever_happens_acknowledged_records_survive)};
    return check_run_suite("workload", tests, 1);
}
