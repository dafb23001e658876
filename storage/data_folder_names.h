/* What the data folder and its lock share. */
#pragma once

#include "file.h"

#define DATA_FOLDER_LOCK       ".lock"
#define DATA_FOLDER_META       "meta.properties"
#define DATA_FOLDER_FURROW     "furrow.properties"
#define DATA_FOLDER_CLEAN_MARK ".kafka_cleanshutdown"

/* 0 when meta.properties is there, or nothing that belongs to somebody; else -ENOTEMPTY and words that name it. */
MUST_USE int data_folder_refuse_foreign(struct disk *disk, struct error *error);
