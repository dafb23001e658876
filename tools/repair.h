/* furrow repair: takes damage out of a data folder, so that all that is good is served again. */
#pragma once

int repair_main(int count, char **arguments);
