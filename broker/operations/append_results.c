#include "operations/append_private.h"
#include "operations/failure.h"

#include <inttypes.h>

static void settle_part(struct append_part *part)
{
    append_check_end(part);
    struct append_request *request = part->request;
    if (--request->pending != 0)
        return;
    if (request->times != NULL)
        histogram_add(request->times, uv_hrtime() - request->begun);
    request->done(request);
}

void append_fail(struct append_part *part, enum kafka_error code)
{
    (void)append_refuse(part, code, NULL);
    part->base_offset = -1;
    part->log_append_time = -1;
    part->log_start = -1;
    append_note_log_start(part);
    settle_part(part);
}

static enum kafka_error code_of_write(int status)
{
    return status == FURROW_TOO_LARGE ? KAFKA_RECORD_LIST_TOO_LARGE : failure_code(status);
}

void append_settle(const struct partition *partition, struct log_append *entries)
{
    for (struct log_append *entry = entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        struct append_part *part = append_part_of(entry);
        enum kafka_error code = code_of_write(entry->status);
        if (code != KAFKA_NONE) {
            append_fail(part, partition->topic->is_deleted ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : code);
            continue;
        }
        part->base_offset = entry->base_offset;
        part->log_start = log_start_offset(partition->log);
        settle_part(part);
    }
}

void append_fail_all(struct log_append *entries, enum kafka_error code)
{
    for (struct log_append *entry = entries, *next; entry != NULL; entry = next) {
        next = entry->next;
        append_fail(append_part_of(entry), code);
    }
}

/* Of a topic that is deleted meanwhile, the files may be gone. */
void append_report_failure(struct partition_append *state, const struct error *error)
{
    struct append_service *service = state->service;
    struct disk_watch *watch = service->operations->disk_watch;
    if (watch != NULL)
        disk_watch_note_failure(watch, error->code, uv_now(service->operations->loop));
    enum log_level level = state->partition->topic->is_deleted ? LOG_DEBUG : LOG_ERROR;
    if (service->operations->logger != NULL)
        log_line_limited(service->operations->logger, &service->log_limit, level, "append",
                         "topic=%s partition=%" PRId32 " %s", log_quote(topic_name(state->partition->topic)).text,
                         state->partition->index, error->message);
}
