/* furrow dump: the files of a data folder in readable lines. */
#pragma once

#include "emit.h"
#include "file.h"

struct dump {
    struct emitter emitter;
    struct memory *memory;
    struct disk *disk;  /* the folder that the file is in */
    const char *path;   /* as given, for messages */
    const char *folder; /* the folder's own name: tells which records are inside */
    const char *name;   /* of the file in its folder */
    bool with_records;
    unsigned damaged; /* what was found wrong in this file */
};

/* Each reads one file and emits its entries. 0, or why it could not be read; damage inside is counted, not failed. */
MUST_USE int dump_segment(struct dump *dump, struct error *error);
MUST_USE int dump_offset_index(struct dump *dump, struct error *error);
MUST_USE int dump_time_index(struct dump *dump, struct error *error);
MUST_USE int dump_transaction_index(struct dump *dump, struct error *error);
MUST_USE int dump_snapshot(struct dump *dump, struct error *error);
MUST_USE int dump_offset_checkpoint(struct dump *dump, struct error *error);
MUST_USE int dump_epoch_checkpoint(struct dump *dump, struct error *error);
MUST_USE int dump_text(struct dump *dump, struct error *error);

/* The command: exit status 0, 1 when damage was found or a file could not be read, 2 for wrong usage. */
int dump_main(int count, char **arguments);
