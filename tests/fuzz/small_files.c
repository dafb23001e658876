/* Any bytes as one of the files beside a segment; the first byte says which. What is accepted is written again and read
 * back, and must be the same. */
#include "checkpoint.h"
#include "crc32c.h"
#include "data_folder.h"
#include "epochs.h"
#include "offset_index.h"
#include "producer_state.h"
#include "simulated_disk.h"
#include "time_index.h"

#include <stdlib.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The CRC is put right first, or nothing would ever get behind it. */
static void try_snapshot(struct memory *memory, slice bytes)
{
    struct producer_state *state = NULL;
    uint8_t *copy = malloc(bytes.size + 1);
    require(copy != NULL && producer_state_create(memory, 100, &state) == 0);
    memcpy(copy, bytes.data, bytes.size);
    if (bytes.size >= 6)
        store_u32(copy + 2, crc32c(0, copy + 6, bytes.size - 6));
    if (producer_state_parse(state, slice_of(copy, bytes.size), 0, INT64_MAX, NULL) == 0) {
        writer first, second;
        writer_init(&first, memory, MEMORY_PRODUCERS, LIMIT);
        writer_init(&second, memory, MEMORY_PRODUCERS, LIMIT);
        producer_state_write(state, &first);
        require(writer_ok(&first));
        require(producer_state_parse(state, writer_slice(&first), 0, INT64_MAX, NULL) == 0);
        producer_state_write(state, &second);
        require(slice_equal(writer_slice(&first), writer_slice(&second)));
        writer_close(&first);
        writer_close(&second);
    }
    producer_state_close(state);
    free(copy);
}

static int take_offset(void *context, const struct checkpoint_offset *entry)
{
    require(entry->topic.size != 0 && entry->partition >= 0 && entry->offset >= 0);
    checkpoint_write_offsets(context, entry, 1);
    return 0;
}

static void try_offsets(struct memory *memory, slice bytes)
{
    writer w;
    writer_init(&w, memory, MEMORY_SERVER, LIMIT);
    (void)!checkpoint_parse_offsets(bytes, take_offset, &w, NULL);
    writer_close(&w);
}

static void try_epochs(struct memory *memory, slice bytes)
{
    struct epochs epochs;
    writer w;
    epochs_init(&epochs, memory);
    writer_init(&w, memory, MEMORY_SERVER, LIMIT);
    if (epochs_parse(&epochs, bytes, NULL) == 0) {
        uint32_t count = epochs.count;
        epochs_write(&epochs, &w);
        require(writer_ok(&w) && epochs_parse(&epochs, writer_slice(&w), NULL) == 0 && epochs.count == count);
    }
    writer_close(&w);
    epochs_close(&epochs);
}

/* What passes the check can be searched without an error. */
static void try_indexes(struct memory *memory, slice bytes)
{
    struct disk *disk = simulated_disk_create(memory, 1);
    struct file *file;
    struct iovec part = {.iov_base = (void *)bytes.data, .iov_len = bytes.size};
    require(disk_open_file(disk, "index", FILE_CREATE, &file, NULL) == 0);
    require(file_write(file, &part, 1, 0, NULL) == 0);
    struct offset_index offsets;
    struct offset_position position;
    if (offset_index_load(&offsets, file, 0, NULL) == 0) {
        bool good = offset_index_check(&offsets, file, INT64_MAX, UINT64_MAX, NULL) == 0;
        int rc = offset_index_find(&offsets, file, 1000, &position, NULL);
        require(!good || (rc == 0 && position.offset <= 1000));
    }
    struct time_index times;
    struct time_offset found;
    if (time_index_load(&times, file, 0, NULL) == 0) {
        bool good = time_index_check(&times, file, INT64_MAX, NULL) == 0;
        int rc = time_index_find(&times, file, 1000, &found, NULL);
        require(!good || (rc == 0 && found.timestamp <= 1000));
    }
    file_close(file);
    disk_close(disk);
}

static void try_data_folder(struct memory *memory, slice bytes)
{
    static const uint8_t random[32];
    struct disk *disk = simulated_disk_create(memory, 1);
    struct data_folder *folder;
    struct data_folder_start start;
    require(disk_replace_file(disk, "meta.properties", bytes, NULL) == 0);
    if (data_folder_open(disk, 1, random, &folder, &start, NULL) == 0) {
        require(strlen(start.cluster_id) != 0);
        data_folder_close(folder);
    }
    disk_close(disk);
}

static void try_folder_name(slice bytes)
{
    char name[DISK_PATH_MAX], topic[DISK_PATH_MAX], again[DISK_PATH_MAX];
    int32_t partition;
    if (bytes.size >= sizeof name)
        return;
    memcpy(name, bytes.data, bytes.size);
    name[bytes.size] = '\0';
    if (partition_folder_parse(name, topic, &partition) &&
        partition_folder_name(slice_of_text(topic), partition, again) == 0)
        require(strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct memory memory;
    memory_init(&memory);
    slice bytes = slice_of(data + 1, size - 1);
    switch (data[0] % 6) {
    case 0:
        try_snapshot(&memory, bytes);
        break;
    case 1:
        try_offsets(&memory, bytes);
        break;
    case 2:
        try_epochs(&memory, bytes);
        break;
    case 3:
        try_indexes(&memory, bytes);
        break;
    case 4:
        try_data_folder(&memory, bytes);
        break;
    default:
        try_folder_name(bytes);
    }
    require(memory_total_bytes(&memory) == 0);
    return 0;
}
