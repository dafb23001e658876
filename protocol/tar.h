/* The headers of a tar archive: POSIX ustar, with pax records for what does not fit (POSIX.1-2001), and on reading GNU
 * tar's long names too. Only the bytes of headers; the files' contents pass by.
 *
 * An archive: for each entry a header block, the content, zeros up to a whole block; at the end two blocks of zeros. */
#pragma once

#include "slice.h"
#include "status.h"
#include "writer.h"

#define TAR_BLOCK    512
#define TAR_PATH_MAX 1024              /* with the NUL byte */
#define TAR_MORE_MAX ((uint64_t)65536) /* bytes of an entry that is about the next one */

enum tar_kind {
    TAR_FILE,
    TAR_FOLDER,
    TAR_PAX,        /* its content is for tar_parse_pax, about the next entry */
    TAR_PAX_GLOBAL, /* nothing in it concerns us */
    TAR_LONG_NAME,  /* GNU: its content is the next entry's path */
    TAR_OTHER,      /* links, devices, sparse files */
    TAR_END         /* a block of zeros */
};

struct tar_entry {
    enum tar_kind kind;
    char path[TAR_PATH_MAX];
    uint64_t size; /* bytes of content that follow */
    int64_t mtime; /* seconds */
    uint32_t mode; /* permission bits */
};

/* The header of a file or a folder, with a pax entry before it where the path is too long for one. The path must be
 * shorter than TAR_PATH_MAX, the size below 8 GiB. */
void tar_write_header(writer *w, const struct tar_entry *entry);
/* Behind all entries. */
void tar_write_end(writer *w);

/* Bytes of zeros behind the content. */
static inline size_t tar_padding(uint64_t size)
{
    return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

/* `block` has TAR_BLOCK bytes. Errors: FURROW_CORRUPT: its checksum is wrong, or a number is none. */
MUST_USE int tar_parse_header(slice block, struct tar_entry *entry, struct error *error);

/* What a TAR_PAX or TAR_LONG_NAME entry said; nothing is known in one that is all zero. */
struct tar_more {
    char path[TAR_PATH_MAX]; /* "": as in the header */
    bool has_size;
    uint64_t size;
};
MUST_USE int tar_parse_pax(slice content, struct tar_more *more, struct error *error);
MUST_USE int tar_parse_long_name(slice content, struct tar_more *more, struct error *error);
void tar_apply(struct tar_entry *entry, const struct tar_more *more);
