/* SPDX-License-Identifier: Apache-2.0 */
/* The one timer that smb has for itself: what runs although no connection is there. It is one of a
 * loop, armed by any thread. */
#pragma once

#include "net/net.h"

struct alarm {
    struct loop *loop; /* immutable after init */
    void (*fn)(void *arg);
    void *arg;
    struct loop_timer timer; /* loop thread */
    struct job job;          /* on the loop, while posted */
    atomic_uint ms;          /* with job */
};

/* Before the loop runs. fn is called on the loop's thread. */
void alarm_init(struct alarm *a, struct loop *loop, void (*fn)(void *arg), void *arg);
/* Call fn in ms. Any thread; not again before it was called. */
void alarm_set(struct alarm *a, uint32_t ms);
