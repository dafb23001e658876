#include "journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_SIZE 25

static int descriptor = -1;
static uint64_t written;

static void fail(const char *what)
{
    perror(what);
    abort();
}

/* The calls themselves: those of the C library are the layer's. */
void journal_open(const char *path)
{
    struct stat status;
    descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        fail(path);
    written = (uint64_t)status.st_size;
}

uint64_t journal_size(void)
{
    return written;
}

static void add(const void *bytes, size_t size)
{
    while (size != 0) {
        ssize_t n = syscall(SYS_write, descriptor, bytes, size);
        if (n <= 0)
            fail("journal");
        bytes = (const char *)bytes + n;
        size -= (size_t)n;
        written += (uint64_t)n;
    }
}

static unsigned char *put_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        *to++ = (unsigned char)(value >> 8 * i);
    return to;
}

void journal_add(enum journal_kind kind, uint64_t node, uint64_t a, const struct iovec *parts, size_t size)
{
    unsigned char head[HEAD_SIZE] = {(unsigned char)kind};
    put_u64(put_u64(put_u64(head + 1, node), a), size);
    add(head, sizeof head);
    for (int i = 0; size != 0; i++) {
        size_t part = parts[i].iov_len < size ? parts[i].iov_len : size;
        add(parts[i].iov_base, part);
        size -= part;
    }
}
