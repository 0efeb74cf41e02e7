/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of work to be run once on some thread. Embedded in the object that it works on. */
#pragma once

#include "base/list.h"

struct job {
    struct list link; /* the queue's, while queued */
    void (*fn)(struct job *job);
};
