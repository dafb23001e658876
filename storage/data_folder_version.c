#include "data_folder_version.h"

#include "data_folder_names.h"
#include "properties.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

data_folder_step *const data_folder_upgrades[DATA_FOLDER_VERSION] = {
    NULL, /* Kafka's folder: with furrow.properties it is ours */
};

int furrow_properties_read(struct disk *disk, struct furrow_properties *furrow, struct error *error)
{
    struct properties properties;
    *furrow = (struct furrow_properties){.version = 0};
    int rc = properties_read(disk, DATA_FOLDER_FURROW, &properties, error);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    rc = properties_number(&properties, "version", &furrow->version, error);
    if (rc == 0 && furrow->version > DATA_FOLDER_VERSION)
        rc = error_set(error, FURROW_WRONG_VERSION,
                       DATA_FOLDER_FURROW ": version %" PRId32 ", the newest that is known here is %d: start it with "
                                          "the server that wrote it, or a newer one",
                       furrow->version, DATA_FOLDER_VERSION);
    else if (rc == 0 && furrow->version == 0)
        rc = error_set(error, FURROW_CORRUPT, DATA_FOLDER_FURROW ": there was never a version 0 of it");
    if (rc == 0)
        rc = properties_number(&properties, "leader.epoch", &furrow->leader_epoch, error);
    properties_close(&properties, disk->memory);
    return rc;
}

int furrow_properties_write(struct disk *disk, const struct furrow_properties *furrow, struct error *error)
{
    char text[64];
    snprintf(text, sizeof text, "version=%" PRId32 "\nleader.epoch=%" PRId32 "\n", furrow->version,
             furrow->leader_epoch);
    return disk_replace_file(disk, DATA_FOLDER_FURROW, slice_of_text(text), error);
}

int data_folder_upgrade(struct disk *disk, struct furrow_properties *furrow, data_folder_step *const *steps,
                        int32_t version, struct error *error)
{
    while (furrow->version < version) {
        data_folder_step *step = steps[furrow->version];
        struct furrow_properties next = {furrow->version + 1, furrow->leader_epoch};
        int rc = step != NULL ? step(disk, error) : 0;
        if (rc == 0)
            rc = furrow_properties_write(disk, &next, error);
        if (rc != 0)
            return error_wrap(error, rc, "upgrade from version %" PRId32 " to %" PRId32, furrow->version, next.version);
        *furrow = next;
    }
    return 0;
}
