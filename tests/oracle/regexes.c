/* Random expressions, sound and unsound, and what Furrow finds in random names with them, for Regexes.java to compare
 * with RE2/J, line by line: the expression; then `refused`, or pairs of a name and 1, 0 or -, where a bound was
 * reached. Expressions have no blanks. */

#include "group/subscription_regex.h"
#include "seeded_random.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPRESSIONS 6000
#define NAMES       12
#define LENGTH_MAX  120

struct text {
    struct seeded_random *random;
    size_t size;
    bool is_full;
    char bytes[LENGTH_MAX + 64];
};

static void add(struct text *text, const char *piece)
{
    size_t size = strlen(piece);
    text->is_full |= text->size + size > LENGTH_MAX;
    if (text->is_full)
        return;
    memcpy(text->bytes + text->size, piece, size + 1);
    text->size += size;
}

static const char *pick(struct text *text, const char *const *pieces, size_t count)
{
    return pieces[random_below(text->random, count)];
}
#define PICK(text, pieces) pick(text, pieces, sizeof pieces / sizeof pieces[0])

static const char *const letters[] = {"a", "b", "c", "A", "-", "_", "\\.", "0", "1", "ab", "a-b"};
static const char *const atoms[] = {
    ".",    "[a-c]",     "[^a]",    "\\w",    "\\d",      "\\W",     "\\S",      "[[:alpha:]]",   "[[:^digit:]]",
    "[]a]", "[^]b]",     "[a\\-b]", "[\\w-]", "\\x61",    "\\x{62}", "\\pL",     "\\p{Nd}",       "\\PN",
    "[.]",  "\\Qa.b\\E", "\\Q-\\E", "\\[",    "[a-c0-1]", "\\-",     "[\\d\\.]", "[\\x61-\\x63]", "[[:upper:]_]",
};
/* Not repeated: only RE2 takes that. */
static const char *const assertions[] = {"^", "$", "\\b", "\\B", "\\A", "\\z", "(?i)", "(?s-i)"};
static const char *const unsound[] = {
    "(?=a)", "(?!b)", "(?<=a)", "(?<!a)", "(?>a)", "(?#x)",  "(?x)",  "\\1a", "\\K",     "\\R",     "\\G",    "\\h",
    "a**",   "a++",   "a?+",    "(",      ")",     "[",      "[b-a]", "(*)",  "a{2}{2}", "(*F)",    "(?P=n)", "\\Z",
    "\\X",   "\\N",   "\\C",    "\\e",    "\\cA",  "\\k<a>", "\\g1",  "(?R)", "(?1)",    "a{1001}", "a{3,2}",
};
static const char *const repetitions[] = {"*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{2,3}?"};
static const char *const openings[] = {"(", "(?:", "(?i:", "(?P<n>", "(?U:"};

static void add_expression(struct text *text, int depth);

static void add_item(struct text *text, int depth)
{
    uint64_t kind = random_below(text->random, 100);
    if (kind > 92) {
        add(text, PICK(text, assertions));
        return;
    }
    if (kind < 2) {
        add(text, PICK(text, unsound));
    } else if (kind < 25 && depth > 0) {
        add(text, PICK(text, openings));
        add_expression(text, depth - 1);
        add(text, ")");
    } else if (kind < 55) {
        add(text, PICK(text, atoms));
    } else {
        add(text, PICK(text, letters));
    }
    if (random_chance(text->random, 30))
        add(text, PICK(text, repetitions));
}

static void add_expression(struct text *text, int depth)
{
    do {
        for (uint64_t items = random_below(text->random, 4); items > 0; items--)
            add_item(text, depth);
    } while (random_chance(text->random, 25) && (add(text, "|"), true));
}

static void make_name(struct text *name)
{
    static const char characters[] = "aaabbbccABC-_.01";
    name->size = 1 + random_below(name->random, random_chance(name->random, 5) ? 60 : 7);
    for (size_t i = 0; i < name->size; i++)
        name->bytes[i] = characters[random_below(name->random, sizeof characters - 1)];
}

static void try_names(struct subscription_regex *regex, struct seeded_random *random)
{
    for (int i = 0; i < NAMES; i++) {
        struct text name = {.random = random};
        bool matches;
        make_name(&name);
        int rc = subscription_regex_match(regex, slice_of(name.bytes, name.size), &matches, NULL);
        printf(" %.*s %c", (int)name.size, name.bytes, rc != 0 ? '-' : matches ? '1' : '0');
    }
}

int main(int argc, char **argv)
{
    struct memory memory;
    struct seeded_random random = {.state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1};
    memory_init(&memory);
    for (int i = 0; i < EXPRESSIONS; i++) {
        struct text expression = {.random = &random};
        struct subscription_regex *regex;
        add_expression(&expression, 3);
        if (expression.size == 0 || expression.is_full)
            continue;
        printf("%s", expression.bytes);
        if (subscription_regex_compile(&memory, slice_of(expression.bytes, expression.size), &regex, NULL) == 0) {
            try_names(regex, &random);
            subscription_regex_close(regex);
        } else {
            printf(" refused");
        }
        printf("\n");
    }
    return 0;
}
