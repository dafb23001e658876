/* Reading and searching, a step at a time. */
#include "workload_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static bool is_damage(const struct workload_partition *p, int status, int64_t offset)
{
    return status == FURROW_CORRUPT && model_skip_damage(&p->model, offset) >= 0;
}

/* ---- one read ---- */

static bool check_bytes(struct workload_partition *p, struct flying_read *flying)
{
    struct log_read *read = &flying->read;
    uint8_t *bytes = memory_alloc(&p->w->memory, MEMORY_REQUESTS, read->bytes);
    size_t got = 0;
    int64_t next;
    int rc = read->bytes > 0 ? file_read(read->file, bytes, read->bytes, read->position, &got, NULL) : 0;
    slice found = slice_of(bytes, got);
    bool right = rc != 0 || model_check_read(&p->model, read->offset, flying->end, found, &next);
    p->w->counts->aborted_lists += read->aborted_count > 0;
    if (rc == 0 && right && read->committed && !p->model.is_damaged)
        right = model_check_committed(&p->model, flying->end, found, read->aborted, read->aborted_count);
    memory_free(&p->w->memory, MEMORY_REQUESTS, bytes, read->bytes);
    return right;
}

static bool end_read(struct workload_partition *p, struct flying_read *flying)
{
    struct log_read *read = &flying->read;
    bool right = true;
    if (!workload_is_whole(p))
        right = true;
    else if (read->status == FURROW_OUT_OF_RANGE)
        right = read->offset < log_start_offset(p->log) ||
                model_fail(&p->model, "read at %" PRId64 " of %" PRId64 "..%" PRId64 " is out of range", read->offset,
                           p->model.start, p->model.end);
    else if (read->status == 0)
        right = check_bytes(p, flying);
    else if (!workload_is_disk_failure(read->status) && !is_damage(p, read->status, read->offset))
        right = model_fail(&p->model, "read at %" PRId64 ": status %d", read->offset, read->status);
    log_read_release(p->log, read);
    flying->under_way = false;
    p->w->counts->reads++;
    return right;
}

static bool begin_read(struct workload_partition *p, struct flying_read *flying)
{
    struct workload *w = p->w;
    bool committed = p->transactions && chance(w, 60);
    int64_t start = log_start_offset(p->log);
    int64_t end = committed ? log_stable_end_offset(p->log) : log_end_offset(p->log);
    int64_t offset = start + (int64_t)below(w, (uint64_t)(end - start) + 1);
    if (chance(w, 30))
        offset = end - (int64_t)below(w, (uint64_t)(end - start < 10 ? end - start : 10) + 1);
    flying->end = end;
    flying->under_way = true;
    flying->executed = false;
    flying->read = (struct log_read){.offset = offset,
                                     .end_offset = end,
                                     .max_bytes = 1 + (uint32_t)below(w, chance(w, 30) ? 100000 : 3000),
                                     .whole_batch = true,
                                     .committed = committed};
    return log_read_begin(p->log, &flying->read) == 0 || end_read(p, flying);
}

bool workload_step_read(struct workload_partition *p, struct flying_read *flying)
{
    if (!flying->under_way)
        return begin_read(p, flying);
    if (!flying->executed) {
        workload_execute_read(p, flying);
        return true;
    }
    log_read_end(p->log, &flying->read);
    return end_read(p, flying);
}

/* ---- all of it ---- */

static int add_range(struct workload_partition *p, struct log_read *read, writer *all, int64_t *offset)
{
    size_t got;
    size_t before = all->size;
    uint8_t *to = writer_extend(all, read->bytes);
    if (to == NULL)
        return -ENOMEM;
    int rc = file_read(read->file, to, read->bytes, read->position, &got, &p->w->error);
    if (rc != 0)
        return rc;
    struct batch_header header;
    slice batch, rest = slice_of(to, got);
    while (batch_next(&rest, &header, &batch, &p->w->error) == 1)
        *offset = batch_last_offset(&header) + 1;
    all->size = before + (read->bytes - rest.size);
    return 0;
}

int workload_read_all(struct workload_partition *p, uint8_t **bytes, size_t *size)
{
    writer all;
    writer_init(&all, &p->w->memory, MEMORY_REQUESTS, SIZE_MAX);
    int rc = 0;
    int64_t offset = log_start_offset(p->log), end = log_end_offset(p->log);
    while (rc == 0 && offset < end) {
        int64_t before = offset;
        struct log_read read = {.offset = offset, .end_offset = end, .max_bytes = 20000, .whole_batch = true};
        if (log_read_begin(p->log, &read) == 0) {
            log_read_execute(&read);
            log_read_end(p->log, &read);
        }
        rc = read.status;
        if (is_damage(p, rc, offset)) {
            offset = model_skip_damage(&p->model, offset);
            rc = 0;
        } else if (rc == 0 && read.bytes == 0)
            offset = end;
        else if (rc == 0)
            rc = add_range(p, &read, &all, &offset);
        if (rc == 0 && offset == before)
            rc = -ELOOP;
        log_read_release(p->log, &read);
    }
    *bytes = NULL;
    *size = 0;
    if (rc == 0 && all.size > 0) {
        *bytes = memory_alloc(&p->w->memory, MEMORY_REQUESTS, all.size);
        if (*bytes == NULL)
            abort();
        memcpy(*bytes, all.data, all.size);
        *size = all.size;
    }
    writer_close(&all);
    return rc;
}

bool workload_check_whole(struct workload_partition *p)
{
    uint8_t *bytes;
    size_t size;
    int64_t next;
    int rc = workload_read_all(p, &bytes, &size);
    if (!workload_is_whole(p)) {
        memory_free(&p->w->memory, MEMORY_REQUESTS, bytes, size);
        return true;
    }
    if (rc != 0)
        return workload_is_disk_failure(rc) || model_fail(&p->model, "reading all: status %d", rc);
    bool right =
        model_check_read(&p->model, log_start_offset(p->log), log_end_offset(p->log), slice_of(bytes, size), &next) &&
        (size == 0 || model_check_read(&p->model, next, log_end_offset(p->log), NULL_SLICE, &next)) &&
        (p->model.is_damaged || model_check_markers(&p->model, slice_of(bytes, size)));
    memory_free(&p->w->memory, MEMORY_REQUESTS, bytes, size);
    return right;
}

/* ---- searching ---- */

static bool begin_find(struct workload_partition *p)
{
    struct workload *w = p->w;
    struct flying_find *flying = &p->find;
    flying->timestamp = chance(w, 20) ? LOG_FIND_MAX_TIMESTAMP : w->now - (int64_t)below(w, 4000);
    flying->start = log_start_offset(p->log);
    flying->end = log_end_offset(p->log);
    flying->executed = false;
    int rc = log_find_begin(p->log, flying->timestamp, flying->end, &flying->find, &w->error);
    return rc == 0 || model_fail(&p->model, "a search begins with status %d", rc);
}

/* A start inside of a batch: the largest timestamp of a batch may be that of a record below it. */
static bool starts_inside_a_batch(const struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct batch_header *header = &m->batches[i].header;
        if (header->base_offset < m->start && batch_last_offset(header) >= m->start)
            return true;
    }
    return false;
}

bool workload_step_find(struct workload_partition *p)
{
    struct flying_find *flying = &p->find;
    if (flying->find == NULL)
        return begin_find(p);
    if (!flying->executed) {
        workload_execute_find(p);
        return true;
    }
    int64_t offset, timestamp;
    int32_t epoch;
    int rc = log_find_end(p->log, flying->find, &offset, &timestamp, &epoch, &p->w->error);
    flying->find = NULL;
    p->w->counts->finds++;
    if (workload_is_disk_failure(rc) || !workload_is_whole(p) || p->model.is_damaged)
        return true;
    if (rc != 0)
        return model_fail(&p->model, "a search ends with status %d", rc);
    if (flying->start != p->model.start ||
        (flying->timestamp == LOG_FIND_MAX_TIMESTAMP && starts_inside_a_batch(&p->model)))
        return true;
    return model_check_found(&p->model, flying->timestamp, flying->end, offset, timestamp);
}
