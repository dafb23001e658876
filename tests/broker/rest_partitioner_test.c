/* Against what Kafka's own tests expect (UtilsTest.testMurmur2), and librdkafka's (rdmurmur2.c). */
#include "check.h"
#include "rest/partitioner.h"

static void the_hash_is_that_of_kafkas_java_clients(void)
{
    static const struct {
        const char *key;
        int32_t hash;
    } vectors[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        CHECK_EQUAL((int32_t)partitioner_hash(slice_of_text(vectors[i].key)), vectors[i].hash);
}

static void the_hash_is_that_of_librdkafka(void)
{
    static const struct {
        const char *key;
        uint32_t hash;
    } vectors[] = {
        {"kafka", 0xd067cf64},
        {"giberish123456789", 0x8f552b0c},
        {"1234", 0x9fc97b14},
        {"234", 0xe7c009ca},
        {"34", 0x873930da},
        {"4", 0x5a4b5ca1},
        {"PreAmbleWillBeRemoved,ThePrePartThatIs", 0x78424f1c},
        {"", 0x106e08d9},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        CHECK_EQUAL(partitioner_hash(slice_of_text(vectors[i].key)), vectors[i].hash);
}

static void a_hash_above_the_sign_bit_gives_a_partition(void)
{
    CHECK_EQUAL(partitioner_choose(slice_of_text("21"), 7), (-973932308 & INT32_MAX) % 7);
    CHECK_EQUAL(partitioner_choose(slice_of_text("21"), 1), 0);
}

SUITE("rest_partitioner", CHECK_TEST(the_hash_is_that_of_kafkas_java_clients),
      CHECK_TEST(the_hash_is_that_of_librdkafka), CHECK_TEST(a_hash_above_the_sign_bit_gives_a_partition))
