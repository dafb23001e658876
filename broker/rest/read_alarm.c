#include "rest/read_alarm.h"

#include "container.h"

#include <stddef.h>

#define DUE_TURN 64

static uint64_t now_of(const struct read_alarms *alarms)
{
    return uv_now(alarms->timer.loop);
}

static void on_timer(uv_timer_t *timer);

/* It may come too early, for an alarm that was cleared; it is then set again. Never at once: the loop would call it in
 * the same turn. */
static void set_timer(struct read_alarms *alarms)
{
    uint64_t now = now_of(alarms), at = alarms->first->at;
    uv_timer_start(&alarms->timer, on_timer, at > now ? at - now : 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct read_alarms *alarms = CONTAINER_OF(timer, struct read_alarms, timer);
    uint64_t now = now_of(alarms);
    for (int i = 0; i < DUE_TURN && alarms->first != NULL && alarms->first->at <= now; i++) {
        struct read_alarm *alarm = alarms->first;
        read_alarm_clear(alarm);
        alarm->due(alarm);
    }
    if (alarms->first != NULL)
        set_timer(alarms);
}

void read_alarms_init(struct read_alarms *alarms, uv_loop_t *loop)
{
    *alarms = (struct read_alarms){.first = NULL};
    (void)uv_timer_init(loop, &alarms->timer); /* never fails */
}

static void on_closed(uv_handle_t *handle)
{
    struct read_alarms *alarms = CONTAINER_OF((uv_timer_t *)(void *)handle, struct read_alarms, timer);
    alarms->closed(alarms);
}

void read_alarms_close(struct read_alarms *alarms, void (*closed)(struct read_alarms *alarms))
{
    alarms->closed = closed;
    uv_close((uv_handle_t *)&alarms->timer, on_closed);
}

/* Most are for the same time from now, so a new one finds its place from the end. */
void read_alarm_set(struct read_alarms *alarms, struct read_alarm *alarm, uint64_t ms)
{
    read_alarm_clear(alarm);
    alarm->set_in = alarms;
    alarm->at = now_of(alarms) + ms;
    struct read_alarm *before = alarms->last;
    while (before != NULL && before->at > alarm->at)
        before = before->previous;
    alarm->previous = before;
    alarm->next = before != NULL ? before->next : alarms->first;
    *(alarm->next != NULL ? &alarm->next->previous : &alarms->last) = alarm;
    *(before != NULL ? &before->next : &alarms->first) = alarm;
    if (alarms->first == alarm || !uv_is_active((uv_handle_t *)&alarms->timer))
        set_timer(alarms);
}

void read_alarm_clear(struct read_alarm *alarm)
{
    struct read_alarms *alarms = alarm->set_in;
    if (alarms == NULL)
        return;
    *(alarm->next != NULL ? &alarm->next->previous : &alarms->last) = alarm->previous;
    *(alarm->previous != NULL ? &alarm->previous->next : &alarms->first) = alarm->next;
    alarm->set_in = NULL;
    if (alarms->first == NULL)
        uv_timer_stop(&alarms->timer);
}
