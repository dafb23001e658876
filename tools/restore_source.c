#include "restore_source.h"

#include "tar.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define META          "meta.properties"
#define META_SIZE_MAX ((uint64_t)64 << 10)

/* ---- one file ---- */

/* Up to RESTORE_COPY_BYTES of it from `position` on into restore->buffer. */
typedef int read_some(void *context, uint64_t position, size_t size, size_t *got, struct error *error);

/* Of a server's own that is not copied: it goes with the folder, not with the data. */
static bool is_left_out(const char *path)
{
    size_t length = strlen(path);
    return strcmp(path, ".lock") == 0 || (length > 4 && strcmp(path + length - 4, ".tmp") == 0);
}

/* FILE, or FOLDER/FILE. */
static bool is_possible(const char *path)
{
    const char *slash = strchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (path[0] == '\0' || path[0] == '/' || name[0] == '\0' || strchr(name, '/') != NULL)
        return false;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strncmp(path, "../", 3) == 0)
        return false;
    return strlen(path) + sizeof ".tmp" < DISK_PATH_MAX;
}

static int keep_meta(struct restore *restore, uint64_t size, int64_t mtime, read_some *read, void *context,
                     struct error *error)
{
    size_t got = 0;
    if (size > META_SIZE_MAX || restore->meta != NULL)
        return error_set(error, FURROW_CORRUPT, META " is too large, or there twice");
    restore->meta = memory_alloc(restore->memory, MEMORY_SERVER, (size_t)size);
    if (restore->meta == NULL)
        return error_set_status(error, -ENOMEM, META);
    restore->meta_size = (size_t)size;
    restore->meta_mtime = mtime;
    int rc = size > 0 ? read(context, 0, (size_t)size, &got, error) : 0;
    if (rc == 0 && got < size)
        rc = error_set(error, FURROW_CORRUPT, META " is not whole");
    if (rc == 0)
        memcpy(restore->meta, restore->buffer, got);
    return rc;
}

static int restore_file(struct restore *restore, const char *path, uint64_t size, int64_t mtime, read_some *read,
                        void *context, struct error *error)
{
    char text[16];
    if (strcmp(path, META) == 0)
        return keep_meta(restore, size, mtime, read, context, error);
    int rc = copy_target_begin(restore->target, path, size, mtime, error);
    for (uint64_t at = 0; rc == 0 && at < size;) {
        size_t got = 0;
        rc = read(context, at, size - at < RESTORE_COPY_BYTES ? (size_t)(size - at) : RESTORE_COPY_BYTES, &got, error);
        if (rc == 0 && got == 0)
            rc = error_set(error, FURROW_CORRUPT, "ends after %llu of %llu bytes", (unsigned long long)at,
                           (unsigned long long)size);
        if (rc == 0)
            rc = copy_target_write(restore->target, slice_of(restore->buffer, got), error);
        at += got;
        progress_show(restore->progress, "furrow restore: %s: %s", progress_bytes(text, restore->target->bytes), path);
    }
    if (rc == 0)
        rc = copy_target_end(restore->target, error);
    return rc == 0 ? 0 : error_wrap(error, rc, "%s", path);
}

/* ---- a folder ---- */

struct folder_source {
    struct restore *restore;
    struct disk *disk;
    struct file *file;
    writer names; /* of the files in the folder that is listed, each with a NUL byte; folders end in '/' */
};

static int read_file(void *context, uint64_t position, size_t size, size_t *got, struct error *error)
{
    struct folder_source *source = context;
    return file_read(source->file, source->restore->buffer, size, position, got, error);
}

static int note_name(void *context, const struct disk_entry *entry)
{
    struct folder_source *source = context;
    write_bytes(&source->names, slice_of_text(entry->name));
    if (entry->is_folder)
        write_u8(&source->names, '/');
    write_u8(&source->names, '\0');
    return writer_ok(&source->names) ? 0 : -ENOMEM;
}

static int copy_one(struct folder_source *source, const char *path, struct error *error)
{
    uint64_t size;
    struct stat status;
    if (is_left_out(path))
        return 0;
    int rc = disk_open_file(source->disk, path, FILE_READ, &source->file, error);
    if (rc != 0)
        return rc;
    rc = file_size(source->file, &size, error);
    int64_t mtime = fstat(source->file->descriptor, &status) == 0 ? (int64_t)status.st_mtim.tv_sec : time(NULL);
    if (rc == 0)
        rc = restore_file(source->restore, path, size, mtime, read_file, source, error);
    file_close(source->file);
    return rc;
}

/* `folder` is "" or ends in '/'. Folders in folders are no partition's. */
static int copy_folder(struct folder_source *source, const char *folder, struct error *error)
{
    struct folder_source inner = *source;
    char path[2 * DISK_PATH_MAX];
    writer_init(&inner.names, source->restore->memory, MEMORY_SERVER, SIZE_MAX);
    snprintf(path, sizeof path, "%.*s", folder[0] == '\0' ? 0 : (int)strlen(folder) - 1, folder);
    int rc = disk_list(source->disk, path, note_name, &inner, error);
    for (size_t at = 0; rc == 0 && at < inner.names.size;) {
        const char *name = (const char *)inner.names.data + at;
        size_t length = strlen(name);
        bool is_folder = name[length - 1] == '/';
        at += length + 1;
        if (is_folder && (folder[0] != '\0' || strcmp(name, "lost+found/") == 0))
            continue;
        snprintf(path, sizeof path, "%s%s", folder, name);
        rc = is_folder ? copy_folder(&inner, path, error) : copy_one(&inner, path, error);
    }
    writer_close(&inner.names);
    return rc;
}

int restore_from_folder(struct restore *restore, const char *root, struct error *error)
{
    struct folder_source source = {.restore = restore};
    int rc = disk_open_real(root, restore->memory, &source.disk, error);
    if (rc != 0)
        return rc;
    rc = copy_folder(&source, "", error);
    disk_close(source.disk);
    return rc;
}

/* ---- an archive ---- */

struct archive_source {
    struct restore *restore;
    FILE *from;
};

static int read_bytes(const struct archive_source *source, void *to, size_t size, size_t *got, struct error *error)
{
    *got = fread(to, 1, size, source->from);
    return *got < size && ferror(source->from) ? error_set_status(error, -EIO, "the archive cannot be read") : 0;
}

static int read_content(void *context, uint64_t position, size_t size, size_t *got, struct error *error)
{
    const struct archive_source *source = context;
    (void)position; /* one read after the other */
    return read_bytes(source, source->restore->buffer, size, got, error);
}

static int cut_short(struct error *error)
{
    return error_set(error, FURROW_CORRUPT, "the archive is cut short");
}

/* Contents of no interest, and the zeros behind the others. */
static int skip(const struct archive_source *source, uint64_t size, struct error *error)
{
    while (size > 0) {
        size_t part = size < RESTORE_COPY_BYTES ? (size_t)size : RESTORE_COPY_BYTES, got;
        int rc = read_bytes(source, source->restore->buffer, part, &got, error);
        if (rc == 0 && got < part)
            rc = cut_short(error);
        if (rc != 0)
            return rc;
        size -= part;
    }
    return 0;
}

/* An entry that is about the next one. */
static int read_more(const struct archive_source *source, const struct tar_entry *entry, struct tar_more *more,
                     struct error *error)
{
    size_t got = 0;
    if (entry->size > TAR_MORE_MAX)
        return error_set(error, FURROW_CORRUPT, "tar: an entry about another is too large");
    int rc = read_bytes(source, source->restore->buffer, (size_t)entry->size, &got, error);
    if (rc == 0 && got < entry->size)
        rc = cut_short(error);
    if (rc != 0)
        return rc;
    slice content = slice_of(source->restore->buffer, got);
    return entry->kind == TAR_PAX ? tar_parse_pax(content, more, error) : tar_parse_long_name(content, more, error);
}

/* As `tar -C FOLDER -cf - .` names them. */
static const char *without_dots(const char *path)
{
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return path;
}

static int take_file(struct archive_source *source, const struct tar_entry *entry, struct error *error)
{
    const char *path = without_dots(entry->path);
    if (!is_possible(path))
        return error_set(
            error, FURROW_CORRUPT,
            "%s is no file of a data folder; an archive is made by furrow backup, or by tar -C DIR -cf - .",
            entry->path);
    if (is_left_out(path))
        return skip(source, entry->size, error);
    return restore_file(source->restore, path, entry->size, entry->mtime, read_content, source, error);
}

/* 1: there are more. */
static int take_entry(struct archive_source *source, struct tar_more *more, struct error *error)
{
    uint8_t block[TAR_BLOCK];
    struct tar_entry entry;
    size_t got;
    int rc = read_bytes(source, block, sizeof block, &got, error);
    if (rc == 0 && got < sizeof block)
        rc = cut_short(error);
    if (rc == 0)
        rc = tar_parse_header(slice_of(block, sizeof block), &entry, error);
    if (rc != 0 || entry.kind == TAR_END)
        return rc;
    if (entry.kind == TAR_PAX || entry.kind == TAR_LONG_NAME) {
        rc = read_more(source, &entry, more, error);
    } else if (entry.kind == TAR_PAX_GLOBAL || entry.kind == TAR_FOLDER) {
        rc = skip(source, entry.size, error);
    } else {
        tar_apply(&entry, more);
        rc = entry.kind == TAR_FILE ? take_file(source, &entry, error)
                                    : error_set(error, FURROW_CORRUPT, "%s is neither a file nor a folder", entry.path);
    }
    if (entry.kind != TAR_PAX && entry.kind != TAR_LONG_NAME)
        *more = (struct tar_more){.has_size = false};
    if (rc == 0)
        rc = skip(source, tar_padding(entry.size), error);
    return rc == 0 ? 1 : rc;
}

int restore_from_archive(struct restore *restore, FILE *from, struct error *error)
{
    struct archive_source source = {.restore = restore, .from = from};
    struct tar_more more = {.has_size = false};
    int rc;
    do
        rc = take_entry(&source, &more, error);
    while (rc == 1);
    /* What a pipe holds behind the end is read, or its writer would be told of a closed pipe. */
    while (rc == 0 && fread(restore->buffer, 1, RESTORE_COPY_BYTES, from) > 0)
        continue;
    return rc;
}
