#include "budget.h"

#include "check.h"

#include <errno.h>

/* Numbers below are in units of UNIT bytes, each more than a small request. */
#define UNIT  ((size_t)10000)
#define LIMIT 1000
#define SHARE 250

static struct memory memory;
static struct budget *budget;

struct client {
    struct budget_account account;
    int grants;
};

static int order[16];
static int order_count;
static struct client clients[16];

static void note_grant(struct budget_account *account)
{
    struct client *client = (struct client *)(void *)account; /* its first member */
    client->grants++;
    order[order_count++] = (int)(client - clients);
}

static void set_up(void)
{
    memory_init(&memory);
    memset(clients, 0, sizeof clients);
    order_count = 0;
    REQUIRE(budget_create(&memory, LIMIT * UNIT, &budget) == 0);
}

static void add(int client, const char *address)
{
    REQUIRE(budget_account_open(budget, &clients[client].account, slice_of_text(address), note_grant) == 0);
}

static bool reserve(int client, size_t bytes)
{
    return budget_reserve(&clients[client].account, bytes * UNIT);
}

static void give_back(int client, size_t bytes)
{
    budget_return(&clients[client].account, bytes * UNIT);
}

static void tear_down(int count)
{
    for (int i = 0; i < count; i++)
        budget_account_close(&clients[i].account);
    CHECK_EQUAL(budget_used(budget), 0);
    CHECK_EQUAL(budget_waiting(budget), 0);
    budget_destroy(budget);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void what_fits_is_reserved_at_once(void)
{
    set_up();
    add(0, "a");
    CHECK(reserve(0, 100));
    CHECK(reserve(0, 150));
    CHECK_EQUAL(budget_used(budget), 250 * UNIT);
    give_back(0, 250);
    CHECK_EQUAL(budget_used(budget), 0);
    tear_down(1);
}

static void those_who_wait_are_served_in_order_of_arrival(void)
{
    set_up();
    static const char *const addresses[] = {"a", "b", "c", "d", "e", "f", "g"};
    for (int i = 0; i < 7; i++)
        add(i, addresses[i]);
    for (int i = 0; i < 4; i++)
        CHECK(reserve(i, 250));
    CHECK(!reserve(4, 200));
    CHECK(!reserve(5, 40)); /* would fit after the next return, but came later */
    CHECK(!reserve(6, 10));
    give_back(0, 100);
    CHECK_EQUAL(order_count, 0);
    give_back(1, 150);
    REQUIRE(order_count == 3);
    CHECK(order[0] == 4 && order[1] == 5 && order[2] == 6);
    CHECK_EQUAL(budget_used(budget), 1000 * UNIT);
    tear_down(7);
}

static void one_address_holds_at_most_a_quarter_and_stops_nobody_else(void)
{
    set_up();
    add(0, "greedy");
    add(1, "greedy");
    add(2, "greedy");
    add(3, "other");
    CHECK(reserve(0, 200));
    CHECK(!reserve(1, 100));
    CHECK(!reserve(2, 10)); /* would fit, but waits behind its own address */
    CHECK(reserve(3, SHARE));
    give_back(0, 100);
    REQUIRE(order_count == 2);
    CHECK(order[0] == 1 && order[1] == 2);
    tear_down(4);
}

static void a_request_above_the_share_passes_alone(void)
{
    set_up();
    add(0, "a");
    add(1, "a");
    CHECK(reserve(0, 600));
    CHECK(!reserve(1, 1));
    give_back(0, 600);
    CHECK_EQUAL(clients[1].grants, 1);
    tear_down(2);
}

/* Consumers that wait for records hold a little all the time. */
static void a_large_request_passes_beside_little(void)
{
    set_up();
    add(0, "a");
    add(1, "a");
    add(2, "a");
    CHECK(reserve(0, SHARE / 5));
    CHECK(reserve(1, SHARE));
    CHECK(!reserve(2, 1));
    give_back(1, SHARE);
    CHECK_EQUAL(clients[2].grants, 1);
    tear_down(3);
}

static void responses_are_counted_without_asking_and_hold_requests_back(void)
{
    set_up();
    add(0, "a");
    add(1, "b");
    budget_add(&clients[0].account, 2 * LIMIT * UNIT);
    CHECK(!reserve(1, 10));
    give_back(0, LIMIT);
    CHECK_EQUAL(clients[1].grants, 0);
    give_back(0, 10);
    CHECK_EQUAL(clients[1].grants, 1);
    tear_down(2);
}

static void an_account_that_closes_makes_room(void)
{
    set_up();
    add(0, "a");
    add(1, "b");
    add(2, "b");
    CHECK(reserve(0, LIMIT));
    CHECK(!reserve(1, 100));
    CHECK(!reserve(2, 100));
    budget_account_close(&clients[1].account); /* one that waits */
    CHECK_EQUAL(budget_waiting(budget), 1);
    budget_account_close(&clients[0].account);
    CHECK_EQUAL(clients[1].grants, 0);
    CHECK_EQUAL(clients[2].grants, 1);
    budget_account_close(&clients[2].account);
    tear_down(0);
}

static void a_small_request_passes_whatever_its_address_holds(void)
{
    set_up();
    add(0, "a");
    add(1, "a");
    CHECK(reserve(0, SHARE));
    CHECK(budget_reserve(&clients[1].account, BUDGET_SMALL_REQUEST));
    CHECK(!budget_reserve(&clients[1].account, 1)); /* but only one */
    tear_down(2);
}

static void accounts_are_counted_by_address(void)
{
    set_up();
    add(0, "a");
    add(1, "a");
    add(2, "b");
    CHECK_EQUAL(budget_account_siblings(&clients[0].account), 2);
    CHECK_EQUAL(budget_account_siblings(&clients[2].account), 1);
    tear_down(3);
}

/* Many requests of many sizes by a fixed sequence: everyone is served in the end, and the bounds hold all the time. */
static void nobody_starves(void)
{
    static const char *const addresses[] = {"a", "a", "a", "b", "b", "c", "d", "e"};
    enum { CLIENTS = 8 };
    size_t held[CLIENTS] = {0}, asked[CLIENTS] = {0};
    int served[CLIENTS] = {0};
    uint32_t seed = 1;
    set_up();
    for (int i = 0; i < CLIENTS; i++)
        add(i, addresses[i]);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        int i = (int)(seed >> 24) % CLIENTS;
        if (held[i] != 0) {
            size_t bytes = held[i];
            held[i] = 0;
            give_back(i, bytes);
        } else if (asked[i] == 0) {
            size_t bytes = 1 + (seed >> 8) % SHARE;
            asked[i] = bytes;
            if (reserve(i, bytes))
                clients[i].grants = 1;
        }
        for (int j = 0; j < CLIENTS; j++) {
            if (clients[j].grants != 0) {
                clients[j].grants = 0;
                held[j] = asked[j];
                asked[j] = 0;
                served[j]++;
            }
        }
        order_count = 0;
        CHECK(budget_used(budget) <= LIMIT * UNIT);
        CHECK(held[0] + held[1] + held[2] <= SHARE + SHARE / 4);
    }
    for (int i = 0; i < CLIENTS; i++)
        CHECK(served[i] > 200);
    tear_down(CLIENTS);
}

static void every_allocation_may_fail(void)
{
    memory_init(&memory);
    memory_fail_at(&memory, 0);
    CHECK_EQUAL(budget_create(&memory, LIMIT * UNIT, &budget), -ENOMEM);
    REQUIRE(budget_create(&memory, LIMIT * UNIT, &budget) == 0);
    memory_fail_at(&memory, 0);
    CHECK_EQUAL(budget_account_open(budget, &clients[0].account, slice_of_text("a"), note_grant), -ENOMEM);
    budget_destroy(budget);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

SUITE("budget", CHECK_TEST(what_fits_is_reserved_at_once), CHECK_TEST(those_who_wait_are_served_in_order_of_arrival),
      CHECK_TEST(one_address_holds_at_most_a_quarter_and_stops_nobody_else),
      CHECK_TEST(a_request_above_the_share_passes_alone), CHECK_TEST(a_large_request_passes_beside_little),
      CHECK_TEST(responses_are_counted_without_asking_and_hold_requests_back),
      CHECK_TEST(an_account_that_closes_makes_room), CHECK_TEST(a_small_request_passes_whatever_its_address_holds),
      CHECK_TEST(accounts_are_counted_by_address), CHECK_TEST(nobody_starves), CHECK_TEST(every_allocation_may_fail))
