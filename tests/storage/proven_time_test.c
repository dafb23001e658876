/* What a clock may do, told as stories: day, hour and minute are real time; the wall clock says what it likes. */
#include "check.h"
#include "memory.h"
#include "proven_time.h"

#define MINUTE ((int64_t)60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define T0     ((int64_t)1700000000000) /* a day in 2023 */

/* The machine: its real time, and what its clocks say. */
struct machine_clock {
    struct proven_time time;
    int64_t real;    /* ms since T0 */
    int64_t wrong;   /* wall - (T0 + real) */
    int64_t started; /* real time of the last start of the machine */
    bool synchronised;
};

static struct clock_reading reading(const struct machine_clock *m)
{
    return (struct clock_reading){
        .wall = T0 + m->real + m->wrong, .monotonic = m->real - m->started, .synchronised = m->synchronised};
}

static int64_t wall(const struct machine_clock *m)
{
    return T0 + m->real + m->wrong;
}

static void look(struct machine_clock *m)
{
    int64_t jump;
    struct clock_reading now = reading(m);
    (void)proven_time_note(&m->time, &now, &jump);
}

/* Looking every five minutes, as retention does. */
static void run(struct machine_clock *m, int64_t ms)
{
    for (int64_t end = m->real + ms; m->real < end;) {
        m->real += end - m->real < 5 * MINUTE ? end - m->real : 5 * MINUTE;
        look(m);
    }
}

static void first_start(struct machine_clock *m, int64_t wrong, bool synchronised)
{
    *m = (struct machine_clock){.wrong = wrong, .synchronised = synchronised};
    struct clock_reading now = reading(m);
    proven_time_init(&m->time, &now);
}

/* Written down, off for a while, on again with whatever the clock says then. */
static void power_off(struct machine_clock *m, int64_t ms, int64_t wrong, bool synchronised)
{
    struct memory memory;
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_SERVER, 1 << 16);
    proven_time_write(&m->time, &w);
    m->time = (struct proven_time){.count = 0};
    REQUIRE(writer_ok(&w) && proven_time_parse(&m->time, writer_slice(&w), NULL) == 0);
    writer_close(&w);
    m->real += ms;
    m->started = m->real;
    m->wrong = wrong;
    m->synchronised = synchronised;
    struct clock_reading now = reading(m);
    proven_time_resume(&m->time, &now);
}

static void set_clock(struct machine_clock *m, int64_t wrong, bool synchronised)
{
    m->wrong = wrong;
    m->synchronised = synchronised;
    look(m);
}

/* A record: when it was stamped, and with what. */
struct stamped {
    int64_t real;
    int64_t timestamp;
};

static struct stamped stamp(const struct machine_clock *m)
{
    return (struct stamped){m->real, wall(m)};
}

/* The age that is counted is never more than what has really passed, and no less than it by more than `slack`. */
static void check_age(const struct machine_clock *m, struct stamped record, int64_t slack, int line)
{
    int64_t real = m->real - record.real;
    int64_t age = proven_time_age(&m->time, record.timestamp);
    if (age > real || age < real - slack)
        printf("line %d: the age is %.2f h, really %.2f h\n", line, (double)age / HOUR, (double)real / HOUR);
    CHECK(age <= real);
    CHECK(age >= real - slack);
}
#define CHECK_AGE(m, record, slack) check_age(m, record, slack, __LINE__)

/* ---- a clock that is right ---- */

static void while_the_clock_is_right_an_age_is_what_the_clock_says(void)
{
    struct machine_clock m;
    first_start(&m, 0, true);
    struct stamped first = stamp(&m);
    run(&m, 3 * DAY);
    struct stamped later = stamp(&m);
    run(&m, HOUR);
    CHECK_AGE(&m, first, 0);
    CHECK_AGE(&m, later, 0);
    power_off(&m, DAY, 0, true);
    CHECK_AGE(&m, first, 0);
    CHECK_AGE(&m, later, 0);
    CHECK_EQUAL(m.time.count, 1);
    CHECK_EQUAL(proven_time_age(&m.time, T0 - 30 * DAY), m.real + 30 * DAY); /* a claim about before the first start */
    CHECK_EQUAL(proven_time_age(&m.time, wall(&m) + HOUR), 0);
}

static void a_clock_that_is_slewed_or_set_right_by_a_second_has_not_jumped(void)
{
    struct machine_clock m;
    first_start(&m, 0, false);
    for (int i = 0; i < 100; i++) {
        m.wrong += i % 2 == 0 ? 1000 : -900;
        run(&m, 5 * MINUTE);
    }
    CHECK_EQUAL(m.time.count, 1);
    CHECK_EQUAL(proven_time_age(&m.time, T0), wall(&m) - T0);
}

/* ---- a clock that was not set ---- */

static void a_router_that_starts_in_1970_and_is_told_the_time_ages_by_what_passed(void)
{
    struct machine_clock m;
    first_start(&m, 0, true);
    run(&m, DAY);
    struct stamped yesterday = stamp(&m);
    run(&m, HOUR);
    power_off(&m, 10 * HOUR, -T0, false);
    struct stamped in_1970 = stamp(&m);
    run(&m, 5 * MINUTE);
    CHECK_AGE(&m, yesterday, 11 * HOUR);
    CHECK_AGE(&m, in_1970, 0);
    set_clock(&m, 0, true);
    CHECK_AGE(&m, yesterday, 0); /* both ends of the night are right, so all of it is proven */
    CHECK_AGE(&m, in_1970, 0);
    run(&m, DAY);
    CHECK_AGE(&m, yesterday, 0);
    CHECK_AGE(&m, in_1970, 0);
}

static void a_first_start_in_1970_does_not_age_what_came_before_the_jump(void)
{
    struct machine_clock m;
    first_start(&m, -T0, false);
    struct stamped in_1970 = stamp(&m);
    run(&m, HOUR);
    struct stamped by_client = {m.real, T0 + m.real}; /* whose clock is right */
    set_clock(&m, 0, true);
    run(&m, HOUR);
    CHECK_AGE(&m, in_1970, 0);
    CHECK_AGE(&m, by_client, 0);
}

/* As when the system puts the clock to where the last stop was, for want of a better idea. */
static void what_is_stamped_on_a_clock_that_stood_still_is_not_aged_by_the_jump(void)
{
    struct machine_clock m;
    first_start(&m, 0, true);
    run(&m, DAY);
    struct stamped before = stamp(&m);
    run(&m, MINUTE);
    power_off(&m, 4 * DAY, -4 * DAY, false);
    run(&m, HOUR);
    struct stamped behind = stamp(&m);
    run(&m, HOUR);
    set_clock(&m, 0, true);
    CHECK_AGE(&m, behind, 0);
    CHECK_AGE(&m, before, 0);
    run(&m, 2 * DAY);
    CHECK_AGE(&m, behind, 0);
}

static void a_clock_that_nobody_ever_sets_counts_only_what_it_ran(void)
{
    struct machine_clock m;
    first_start(&m, -T0, false);
    struct stamped first = stamp(&m);
    for (int i = 0; i < 100; i++) {
        run(&m, 2 * HOUR);
        power_off(&m, HOUR, -T0 - m.real - HOUR, false);
        CHECK(proven_time_age(&m.time, first.timestamp) <= m.real);
    }
    run(&m, 3 * HOUR);
    CHECK_EQUAL(proven_time_age(&m.time, 0), 3 * HOUR); /* of this start or of an earlier one: who knows */
}

/* ---- a clock that is wrong ---- */

static void a_clock_that_says_2040_and_is_set_back_deletes_nothing_and_stops_nothing(void)
{
    struct machine_clock m;
    first_start(&m, 0, false);
    run(&m, DAY);
    struct stamped before = stamp(&m);
    run(&m, HOUR);
    power_off(&m, HOUR, 16 * YEAR, false);
    struct stamped in_2040 = stamp(&m);
    run(&m, HOUR);
    struct stamped by_client = {m.real, T0 + m.real};
    CHECK_AGE(&m, before, HOUR);
    CHECK_AGE(&m, in_2040, 0);
    run(&m, HOUR);
    CHECK_EQUAL(proven_time_age(&m.time, by_client.timestamp), PROVEN_TIME_UNKNOWN);
    set_clock(&m, 0, true);
    CHECK_AGE(&m, before, HOUR);
    CHECK_AGE(&m, in_2040, 0);
    run(&m, 10 * DAY);
    CHECK_AGE(&m, before, HOUR);
    CHECK_AGE(&m, in_2040, 0); /* it goes with its time, not in 2040 */
    CHECK_AGE(&m, by_client, 0);
}

static void a_jump_while_it_runs_is_told(void)
{
    struct machine_clock m;
    int64_t jump = 0;
    first_start(&m, 0, false);
    run(&m, HOUR);
    m.real += MINUTE;
    m.wrong = YEAR;
    struct clock_reading now = reading(&m);
    CHECK(proven_time_note(&m.time, &now, &jump));
    CHECK_EQUAL(jump, YEAR);
    m.wrong = 0;
    now = reading(&m);
    CHECK(proven_time_note(&m.time, &now, &jump));
    CHECK_EQUAL(jump, -YEAR);
    CHECK_EQUAL(proven_time_age(&m.time, T0), HOUR + MINUTE);
}

/* Nobody looks at the clock at the moment of the jump, and what is written down is old at a power cut. */
static void what_is_stamped_between_two_looks_has_an_age_too(void)
{
    struct machine_clock m;
    first_start(&m, 0, false);
    run(&m, HOUR);
    m.real += MINUTE;
    struct stamped before = stamp(&m);
    m.real += MINUTE;
    m.wrong = YEAR;
    struct stamped behind = stamp(&m);
    m.real += MINUTE;
    look(&m);
    run(&m, HOUR);
    CHECK_AGE(&m, before, 0);
    CHECK_AGE(&m, behind, 0);
    struct proven_time saved = m.time;
    run(&m, HOUR / 2);
    struct stamped unsaved = stamp(&m);
    m.time = saved;
    power_off(&m, HOUR, YEAR, false);
    run(&m, HOUR);
    CHECK_AGE(&m, before, 90 * MINUTE);
    CHECK_AGE(&m, unsaved, HOUR);
}

/* ---- off every night ---- */

static void nights_are_proven_where_the_time_is_told_in_the_morning(void)
{
    struct machine_clock m;
    struct stamped days[60];
    first_start(&m, 0, true);
    for (int day = 0; day < 60; day++) {
        days[day] = stamp(&m);
        run(&m, 16 * HOUR);
        power_off(&m, 8 * HOUR - 2 * MINUTE, 0, false); /* the clock has a battery */
        run(&m, 2 * MINUTE);
        set_clock(&m, 0, true);
    }
    for (int day = 0; day < 60; day++)
        CHECK_AGE(&m, days[day], 5 * MINUTE);
    CHECK(m.time.count <= PROVEN_TIME_PERIODS);
}

static void nights_without_proof_are_not_counted_and_days_always_are(void)
{
    struct machine_clock m;
    struct stamped days[365];
    first_start(&m, 0, false);
    for (int day = 0; day < 365; day++) {
        days[day] = stamp(&m);
        run(&m, 16 * HOUR);
        power_off(&m, 8 * HOUR, 0, false);
    }
    for (int day = 0; day < 365; day++) {
        int64_t nights = (365 - day) * 8 * HOUR;
        CHECK_AGE(&m, days[day], nights + nights / 4 + 8 * HOUR);
    }
    CHECK_EQUAL(proven_time_age(&m.time, days[364].timestamp), 16 * HOUR);
    CHECK_EQUAL(proven_time_age(&m.time, days[0].timestamp), 365 * 16 * HOUR);
}

/* ---- any story ---- */

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15;
    uint64_t z = (*state ^ *state >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Whatever the clock does, nothing gets older than it is, as long as "synchronised" is said only of a right clock. */
static void whatever_the_clock_does_nothing_is_older_than_it_is(void)
{
    static const int64_t wrongs[] = {0, 0, -T0, 16 * YEAR, -3 * DAY, HOUR, -HOUR, 40 * DAY};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        struct machine_clock m;
        struct stamped records[100];
        size_t count = 0;
        first_start(&m, wrongs[next_random(&random) % 8], false);
        for (int i = 0; i < 100; i++) {
            bool sync = next_random(&random) % 3 == 0;
            int64_t wrong = sync ? 0 : wrongs[next_random(&random) % 8];
            int64_t ms = (int64_t)(next_random(&random) % (uint64_t)(2 * DAY));
            switch (next_random(&random) % 4) {
            case 0:
                power_off(&m, ms, wrong, sync);
                break;
            case 1:
                set_clock(&m, wrong, sync);
                break;
            default:
                run(&m, ms);
            }
            records[count++] = stamp(&m);
            for (size_t j = 0; j < count; j++) {
                int64_t age = proven_time_age(&m.time, records[j].timestamp);
                if (age > m.real - records[j].real) {
                    printf("seed %d, step %d: record %d is %.2f h old, says the clock %.2f\n", (int)seed, i, (int)j,
                           (double)(m.real - records[j].real) / HOUR, (double)age / HOUR);
                    CHECK(false);
                    return;
                }
            }
            CHECK(m.time.count <= PROVEN_TIME_PERIODS);
        }
    }
}

/* ---- what is written down ---- */

static void a_damaged_text_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "1\n1\n5 5 0 0 0\n0 5 0 5\n",
        "0\n0\n5 5 0 0 0\n",
        "0\n33\n5 5 0 0 0\n0 5 0 5\n",
        "0\n1\n5 5 0 0 1\n0 5 0 5\n",
        "0\n1\n5 5 0 6 0\n0 5 0 5\n",
        "0\n1\n5 5 0 0 0 2\n0 5 0 5\n",
        "0\n1\n5 5 0 0 0\n6 5 0 5\n",
        "0\n1\n5 5 0 0 0\n0 5 0 6\n",
        "0\n1\n5 5 0 0 0\n0 5 0\n",
        "0\n1\n5 5 0 0 0\n0 5 0 5 7\n",
        "0\n1\n5 5 0 0 0\n0 5 0 5\n0 5 0 5\n",
        "0\n1\n5 -5 0 0 0\n0 5 0 5\n",
        "0\n1\n5 9223372036854775807 0 0 0\n0 5 0 5\n",
    };
    struct proven_time time = {.count = 7};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK(proven_time_parse(&time, slice_of_text(texts[i]), NULL) != 0);
    CHECK_EQUAL(time.count, 7);
    CHECK_EQUAL(proven_time_parse(&time, slice_of_text("0\n1\n5 5 0 0 0\n0 5 0 5\n"), NULL), 0);
    CHECK_EQUAL(proven_time_parse(&time, slice_of_text("1\n"), NULL), FURROW_WRONG_VERSION);
}

static void a_claim_is_believed_once_the_clock_is_known_to_be_right(void)
{
    struct machine_clock m;
    first_start(&m, 16 * YEAR, false);
    run(&m, HOUR);
    CHECK_EQUAL(proven_time_age(&m.time, T0 - DAY), PROVEN_TIME_UNKNOWN);
    CHECK_EQUAL(proven_time_age(&m.time, T0 + YEAR), PROVEN_TIME_UNKNOWN);
    set_clock(&m, 0, true);
    CHECK_EQUAL(proven_time_age(&m.time, T0 - DAY), HOUR + DAY);
    CHECK_EQUAL(proven_time_age(&m.time, T0 + YEAR), 0);
    power_off(&m, HOUR, 0, false);
    CHECK_EQUAL(proven_time_age(&m.time, T0 - DAY), PROVEN_TIME_UNKNOWN);
}

SUITE("proven_time", CHECK_TEST(while_the_clock_is_right_an_age_is_what_the_clock_says),
      CHECK_TEST(a_clock_that_is_slewed_or_set_right_by_a_second_has_not_jumped),
      CHECK_TEST(a_router_that_starts_in_1970_and_is_told_the_time_ages_by_what_passed),
      CHECK_TEST(a_first_start_in_1970_does_not_age_what_came_before_the_jump),
      CHECK_TEST(what_is_stamped_on_a_clock_that_stood_still_is_not_aged_by_the_jump),
      CHECK_TEST(a_clock_that_nobody_ever_sets_counts_only_what_it_ran),
      CHECK_TEST(a_clock_that_says_2040_and_is_set_back_deletes_nothing_and_stops_nothing),
      CHECK_TEST(a_jump_while_it_runs_is_told), CHECK_TEST(what_is_stamped_between_two_looks_has_an_age_too),
      CHECK_TEST(nights_are_proven_where_the_time_is_told_in_the_morning),
      CHECK_TEST(nights_without_proof_are_not_counted_and_days_always_are),
      CHECK_TEST(whatever_the_clock_does_nothing_is_older_than_it_is), CHECK_TEST(a_damaged_text_is_refused),
      CHECK_TEST(a_claim_is_believed_once_the_clock_is_known_to_be_right))
