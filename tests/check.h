/* The frame of a CUnit suite: checks that name what failed, and a main.
 *
 *     static void a_torn_tail_is_cut(void) { REQUIRE(setup() == 0); CHECK(end == 20); }
 *     SUITE("recovery", CHECK_TEST(a_torn_tail_is_cut), …)
 */
#pragma once

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Goes on after a failure. */
#define CHECK(condition)                                                                                               \
    CU_assertImplementation((condition) ? CU_TRUE : CU_FALSE, __LINE__, #condition, __FILE__, "", CU_FALSE)
/* Ends the test at a failure. */
#define REQUIRE(condition)                                                                                             \
    CU_assertImplementation((condition) ? CU_TRUE : CU_FALSE, __LINE__, #condition, __FILE__, "", CU_TRUE)

/* Equal integers; both values are shown when they differ. */
#define CHECK_EQUAL(actual, expected) check_equal((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)

static inline void check_equal(int64_t actual, int64_t expected, const char *text, const char *file, int line)
{
    char message[512];
    snprintf(message, sizeof message, "%s is %lld, not %lld", text, (long long)actual, (long long)expected);
    CU_assertImplementation(actual == expected ? CU_TRUE : CU_FALSE, (unsigned)line, message, file, "", CU_FALSE);
}

struct check_test {
    const char *name;
    void (*run)(void);
};

static inline int check_run_suite(const char *suite_name, const struct check_test *tests, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++) {
        if (CU_add_test(suite, tests[i].name, tests[i].run) == NULL)
            return 2;
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failed = suite == NULL || CU_get_number_of_failures() != 0 || CU_get_number_of_tests_run() != count;
    CU_cleanup_registry();
    return failed;
}

/* tests is a list of CHECK_TEST(function). */
#define CHECK_TEST(function)                                                                                           \
    {                                                                                                                  \
#function, function                                                                                            \
    }
#define SUITE(name, ...)                                                                                               \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        static const struct check_test tests[] = {__VA_ARGS__};                                                        \
        return check_run_suite(name, tests, sizeof tests / sizeof tests[0]);                                           \
    }
