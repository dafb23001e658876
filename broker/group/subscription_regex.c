#include "group/subscription_regex.h"
#include "group/regex_syntax.h"

#include <errno.h>
#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Of one compiled expression and what its matches take; PCRE2 itself takes no expression beyond 64 KiB compiled. */
#define BYTES_MAX 262144
/* Steps of backtracking. An expression with two or three ".*" takes some hundreds with a usual name. */
#define BACKTRACKING_FEW 500
#define BACKTRACKING_MAX 2000
#define BACKTRACKING_KIB 128
/* Of the automaton: places in the expression at which it can be at the same time. Its work for a character is the
 * square, at worst. */
#define STATES_MAX 256

struct subscription_regex {
    struct memory *memory;
    size_t bytes;      /* that PCRE2 holds */
    bool is_over;      /* BYTES_MAX was reached */
    size_t slow_bytes; /* that the automaton was given */
    uint32_t matches;
    uint32_t hard; /* of them: those that took more than a few steps */
    pcre2_general_context *context;
    pcre2_match_context *limits;
    pcre2_match_data *found;
    pcre2_code *code;
};

/* ---- PCRE2's memory: it frees without a size, so that the size stands before ---- */

union block {
    size_t size;
    max_align_t aligned;
};

static void *take(PCRE2_SIZE size, void *data)
{
    struct subscription_regex *regex = data;
    size_t whole = size + sizeof(union block);
    if (size > BYTES_MAX || regex->bytes + whole > BYTES_MAX) {
        regex->is_over = true;
        return NULL;
    }
    union block *block = memory_alloc(regex->memory, MEMORY_GROUPS, whole);
    if (block == NULL)
        return NULL;
    block->size = whole;
    regex->bytes += whole;
    return block + 1;
}

static void give_back(void *bytes, void *data)
{
    struct subscription_regex *regex = data;
    if (bytes == NULL)
        return;
    union block *block = (union block *)bytes - 1;
    regex->bytes -= block->size;
    memory_free(regex->memory, MEMORY_GROUPS, block, block->size);
}

/* ---- compiling ---- */

static int compile(struct subscription_regex *regex, slice expression, struct error *error)
{
    int code;
    PCRE2_SIZE at;
    pcre2_compile_context *context = pcre2_compile_context_create(regex->context);
    if (context == NULL)
        return -ENOMEM;
    /* Without PCRE2_UTF: topics' names are ASCII, and with it a class like (?i)[\x{100}-\x{10ffff}] takes milliseconds
     * to compile. The optimisations that are left out would only make matches of long texts faster. */
    uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
                       PCRE2_NO_AUTO_POSSESS | PCRE2_NO_START_OPTIMIZE;
    regex->code = pcre2_compile(expression.data, expression.size, options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (regex->code != NULL)
        return 0;
    if (regex->is_over)
        return error_set(error, FURROW_TOO_LARGE, "it takes too much memory");
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return -ENOMEM;
    char text[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return error_set(error, FURROW_MALFORMED, "%s at byte %zu", text, (size_t)at);
}

static int set_up(struct subscription_regex *regex)
{
    regex->context = pcre2_general_context_create(take, give_back, regex);
    if (regex->context == NULL)
        return -ENOMEM;
    regex->limits = pcre2_match_context_create(regex->context);
    regex->found = pcre2_match_data_create(1, regex->context);
    if (regex->limits == NULL || regex->found == NULL)
        return -ENOMEM;
    pcre2_set_heap_limit(regex->limits, BACKTRACKING_KIB);
    return 0;
}

int subscription_regex_compile(struct memory *memory, slice expression, struct subscription_regex **regex,
                               struct error *error)
{
    if (expression.size > REGEX_LENGTH_MAX)
        return error_set(error, FURROW_TOO_LARGE, "it is longer than %d bytes", REGEX_LENGTH_MAX);
    int rc = regex_syntax_check(expression, error);
    if (rc != 0)
        return rc;
    struct subscription_regex *made = memory_alloc_zeroed(memory, MEMORY_GROUPS, sizeof *made);
    if (made == NULL)
        return error_set_status(error, -ENOMEM, "the expression");
    made->memory = memory;
    rc = set_up(made);
    if (rc == 0)
        rc = compile(made, expression, error);
    if (rc == 0) {
        *regex = made;
        return 0;
    }
    subscription_regex_close(made);
    return rc == -ENOMEM ? error_set_status(error, rc, "the expression") : rc;
}

void subscription_regex_close(struct subscription_regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    pcre2_match_data_free(regex->found);
    pcre2_match_context_free(regex->limits);
    pcre2_general_context_free(regex->context);
    memory_free(regex->memory, MEMORY_GROUPS, regex, sizeof *regex);
}

/* ---- matching ---- */

/* The longest match comes first. It is asked for without PCRE2_ENDANCHORED: with that, PCRE2 10.42's automaton finds
 * matches that end before the end. */
static int match_slowly(struct subscription_regex *regex, slice topic)
{
    int workspace[2 + STATES_MAX * 2 * 3]; /* now and next; three words each */
    if (regex->slow_bytes + topic.size > REGEX_SLOW_BYTES_MAX)
        return PCRE2_ERROR_MATCHLIMIT;
    regex->slow_bytes += topic.size;
    int rc = pcre2_dfa_match(regex->code, topic.data, topic.size, 0, PCRE2_ANCHORED, regex->found, regex->limits,
                             workspace, sizeof workspace / sizeof workspace[0]);
    if (rc >= 0 && pcre2_get_ovector_pointer(regex->found)[1] != topic.size)
        return PCRE2_ERROR_NOMATCH;
    return rc;
}

static bool is_at_a_limit(const struct subscription_regex *regex, int rc)
{
    return rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT ||
           (rc == PCRE2_ERROR_NOMEMORY && regex->is_over);
}

static int match_in_steps(struct subscription_regex *regex, slice topic, uint32_t steps)
{
    pcre2_set_match_limit(regex->limits, steps);
    pcre2_set_depth_limit(regex->limits, steps);
    return pcre2_match(regex->code, topic.data, topic.size, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, regex->found,
                       regex->limits);
}

uint32_t subscription_regex_work(const struct subscription_regex *regex)
{
    return regex->matches + regex->hard * (REGEX_HARD_WORK - 1);
}

int subscription_regex_match(struct subscription_regex *regex, slice topic, bool *matches, struct error *error)
{
    regex->is_over = false;
    regex->matches++;
    int rc = match_in_steps(regex, topic, BACKTRACKING_FEW);
    if (is_at_a_limit(regex, rc) && regex->hard++ < REGEX_HARD_MAX)
        rc = match_in_steps(regex, topic, BACKTRACKING_MAX);
    if (is_at_a_limit(regex, rc))
        rc = match_slowly(regex, topic);
    *matches = rc >= 0;
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc == PCRE2_ERROR_NOMEMORY && !regex->is_over)
        return error_set_status(error, -ENOMEM, "matching the expression");
    return error_set(error, FURROW_TOO_LARGE, "it takes too long to compare with topics' names");
}
