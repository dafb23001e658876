/* furrow restore: a data folder from what furrow backup made. */
#pragma once

int restore_main(int count, char **arguments);
