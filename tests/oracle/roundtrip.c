/* Decodes and re-encodes what Kafka's own classes wrote (Messages.java) and compares the bytes.
 *
 *     roundtrip --list       the types and versions to ask for, one type a line: kind name key first last
 *     roundtrip FILE         the comparison; exit status 0 when every type and version was there and all bytes agree.
 *                            A version of a type, and an error code, count as one test each.
 */
#include "kafka/api.h"
#include "kafka/error_code.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ERROR_KIND      5
#define TYPES_MAX       256
#define VERSIONS_MAX    32
#define SHOWN_FAILURES  20
#define STRUCT_SIZE_MAX ((size_t)4096)
#define MESSAGE_LIMIT   ((size_t)64 << 20)

struct frame {
    uint8_t kind;
    int16_t key;
    int16_t version;
    slice name;
    slice bytes;
};

struct count {
    unsigned same;
    unsigned different;
};

static struct {
    struct memory memory;
    struct count messages[TYPES_MAX][VERSIONS_MAX];
    struct count error_codes;
    struct count tests;
    unsigned shown;
} run;

/* Furrow's own records, which Kafka does not know. */
static bool is_furrows(const struct message_type *type)
{
    return (type->kind == MESSAGE_KEY || type->kind == MESSAGE_VALUE) && strncmp(type->name, "Metadata", 8) == 0;
}

static void list_types(void)
{
    static const char *const kinds[] = {"request", "response", "key", "value", "data"};
    const struct message_type *type;
    for (size_t i = 0; (type = kafka_message_type(i)) != NULL; i++) {
        if (!is_furrows(type))
            printf("%s %s %d %d %d\n", kinds[type->kind], type->name, type->key, type->first_version,
                   type->last_version);
    }
}

/* NULL: nothing is wrong. */
static void count_frame(struct count *count, const struct frame *frame, const char *wrong)
{
    if (wrong == NULL) {
        count->same++;
        return;
    }
    count->different++;
    if (run.shown++ < SHOWN_FAILURES)
        printf("%.*s kind %u key %d version %d, %zu bytes: %s\n", SLICE_PRINT(frame->name), frame->kind, frame->key,
               frame->version, frame->bytes.size, wrong);
}

/* The header that stands before a request or a response is read and written as well. */
static int pass_header(const struct frame *frame, reader *r, writer *w, struct arena *arena)
{
    const struct kafka_api *api = kafka_api_find(frame->key);
    if (frame->kind == MESSAGE_REQUEST) {
        struct request_header header;
        int rc = kafka_decode_request_header(r, &header, arena);
        return rc == 0 ? kafka_encode_request_header(&header, w) : rc;
    }
    if (frame->kind == MESSAGE_RESPONSE) {
        int32_t correlation_id;
        int rc = kafka_decode_response_header(api, frame->version, r, &correlation_id, arena);
        if (rc == 0)
            kafka_encode_response_header(api, frame->version, correlation_id, w);
        return rc;
    }
    return 0;
}

static const char *compare(const struct frame *frame, const struct message_type *type, struct arena *arena, writer *w)
{
    reader r = reader_of(frame->bytes);
    void *value = arena_alloc(arena, STRUCT_SIZE_MAX);
    if (value == NULL || pass_header(frame, &r, w, arena) != 0)
        return "the header was refused";
    if (kafka_decode(type, frame->version, &r, value, arena) != 0)
        return "was refused";
    if (reader_left(&r) != 0)
        return "bytes were left over";
    if (kafka_encode(type, frame->version, value, w) != 0)
        return "was not encoded";
    return slice_equal(writer_slice(w), frame->bytes) ? NULL : "the bytes differ";
}

static void compare_message(const struct frame *frame)
{
    const struct message_type *type;
    size_t i = 0;
    for (; (type = kafka_message_type(i)) != NULL; i++) {
        if (type->kind == frame->kind && slice_equal(slice_of_text(type->name), frame->name))
            break;
    }
    if (type == NULL || frame->version < 0 || frame->version >= VERSIONS_MAX) {
        count_frame(&run.tests, frame, "is not a message that was asked for");
        return;
    }
    struct arena arena;
    writer w;
    arena_init(&arena, &run.memory, MEMORY_REQUESTS, MESSAGE_LIMIT);
    writer_init(&w, &run.memory, MEMORY_RESPONSES, MESSAGE_LIMIT);
    count_frame(&run.messages[i][frame->version], frame, compare(frame, type, &arena, &w));
    writer_close(&w);
    arena_close(&arena);
}

static void compare_error_code(const struct frame *frame)
{
    const char *name = kafka_error_name(frame->key);
    if (name == NULL)
        return; /* newer than ours */
    bool same =
        slice_equal(slice_of_text(name), frame->name) && kafka_error_is_retriable(frame->key) == (frame->version == 1);
    count_frame(&run.error_codes, frame, same ? NULL : "is another error code here");
}

static void compare_all(slice file)
{
    reader r = reader_of(file);
    while (reader_left(&r) != 0) {
        struct frame frame = {.kind = read_u8(&r), .key = read_i16(&r), .version = read_i16(&r)};
        frame.name = read_bytes(&r, read_u8(&r));
        frame.bytes = read_bytes(&r, read_u32(&r));
        if (!reader_ok(&r))
            count_frame(&run.tests, &frame, "the file ends too soon");
        else if (frame.kind == ERROR_KIND)
            compare_error_code(&frame);
        else
            compare_message(&frame);
    }
}

static void count_versions(const struct message_type *type, const struct count *versions)
{
    for (int version = type->first_version; version <= type->last_version; version++) {
        if (versions[version].same == 0)
            printf("%s kind %u version %d: no message agreed\n", type->name, type->kind, version);
        if (versions[version].same != 0 && versions[version].different == 0)
            run.tests.same++;
        else
            run.tests.different++;
    }
}

static void count_error_codes(void)
{
    unsigned codes = 0;
    for (int16_t code = -1; kafka_error_name(code) != NULL; code++)
        codes++;
    run.tests.same += run.error_codes.same;
    run.tests.different += codes - run.error_codes.same;
}

static slice read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return NULL_SLICE;
    size_t size = (size_t)ftell(file);
    uint8_t *data = malloc(size + 1);
    rewind(file);
    if (data == NULL || fread(data, 1, size, file) != size)
        return NULL_SLICE;
    fclose(file);
    return slice_of(data, size);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        list_types();
        return 0;
    }
    slice file = count == 2 ? read_file(arguments[1]) : NULL_SLICE;
    if (slice_is_null(file)) {
        fprintf(stderr, "usage: roundtrip --list | FILE\n");
        return 2;
    }
    memory_init(&run.memory);
    compare_all(file);
    const struct message_type *type;
    for (size_t i = 0; (type = kafka_message_type(i)) != NULL; i++) {
        if (!is_furrows(type))
            count_versions(type, run.messages[i]);
    }
    count_error_codes();
    free((void *)(uintptr_t)file.data);
    printf("%u passed, %u failed\n", run.tests.same, run.tests.different);
    return run.tests.different != 0;
}
