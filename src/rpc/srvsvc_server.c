/* SPDX-License-Identifier: Apache-2.0 */
/* NetrServerGetInfo and NetrRemoteTOD. [MS-SRVS] 3.1.4.17, 3.1.4.21 */
#include "rpc/srvsvc.h"

#include "base/time.h"
#include "rpc/info.h"

#define SERVER_UNLIMITED 0xFFFFFFFFu /* sv102_users, and sv102_disc for never */
/* We do not announce to browsers; the defaults that every Windows server reports. */
#define SERVER_ANNOUNCE_SEC 240u
#define SERVER_ANNOUNCE_DELTA_MS 3000u
/* tod_tinterval: the clock's tick in units of 0.1 ms, as Windows reports it. */
#define TOD_TICK 310u

enum server_field {
    PLATFORM,
    NAME,
    MAJOR,
    MINOR,
    TYPE,
    COMMENT,
    USERS,
    DISC,
    HIDDEN,
    ANNOUNCE,
    ANNDELTA,
    LICENSES,
    USERPATH,
    FIELDS
};

static const uint8_t server_kinds[FIELDS] = {
    [PLATFORM] = NDR_U32, [NAME] = NDR_STR,     [MAJOR] = NDR_U32,    [MINOR] = NDR_U32,
    [TYPE] = NDR_U32,     [COMMENT] = NDR_STR,  [USERS] = NDR_U32,    [DISC] = NDR_U32,
    [HIDDEN] = NDR_U32,   [ANNOUNCE] = NDR_U32, [ANNDELTA] = NDR_U32, [LICENSES] = NDR_U32,
    [USERPATH] = NDR_STR,
};

#define NOT_OFFERED(level)                                                                         \
    {                                                                                              \
        level, false, 0,                                                                           \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
/* [MS-SRVS] 2.2.4.40 to 2.2.4.42; the rest are the other arms of SERVER_INFO ([MS-SRVS] 2.2.3.7),
 * which must be known to answer them in the right shape. 102 is for administrators as on Windows.
 */
static const struct ndr_level server_levels[] = {
    {100, false, 2, {PLATFORM, NAME}},
    {101, false, 6, {PLATFORM, NAME, MAJOR, MINOR, TYPE, COMMENT}},
    {102,
     true,
     13,
     {PLATFORM, NAME, MAJOR, MINOR, TYPE, COMMENT, USERS, DISC, HIDDEN, ANNOUNCE, ANNDELTA,
      LICENSES, USERPATH}},
    NOT_OFFERED(103),
    NOT_OFFERED(502),
    NOT_OFFERED(503),
    NOT_OFFERED(599),
    NOT_OFFERED(1005),
    NOT_OFFERED(1107),
    NOT_OFFERED(1010),
    NOT_OFFERED(1016),
    NOT_OFFERED(1017),
    NOT_OFFERED(1018),
    NOT_OFFERED(1501),
    NOT_OFFERED(1502),
    NOT_OFFERED(1503),
    NOT_OFFERED(1506),
    NOT_OFFERED(1510),
    NOT_OFFERED(1511),
    NOT_OFFERED(1512),
    NOT_OFFERED(1513),
    NOT_OFFERED(1514),
    NOT_OFFERED(1515),
    NOT_OFFERED(1516),
    NOT_OFFERED(1518),
    NOT_OFFERED(1523),
    NOT_OFFERED(1528),
    NOT_OFFERED(1529),
    NOT_OFFERED(1530),
    NOT_OFFERED(1533),
    NOT_OFFERED(1534),
    NOT_OFFERED(1535),
    NOT_OFFERED(1536),
    NOT_OFFERED(1538),
    NOT_OFFERED(1539),
    NOT_OFFERED(1540),
    NOT_OFFERED(1541),
    NOT_OFFERED(1542),
    NOT_OFFERED(1543),
    NOT_OFFERED(1544),
    NOT_OFFERED(1545),
    NOT_OFFERED(1546),
    NOT_OFFERED(1547),
    NOT_OFFERED(1548),
    NOT_OFFERED(1549),
    NOT_OFFERED(1550),
    NOT_OFFERED(1552),
    NOT_OFFERED(1553),
    NOT_OFFERED(1554),
    NOT_OFFERED(1555),
    NOT_OFFERED(1556),
};
static const struct ndr_class server_class = {server_levels, ARRAY_LEN(server_levels),
                                              server_kinds};

static uint32_t or_default(uint32_t v, uint32_t v_default)
{
    return v ? v : v_default;
}

uint32_t srvsvc_server_get_info(struct rpc_call *call)
{
    const struct rpc_env *env = call->env;
    srvsvc_skip_server_name(&call->in);
    uint32_t level = ndr_pull_u32(&call->in);
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    char text[RPC_COMMENT_SIZE];
    const char *comment = env->comment;
    if (env->comment_get) {
        env->comment_get(env->arg, text);
        comment = text;
    }
    const uint32_t type_default =
        RPC_SV_TYPE_WORKSTATION | RPC_SV_TYPE_SERVER | RPC_SV_TYPE_NT | RPC_SV_TYPE_SERVER_NT;
    const struct ndr_value values[FIELDS] = {
        [PLATFORM] = {.u32 = or_default(env->platform, RPC_PLATFORM_NT)},
        [NAME] = {.str = rpc_text(env->server_name)},
        [MAJOR] = {.u32 = env->version_major},
        [MINOR] = {.u32 = env->version_minor},
        [TYPE] = {.u32 = or_default(env->server_type, type_default)},
        [COMMENT] = {.str = rpc_text(comment)},
        [USERS] = {.u32 = or_default(env->users_max, SERVER_UNLIMITED)},
        [DISC] = {.u32 = or_default(env->disc_min, SERVER_UNLIMITED)},
        [HIDDEN] = {.u32 = env->is_hidden},
        [ANNOUNCE] = {.u32 = SERVER_ANNOUNCE_SEC},
        [ANNDELTA] = {.u32 = SERVER_ANNOUNCE_DELTA_MS},
        [USERPATH] = {.str = env->user_path ? env->user_path : "C:\\"},
    };
    uint32_t result = info_check(call, &server_class, level);
    info_reply(call, &server_class, level, result == RPC_OK ? values : NULL, result);
    return 0;
}

struct date {
    uint32_t year;
    uint32_t month; /* 1 to 12 */
    uint32_t day;   /* 1 to 31 */
};

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* days since 1601-01-01, the first day of a 400-year cycle of the calendar. */
static struct date date_from_days(uint32_t days)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t cycles = days / 146097;
    days %= 146097;
    uint32_t centuries = MIN(days / 36524, 3u);
    days -= centuries * 36524;
    uint32_t fours = days / 1461;
    days %= 1461;
    uint32_t years = MIN(days / 365, 3u);
    days -= years * 365;
    struct date d = {.year = 1601 + cycles * 400 + centuries * 100 + fours * 4 + years, .month = 1};
    for (; d.month < 12; d.month++) {
        uint32_t len = month_days[d.month - 1] + (d.month == 2 && is_leap(d.year) ? 1u : 0u);
        if (days < len) {
            break;
        }
        days -= len;
    }
    d.day = days + 1;
    return d;
}

/* TIME_OF_DAY_INFO: the time in UTC. [MS-SRVS] 2.2.4.105 */
static void push_time(struct ndr_out *o, uint64_t now, uint64_t started, int32_t minutes_west)
{
    uint64_t seconds = now / FILETIME_PER_SEC;
    uint32_t days = (uint32_t)(seconds / 86400);
    uint32_t in_day = (uint32_t)(seconds % 86400);
    struct date d = date_from_days(days);
    uint64_t unix_seconds = (now - MIN(now, FILETIME_UNIX_EPOCH)) / FILETIME_PER_SEC;
    ndr_push_u32(o, (uint32_t)unix_seconds); /* tod_elapsedt, since 1970 */
    ndr_push_u32(o, (uint32_t)((now - MIN(now, started)) / FILETIME_PER_MS)); /* tod_msecs */
    ndr_push_u32(o, in_day / 3600);
    ndr_push_u32(o, in_day / 60 % 60);
    ndr_push_u32(o, in_day % 60);
    ndr_push_u32(o, (uint32_t)(now % FILETIME_PER_SEC / (FILETIME_PER_SEC / 100)));
    ndr_push_u32(o, (uint32_t)minutes_west);
    ndr_push_u32(o, TOD_TICK);
    ndr_push_u32(o, d.day);
    ndr_push_u32(o, d.month);
    ndr_push_u32(o, d.year);
    ndr_push_u32(o, (days + 1) % 7); /* 1601-01-01 was a Monday; Sunday is 0 */
}

uint32_t srvsvc_remote_tod(struct rpc_call *call)
{
    const struct rpc_env *env = call->env;
    srvsvc_skip_server_name(&call->in);
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    ndr_push_ptr(&call->out, true);
    push_time(&call->out, env->now ? env->now(env->arg) : 0, env->started,
              env->minutes_west ? env->minutes_west(env->arg) : 0);
    ndr_push_u32(&call->out, RPC_OK);
    return 0;
}
