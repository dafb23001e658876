/* Decodes and re-encodes what Kafka's own classes wrote (Messages.java) and compares the bytes.
 *
 *     roundtrip --list       the types and versions to ask for, one type a line: kind name key first last
 *     roundtrip FILE         the comparison; exit status 0 when every type and version was there and all bytes agree
 */
#include "kafka/api.h"
#include "kafka/error_code.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ERROR_KIND     5
#define TYPES_MAX      256
#define VERSIONS_MAX   32
#define SHOWN_FAILURES 20
#define MESSAGE_LIMIT  ((size_t)64 << 20)

struct frame {
    uint8_t kind;
    int16_t key;
    int16_t version;
    slice name;
    slice bytes;
};

static struct {
    struct memory memory;
    unsigned seen[TYPES_MAX][VERSIONS_MAX];
    unsigned compared;
    unsigned error_codes;
    unsigned failures;
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

static void report(const struct frame *frame, const char *what)
{
    if (run.failures++ < SHOWN_FAILURES)
        printf("%.*s kind %u version %d, %zu bytes: %s\n", SLICE_PRINT(frame->name), frame->kind, frame->version,
               frame->bytes.size, what);
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

static void compare(const struct frame *frame, const struct message_type *type, struct arena *arena, writer *w)
{
    reader r = reader_of(frame->bytes);
    void *value = arena_alloc(arena, 4096); /* larger than any message's struct */
    if (value == NULL || pass_header(frame, &r, w, arena) != 0)
        report(frame, "the header was refused");
    else if (kafka_decode(type, frame->version, &r, value, arena) != 0)
        report(frame, "was refused");
    else if (reader_left(&r) != 0)
        report(frame, "bytes were left over");
    else if (kafka_encode(type, frame->version, value, w) != 0)
        report(frame, "was not encoded");
    else if (!slice_equal(writer_slice(w), frame->bytes))
        report(frame, "the bytes differ");
    run.compared++;
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
        report(frame, "is not a message that was asked for");
        return;
    }
    struct arena arena;
    writer w;
    arena_init(&arena, &run.memory, MEMORY_REQUESTS, MESSAGE_LIMIT);
    writer_init(&w, &run.memory, MEMORY_RESPONSES, MESSAGE_LIMIT);
    compare(frame, type, &arena, &w);
    run.seen[i][frame->version]++;
    writer_close(&w);
    arena_close(&arena);
}

static void compare_error_code(const struct frame *frame)
{
    const char *name = kafka_error_name(frame->key);
    if (name == NULL)
        return; /* newer than ours */
    if (!slice_equal(slice_of_text(name), frame->name) || kafka_error_is_retriable(frame->key) != (frame->version == 1))
        report(frame, "is another error code here");
    run.error_codes++;
}

static void compare_all(slice file)
{
    reader r = reader_of(file);
    while (reader_left(&r) != 0) {
        struct frame frame = {.kind = read_u8(&r), .key = read_i16(&r), .version = read_i16(&r)};
        frame.name = read_bytes(&r, read_u8(&r));
        frame.bytes = read_bytes(&r, read_u32(&r));
        if (!reader_ok(&r))
            report(&frame, "the file ends too soon");
        else if (frame.kind == ERROR_KIND)
            compare_error_code(&frame);
        else
            compare_message(&frame);
    }
}

static void check_coverage(void)
{
    const struct message_type *type;
    unsigned versions = 0, types = 0;
    for (size_t i = 0; (type = kafka_message_type(i)) != NULL; i++) {
        if (is_furrows(type))
            continue;
        types++;
        for (int version = type->first_version; version <= type->last_version; version++, versions++) {
            if (run.seen[i][version] == 0) {
                printf("%s kind %u version %d: no message came\n", type->name, type->kind, version);
                run.failures++;
            }
        }
    }
    unsigned codes = 0;
    for (int16_t code = -1; kafka_error_name(code) != NULL; code++)
        codes++;
    if (run.error_codes != codes) {
        printf("of %u error codes only %u were compared\n", codes, run.error_codes);
        run.failures++;
    }
    printf("%u messages of %u types in %u versions and %u error codes compared, %u differ\n", run.compared, types,
           versions, run.error_codes, run.failures);
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
    check_coverage();
    if (memory_total_bytes(&run.memory) != 0) {
        printf("%zu bytes were not given back\n", memory_total_bytes(&run.memory));
        run.failures++;
    }
    free((void *)(uintptr_t)file.data);
    return run.failures != 0;
}
