/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is asked to stop about when it has begun. */
#include "test.h"

#include "os/process.h"
#include "server/cmd.h"

#define WAIT_MS 30000

/* Before: the process ends at once, and nobody else hears of it. */
static void stopped_before(void)
{
    struct cmd_begin b = {0};
    os_signals_hold();
    os_signal_ask_stop();
    CHECK(os_signal_wait_stop(WAIT_MS));
    CHECK(cmd_begin_stop(&b));
    cmd_begin_done(&b);
    CHECK_INT(os_signal_wait(0), OS_SIGNAL_NONE);
}

/* After, though who hears it has not seen that yet: who serves ends in order. */
static void stopped_after(void)
{
    struct cmd_begin b = {0};
    os_signals_hold();
    os_signal_ask_stop();
    cmd_begin_done(&b);
    CHECK(os_signal_wait_stop(WAIT_MS));
    CHECK(!cmd_begin_stop(&b));
    CHECK_INT(os_signal_wait(WAIT_MS), OS_SIGNAL_STOP);
    CHECK_INT(os_signal_wait(0), OS_SIGNAL_NONE);
}

static const struct test_case cases[] = {
    {"stopped before", stopped_before},
    {"stopped after", stopped_after},
};

TEST_MAIN(cases)
