/* The least work of a compaction within bounded memory: for each slice of the key space every batch is read and every
 * record's key is looked at; then the log is read once more, and what survives is written and synced. Nothing is
 * remembered and nothing decided. */
#include "compact.h"

#include "batch_iterator.h"
#include "clock.h"
#include "crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20) /* read at once; a batch is smaller */

struct least {
    const struct compact_options *options;
    struct memory memory;
    struct dirent **names;
    int count;
    uint8_t *chunk;
    uint64_t bytes; /* of the log */
    uint32_t sum;   /* so that no key is passed over */
    int output;
    uint64_t left_to_write;
};

static int is_segment(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".log") == 0;
}

static int open_segment(const struct least *l, int index)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", l->options->folder, l->names[index]->d_name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        compact_fail(path, strerror(errno));
    return file;
}

static void look_at_keys(struct least *l, slice batch)
{
    struct batch_iterator it;
    struct record record;
    int rc = batch_iterator_open(&it, batch, &l->memory, SIZE_MAX, NULL);
    while (rc == 0 && (rc = batch_iterator_next(&it, &record, NULL)) == 1) {
        l->sum = crc32c(l->sum, record.key.data, record.key.size);
        rc = 0;
    }
    if (rc != 0)
        compact_fail("batch", status_text(rc));
    batch_iterator_close(&it);
}

static void write_survivors(struct least *l, slice batch)
{
    /* Spread as they are: of each batch its share. */
    uint64_t share = batch.size * l->options->surviving_bytes / l->bytes + 1;
    if (share > l->left_to_write)
        share = l->left_to_write;
    if (write(l->output, batch.data, (size_t)share) != (ssize_t)share)
        compact_fail("write", strerror(errno));
    l->left_to_write -= share;
}

typedef void on_batch(struct least *l, slice batch);

static void read_segment(struct least *l, int file, on_batch *take)
{
    size_t held = 0;
    for (ssize_t n; (n = read(file, l->chunk + held, CHUNK - held)) != 0;) {
        if (n < 0)
            compact_fail("read", strerror(errno));
        held += (size_t)n;
        struct batch_header header;
        slice batch, rest = slice_of(l->chunk, held);
        while (batch_next(&rest, &header, &batch, NULL) == 1)
            take(l, batch);
        memmove(l->chunk, rest.data, rest.size);
        held = rest.size;
    }
}

static void read_log(struct least *l, on_batch *take)
{
    for (int i = 0; i < l->count; i++) {
        int file = open_segment(l, i);
        read_segment(l, file, take);
        close(file);
    }
}

static void measure(struct least *l)
{
    for (int i = 0; i < l->count; i++) {
        int file = open_segment(l, i);
        l->bytes += (uint64_t)lseek(file, 0, SEEK_END);
        close(file);
    }
    if (l->bytes == 0)
        compact_fail(l->options->folder, "no records");
}

void compact_least(const struct compact_options *options)
{
    char path[4096];
    struct least l = {.options = options, .left_to_write = options->surviving_bytes, .chunk = malloc(CHUNK)};
    memory_init(&l.memory);
    l.count = scandir(options->folder, &l.names, is_segment, alphasort);
    snprintf(path, sizeof path, "%s/least.tmp", options->folder);
    l.output = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (l.chunk == NULL || l.count <= 0 || l.output < 0)
        compact_fail(options->folder, "cannot be read and written");
    measure(&l);
    int64_t start = clock_ns();
    double cpu = compact_cpu_seconds();
    for (unsigned i = 0; i < options->slices; i++)
        read_log(&l, look_at_keys);
    int64_t copy = clock_ns();
    read_log(&l, write_survivors);
    if (fdatasync(l.output) != 0)
        compact_fail("sync", strerror(errno));
    int64_t end = clock_ns();
    printf("{\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"scan_seconds\": %.3f, \"copy_seconds\": %.3f, \"bytes\": "
           "%llu, \"sum\": %u}\n",
           (double)(end - start) / 1e9, compact_cpu_seconds() - cpu, (double)(copy - start) / 1e9,
           (double)(end - copy) / 1e9, (unsigned long long)l.bytes, (unsigned)l.sum);
    close(l.output);
    unlink(path);
    for (int i = 0; i < l.count; i++)
        free(l.names[i]);
    free(l.names);
    free(l.chunk);
}
