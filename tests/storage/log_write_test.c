#include "log_fixture.h"
#include "simulated_disk.h"

#include "check.h"

static void what_is_appended_is_read_back(void)
{
    struct log_fixture f;
    log_fixture_init(&f, 1);
    REQUIRE(log_fixture_open(&f) == 0);
    int64_t records = 0;
    for (int i = 0; i < 500; i++) {
        struct test_batch batch = {.records = 1 + i % 7, .size = 10 + (uint32_t)i * 3, .content = (uint64_t)i};
        REQUIRE(log_fixture_append(&f, &batch, i % 10 == 0) == records);
        records += batch.records;
    }
    CHECK_EQUAL(log_end_offset(f.log), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1 << 20), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 5000), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 1), records);
    REQUIRE(log_fixture_restart(&f) == 0);
    CHECK_EQUAL(log_end_offset(f.log), records);
    CHECK_EQUAL(log_fixture_count_records(&f, 0, 100000), records);
    CHECK(log_fixture_close(&f));
}

SUITE("log_write", CHECK_TEST(what_is_appended_is_read_back))
