/* The names of partitions' folders, as data_folder.h says. */
#include "data_folder.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define FILE_NAME_BYTES 255 /* of one name, on every file system that matters */

static bool is_topic_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

int partition_folder_name(slice topic, int32_t partition, char folder[DISK_PATH_MAX])
{
    size_t length = 0;
    if (topic.size == 0 || partition < 0)
        return -EINVAL;
    for (size_t i = 0; i < topic.size; i++) {
        if (length + 3 > FILE_NAME_BYTES)
            return -ENAMETOOLONG;
        if (topic.data[i] == ':') {
            folder[length++] = '%';
            folder[length++] = '3';
            folder[length++] = 'A';
        } else if (is_topic_character(topic.data[i])) {
            folder[length++] = (char)topic.data[i];
        } else {
            return -EINVAL;
        }
    }
    int added = snprintf(folder + length, DISK_PATH_MAX - length, "-%" PRId32, partition);
    return length + (size_t)added <= FILE_NAME_BYTES ? 0 : -ENAMETOOLONG;
}

bool partition_folder_parse(const char *folder, char topic[DISK_PATH_MAX], int32_t *partition)
{
    const char *dash = strrchr(folder, '-');
    if (dash == NULL || dash == folder || (dash[1] == '0' && dash[2] != '\0'))
        return false;
    int64_t number;
    if (!text_parse_number(slice_of_text(dash + 1), INT32_MAX, &number))
        return false;
    size_t length = 0;
    for (const char *c = folder; c < dash; c++) {
        if (length + 1 >= DISK_PATH_MAX)
            return false;
        if (strncmp(c, "%3A", 3) == 0) {
            topic[length++] = ':';
            c += 2;
        } else if (is_topic_character((uint8_t)*c)) {
            topic[length++] = *c;
        } else {
            return false;
        }
    }
    topic[length] = '\0';
    *partition = (int32_t)number;
    return true;
}
