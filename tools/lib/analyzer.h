/* What clang's analyzer is told, because it sees one source file at a time: these functions return the code that they
 * are given. Without it, every failure might look like a success to it. */
#include "status.h"

#define error_set(error, code, ...)        (error_set(error, code, __VA_ARGS__), (code))
#define error_set_status(error, code, ...) (error_set_status(error, code, __VA_ARGS__), (code))
#define error_wrap(error, code, ...)       (error_wrap(error, code, __VA_ARGS__), (code))
