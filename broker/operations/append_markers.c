#include "operations/append_markers.h"

#include "operations/append_private.h"
#include "transaction_marker.h"

#define BYTES_FOR_WORDS ((size_t)64 << 10)

static void on_appended(struct append_request *request)
{
    struct marker_append *markers = CONTAINER_OF(request, struct marker_append, request);
    for (int32_t i = 0; i < markers->count; i++) {
        if (markers->parts[i].partition != NULL)
            markers->parts[i].error = request->part_count != 0 ? request->parts[i].error : KAFKA_KAFKA_STORAGE_ERROR;
    }
    arena_close(&markers->arena);
    writer_close(&markers->batches);
    markers->done(markers);
}

static bool write_batches(struct marker_append *markers, int64_t now, struct append_part *parts)
{
    struct transaction_marker marker = {
        .producer_id = markers->producer_id,
        .producer_epoch = markers->producer_epoch,
        .coordinator_epoch = markers->coordinator_epoch,
        .commit = markers->commits,
        .timestamp = now,
    };
    for (int32_t i = 0; i < markers->count; i++)
        transaction_marker_write(&marker, &markers->batches);
    for (int32_t i = 0; i < markers->count && writer_ok(&markers->batches); i++) {
        parts[i].partition = markers->parts[i].partition;
        parts[i].batch = markers->batches.data + (size_t)i * TRANSACTION_MARKER_SIZE;
        parts[i].size = TRANSACTION_MARKER_SIZE;
    }
    return writer_ok(&markers->batches);
}

void append_markers_start(struct append_service *service, struct marker_append *markers)
{
    const struct operations *operations = service->operations;
    size_t count = (size_t)markers->count;
    writer_init(&markers->batches, operations->memory, MEMORY_REQUESTS, count * TRANSACTION_MARKER_SIZE);
    arena_init(&markers->arena, operations->memory, MEMORY_REQUESTS,
               2 * count * sizeof(struct append_part) + BYTES_FOR_WORDS);
    struct append_part *parts = arena_alloc(&markers->arena, count * sizeof *parts);
    bool is_made = parts != NULL && write_batches(markers, operations_now(operations), parts);
    markers->request = (struct append_request){
        .parts = parts,
        .part_count = is_made ? markers->count : 0,
        .acks = APPEND_ACKS_ALL,
        .origin = APPEND_FROM_COORDINATOR,
        .arena = &markers->arena,
        .done = on_appended,
    };
    append_start(service, &markers->request);
}
