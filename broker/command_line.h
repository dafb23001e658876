/* furrowd's command line. */
#pragma once

#include "config.h"

enum command {
    COMMAND_SERVE,
    COMMAND_CHECK_CONFIG,
    COMMAND_PRINT_CONFIG,
    COMMAND_HELP_CONFIG,
    COMMAND_PROBE,
    COMMAND_APIS,
    COMMAND_HELP,
    COMMAND_VERSION,
};

/* What the process ends with. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,  /* something failed while it ran; --probe: no answer */
    EXIT_USAGE = 2,   /* the command line or the configuration is wrong */
    EXIT_REFUSED = 3, /* the data folder: in use, not Furrow's, of an unknown version, not readable */
};

struct command_line {
    enum command command;
    const char *data;        /* NULL: not given */
    const char *config_path; /* NULL: none */
    bool prints_memory;      /* when the server ends */
    char *const *arguments;  /* as main got them; --set is taken from there by command_line_configure */
    int argument_count;
};

/* -EINVAL with words. */
MUST_USE int command_line_parse(struct command_line *line, int argument_count, char *const *arguments,
                                struct error *error);
/* Applies the file, the environment and every --set, in this order; then config_finish. */
MUST_USE int command_line_configure(const struct command_line *line, struct config *config, char *const *environment,
                                    config_unknown *unknown, void *context, struct error *error);

void command_line_print_help(void);
/* What is served: key, name and versions of each API, a line each. */
void command_line_print_apis(void);
/* Every key with its value and where that is from; with documentation: as a commented properties file. */
void command_line_print_config(const struct config *config, bool documentation);
