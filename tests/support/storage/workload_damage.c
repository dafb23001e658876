/* Bit rot: between a stop and the start after it, a bit of a batch turns over that was safe on the disk. Only that
 * batch may be lost by it, and its bytes are never given to a reader. */
#include "workload_private.h"

#include <stdio.h>

static struct model_batch *choose_batch(struct workload_partition *p)
{
    struct model *m = &p->model;
    if (m->count == 0)
        return NULL;
    struct model_batch *batch = &m->batches[below(p->w, m->count)];
    int64_t last_offset = batch_last_offset(&batch->header);
    bool is_last = batch == &m->batches[m->count - 1]; /* where its header says that the log ends is believed */
    return last_offset < p->saved_point && last_offset >= m->start && !batch->is_damaged && !is_last ? batch : NULL;
}

/* While the log is open: where its files have the batch. */
bool workload_plan_damage(struct workload_partition *p, struct workload_damage *damage)
{
    struct model_batch *batch = p->exists && workload_is_whole(p) ? choose_batch(p) : NULL;
    if (batch == NULL)
        return false;
    int64_t end = log_end_offset(p->log);
    struct log_read read = {.offset = batch_last_offset(&batch->header), .end_offset = end, .whole_batch = true};
    if (log_read_begin(p->log, &read) == 0) {
        log_read_execute(&read);
        log_read_end(p->log, &read);
    }
    damage->p = p;
    damage->base_offset = batch->header.base_offset;
    damage->position = read.position;
    int64_t segment_base = read.private.segment_base;
    bool found = read.status == 0 && read.bytes > 0;
    log_read_release(p->log, &read);
    snprintf(damage->path, sizeof damage->path, "%s/%020lld.log", p->folder, (long long)segment_base);
    return found;
}

/* After a power cut the file may be another one. */
static bool is_there(const struct workload_damage *damage, uint32_t *size)
{
    struct batch_header header;
    uint8_t bytes[BATCH_HEADER_SIZE];
    struct file *file;
    size_t got;
    if (disk_open_file(damage->p->w->disk, damage->path, FILE_READ, &file, NULL) != 0)
        return false;
    bool is = file_read(file, bytes, sizeof bytes, damage->position, &got, NULL) == 0 && got == sizeof bytes &&
              batch_parse_header(slice_of(bytes, got), &header, NULL) == 0 && header.base_offset == damage->base_offset;
    file_close(file);
    *size = is ? (uint32_t)batch_size(&header) : 0;
    return is;
}

void workload_do_damage(const struct workload_damage *damage)
{
    struct workload *w = damage->p->w;
    struct model *m = &damage->p->model;
    uint32_t size;
    if (!is_there(damage, &size))
        return;
    uint64_t bit = damage->position * 8 + below(w, chance(w, 50) ? (uint64_t)size * 8 : BATCH_HEADER_SIZE * 8);
    for (size_t i = 0; i < m->count; i++) {
        if (m->batches[i].header.base_offset != damage->base_offset ||
            !simulated_disk_flip_bit(w->disk, damage->path, bit))
            continue;
        m->batches[i].is_damaged = true;
        m->is_damaged = true;
        w->counts->flips++;
    }
}
