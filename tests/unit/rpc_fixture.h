/* SPDX-License-Identifier: Apache-2.0 */
/* A server with three shares and three sessions, for the tests of rpc and their fuzz target. */
#pragma once

#include "base/time.h"
#include "base/utf.h"
#include "rpc/rpc.h"

/* A self-relative descriptor: owner BUILTIN\Administrators, no group, no lists. [MS-DTYP] 2.4.6 */
static const uint8_t fixture_sd[] = {
    0x01, 0x00, 0x00, 0x80, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x05, 0x20, 0x00, 0x00, 0x00, 0x20, 0x02, 0x00, 0x00,
};

static const struct rpc_share fixture_shares[] = {
    {.name = "data",
     .comment = "Größen",
     .path = "C:\\data",
     .type = RPC_STYPE_DISKTREE,
     .flags = 0x30,
     .max_uses = 7,
     .current_uses = 2,
     .security = fixture_sd,
     .security_len_bytes = sizeof(fixture_sd)},
    {.name = "home", .path = "C:\\home", .type = RPC_STYPE_DISKTREE},
    {.name = "IPC$", .comment = "IPC Service", .type = RPC_STYPE_IPC | RPC_STYPE_SPECIAL},
};

static const struct rpc_session fixture_sessions[] = {
    {.client = "10.0.0.1", .user = "alice", .opens = 3, .connected_sec = 100, .idle_sec = 9},
    {.client = "10.0.0.2", .user = "bob", .client_os = "BeOS", .connected_sec = 20},
    {.client = "10.0.0.2", .user = "guest", .opens = 1, .connected_sec = 5, .is_guest = true},
};

static inline void fixture_shares_each(void *arg, const struct rpc_caller *who, rpc_share_cb cb,
                                       void *cb_arg)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_shares); i++) {
        if (!cb(cb_arg, &fixture_shares[i])) {
            return;
        }
    }
}

static inline bool fixture_share_get(void *arg, const struct rpc_caller *who, const char *name,
                                     rpc_share_cb cb, void *cb_arg)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_shares); i++) {
        if (utf8_ieq(fixture_shares[i].name, name)) {
            (void)cb(cb_arg, &fixture_shares[i]);
            return true;
        }
    }
    return false;
}

static inline void fixture_sessions_each(void *arg, rpc_session_cb cb, void *cb_arg)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_sessions); i++) {
        if (!cb(cb_arg, &fixture_sessions[i])) {
            return;
        }
    }
}

/* 2024-02-29 13:14:15.67 UTC, a Thursday. */
static inline uint64_t fixture_now(void *arg)
{
    return FILETIME_UNIX_EPOCH + 1709212455ull * FILETIME_PER_SEC + 6700000;
}

static inline int32_t fixture_minutes_west(void *arg)
{
    return -60;
}

static const struct rpc_user fixture_users[] = {{.name = "alice", .rid = 1001},
                                                {.name = "Jörg", .rid = 0x10000001}};

static inline bool fixture_user_of_name(void *arg, const char *name, struct rpc_user *out)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_users); i++) {
        if (utf8_ieq(fixture_users[i].name, name)) {
            *out = fixture_users[i];
            return true;
        }
    }
    return false;
}

static inline bool fixture_user_of_rid(void *arg, uint32_t rid, struct rpc_user *out)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_users); i++) {
        if (fixture_users[i].rid == rid) {
            *out = fixture_users[i];
            return true;
        }
    }
    return false;
}

static const struct rpc_user fixture_group = {.name = "staff", .rid = 0x40000001, .is_group = true};

static inline void fixture_users_each(void *arg, rpc_user_cb cb, void *cb_arg)
{
    bool more = true;
    for (size_t i = 0; more && i < ARRAY_LEN(fixture_users); i++) {
        more = cb(cb_arg, &fixture_users[i]);
    }
    if (more) {
        (void)cb(cb_arg, &fixture_group);
    }
}

static inline bool fixture_groups_of(void *arg, const char *user, uint32_t *rids, uint32_t room,
                                     uint32_t *count_r)
{
    *count_r = room > 0 ? 1 : 0;
    rids[0] = fixture_group.rid;
    return true;
}

static inline bool fixture_is_admin(void *arg, const char *user)
{
    return utf8_ieq(user, "alice");
}

static const struct rpc_file fixture_files[] = {
    {.id = 7, .path = "C:\\data\\d\\Größen", .user = "bob", .locks = 2, .reads = true},
    {.id = 8, .path = "C:\\home", .user = "alice", .reads = true, .writes = true, .creates = true},
};

static inline void fixture_files_each(void *arg, rpc_file_cb cb, void *cb_arg)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_files); i++) {
        if (!cb(cb_arg, &fixture_files[i])) {
            return;
        }
    }
}

static const struct rpc_connection fixture_connections[] = {
    {.id = 1,
     .opens = 3,
     .connected_sec = 9,
     .user = "alice",
     .share = "data",
     .client = "10.0.0.1"},
    {.id = 2, .type = RPC_STYPE_IPC, .user = "bob", .share = "IPC$", .client = "10.0.0.2"},
};

static inline void fixture_connections_each(void *arg, rpc_connection_cb cb, void *cb_arg)
{
    for (size_t i = 0; i < ARRAY_LEN(fixture_connections); i++) {
        if (!cb(cb_arg, &fixture_connections[i])) {
            return;
        }
    }
}

static const struct rpc_env fixture_env = {
    .server_name = "SMBKIT",
    .domain = "WORKGROUP",
    .comment = "a server",
    .version_major = 10,
    .version_minor = 0,
    .started = FILETIME_UNIX_EPOCH + 1709212455ull * FILETIME_PER_SEC,
    .shares_each = fixture_shares_each,
    .share_get = fixture_share_get,
    .sessions_each = fixture_sessions_each,
    .files_each = fixture_files_each,
    .connections_each = fixture_connections_each,
    .users_each = fixture_users_each,
    .groups_of = fixture_groups_of,
    .is_admin = fixture_is_admin,
    .now = fixture_now,
    .minutes_west = fixture_minutes_west,
    .machine_sid = {1, 2, 3},
    .user_of_name = fixture_user_of_name,
    .user_of_rid = fixture_user_of_rid,
};

static const struct rpc_caller fixture_admin = {
    .user = "root", .domain = "SMBKIT", .address = "10.0.0.9", .is_admin = true};
static const struct rpc_caller fixture_user = {
    .user = "Bob", .domain = "SMBKIT", .address = "10.0.0.2"};
static const struct rpc_caller fixture_anonymous = {
    .user = "", .domain = "", .address = "10.0.0.3", .is_anonymous = true};
