/* The journal of the power layer: what a server did to its data folder, in order, for integration/power.py.
 *
 * A record is a head of 25 bytes, little-endian, and `size` bytes behind it:
 *
 *     u8 kind, u64 node, u64 a, u64 size
 *
 *     kind                   node      a                           bytes
 *     JOURNAL_CREATE         folder    the new file                its name
 *     JOURNAL_MAKE_FOLDER    folder    the new folder              its name
 *     JOURNAL_RENAME         folder    the other folder            name, NUL byte, new name
 *     JOURNAL_REMOVE         folder                                name (of a file or a folder)
 *     JOURNAL_WRITE          file      position                    what was written
 *     JOURNAL_RESIZE         file      bytes
 *     JOURNAL_SYNC           file or   size of the journal
 *                            folder    when the sync began
 *     JOURNAL_SYNC_ALL                 the same
 *
 * Nodes are inode numbers; one may come again once its file is gone. A record that is cut short at the journal's end
 * was never acknowledged to anyone. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum journal_kind {
    JOURNAL_CREATE = 1,
    JOURNAL_MAKE_FOLDER,
    JOURNAL_RENAME,
    JOURNAL_REMOVE,
    JOURNAL_WRITE,
    JOURNAL_RESIZE,
    JOURNAL_SYNC,
    JOURNAL_SYNC_ALL,
};

/* Creates the file or goes on at its end. */
void journal_open(const char *path);
uint64_t journal_size(void);
/* The first `size` bytes of the parts. A journal that cannot be written ends the process. One thread at a time. */
void journal_add(enum journal_kind kind, uint64_t node, uint64_t a, const struct iovec *parts, size_t size);
