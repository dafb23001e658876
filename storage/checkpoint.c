#include "checkpoint.h"

#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Takes one line apart and gives it to the caller's callback; FURROW_CORRUPT when it is no entry. */
typedef int line_parser(slice line, void *context);

static int parse(slice text, line_parser *parse_line, void *context, struct error *error)
{
    slice line;
    int64_t version, announced, lines = 0;
    if (!text_next_line(&text, &line) || !text_parse_number(text_trim(line), INT32_MAX, &version))
        return error_set(error, FURROW_CORRUPT, "the first line is no version");
    if (version != 0)
        return error_set(error, FURROW_WRONG_VERSION, "version %" PRId64 ", expected 0", version);
    if (!text_next_line(&text, &line) || !text_parse_number(text_trim(line), INT32_MAX, &announced))
        return error_set(error, FURROW_CORRUPT, "the second line is no number of entries");
    while (text_next_line(&text, &line)) {
        int rc = lines < announced ? parse_line(line, context) : FURROW_CORRUPT;
        if (rc < 0)
            return error_set_status(error, rc, "line %" PRId64, lines + 3);
        if (rc != 0)
            return rc;
        lines++;
    }
    if (lines != announced)
        return error_set(error, FURROW_CORRUPT, "%" PRId64 " entries, announced were %" PRId64, lines, announced);
    return 0;
}

struct offsets_context {
    checkpoint_offset_callback *callback;
    void *context;
};

static int parse_offset_line(slice line, void *context)
{
    const struct offsets_context *offsets = context;
    slice topic, partition, offset, more;
    int64_t number;
    struct checkpoint_offset entry;
    if (!text_next_word(&line, &topic) || !text_next_word(&line, &partition) || !text_next_word(&line, &offset) ||
        text_next_word(&line, &more) || !text_parse_number(partition, INT32_MAX, &number) ||
        !text_parse_number(offset, INT64_MAX, &entry.offset))
        return FURROW_CORRUPT;
    entry.topic = topic;
    entry.partition = (int32_t)number;
    return offsets->callback(offsets->context, &entry);
}

int checkpoint_parse_offsets(slice text, checkpoint_offset_callback *callback, void *context, struct error *error)
{
    struct offsets_context offsets = {callback, context};
    return parse(text, parse_offset_line, &offsets, error);
}

struct epochs_context {
    checkpoint_epoch_callback *callback;
    void *context;
};

static int parse_epoch_line(slice line, void *context)
{
    const struct epochs_context *epochs = context;
    slice epoch, offset, more;
    int64_t number, start_offset;
    if (!text_next_word(&line, &epoch) || !text_next_word(&line, &offset) || text_next_word(&line, &more) ||
        !text_parse_number(epoch, INT32_MAX, &number) || !text_parse_number(offset, INT64_MAX, &start_offset))
        return FURROW_CORRUPT;
    return epochs->callback(epochs->context, (int32_t)number, start_offset);
}

int checkpoint_parse_epochs(slice text, checkpoint_epoch_callback *callback, void *context, struct error *error)
{
    struct epochs_context epochs = {callback, context};
    return parse(text, parse_epoch_line, &epochs, error);
}

void checkpoint_write_offsets(writer *w, const struct checkpoint_offset *entries, size_t count)
{
    char text[48];
    int length = snprintf(text, sizeof text, "0\n%zu\n", count);
    write_bytes(w, slice_of(text, (size_t)length));
    for (size_t i = 0; i < count; i++) {
        length = snprintf(text, sizeof text, " %" PRId32 " %" PRId64 "\n", entries[i].partition, entries[i].offset);
        write_bytes(w, entries[i].topic);
        write_bytes(w, slice_of(text, (size_t)length));
    }
}

int checkpoint_replace_offsets_file(struct disk *disk, const char *path, const struct checkpoint_offset *entries,
                                    size_t count, struct error *error)
{
    writer w;
    writer_init(&w, disk->memory, MEMORY_SERVER, CHECKPOINT_MAX_BYTES);
    checkpoint_write_offsets(&w, entries, count);
    int rc = writer_ok(&w) ? disk_replace_file_unsynced(disk, path, writer_slice(&w), error)
                           : error_set_status(error, -ENOMEM, "%s", path);
    writer_close(&w);
    return rc;
}
