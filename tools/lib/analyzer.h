/* What clang's analyzer is told, because it sees one source file at a time and takes nothing on trust. */
#include "status.h"

#include <uthash.h>
#include <utlist.h>

/* These return the code that they are given: a failure is never a success. */
#define error_set(error, code, ...)        (error_set(error, code, __VA_ARGS__), (code))
#define error_set_status(error, code, ...) (error_set_status(error, code, __VA_ARGS__), (code))
#define error_wrap(error, code, ...)       (error_wrap(error, code, __VA_ARGS__), (code))

/* An item of a table or a list is linked into it; the real macros' steps look like mistakes to who does not know it. */
#define ANALYZER_UNLINK(head, item, next)                                                                              \
    do {                                                                                                               \
        if ((head) == (item))                                                                                          \
            (head) = (item)->next;                                                                                     \
    } while (0)
#undef HASH_DELETE
#undef DL_DELETE2
#define HASH_DELETE(hh, head, item)        ANALYZER_UNLINK(head, item, hh.next)
#define DL_DELETE2(head, item, prev, next) ANALYZER_UNLINK(head, item, next)
