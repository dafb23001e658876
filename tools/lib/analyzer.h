/* What clang's analyzer is told, because it sees one source file at a time and takes nothing on trust. */
#include "status.h"

#include <uthash.h>

/* These return the code that they are given: a failure is never a success. */
#define error_set(error, code, ...)        (error_set(error, code, __VA_ARGS__), (code))
#define error_set_status(error, code, ...) (error_set_status(error, code, __VA_ARGS__), (code))
#define error_wrap(error, code, ...)       (error_wrap(error, code, __VA_ARGS__), (code))

/* An item of a hash table is linked into it; the real macro's steps look like mistakes to who does not know that. */
#undef HASH_DELETE
#define HASH_DELETE(hh, head, item)                                                                                    \
    do {                                                                                                               \
        if ((head) == (item))                                                                                          \
            (head) = (item)->hh.next;                                                                                  \
    } while (0)
