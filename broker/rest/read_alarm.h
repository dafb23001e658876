/* Many things that are due at some time, under one timer: pulses of a thousand followers, pages that wait.
 *
 * Those that are due together are told a few in each turn of the loop, so that they do not keep it from the others. */
#pragma once

#include <stdint.h>
#include <uv.h>

struct read_alarm {
    void (*due)(struct read_alarm *alarm); /* it is not set any more */

    /* Private */
    uint64_t at; /* ms of uv_now */
    struct read_alarm *next, *previous;
    struct read_alarms *set_in; /* NULL: it is not set */
};

struct read_alarms {
    uv_timer_t timer;
    struct read_alarm *first, *last; /* earliest first */
    void (*closed)(struct read_alarms *alarms);
};

void read_alarms_init(struct read_alarms *alarms, uv_loop_t *loop);
/* None may be set. `closed` is called by a later turn. */
void read_alarms_close(struct read_alarms *alarms, void (*closed)(struct read_alarms *alarms));

/* In so many ms from now; one that is set already is set anew. */
void read_alarm_set(struct read_alarms *alarms, struct read_alarm *alarm, uint64_t ms);
void read_alarm_clear(struct read_alarm *alarm);
