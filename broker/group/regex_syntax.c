#include "group/regex_syntax.h"

#include <stdint.h>

struct scan {
    slice expression;
    size_t at;
    bool is_repeated; /* what stands before is a repetition */
    struct error *error;
};

static int refuse(struct scan *scan, const char *what)
{
    return error_set(scan->error, FURROW_MALFORMED, "%s at byte %zu", what, scan->at);
}

/* 0 beyond the end. */
static char char_at(const struct scan *scan, size_t ahead)
{
    size_t at = scan->at + ahead;
    return at < scan->expression.size ? (char)scan->expression.data[at] : '\0';
}

static bool is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex_digit(char c)
{
    return is_digit(c) || is_one_of(c, "abcdefABCDEF");
}

/* To behind `end`; false when it does not come. */
static bool skip_past(struct scan *scan, const char *end)
{
    for (; scan->at + 1 < scan->expression.size; scan->at++) {
        if (char_at(scan, 0) == end[0] && char_at(scan, 1) == end[1]) {
            scan->at += 2;
            return true;
        }
    }
    return false;
}

/* `others` are the letters that mean something here beyond those that do everywhere. */
static int check_escape(struct scan *scan, const char *others)
{
    char c = char_at(scan, 1);
    if (c >= '1' && c <= '9')
        return refuse(scan, "a back reference");
    if (c == 'x' && char_at(scan, 2) != '{' && !(is_hex_digit(char_at(scan, 2)) && is_hex_digit(char_at(scan, 3))))
        return refuse(scan, "\\x without two digits");
    if (is_letter(c) && !is_one_of(c, "dDsSwWpPxafnrtv") && !is_one_of(c, others))
        return refuse(scan, "an unknown escape");
    scan->at += 2;
    if (is_one_of(c, "pPx") && char_at(scan, 0) == '{') {
        while (scan->at < scan->expression.size && char_at(scan, 0) != '}')
            scan->at++;
    }
    return 0;
}

static int check_class(struct scan *scan)
{
    size_t start = scan->at;
    scan->at += char_at(scan, 1) == '^' ? 2 : 1;
    for (bool is_first = true; scan->at < scan->expression.size; is_first = false) {
        if (char_at(scan, 0) == ']' && !is_first) {
            scan->at++;
            return 0;
        }
        if (char_at(scan, 0) == '[' && char_at(scan, 1) == ':') {
            if (!is_letter(char_at(scan, 2)) && char_at(scan, 2) != '^')
                return refuse(scan, "an unknown class");
            scan->at += 2;
        } else if (char_at(scan, 0) == '\\') {
            int rc = check_escape(scan, "");
            if (rc != 0)
                return rc;
        } else {
            scan->at++;
        }
    }
    scan->at = start;
    return refuse(scan, "a class without its ]");
}

/* (?P<name>…), (?<name>…), (?flags) or (?flags:…). */
static int check_group(struct scan *scan)
{
    if (char_at(scan, 1) == '*')
        return refuse(scan, "a repetition of nothing");
    if (char_at(scan, 1) != '?') {
        scan->at++;
        return 0;
    }
    size_t name = char_at(scan, 2) == 'P' ? 3 : 2;
    if (char_at(scan, name) == '<' && (is_letter(char_at(scan, name + 1)) || char_at(scan, name + 1) == '_')) {
        scan->at += name + 1;
        return 0;
    }
    size_t flags = 2;
    while (is_one_of(char_at(scan, flags), "imsU-"))
        flags++;
    if (!is_one_of(char_at(scan, flags), ":)"))
        return refuse(scan, "an unknown kind of group");
    scan->at += flags + 1;
    return 0;
}

/* The number at `*ahead`, which is moved behind it; -1: there is none. */
static int read_count(const struct scan *scan, size_t *ahead)
{
    int count = is_digit(char_at(scan, *ahead)) ? 0 : -1;
    for (; is_digit(char_at(scan, *ahead)); (*ahead)++) {
        if (count <= REGEX_REPETITION_MAX)
            count = count * 10 + (char_at(scan, *ahead) - '0');
    }
    return count;
}

static int check_counts(struct scan *scan)
{
    size_t ahead = 1;
    int least = read_count(scan, &ahead), most = least;
    if (least >= 0 && char_at(scan, ahead) == ',') {
        ahead++;
        most = read_count(scan, &ahead);
    }
    if (least < 0 || char_at(scan, ahead) != '}')
        return refuse(scan, "a { that begins no repetition (write \\{)");
    if (least > REGEX_REPETITION_MAX || most > REGEX_REPETITION_MAX)
        return refuse(scan, "a repetition beyond 1000");
    scan->at += ahead + 1;
    return 0;
}

static int check_repetition(struct scan *scan)
{
    if (scan->is_repeated)
        return refuse(scan, "a repetition of a repetition");
    int rc = 0;
    if (char_at(scan, 0) == '{')
        rc = check_counts(scan);
    else
        scan->at++;
    if (rc == 0 && char_at(scan, 0) == '?')
        scan->at++;
    scan->is_repeated = true;
    return rc;
}

static int check_next(struct scan *scan)
{
    char c = char_at(scan, 0);
    if (is_one_of(c, "*+?{"))
        return check_repetition(scan);
    scan->is_repeated = false;
    if (c == '(')
        return check_group(scan);
    if (c == '[')
        return check_class(scan);
    if (c == '\\' && char_at(scan, 1) == 'Q') {
        if (!skip_past(scan, "\\E"))
            scan->at = scan->expression.size;
        return 0;
    }
    if (c == '\\')
        return check_escape(scan, "AbBz");
    scan->at++;
    return 0;
}

static int check_ascii(struct scan *scan)
{
    for (; scan->at < scan->expression.size; scan->at++) {
        if (scan->expression.data[scan->at] > 0x7f)
            return refuse(scan, "a character that no topic's name has");
    }
    scan->at = 0;
    return 0;
}

int regex_syntax_check(slice expression, struct error *error)
{
    struct scan scan = {.expression = expression, .error = error};
    int rc = check_ascii(&scan);
    while (rc == 0 && scan.at < expression.size)
        rc = check_next(&scan);
    return rc;
}
