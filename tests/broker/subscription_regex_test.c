#include "check.h"
#include "group/subscription_regex.h"

#include <errno.h>
#include <stdlib.h>

static int compile(struct memory *memory, const char *expression, struct subscription_regex **regex)
{
    struct error error = {0};
    return subscription_regex_compile(memory, slice_of_text(expression), regex, &error);
}

/* 1, 0, or the failure's code. */
static int match(const char *expression, const char *topic)
{
    struct memory memory;
    struct subscription_regex *regex;
    bool matches = false;
    memory_init(&memory);
    int rc = compile(&memory, expression, &regex);
    if (rc == 0) {
        rc = subscription_regex_match(regex, slice_of_text(topic), &matches, NULL);
        subscription_regex_close(regex);
    }
    CHECK(memory_total_bytes(&memory) == 0);
    return rc == 0 ? matches : rc;
}

static void a_topics_whole_name_must_match(void)
{
    CHECK(match("orders", "orders") == 1);
    CHECK(match("order", "orders") == 0);
    CHECK(match("rders", "orders") == 0);
    CHECK(match("orders|o", "orders") == 1);
    CHECK(match("o|orders", "orders") == 1);
    CHECK(match("^orders$", "orders") == 1);
    CHECK(match("orders.*", "orders-eu") == 1);
    CHECK(match("orders\\..*", "orders-eu") == 0);
    CHECK(match("", "orders") == 0);
    CHECK(match("(?i)ORDERS", "orders") == 1);
    CHECK(match("(?P<region>eu|us)-(?:\\w+)", "eu-orders") == 1);
    CHECK(match("\\Qa.b\\E-[[:digit:]]{1,3}?", "a.b-42") == 1);
    CHECK(match("\\Qa.b", "a.b") == 1);
    CHECK(match("[]a-c]+", "abc") == 1);
    CHECK(match("[^]x]+", "abc") == 1);
    CHECK(match("\\x61\\x{62}\\pL", "abc") == 1);
}

/* The expression, and words of the refusal. */
static const char *const refused[][2] = {
    {"(", "parenthes"},
    {")", "parenthes"},
    {"[a", "class"},
    {"[z-a]", "range"},
    {"a\\", "\\ at end"},
    {"*", "quantifier"},
    {"a**", "repetition of a repetition at byte 2"},
    {"a++", "repetition of a repetition"},
    {"a{2}{3}", "repetition of a repetition"},
    {"a{1001}", "beyond 1000"},
    {"a{1,99999999999}", "beyond 1000"},
    {"a{2,1}", "out of order"},
    {"a{,2}", "begins no repetition"},
    {"(a)\\1", "back reference"},
    {"(?=a)", "kind of group"},
    {"(?!a)", "kind of group"},
    {"(?<=a)b", "kind of group"},
    {"(?<!a)b", "kind of group"},
    {"(?>a)", "kind of group"},
    {"(?R)", "kind of group"},
    {"(?P=name)", "kind of group"},
    {"(?#no)", "kind of group"},
    {"(?x)a", "kind of group"},
    {"(*ACCEPT)a", "repetition of nothing"},
    {"(*LIMIT_MATCH=9)a", "repetition of nothing"},
    {"\\C", "escape"},
    {"\\K", "escape"},
    {"\\g1", "escape"},
    {"[\\b]", "escape"},
    {"\\xz", "\\x without"},
    {"[[:<:]]", "class"},
    {"[[:nothing:]]", "class"},
    {"\\p{Nothing}", "property"},
    {"\xc3\xa9", "no topic's name has at byte 0"},
    {"(?i)[\\x{100}-\\x{10ffff}]", "too large"},
};

static void what_re2_does_not_know_is_refused_with_words(void)
{
    struct memory memory;
    struct subscription_regex *regex;
    struct error error;
    memory_init(&memory);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int rc = subscription_regex_compile(&memory, slice_of_text(refused[i][0]), &regex, &error);
        CHECK_EQUAL(rc, FURROW_MALFORMED);
        if (rc == FURROW_MALFORMED && strstr(error.message, refused[i][1]) == NULL)
            printf("%s: %s\n", refused[i][0], error.message);
        CHECK(rc != FURROW_MALFORMED || strstr(error.message, refused[i][1]) != NULL);
    }
    CHECK(memory_total_bytes(&memory) == 0);
}

static const char *name_of(size_t length, char last)
{
    static char name[250];
    memset(name, 'a', length - 1);
    name[length - 1] = last;
    name[length] = '\0';
    return name;
}

/* As long as a topic's name can be. */
static const char *long_name(char last)
{
    return name_of(249, last);
}

/* Each would take a backtracking matcher for ever. */
static void a_hostile_expression_is_answered(void)
{
    CHECK(match("(a+)+", name_of(60, 'b')) == 0);
    CHECK(match("(a+)+c?b", name_of(60, 'b')) == 1);
    CHECK(match("(?i:[^a]+\\d+)(?:(?:\\b(?:[.][.])??|(){2,3}?|){0,2}){2,3}?", "0b1Cbb") == 0);
    CHECK(match("([a-z]+-?)+", "aaaaa-aaaaaa-aaaaaaaaaa-aaaaaaa_1") == 0);
    CHECK(match("(a|aa)+", long_name('b')) == 0);
    CHECK(match("(a*)*b", long_name('a')) == 0);
    CHECK(match(".*a.*a.*a.*a.*a.*b", long_name('a')) == 0);
    CHECK(match(".*a.*a.*a.*a.*a.*b", long_name('b')) == 1);
    CHECK(match("(x+x+)+y|(a+a+)+b", long_name('b')) == 1);
    CHECK(match("((((a?){9}){9})*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaac") == FURROW_TOO_LARGE);
    CHECK(match("(?:a?){300}a{300}", long_name('a')) == FURROW_TOO_LARGE);
    CHECK(match("((a{1000}){1000}){1000}", "a") == FURROW_MALFORMED);
}

static void an_expression_costs_bounded_memory(void)
{
    struct memory memory;
    struct subscription_regex *regex;
    bool matches;
    memory_init(&memory);
    char *expression = malloc(REGEX_LENGTH_MAX + 2);
    REQUIRE(expression != NULL);
    memset(expression, 'a', REGEX_LENGTH_MAX + 1);
    expression[REGEX_LENGTH_MAX + 1] = '\0';
    CHECK_EQUAL(compile(&memory, expression, &regex), FURROW_TOO_LARGE);
    for (size_t i = 0; i + 1 < REGEX_LENGTH_MAX; i += 2)
        memcpy(expression + i, "a|", 2);
    expression[REGEX_LENGTH_MAX - 1] = '\0';
    REQUIRE(compile(&memory, expression, &regex) == 0);
    REQUIRE(subscription_regex_match(regex, slice_of_text("a"), &matches, NULL) == 0);
    CHECK(matches);
    subscription_regex_close(regex);
    CHECK_EQUAL(compile(&memory, "((((a{99}){99})?){99})?", &regex), FURROW_MALFORMED);
    free(expression);
    CHECK(memory_total_bytes(&memory) == 0);
    CHECK(memory.counts[MEMORY_GROUPS].peak_bytes < 300000);
}

static void what_the_automaton_reads_is_counted(void)
{
    struct memory memory;
    struct subscription_regex *regex;
    struct error error;
    bool matches;
    memory_init(&memory);
    REQUIRE(compile(&memory, "(a+)+c", &regex) == 0);
    for (int i = 0; i < REGEX_SLOW_BYTES_MAX / 64; i++) {
        REQUIRE(subscription_regex_match(regex, slice_of_text(name_of(64, 'b')), &matches, &error) == 0);
        CHECK(!matches);
    }
    CHECK_EQUAL(subscription_regex_match(regex, slice_of_text(name_of(64, 'b')), &matches, &error), FURROW_TOO_LARGE);
    CHECK(strstr(error.message, "takes too long") != NULL);
    REQUIRE(subscription_regex_match(regex, slice_of_text("b"), &matches, &error) == 0);
    subscription_regex_close(regex);
}

static void without_memory_it_fails_and_leaks_nothing(void)
{
    struct memory memory;
    bool matches = false;
    memory_init(&memory);
    int64_t nth = 0;
    for (;; nth++) {
        struct subscription_regex *regex;
        struct error error = {0};
        memory_fail_at(&memory, nth);
        int rc = subscription_regex_compile(&memory, slice_of_text("((a|b)(a|b|ab)?)+c"), &regex, &error);
        if (rc == 0) {
            rc = subscription_regex_match(regex, slice_of_text(long_name('c')), &matches, &error);
            subscription_regex_close(regex);
        }
        CHECK(memory_total_bytes(&memory) == 0);
        if (memory_fail_pending(&memory)) {
            CHECK(rc == 0);
            break;
        }
        CHECK_EQUAL(rc, -ENOMEM);
        CHECK(error.code == -ENOMEM);
    }
    CHECK(nth >= 6);
    CHECK(matches);
}

SUITE("subscription_regex", CHECK_TEST(a_topics_whole_name_must_match),
      CHECK_TEST(what_re2_does_not_know_is_refused_with_words), CHECK_TEST(a_hostile_expression_is_answered),
      CHECK_TEST(an_expression_costs_bounded_memory), CHECK_TEST(what_the_automaton_reads_is_counted),
      CHECK_TEST(without_memory_it_fails_and_leaks_nothing))
