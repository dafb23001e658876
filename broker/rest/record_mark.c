#include "rest/record_mark.h"

#include "http/sse.h"
#include "http/websocket.h"
#include "json.h"
#include "rest/record_ids.h"
#include "time_text.h"

#define MARK_MAX ((size_t)4 << 10)
#define ID_MAX   ((size_t)1 << 20)

struct mark {
    const char *name;
    writer text;
    struct json json;
};

static void begin(struct mark *mark, const char *name, const writer *w)
{
    mark->name = name;
    writer_init(&mark->text, w->memory, w->purpose, MARK_MAX);
    mark->json = json_to(&mark->text);
    json_begin_object(&mark->json);
    json_key(&mark->json, "mark");
    json_text(&mark->json, name);
}

static void end(struct mark *mark, enum record_output output, slice id, writer *w)
{
    json_end_object(&mark->json);
    slice text = writer_slice(&mark->text);
    w->failed |= mark->text.failed;
    switch (output) {
    case RECORD_LINES:
        write_bytes(w, text);
        write_u8(w, '\n');
        break;
    case RECORD_EVENTS:
        sse_write_event(w, slice_of_text(mark->name), id, text);
        break;
    case RECORD_MESSAGES:
        websocket_write_frame(w, WEBSOCKET_TEXT, text);
        break;
    case RECORD_ITEMS:
    case RECORD_PLACES:
        break;
    }
    writer_close(&mark->text);
}

void record_mark_threshold(enum record_output output, writer *w)
{
    struct mark mark;
    begin(&mark, "threshold", w);
    end(&mark, output, NULL_SLICE, w);
}

void record_mark_pulse(enum record_output output, int64_t now, writer *w)
{
    struct mark mark;
    char time[TIME_TEXT_SIZE];
    begin(&mark, "pulse", w);
    json_key(&mark.json, "timestamp");
    json_text(&mark.json, time_print(now, time) ? time : "");
    end(&mark, output, NULL_SLICE, w);
}

static void write_part(struct mark *mark, const struct record_part *part)
{
    json_key(&mark->json, "topic_name");
    json_string(&mark->json, part->topic);
    json_key(&mark->json, "partition_id");
    json_int(&mark->json, part->partition);
}

static void end_with_id(struct mark *mark, const struct record_wish *wish, const int64_t *positions, writer *w)
{
    writer id;
    writer_init(&id, w->memory, w->purpose, ID_MAX);
    if (wish->output == RECORD_EVENTS)
        record_ids_write(wish->parts, wish->part_count, positions, &id);
    w->failed |= id.failed;
    end(mark, wish->output, writer_slice(&id), w);
    writer_close(&id);
}

void record_mark_gap(const struct record_wish *wish, const struct reading_gap *gap, const int64_t *positions, writer *w)
{
    struct mark mark;
    begin(&mark, "gap", w);
    write_part(&mark, &wish->parts[gap->part]);
    json_key(&mark.json, "from_offset");
    json_int(&mark.json, gap->from);
    json_key(&mark.json, "to_offset");
    json_int(&mark.json, gap->to);
    end_with_id(&mark, wish, positions, w);
}

void record_mark_deleted(const struct record_wish *wish, int32_t part, const int64_t *positions, writer *w)
{
    struct mark mark;
    begin(&mark, "deleted", w);
    write_part(&mark, &wish->parts[part]);
    end_with_id(&mark, wish, positions, w);
}

void record_mark_error(enum record_output output, int error_code, const char *message, writer *w)
{
    struct mark mark;
    begin(&mark, "error", w);
    json_key(&mark.json, "error_code");
    json_int(&mark.json, error_code);
    json_key(&mark.json, "message");
    json_text(&mark.json, message);
    end(&mark, output, NULL_SLICE, w);
}
