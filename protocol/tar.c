#include "tar.h"

#include <inttypes.h>
#include <stdio.h>

/* Fields of a header block, by their place. */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    MTIME = 136,
    CHECKSUM = 148,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_SIZE = 155
};

/* ---- writing ---- */

static void put_octal(uint8_t *block, size_t at, size_t digits, uint64_t value)
{
    for (size_t i = digits; i-- > 0; value >>= 3)
        block[at + i] = (uint8_t)('0' + (value & 7));
}

static void put_text(uint8_t *block, size_t at, slice text)
{
    memcpy(block + at, text.data, text.size);
}

static uint32_t checksum_of(const uint8_t *block)
{
    uint32_t sum = 8 * ' '; /* the field itself counts as blanks */
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + 8 ? 0 : block[i];
    return sum;
}

/* Where the path is cut into prefix and name: at a '/', so that both fit. The path's length: nowhere. */
static size_t find_cut(const char *path, size_t length)
{
    if (length <= NAME_SIZE)
        return 0;
    for (size_t i = length < PREFIX_SIZE ? length : PREFIX_SIZE; i > 0; i--) {
        if (path[i] == '/' && length - i - 1 <= NAME_SIZE && i + 1 < length)
            return i;
    }
    return length;
}

static void write_block(writer *w, const struct tar_entry *entry, const char *path, char type)
{
    uint8_t block[TAR_BLOCK] = {0};
    size_t length = strlen(path);
    size_t cut = find_cut(path, length);
    if (cut == length) {
        put_text(block, NAME, slice_of(path, NAME_SIZE)); /* the pax entry before has all of it */
    } else if (cut == 0) {
        put_text(block, NAME, slice_of(path, length));
    } else {
        put_text(block, PREFIX, slice_of(path, cut));
        put_text(block, NAME, slice_of(path + cut + 1, length - cut - 1));
    }
    put_octal(block, MODE, 7, entry->mode);
    put_octal(block, UID, 7, 0);
    put_octal(block, GID, 7, 0);
    put_octal(block, SIZE, 11, entry->size);
    put_octal(block, MTIME, 11, entry->mtime > 0 ? (uint64_t)entry->mtime : 0);
    block[TYPE] = (uint8_t)type;
    put_text(block, MAGIC, slice_of("ustar\00000", 8));
    put_octal(block, CHECKSUM, 6, checksum_of(block));
    block[CHECKSUM + 7] = ' ';
    write_bytes(w, slice_of(block, sizeof block));
}

static void write_zeros(writer *w, size_t size)
{
    uint8_t *zeros = writer_extend(w, size);
    if (zeros != NULL)
        memset(zeros, 0, size);
}

/* "LENGTH path=VALUE\n", where the length counts itself. */
static void write_long_path(writer *w, const struct tar_entry *entry)
{
    char record[TAR_PATH_MAX + 32];
    size_t digits = 1, length;
    do
        length = digits++ + sizeof " path=\n" - 1 + strlen(entry->path);
    while (snprintf(NULL, 0, "%zu", length) != (int)digits - 1);
    snprintf(record, sizeof record, "%zu path=%s\n", length, entry->path);
    const struct tar_entry pax = {.size = length, .mtime = entry->mtime, .mode = 0644};
    write_block(w, &pax, "pax-header", 'x');
    write_bytes(w, slice_of(record, length));
    write_zeros(w, tar_padding(length));
}

void tar_write_header(writer *w, const struct tar_entry *entry)
{
    size_t length = strlen(entry->path);
    if (find_cut(entry->path, length) == length)
        write_long_path(w, entry);
    write_block(w, entry, entry->path, entry->kind == TAR_FOLDER ? '5' : '0');
}

void tar_write_end(writer *w)
{
    write_zeros(w, (size_t)2 * TAR_BLOCK);
}

/* ---- reading ---- */

/* Octal digits between blanks, ended by a blank or a NUL; or, with the first bit set, a binary number (GNU, for large
 * sizes). */
static bool get_number(slice block, size_t at, size_t size, uint64_t *value)
{
    const uint8_t *field = block.data + at;
    size_t i = 0;
    *value = 0;
    if (field[0] == 0x80) {
        for (i = 1; i < size; i++) {
            if (*value >> 55 != 0)
                return false;
            *value = *value << 8 | field[i];
        }
        return true;
    }
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
        if (*value >> 60 != 0)
            return false;
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    }
    return i == size || field[i] == ' ' || field[i] == '\0';
}

static enum tar_kind kind_of(uint8_t type)
{
    switch (type) {
    case '0':
    case '\0':
    case '7':
        return TAR_FILE;
    case '5':
        return TAR_FOLDER;
    case 'x':
        return TAR_PAX;
    case 'g':
        return TAR_PAX_GLOBAL;
    case 'L':
        return TAR_LONG_NAME;
    default:
        return TAR_OTHER;
    }
}

static bool is_zero(slice block)
{
    for (size_t i = 0; i < block.size; i++) {
        if (block.data[i] != 0)
            return false;
    }
    return true;
}

static int field_length(slice block, size_t at, size_t size)
{
    const uint8_t *end = memchr(block.data + at, 0, size);
    return (int)(end != NULL ? (size_t)(end - block.data) - at : size);
}

int tar_parse_header(slice block, struct tar_entry *entry, struct error *error)
{
    uint64_t checksum, mtime, mode;
    *entry = (struct tar_entry){.kind = TAR_END};
    if (is_zero(block))
        return 0;
    if (!get_number(block, CHECKSUM, 8, &checksum) || checksum != checksum_of(block.data))
        return error_set(error, FURROW_CORRUPT, "tar: a header's checksum is wrong");
    if (!get_number(block, SIZE, 12, &entry->size) || !get_number(block, MTIME, 12, &mtime) ||
        !get_number(block, MODE, 8, &mode) || entry->size > INT64_MAX)
        return error_set(error, FURROW_CORRUPT, "tar: a header's number is none");
    entry->kind = kind_of(block.data[TYPE]);
    entry->mtime = (int64_t)(mtime & INT64_MAX);
    entry->mode = (uint32_t)mode & 07777;
    /* GNU's own format has other things where POSIX has the prefix. */
    bool has_prefix = memcmp(block.data + MAGIC, "ustar", 6) == 0 && block.data[PREFIX] != 0;
    snprintf(entry->path, sizeof entry->path, "%.*s%s%.*s", has_prefix ? field_length(block, PREFIX, PREFIX_SIZE) : 0,
             (const char *)block.data + PREFIX, has_prefix ? "/" : "", field_length(block, NAME, NAME_SIZE),
             (const char *)block.data + NAME);
    return 0;
}

static bool take_path(struct tar_more *more, slice path)
{
    if (path.size == 0 || path.size >= sizeof more->path || memchr(path.data, 0, path.size) != NULL)
        return false;
    memcpy(more->path, path.data, path.size);
    more->path[path.size] = '\0';
    return true;
}

/* Digits up to `end`; false when there are none, or too many. */
static bool take_number(slice text, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *value > INT64_MAX / 10 - 1)
            return false;
        *value = *value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.size > 0;
}

static bool take_record(struct tar_more *more, slice record)
{
    static const size_t key_size = 5;
    if (record.size < key_size)
        return true;
    slice key = slice_of(record.data, key_size);
    slice value = slice_of(record.data + key_size, record.size - key_size);
    if (slice_equal(key, slice_of_text("path=")))
        return take_path(more, value);
    if (!slice_equal(key, slice_of_text("size=")))
        return true;
    more->has_size = true;
    return take_number(value, &more->size);
}

/* The record at `at`, and its length; 0 when there is none. */
static size_t take_pax_record(slice content, size_t at, struct tar_more *more)
{
    const uint8_t *start = content.data + at;
    const uint8_t *blank = memchr(start, ' ', content.size - at);
    uint64_t length;
    if (blank == NULL)
        return 0;
    size_t digits = (size_t)(blank - start);
    if (!take_number(slice_of(start, digits), &length) || length < digits + 2 || length > content.size - at ||
        start[length - 1] != '\n')
        return 0;
    return take_record(more, slice_of(blank + 1, (size_t)length - digits - 2)) ? (size_t)length : 0;
}

int tar_parse_pax(slice content, struct tar_more *more, struct error *error)
{
    for (size_t at = 0; at < content.size;) {
        size_t length = take_pax_record(content, at, more);
        if (length == 0)
            return error_set(error, FURROW_CORRUPT, "tar: a pax record is none");
        at += length;
    }
    return 0;
}

int tar_parse_long_name(slice content, struct tar_more *more, struct error *error)
{
    while (content.size > 0 && content.data[content.size - 1] == 0)
        content.size--;
    if (!take_path(more, content))
        return error_set(error, FURROW_CORRUPT, "tar: a long name is none");
    return 0;
}

void tar_apply(struct tar_entry *entry, const struct tar_more *more)
{
    if (more->path[0] != '\0')
        snprintf(entry->path, sizeof entry->path, "%s", more->path);
    if (more->has_size)
        entry->size = more->size;
}
