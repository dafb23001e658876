#include "check.h"
#include "metadata_log.h"
#include "operations/producer_ids.h"

#include <errno.h>

/* The metadata log is played by the test: blocks come when it says so. */

static struct memory memory;
static struct server server;
static struct producer_ids *ids;
static int blocks_asked;
static int64_t *first_of_block;
static metadata_done *on_reserved;
static void *reserved_context;

void metadata_log_reserve_producer_ids(struct metadata_log *metadata, int64_t count, int64_t *first,
                                       metadata_done *done, void *context)
{
    (void)metadata;
    CHECK_EQUAL(count, PRODUCER_ID_BLOCK);
    blocks_asked++;
    first_of_block = first;
    on_reserved = done;
    reserved_context = context;
}

static void give_block(int64_t first, int status)
{
    *first_of_block = first;
    on_reserved(reserved_context, status, NULL);
}

struct taker {
    struct producer_id_request request;
    int calls;
    int status;
    int64_t producer_id;
};

static void on_taken(struct producer_id_request *request, int status, int64_t producer_id)
{
    struct taker *taker = request->context;
    taker->calls++;
    taker->status = status;
    taker->producer_id = producer_id;
}

static void take(struct taker *taker)
{
    *taker = (struct taker){.request = {.done = on_taken, .context = taker}};
    producer_ids_take(ids, &taker->request);
}

static void set_up(void)
{
    memory_init(&memory);
    server.memory = &memory;
    blocks_asked = 0;
    REQUIRE(producer_ids_open(&server, &ids) == 0);
}

static void tear_down(void)
{
    CHECK(producer_ids_idle(ids));
    producer_ids_close(ids);
    CHECK_EQUAL(memory_total_bytes(&memory), 0);
}

static void nobody_gets_an_id_before_its_block_is_safe(void)
{
    set_up();
    struct taker first, second;
    take(&first);
    take(&second);
    CHECK_EQUAL(blocks_asked, 1);
    CHECK_EQUAL(first.calls + second.calls, 0);
    CHECK(!producer_ids_idle(ids));
    give_block(5000, 0);
    CHECK_EQUAL(first.producer_id, 5000);
    CHECK_EQUAL(second.producer_id, 5001);
    tear_down();
}

static void a_block_serves_as_many_as_it_has(void)
{
    set_up();
    struct taker taker;
    take(&taker);
    give_block(0, 0);
    for (int64_t id = 1; id < PRODUCER_ID_BLOCK; id++) {
        take(&taker);
        CHECK_EQUAL(taker.producer_id, id);
    }
    CHECK_EQUAL(blocks_asked, 1);
    take(&taker);
    CHECK_EQUAL(blocks_asked, 2);
    CHECK_EQUAL(taker.calls, 0);
    give_block(PRODUCER_ID_BLOCK, 0);
    CHECK_EQUAL(taker.producer_id, PRODUCER_ID_BLOCK);
    tear_down();
}

static void more_than_a_block_may_wait(void)
{
    set_up();
    static struct taker takers[PRODUCER_ID_BLOCK + 1];
    for (int i = 0; i <= PRODUCER_ID_BLOCK; i++)
        take(&takers[i]);
    give_block(0, 0);
    CHECK_EQUAL(takers[PRODUCER_ID_BLOCK - 1].producer_id, PRODUCER_ID_BLOCK - 1);
    CHECK_EQUAL(takers[PRODUCER_ID_BLOCK].calls, 0);
    CHECK_EQUAL(blocks_asked, 2);
    give_block(7000, 0);
    CHECK_EQUAL(takers[PRODUCER_ID_BLOCK].producer_id, 7000);
    tear_down();
}

static void a_failure_is_told_to_all_who_wait_and_the_next_tries_anew(void)
{
    set_up();
    struct taker first, second;
    take(&first);
    take(&second);
    give_block(0, -EIO);
    CHECK_EQUAL(first.status, -EIO);
    CHECK_EQUAL(second.status, -EIO);
    CHECK_EQUAL(second.calls, 1);
    take(&first);
    CHECK_EQUAL(blocks_asked, 2);
    give_block(3000, 0);
    CHECK_EQUAL(first.status, 0);
    CHECK_EQUAL(first.producer_id, 3000);
    tear_down();
}

SUITE("producer ids", CHECK_TEST(nobody_gets_an_id_before_its_block_is_safe),
      CHECK_TEST(a_block_serves_as_many_as_it_has), CHECK_TEST(more_than_a_block_may_wait),
      CHECK_TEST(a_failure_is_told_to_all_who_wait_and_the_next_tries_anew))
