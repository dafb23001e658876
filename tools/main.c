/* furrow, the command line. */
#include "backup.h"
#include "dump.h"
#include "repair.h"
#include "restore.h"
#include "verify.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *summary;
};

static const struct command commands[] = {
    {"dump", dump_main, "print segments, indexes, snapshots and checkpoints in readable lines"},
    {"verify", verify_main, "look a stopped server's data folder through for damage"},
    {"repair", repair_main, "take damage out of it, so that all that is good is served"},
    {"backup", backup_main, "copy the data folder of a running server, or a stopped one"},
    {"restore", restore_main, "make a data folder of a backup"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(FILE *to)
{
    fputs("Usage: furrow COMMAND [OPTION...]\n\nCommands:\n", to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nfurrow COMMAND --help tells more. furrowd is the server.\n", to);
}

int main(int count, char **arguments)
{
    /* A closed pipe ends a command quietly: the write's error says so. */
    signal(SIGPIPE, SIG_IGN);
    if (count < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(arguments[1], "--version") == 0) {
        puts("furrow " FURROW_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(arguments[1], commands[i].name) == 0)
            return commands[i].run(count - 1, arguments + 1);
    }
    fprintf(stderr, "furrow: there is no command \"%s\"; --help lists them\n", arguments[1]);
    return 2;
}
