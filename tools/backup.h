/* furrow backup: a consistent copy of a data folder, of a running server too. */
#pragma once

int backup_main(int count, char **arguments);
