/* Where settings come from: the command line, the environment, a properties file. */
#include "config_private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 10)
#define LINE_MAX ((size_t)4096)

int config_set_argument(struct config *config, const char *argument, struct error *error)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL)
        return error_set(error, -EINVAL, "--set %s: must be key=value", argument);
    int rc = config_set(config, slice_of(argument, (size_t)(equals - argument)), slice_of_text(equals + 1),
                        CONFIG_FROM_ARGUMENT, error);
    return rc != 0 ? error_wrap(error, rc, "--set") : 0;
}

/* ---- environment ---- */

#define PREFIX "FURROW_"

/* Compares FURROW_LOG_SEGMENT_BYTES, without its prefix, with log.segment.bytes. A key that begins with "furrow." is
 * named without saying it twice. */
static bool variable_names(slice variable, const char *key)
{
    if (strncmp(key, "furrow.", 7) == 0)
        key += 7;
    if (strlen(key) != variable.size)
        return false;
    for (size_t i = 0; i < variable.size; i++) {
        int wanted = key[i] == '.' ? '_' : toupper((unsigned char)key[i]);
        if (variable.data[i] != wanted)
            return false;
    }
    return true;
}

static int find_variable(slice variable)
{
    if (variable_names(variable, "broker.id"))
        return CONFIG_NODE_ID;
    for (int id = 0; id < CONFIG_KEY_COUNT; id++) {
        if (variable_names(variable, config_key(id)->name))
            return id;
    }
    return -1;
}

int config_read_environment(struct config *config, char *const *environment, config_unknown *unknown, void *context,
                            struct error *error)
{
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals == NULL || strncmp(*environment, PREFIX, strlen(PREFIX)) != 0)
            continue;
        const char *name = *environment + strlen(PREFIX);
        int id = find_variable(slice_of(name, (size_t)(equals - name)));
        if (id < 0) {
            char variable[128];
            snprintf(variable, sizeof variable, "%.*s", (int)(equals - *environment), *environment);
            unknown(context, variable);
            continue;
        }
        int rc = config_set(config, slice_of_text(config_key(id)->name), slice_of_text(equals + 1),
                            CONFIG_FROM_ENVIRONMENT, error);
        if (rc != 0)
            return error_wrap(error, rc, "environment variable %.*s", (int)(equals - *environment), *environment);
    }
    return 0;
}

/* ---- properties file ---- */

static slice trim(slice text)
{
    while (text.size != 0 && isspace(text.data[0]))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size != 0 && isspace(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* One line of the file, without its end. */
static slice next_line(slice *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    slice line = slice_of(rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size);
    size_t taken = end != NULL ? line.size + 1 : line.size;
    *rest = slice_of(rest->data + taken, rest->size - taken);
    if (line.size != 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

/* An odd number of backslashes at the end: the line goes on. */
static bool goes_on(slice line)
{
    size_t backslashes = 0;
    while (backslashes < line.size && line.data[line.size - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

/* Joins continued lines, their leading blanks left out. *lines counts what was taken. -E2BIG. */
static int join_line(slice *rest, uint8_t joined[LINE_MAX], slice *line, unsigned *lines)
{
    size_t size = 0;
    bool more = true;
    while (more && rest->size != 0) {
        slice part = trim(next_line(rest));
        ++*lines;
        bool comment = size == 0 && part.size != 0 && (part.data[0] == '#' || part.data[0] == '!');
        more = !comment && goes_on(part);
        if (more)
            part.size--;
        if (comment)
            part.size = 0;
        if (part.size > LINE_MAX - size)
            return -E2BIG;
        if (part.size != 0)
            memcpy(joined + size, part.data, part.size);
        size += part.size;
    }
    *line = trim(slice_of(joined, size));
    return 0;
}

static int take_line(struct config *config, slice line, struct error *error)
{
    if (line.size == 0)
        return 0;
    size_t name_size = 0;
    while (name_size < line.size && line.data[name_size] != '=' && line.data[name_size] != ':')
        name_size++;
    if (name_size == line.size)
        return error_set(error, -EINVAL, "\"%.*s\": must be key=value", SLICE_PRINT(line));
    slice name = trim(slice_of(line.data, name_size));
    slice value = trim(slice_of(line.data + name_size + 1, line.size - name_size - 1));
    return config_set(config, name, value, CONFIG_FROM_FILE, error);
}

int config_read(struct config *config, const char *file, slice text, struct error *error)
{
    uint8_t joined[LINE_MAX];
    unsigned lines = 0;
    while (text.size != 0) {
        unsigned first = lines + 1;
        slice line = NULL_SLICE;
        int rc = join_line(&text, joined, &line, &lines);
        if (rc != 0)
            return error_set(error, rc, "%s:%u: line is too long", file, first);
        rc = take_line(config, line, error);
        if (rc != 0)
            return error_wrap(error, rc, "%s:%u", file, first);
    }
    return 0;
}

int config_read_file(struct config *config, const char *path, struct error *error)
{
    int rc = 0;
    size_t size = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_set_status(error, -errno, "%s", path);
    uint8_t *text = memory_alloc(config->memory, MEMORY_SERVER, FILE_MAX);
    if (text == NULL) {
        rc = error_set_status(error, -ENOMEM, "%s", path);
        goto err_close;
    }
    ssize_t got;
    while (size < FILE_MAX && (got = read(descriptor, text + size, FILE_MAX - size)) > 0)
        size += (size_t)got;
    if (got < 0)
        rc = error_set_status(error, -errno, "%s", path);
    else if (size == FILE_MAX)
        rc = error_set(error, -EFBIG, "%s: larger than a configuration may be", path);
    else
        rc = config_read(config, path, slice_of(text, size), error);
    memory_free(config->memory, MEMORY_SERVER, text, FILE_MAX);
err_close:
    close(descriptor);
    return rc;
}
