/* SPDX-License-Identifier: Apache-2.0 */
/* How many descriptors there are, and who may use how many: connections and opens are refused
 * before there are none, since accepting, and whoever asks for the server's state, need some too.
 */
#include "server/server_priv.h"

#include "base/log.h"
#include "os/local.h"
#include "os/process.h"

#define LOG_MODULE LOG_SERVER

/* Asked of the system: connections, open files, and some to spare. */
#define WANTED (1u << 20)
#define OF_LOOP 3u      /* its two, and a connection that is being accepted */
#define OF_LISTENERS 2u /* without `listen`: every address of either family */
#define OF_SHARE 2u     /* its root, and what it looks at */
#define OF_CONTROL 3u   /* besides its clients */
/* For what calls open for a moment, and for what plugins have of their own: this part, within
 * bounds. */
#define SPARE_PART 8u
#define SPARE_MIN 16u
#define SPARE_MAX 1024u
#define LEAVING_PART                                                                               \
    16u              /* of what is left, for connections that make room and are not gone yet       \
                      */
#define LEFT_MIN 32u /* fewer connections and files than this are no server */

static size_t own(const struct config *c)
{
    size_t loops = MIN(MAX(os_cpu_count(), 1u), (unsigned)SERVER_LOOPS_MAX);
    return os_descriptors_open() + loops * OF_LOOP + MAX(c->listen_count, OF_LISTENERS) +
           c->share_count * OF_SHARE + OF_CONTROL + OS_LOCAL_CLIENTS_MAX;
}

/* The fewest with which a start succeeds: a part of them is the spare. */
static size_t least(const struct config *c)
{
    size_t used = own(c) + LEFT_MIN;
    size_t with_part = (used * SPARE_PART + SPARE_PART - 2) / (SPARE_PART - 1);
    return MAX(used + SPARE_MIN, with_part);
}

bool server_descriptors_plan(struct server *s, struct problems *problems)
{
    const struct config *c = s->config;
    size_t all = os_descriptors_raise(WANTED);
    size_t spare = MIN(MAX(all / SPARE_PART, (size_t)SPARE_MIN), (size_t)SPARE_MAX);
    size_t needed = own(c) + spare;
    if (all < needed + LEFT_MIN) {
        problems_add(
            problems,
            "the system allows this process %zu open files and connections, and the server "
            "needs %zu: raise the limit (ulimit -Hn; LimitNOFILE= in a systemd unit)",
            all, least(c));
        return false;
    }
    size_t left = all - needed;
    s->leaving_max = (unsigned)MIN(left / LEAVING_PART + 1, (size_t)NET_LIMITS_LEAVING_MAX);
    s->connections_max = (unsigned)MIN((size_t)c->connections_max, left / 2 - s->leaving_max);
    s->files_max = (uint32_t)MIN(left - s->connections_max - s->leaving_max, (size_t)UINT32_MAX);
    if (s->connections_max < c->connections_max) {
        log_warn(NULL, "few descriptors connections_max=%u files_max=%u", s->connections_max,
                 s->files_max);
    }
    return true;
}
