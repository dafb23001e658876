/* The data folder's version, and how an older folder becomes one of this version.
 *
 * The rule. `version` of furrow.properties counts the layout of everything in the data folder.
 *   - It rises by one with a change that an older server would read wrongly or damage. What an older server steps over
 *     without harm, as a file that it does not know, does not raise it.
 *   - A server knows one version, DATA_FOLDER_VERSION. A folder of a newer one is refused before anything is touched.
 *   - An older one is upgraded in place at start, one version after the other. A step leaves the folder readable by the
 *     version that it starts from until all its work is durable; then the new number is written. A step that was cut
 *     short is done again from its beginning.
 *   - Steps stay: every folder since version 1 can be opened. One of each version is kept (integration/kept.py), which
 *     every build has to open and serve.
 *
 * Version 0 is a folder that Kafka wrote: it has no furrow.properties yet. There is no way back to an older version but
 * a backup. */
#pragma once

#include "file.h"

#define DATA_FOLDER_VERSION 1

struct furrow_properties {
    int32_t version;
    int32_t leader_epoch;
};

/* Version 0 and epoch 0 when the file is not there. Errors: FURROW_WRONG_VERSION for a newer one, FURROW_CORRUPT. */
MUST_USE int furrow_properties_read(struct disk *disk, struct furrow_properties *furrow, struct error *error);
MUST_USE int furrow_properties_write(struct disk *disk, const struct furrow_properties *furrow, struct error *error);

/* From one version to the next; NULL where the number is all that changes. */
typedef int data_folder_step(struct disk *disk, struct error *error);
/* steps[n] leads from version n to n + 1. */
extern data_folder_step *const data_folder_upgrades[DATA_FOLDER_VERSION];

/* From furrow->version, which it sets, to `version`. */
MUST_USE int data_folder_upgrade(struct disk *disk, struct furrow_properties *furrow, data_folder_step *const *steps,
                                 int32_t version, struct error *error);
