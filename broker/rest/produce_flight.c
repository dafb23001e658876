/* The records of a produce_stream that are appended together. */
#include "http/body.h"
#include "rest/produce_stream_private.h"

#define ARENA_MAX ((size_t)64 << 20)

void produce_flight_free(struct flight *flight)
{
    struct produce_stream *stream = flight->stream;
    struct memory *memory = stream->memory;
    if (flight->producer != NULL)
        record_producer_free(flight->producer);
    arena_close(&flight->arena);
    memory_free(memory, MEMORY_REQUESTS, flight->entries, flight->entry_capacity * sizeof *flight->entries);
    memory_free(memory, MEMORY_REQUESTS, flight->failures, flight->failure_capacity * sizeof *flight->failures);
    http_exchange_let_go(stream->exchange, flight->held);
    memory_free(memory, MEMORY_REQUESTS, flight, sizeof *flight);
}

static bool make_flight(struct produce_stream *stream)
{
    struct flight *flight = memory_alloc_zeroed(stream->memory, MEMORY_REQUESTS, sizeof *flight);
    if (flight == NULL)
        return false;
    flight->stream = stream;
    arena_init(&flight->arena, stream->memory, MEMORY_REQUESTS, ARENA_MAX);
    flight->producer = record_producer_make(&(struct record_producer_settings){
        .server = stream->server,
        .topic = stream->topic,
        .partitions = stream->partitions,
        .start = stream->has_identity ? stream->start : stream->start++,
        .acks = stream->answer == PRODUCE_SUMMARY ? APPEND_ACKS_LEADER : stream->acks,
        .identity = stream->has_identity ? &stream->identity : NULL,
    });
    if (flight->producer == NULL) {
        produce_flight_free(flight);
        return false;
    }
    stream->current = flight;
    return true;
}

static size_t held_by_flight(const struct flight *flight)
{
    return record_producer_held(flight->producer) + flight->entry_capacity * sizeof *flight->entries +
           flight->failure_capacity * sizeof *flight->failures + flight->arena.total;
}

static void on_appended(void *context)
{
    struct flight *flight = context;
    flight->is_done = true;
    flight->stream->under_way--;
    produce_stream_go_on(flight->stream);
}

void produce_flight_count(struct produce_stream *stream)
{
    size_t held = stream->texts.held.capacity + stream->scratch.total +
                  stream->document.capacity * sizeof *stream->document.values;
    if (stream->current != NULL)
        held += held_by_flight(stream->current);
    if (held > stream->held)
        http_exchange_hold(stream->exchange, held - stream->held);
    else
        http_exchange_let_go(stream->exchange, stream->held - held);
    stream->held = held;
}

void produce_flight_send(struct produce_stream *stream)
{
    struct flight *flight = stream->current;
    stream->current = NULL;
    flight->held = held_by_flight(flight);
    http_exchange_hold(stream->exchange, flight->held);
    produce_flight_count(stream);
    if (stream->last != NULL)
        stream->last->next = flight;
    else
        stream->first = flight;
    stream->last = flight;
    stream->under_way++;
    record_producer_send(flight->producer, on_appended, flight);
}

static bool grow(struct memory *memory, void **items, size_t count, size_t *capacity, size_t item)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity != 0 ? 2 * *capacity : 32;
    void *grown = memory_realloc(memory, MEMORY_REQUESTS, *items, *capacity * item, wanted * item);
    if (grown == NULL)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

struct flight_entry *produce_flight_add(struct produce_stream *stream)
{
    if (stream->current == NULL && !make_flight(stream))
        return NULL;
    struct flight *flight = stream->current;
    void *entries = flight->entries;
    if (!grow(stream->memory, &entries, flight->entry_count, &flight->entry_capacity, sizeof *flight->entries))
        return NULL;
    flight->entries = entries;
    struct flight_entry *entry = &flight->entries[flight->entry_count++];
    *entry = (struct flight_entry){.number = stream->number, .failure = -1};
    return entry;
}

bool produce_flight_fail(struct produce_stream *stream, int error_code, const char *words)
{
    struct flight_entry *entry = produce_flight_add(stream);
    if (entry == NULL)
        return false;
    struct flight *flight = stream->current;
    void *failures = flight->failures;
    if (!grow(stream->memory, &failures, flight->failure_count, &flight->failure_capacity, sizeof *flight->failures)) {
        flight->entry_count--;
        return false;
    }
    flight->failures = failures;
    entry->failure = (int32_t)flight->failure_count;
    flight->failures[flight->failure_count++] =
        (struct flight_failure){error_code, arena_copy(&flight->arena, slice_of_text(words))};
    return true;
}
