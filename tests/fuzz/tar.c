/* Any bytes as a tar archive: headers, pax records, long names. What is read as a header is written again and read
 * back, and must be the same. */
#include "tar.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_again(const struct tar_entry *entry)
{
    struct memory memory;
    struct tar_entry again;
    struct tar_more more = {.has_size = false};
    writer w;
    memory_init(&memory);
    writer_init(&w, &memory, MEMORY_SERVER, (size_t)1 << 16);
    tar_write_header(&w, entry);
    require(writer_ok(&w));
    slice block = slice_of(w.data, TAR_BLOCK);
    require(tar_parse_header(block, &again, NULL) == 0);
    if (again.kind == TAR_PAX) {
        require(tar_parse_pax(slice_of(w.data + TAR_BLOCK, (size_t)again.size), &more, NULL) == 0);
        block.data += TAR_BLOCK + again.size + tar_padding(again.size);
        require(tar_parse_header(block, &again, NULL) == 0);
    }
    tar_apply(&again, &more);
    require(strcmp(again.path, entry->path) == 0 && again.size == entry->size && again.kind == entry->kind);
    writer_close(&w);
    require(memory_total_bytes(&memory) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tar_more more = {.has_size = false};
    for (size_t at = 0; size - at >= TAR_BLOCK;) {
        struct tar_entry entry;
        int rc = tar_parse_header(slice_of(data + at, TAR_BLOCK), &entry, NULL);
        at += TAR_BLOCK;
        if (rc != 0 || entry.kind == TAR_END)
            break;
        size_t content = entry.size < size - at ? (size_t)entry.size : size - at;
        if (entry.kind == TAR_PAX)
            (void)!tar_parse_pax(slice_of(data + at, content), &more, NULL);
        else if (entry.kind == TAR_LONG_NAME)
            (void)!tar_parse_long_name(slice_of(data + at, content), &more, NULL);
        tar_apply(&entry, &more);
        bool is_plain = entry.kind == TAR_FILE && entry.path[0] != '\0' && entry.size >> 33 == 0;
        if (is_plain)
            check_again(&entry);
        at += content;
        at += tar_padding(content) < size - at ? tar_padding(content) : size - at;
    }
    /* And the records alone, which seldom come behind a header with the right checksum. */
    more = (struct tar_more){.has_size = false};
    (void)!tar_parse_pax(slice_of(data, size), &more, NULL);
    return 0;
}
