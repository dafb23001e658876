/* The table of readings is allocated by the ledger, and a failure is told. */
#define HASH_NONFATAL_OOM        1
#define uthash_malloc(size)      memory_alloc(readers->memory, MEMORY_CONNECTIONS, size)
#define uthash_free(block, size) memory_free(readers->memory, MEMORY_CONNECTIONS, block, size)

#include "rest/reading_private.h"

#include "container.h"
#include "operations/operations.h"

#include <errno.h>

/* Cursors that are told in one turn of the loop, so that a thousand of them do not keep it from the others. */
#define READY_TURN 32
/* The cache: a share of the memory for requests and responses. */
#define CACHE_SHARE 64
#define CACHE_LEAST ((size_t)128 << 10)
#define CACHE_MOST  ((size_t)4 << 20)

/* ---- what tells readings apart ---- */

static void write_wish(const struct reading_wish *wish, writer *w)
{
    const struct record_filter *filter = &wish->filter;
    write_nullable_bytes(w, wish->topics);
    write_u8(w, wish->is_choice);
    write_i32(w, wish->partition);
    write_u8(w, (uint8_t)wish->output);
    write_u8(w, (uint8_t)wish->format);
    write_u8(w, filter->by_key);
    write_nullable_bytes(w, filter->key);
    write_nullable_bytes(w, filter->header_name);
    write_nullable_bytes(w, filter->header_value);
    write_i64(w, filter->from_time);
    write_i64(w, filter->to_time);
    write_u8(w, wish->committed);
}

static void write_parts(const struct reading_choice *choice, writer *w)
{
    for (int32_t i = 0; i < choice->count; i++) {
        write_uuid(w, choice->partitions[i]->topic->id);
        write_i32(w, choice->partitions[i]->index);
    }
}

static void write_key(struct record_readers *readers, const struct reading_wish *wish,
                      const struct reading_choice *choice, writer *w)
{
    write_wish(wish, w);
    write_parts(choice, w);
    write_u64(w, reading_is_own(wish) ? ++readers->owned : 0);
}

/* ---- making ---- */

static slice keep(struct reading *reading, size_t *used, slice bytes)
{
    if (slice_is_null(bytes))
        return bytes;
    uint8_t *to = reading->texts + *used;
    if (bytes.size != 0)
        memcpy(to, bytes.data, bytes.size);
    *used += bytes.size;
    return slice_of(to, bytes.size);
}

static void keep_wish(struct reading *reading, const struct reading_wish *wish)
{
    size_t used = 0;
    reading->asked = *wish;
    reading->asked.topics = keep(reading, &used, wish->topics);
    struct record_filter *filter = &reading->asked.filter;
    filter->key = keep(reading, &used, filter->key);
    filter->header_name = keep(reading, &used, filter->header_name);
    filter->header_value = keep(reading, &used, filter->header_value);
}

static void set_parts(struct reading *reading, const struct reading_choice *choice)
{
    for (int32_t i = 0; i < choice->count; i++) {
        struct partition *partition = choice->partitions[i];
        topic_hold(partition->topic);
        reading->partitions[i] = partition;
        reading->parts[i] = (struct record_part){topic_name(partition->topic), partition->index};
    }
    reading->wish = (struct record_wish){
        .output = reading->asked.output,
        .format = reading->asked.format,
        .filter = reading->asked.filter,
        .parts = reading->parts,
        .part_count = choice->count,
        .hasher = reading->hasher,
        .kept = reading->asked.kept != NULL ? reading->asked.kept->parts : NULL,
    };
}

static void free_blocks(struct reading *reading, int32_t parts)
{
    struct memory *memory = reading->readers->memory;
    memory_free(memory, MEMORY_CONNECTIONS, reading->key, reading->key_size);
    memory_free(memory, MEMORY_CONNECTIONS, reading->texts, reading->texts_size);
    memory_free(memory, MEMORY_CONNECTIONS, reading->parts, (size_t)parts * sizeof *reading->parts);
    memory_free(memory, MEMORY_CONNECTIONS, reading->partitions, (size_t)parts * sizeof *reading->partitions);
    memory_free(memory, MEMORY_CONNECTIONS, reading->hasher, sizeof *reading->hasher);
    memory_free(memory, MEMORY_CONNECTIONS, reading, sizeof *reading);
}

static bool make_hasher(struct reading *reading)
{
    uint8_t secret[KEY_HASH_SECRET_SIZE];
    reading->hasher = memory_alloc(reading->readers->memory, MEMORY_CONNECTIONS, sizeof *reading->hasher);
    if (reading->hasher == NULL)
        return false;
    server_random(reading->readers->server, secret, sizeof secret);
    key_hasher_init(reading->hasher, secret);
    return true;
}

static struct reading *make(struct record_readers *readers, const struct reading_wish *wish,
                            const struct reading_choice *choice, slice key)
{
    struct memory *memory = readers->memory;
    const struct record_filter *filter = &wish->filter;
    struct reading *reading = memory_alloc_zeroed(memory, MEMORY_CONNECTIONS, sizeof *reading);
    if (reading == NULL)
        return NULL;
    reading->readers = readers;
    reading->key_size = key.size;
    reading->texts_size = wish->topics.size + filter->key.size + filter->header_name.size + filter->header_value.size;
    size_t count = (size_t)choice->count;
    reading->key = memory_alloc(memory, MEMORY_CONNECTIONS, key.size);
    reading->texts = memory_alloc(memory, MEMORY_CONNECTIONS, reading->texts_size);
    reading->parts = memory_alloc(memory, MEMORY_CONNECTIONS, count * sizeof *reading->parts);
    reading->partitions = memory_alloc(memory, MEMORY_CONNECTIONS, count * sizeof *reading->partitions);
    bool is_made = reading->key != NULL && reading->texts != NULL && reading->parts != NULL &&
                   reading->partitions != NULL && (!wish->hashes_keys || make_hasher(reading));
    if (is_made) {
        memcpy(reading->key, key.data, key.size);
        HASH_ADD_KEYPTR(hh, readers->by_key, reading->key, reading->key_size, reading);
        is_made = reading->hh.tbl != NULL;
    }
    if (!is_made) {
        free_blocks(reading, choice->count);
        return NULL;
    }
    keep_wish(reading, wish);
    set_parts(reading, choice);
    return reading;
}

/* Held. NULL without memory. */
static struct reading *find_or_make(struct record_readers *readers, const struct reading_wish *wish,
                                    const struct reading_choice *choice)
{
    writer key;
    writer_init(&key, readers->memory, MEMORY_REQUESTS, SIZE_MAX / 2);
    write_key(readers, wish, choice, &key);
    struct reading *reading = NULL;
    if (writer_ok(&key))
        HASH_FIND(hh, readers->by_key, key.data, key.size, reading);
    if (writer_ok(&key) && reading == NULL)
        reading = make(readers, wish, choice, writer_slice(&key));
    writer_close(&key);
    if (reading != NULL)
        reading->holds++;
    return reading;
}

enum kafka_error reading_open(struct record_readers *readers, const struct reading_wish *wish, struct reading **opened)
{
    struct reading_choice choice;
    reading_choose(&readers->server->topics, wish, &choice);
    enum kafka_error error = choice.failed                      ? KAFKA_KAFKA_STORAGE_ERROR
                             : choice.count == 0                ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                             : choice.count > READING_PARTS_MAX ? KAFKA_POLICY_VIOLATION
                                                                : KAFKA_NONE;
    *opened = error == KAFKA_NONE ? find_or_make(readers, wish, &choice) : NULL;
    if (error == KAFKA_NONE && *opened == NULL)
        error = KAFKA_KAFKA_STORAGE_ERROR;
    reading_choice_close(&choice);
    return error;
}

void reading_release(struct reading *reading)
{
    if (--reading->holds != 0)
        return;
    struct record_readers *readers = reading->readers;
    int32_t count = reading->wish.part_count;
    while (reading->steps != NULL)
        step_remove(reading->steps);
    HASH_DELETE(hh, readers->by_key, reading);
    for (int32_t i = 0; i < count; i++)
        topic_release(&readers->server->topics, reading->partitions[i]->topic);
    if (reading->asked.kept != NULL)
        memory_free(readers->memory, MEMORY_REQUESTS, reading->asked.kept, reading->asked.kept->size);
    free_blocks(reading, count);
}

/* ---- what it covers ---- */

int32_t reading_part_count(const struct reading *reading)
{
    return reading->wish.part_count;
}

const struct record_part *reading_parts(const struct reading *reading)
{
    return reading->parts;
}

struct partition *reading_partition(const struct reading *reading, int32_t part)
{
    return reading->partitions[part];
}

int32_t reading_find_part(const struct reading *reading, slice topic, int32_t partition)
{
    for (int32_t i = 0; i < reading->wish.part_count; i++) {
        if (reading->parts[i].partition == partition && slice_equal(reading->parts[i].topic, topic))
            return i;
    }
    return -1;
}

int64_t reading_end_offset(const struct reading *reading, int32_t part)
{
    const struct log *log = reading->partitions[part]->log;
    if (log == NULL)
        return 0;
    return reading->asked.committed ? log_stable_end_offset(log) : log_end_offset(log);
}

/* ---- topics that come ---- */

static bool has(const struct reading *reading, const struct partition *partition)
{
    for (int32_t i = 0; i < reading->wish.part_count; i++) {
        if (reading->partitions[i] == partition)
            return true;
    }
    return false;
}

/* All who read it have been told. */
static bool is_forgotten(const struct reading *reading, int32_t part)
{
    bool is_known = !reading->partitions[part]->topic->is_deleted;
    for (const struct cursor *cursor = reading->cursors; cursor != NULL && !is_known; cursor = cursor->next)
        is_known = cursor->positions[part] != RECORD_PART_GONE;
    return !is_known;
}

/* What it covers now, and what it has had but for what is forgotten. True: that is something else than before. */
static bool choose_anew(const struct reading *reading, struct reading_choice *choice)
{
    bool is_other = false;
    reading_choose(&reading->readers->server->topics, &reading->asked, choice);
    for (int32_t i = 0; i < choice->count; i++)
        is_other |= !has(reading, choice->partitions[i]);
    for (int32_t i = 0; i < reading->wish.part_count; i++) {
        bool forgotten = is_forgotten(reading, i);
        is_other |= forgotten;
        if (!forgotten && !reading_choice_has(choice, reading->partitions[i]))
            reading_choice_add(choice, reading->partitions[i]);
    }
    return is_other && !choice->failed && choice->count != 0 && choice->count <= READING_PARTS_MAX;
}

static void follow_topics(struct reading *reading)
{
    struct reading_choice choice;
    struct reading *next = NULL;
    if (reading_is_own(&reading->asked))
        return;
    if (choose_anew(reading, &choice))
        next = find_or_make(reading->readers, &reading->asked, &choice);
    reading_choice_close(&choice);
    if (next == NULL)
        return;
    reading->holds++;
    for (struct cursor *cursor = reading->cursors, *after; cursor != NULL; cursor = after) {
        after = cursor->next;
        cursor_move(cursor, next);
    }
    reading_release(reading);
    reading_release(next);
}

/* Those that are made meanwhile need no look, but may get one. */
static void follow_all_topics(struct record_readers *readers)
{
    struct reading *reading = readers->by_key;
    if (reading != NULL)
        reading->holds++;
    while (reading != NULL) {
        struct reading *next = reading->hh.next;
        if (next != NULL)
            next->holds++;
        follow_topics(reading);
        reading_release(reading);
        reading = next;
    }
}

void record_readers_note_topics(struct record_readers *readers)
{
    readers->is_stale = readers->by_key != NULL;
    if (readers->is_stale)
        turn_end_ask(&readers->turn_end);
}

static void on_topics_changed(struct topics *topics)
{
    record_readers_note_topics(CONTAINER_OF(topics, struct server, topics)->record_readers);
}

/* ---- turns ---- */

/* What is read is begun when all that was read has been handed out: more may have come by then. */
static void on_turn_end(struct turn_end *turn_end)
{
    struct record_readers *readers = CONTAINER_OF(turn_end, struct record_readers, turn_end);
    if (readers->is_stale) {
        readers->is_stale = false;
        follow_all_topics(readers);
    }
    for (int i = 0; i < READY_TURN && readers->ready.first != NULL; i++) {
        struct cursor *cursor = readers->ready.first;
        cursor_queue_remove(cursor);
        cursor->ready(cursor);
    }
    if (readers->ready.first != NULL) {
        turn_end_ask(turn_end);
        return;
    }
    struct reading_step *starts = readers->starts;
    readers->starts = NULL;
    readers->last_start = &readers->starts;
    for (struct reading_step *step = starts, *next; step != NULL; step = next) {
        next = step->next_start;
        work_start(step);
    }
}

/* ---- the service ---- */

int record_readers_open(struct server *server, struct record_readers **opened, struct error *error)
{
    struct record_readers *readers = memory_alloc_zeroed(server->memory, MEMORY_SERVER, sizeof *readers);
    if (readers == NULL)
        return error_set_status(error, -ENOMEM, "readers of records");
    size_t share = (size_t)config_number(server->config, CONFIG_FURROW_MEMORY_LIMIT_BYTES) / CACHE_SHARE;
    readers->memory = server->memory;
    readers->server = server;
    readers->cached_limit = share < CACHE_LEAST ? CACHE_LEAST : share > CACHE_MOST ? CACHE_MOST : share;
    readers->last_start = &readers->starts;
    cursor_queue_init(&readers->ready);
    turn_end_init(&readers->turn_end, server->loop, on_turn_end);
    read_alarms_init(&readers->alarms, server->loop);
    readers->open_handles = 2;
    server->topics.changed = on_topics_changed;
    *opened = readers;
    return 0;
}

static void closed_one(struct record_readers *readers)
{
    if (--readers->open_handles == 0)
        memory_free(readers->memory, MEMORY_SERVER, readers, sizeof *readers);
}

static void on_turn_end_closed(struct turn_end *turn_end)
{
    closed_one(CONTAINER_OF(turn_end, struct record_readers, turn_end));
}

static void on_alarms_closed(struct read_alarms *alarms)
{
    closed_one(CONTAINER_OF(alarms, struct record_readers, alarms));
}

void record_readers_close(struct record_readers *readers)
{
    readers->server->topics.changed = NULL;
    turn_end_close(&readers->turn_end, on_turn_end_closed);
    read_alarms_close(&readers->alarms, on_alarms_closed);
}

bool record_readers_idle(const struct record_readers *readers)
{
    return readers->works == 0 && readers->starts == NULL && readers->by_key == NULL;
}

struct read_alarms *record_readers_alarms(struct record_readers *readers)
{
    return &readers->alarms;
}

size_t record_readers_cached(const struct record_readers *readers)
{
    return readers->cached;
}
