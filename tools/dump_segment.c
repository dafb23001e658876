/* Segments: every batch with its CRC's verdict, and with --records every record.
 *
 * A batch whose header says nothing useful ends the walk: where the next one starts is unknown then. */
#include "dump.h"

#include "batch_iterator.h"
#include "kafka/messages.h"

#include <errno.h>

#define BATCH_BYTES_MAX   ((size_t)256 << 20) /* no broker takes larger ones */
#define RECORDS_BYTES_MAX ((size_t)1 << 30)   /* of one batch, opened */

struct walk {
    struct dump *dump;
    struct file *file;
    uint64_t position;
    uint64_t size;
    int64_t next_offset; /* offsets only rise */
};

static void emit_damage(struct walk *walk, const char *what)
{
    walk->dump->damaged++;
    emit_begin(&walk->dump->emitter, "damage");
    emit_int(&walk->dump->emitter, "position", (int64_t)walk->position);
    emit_int(&walk->dump->emitter, "bytes_left", (int64_t)(walk->size - walk->position));
    emit_bytes(&walk->dump->emitter, "reason", slice_of_text(what));
    emit_end(&walk->dump->emitter);
}

/* Values of Furrow's own metadata log are told field by field. */
static const struct message_type *metadata_value_type(int8_t kind)
{
    static const struct message_type *const types[] = {&metadata_topic_value_type, &metadata_producer_ids_value_type,
                                                       &metadata_settings_value_type, &metadata_settings_value_type};
    return kind >= 0 && (size_t)kind < sizeof types / sizeof types[0] ? types[kind] : NULL;
}

static bool emit_decoded(struct dump *dump, const char *name, const struct message_type *type, reader *from,
                         bool is_value, struct arena *arena, void *value, size_t value_size)
{
    memset(value, 0, value_size);
    int16_t version = is_value ? read_i16(from) : 0;
    if (kafka_decode(type, version, from, value, arena) != 0)
        return false;
    writer w;
    writer_init(&w, dump->memory, MEMORY_SERVER, BATCH_BYTES_MAX);
    kafka_dump(type, version, value, &w);
    bool ok = writer_ok(&w);
    if (ok)
        emit_json(&dump->emitter, name, writer_slice(&w));
    writer_close(&w);
    return ok;
}

static bool emit_metadata(struct dump *dump, const struct record *record)
{
    union {
        struct metadata_topic_value topic;
        struct metadata_producer_ids_value ids;
        struct metadata_settings_value settings;
    } value;
    struct metadata_log_key key;
    struct arena arena;
    arena_init(&arena, dump->memory, MEMORY_SERVER, BATCH_BYTES_MAX);
    reader from = reader_of(record->key);
    bool ok = read_i16(&from) == metadata_log_key_type.key &&
              emit_decoded(dump, "key", &metadata_log_key_type, &from, false, &arena, &key, sizeof key);
    const struct message_type *type = ok ? metadata_value_type(key.kind) : NULL;
    from = reader_of(record->value);
    if (type != NULL && !slice_is_null(record->value))
        ok = emit_decoded(dump, "value", type, &from, true, &arena, &value, sizeof value);
    else if (ok)
        emit_bytes(&dump->emitter, "value", record->value);
    arena_close(&arena);
    return ok;
}

static void emit_headers(struct dump *dump, const struct record *record)
{
    if (record->header_count == 0)
        return;
    writer w;
    writer_init(&w, dump->memory, MEMORY_SERVER, BATCH_BYTES_MAX);
    struct json json = json_to(&w);
    struct record_header header;
    reader headers = reader_of(record->headers);
    json_begin_array(&json);
    while (record_next_header(&headers, &header)) {
        json_begin_array(&json);
        json_string(&json, header.key);
        json_string(&json, header.value);
        json_end_array(&json);
    }
    json_end_array(&json);
    emit_json(&dump->emitter, "headers", writer_slice(&w));
    writer_close(&w);
}

static void emit_record(struct dump *dump, const struct record *record)
{
    emit_begin(&dump->emitter, "record");
    emit_int(&dump->emitter, "offset", record->offset);
    emit_int(&dump->emitter, "timestamp", record->timestamp);
    bool is_metadata = strncmp(dump->folder, "__furrow_metadata-", 18) == 0;
    if (!is_metadata || !emit_metadata(dump, record)) {
        emit_bytes(&dump->emitter, "key", record->key);
        emit_bytes(&dump->emitter, "value", record->value);
    }
    emit_headers(dump, record);
    emit_end(&dump->emitter);
}

static void emit_records(struct walk *walk, slice batch)
{
    struct batch_iterator it;
    struct record record;
    struct error error = {0};
    int rc = batch_iterator_open(&it, batch, walk->dump->memory, RECORDS_BYTES_MAX, &error);
    if (rc == 0) {
        while ((rc = batch_iterator_next(&it, &record, &error)) == 1)
            emit_record(walk->dump, &record);
        batch_iterator_close(&it);
    }
    if (rc != 0)
        emit_damage(walk, error.message);
}

static void emit_batch(struct walk *walk, const struct batch_header *header, bool crc_ok)
{
    struct emitter *e = &walk->dump->emitter;
    emit_begin(e, "batch");
    emit_int(e, "base_offset", header->base_offset);
    emit_int(e, "last_offset", batch_last_offset(header));
    emit_int(e, "records", header->count);
    emit_int(e, "position", (int64_t)walk->position);
    emit_int(e, "bytes", (int64_t)batch_size(header));
    emit_int(e, "leader_epoch", header->leader_epoch);
    emit_text(e, "codec", batch_codec(header) < CODECS ? codec_text(batch_codec(header)) : "unknown");
    emit_text(e, "timestamp_type", batch_is_log_append_time(header) ? "append" : "create");
    emit_int(e, "max_timestamp", header->max_timestamp);
    if (batch_has_producer(header)) {
        emit_int(e, "producer_id", header->producer_id);
        emit_int(e, "producer_epoch", header->producer_epoch);
        emit_int(e, "base_sequence", header->base_sequence);
    }
    if (batch_is_transactional(header))
        emit_text(e, "transactional", "yes");
    if (batch_is_control(header))
        emit_text(e, "control", "yes");
    emit_text(e, "crc", crc_ok ? "ok" : "WRONG");
    emit_end(e);
}

/* One batch; 1 when the walk goes on, 0 at its end. */
static int walk_batch(struct walk *walk, struct error *error)
{
    uint8_t head[BATCH_HEADER_SIZE];
    struct batch_header header;
    struct error why = {0};
    size_t got;
    int rc = file_read(walk->file, head, sizeof head, walk->position, &got, error);
    if (rc != 0)
        return rc;
    if (batch_parse_header(slice_of(head, got), &header, &why) != 0) {
        emit_damage(walk, why.message);
        return 0;
    }
    if (batch_size(&header) > walk->size - walk->position || batch_size(&header) > BATCH_BYTES_MAX) {
        emit_damage(walk, "the batch is longer than what is left of the file");
        return 0;
    }
    uint8_t *bytes = memory_alloc(walk->dump->memory, MEMORY_SERVER, batch_size(&header));
    if (bytes == NULL)
        return error_set_status(error, -ENOMEM, "batch at %llu", (unsigned long long)walk->position);
    rc = file_read(walk->file, bytes, batch_size(&header), walk->position, &got, error);
    if (rc == 0) {
        slice batch = slice_of(bytes, got);
        bool crc_ok = batch_crc_matches(batch, &header);
        walk->dump->damaged += !crc_ok;
        emit_batch(walk, &header, crc_ok);
        if (header.base_offset < walk->next_offset)
            emit_damage(walk, "the offset goes back");
        walk->next_offset = batch_last_offset(&header) + 1;
        if (crc_ok && walk->dump->with_records)
            emit_records(walk, batch);
    }
    memory_free(walk->dump->memory, MEMORY_SERVER, bytes, batch_size(&header));
    walk->position += batch_size(&header);
    return rc != 0 ? rc : walk->dump->emitter.status == 0;
}

int dump_segment(struct dump *dump, struct error *error)
{
    struct walk walk = {.dump = dump};
    int rc = disk_open_file(dump->disk, dump->name, FILE_READ, &walk.file, error);
    if (rc != 0)
        return rc;
    rc = file_size(walk.file, &walk.size, error);
    if (rc == 0)
        rc = 1;
    while (rc == 1 && walk.position < walk.size)
        rc = walk_batch(&walk, error);
    file_close(walk.file);
    return rc < 0 ? rc : 0;
}
