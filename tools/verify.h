/* furrow verify: is a data folder what it should be? */
#pragma once

/* Exit status 0, 1 when damage was found, 2 for wrong usage, 3 when it could not be looked at. */
int verify_main(int count, char **arguments);
