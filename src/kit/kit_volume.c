/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a volume's other sides: snapshots, quotas, opens by id, watches, caching, commands. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"

/* ---- snapshots ---- */

#define SNAPSHOTS 64u
static void volume_snapshots(struct kit_actor *a)
{
    uint64_t times[SNAPSHOTS];
    struct smbkit_snapshots none = {.struct_size = sizeof(none), .room = 0, .times = times};
    struct smbkit_snapshots all = {.struct_size = sizeof(all), .room = SNAPSHOTS, .times = times};
    if (!kit_ok(a, kit_call(a, NULL, SMBKIT_OP_snapshots, &none, "room for 0")) ||
        !kit_ok(a, kit_call(a, NULL, SMBKIT_OP_snapshots, &all, "room for 64"))) {
        return;
    }
    if (none.count != 0 || none.total != all.total ||
        all.count != MIN(all.total, (uint32_t)SNAPSHOTS)) {
        kit_fault(a, "%u of %u, and %u of %u when there was no room", all.count, all.total,
                  none.count, none.total);
        return;
    }
    for (uint32_t i = 0; i < all.count && !kit_failed(a); i++) {
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        struct smbkit_lookup args = {
            .struct_size = sizeof(args), .path = "", .snapshot_time = times[i], .attr = &attr};
        if (i > 0 && times[i] >= times[i - 1]) {
            kit_fault(a, "time %llu after %llu; they are told newest first",
                      (unsigned long long)times[i], (unsigned long long)times[i - 1]);
        } else if (kit_ok(a, kit_call(a, NULL, SMBKIT_OP_lookup, &args, "\"\", in a snapshot")) &&
                   !(attr.attributes & SMBKIT_ATTR_DIRECTORY)) {
            kit_fault(a, "attributes 0x%x; the root of a snapshot is a directory", attr.attributes);
        }
    }
}

/* ---- quotas ---- */

static smbkit_status quota_get(struct kit_actor *a, struct smbkit_quota *q, const char *what)
{
    q->struct_size = sizeof(*q);
    return kit_call(a, NULL, SMBKIT_OP_get_quota, q, what);
}

#define OWNERS_MOST 10000u
static void volume_quota(struct kit_actor *a)
{
    const struct smbkit_identity *who = vfs_token_identity_get(a->kit->token);
    uint8_t room[256];
    struct smbkit_quota all = {.flags = 0};
    struct smbkit_quota own = {.sid = {.base = who->sid, .len = who->sid_len_bytes}};
    struct smbkit_quota q = {.flags = SMBKIT_QUOTA_NEXT};
    smbkit_status st = quota_get(a, &all, "the defaults");
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        kit_out(a, "get_quota answers NOT_SUPPORTED");
        return;
    }
    bool ok = kit_ok(a, st) && kit_ok(a, quota_get(a, &own, "the caller's"));
    for (uint32_t i = 0; ok && st != SMBKIT_STATUS_NOT_FOUND; i++) {
        uint64_t before = q.cookie;
        q.flags = SMBKIT_QUOTA_NEXT;
        q.sid_r = (struct smbkit_buffer){.base = room, .cap = sizeof(room)};
        st = quota_get(a, &q, "NEXT");
        ok = st == SMBKIT_STATUS_NOT_FOUND || kit_ok(a, st);
        if (ok && SMBKIT_OK(st) && (q.cookie == before || q.sid_r.len < 8 || i > OWNERS_MOST)) {
            ok = kit_fault(a,
                           "cookie %llu after %llu, a SID of %u bytes; each owner has a cookie of "
                           "its own, and NOT_FOUND ends them",
                           (unsigned long long)q.cookie, (unsigned long long)before, q.sid_r.len);
        }
    }
}

static void volume_quota_set(struct kit_actor *a)
{
    static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0}; /* users */
    struct smbkit_quota set = {.struct_size = sizeof(set),
                               .sid = {.base = sid, .len = sizeof(sid)},
                               .threshold = 1ull << 40,
                               .limit = 1ull << 41};
    struct smbkit_quota is = {.sid = set.sid};
    struct smbkit_quota back = set;
    back.threshold = UINT64_MAX;
    back.limit = UINT64_MAX;
    smbkit_status st = kit_call(a, NULL, SMBKIT_OP_set_quota, &set, "of S-1-5-32-545");
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        kit_out(a, "set_quota answers NOT_SUPPORTED");
        return;
    }
    if (kit_ok(a, st) && kit_ok(a, quota_get(a, &is, "of S-1-5-32-545")) &&
        (is.limit != set.limit || is.threshold != set.threshold)) {
        kit_fault(a, "limit %llu, threshold %llu; they were set to %llu and %llu",
                  (unsigned long long)is.limit, (unsigned long long)is.threshold,
                  (unsigned long long)set.limit, (unsigned long long)set.threshold);
    }
    (void)kit_ok(a, kit_call(a, NULL, SMBKIT_OP_set_quota, &back, "of S-1-5-32-545, none"));
}

/* ---- by id ---- */

static smbkit_status open_by_id(struct kit_actor *a, struct kit_file *f,
                                const struct smbkit_attr *attr)
{
    const struct smbkit_create how = {.disposition = SMBKIT_OPEN,
                                      .path = "",
                                      .access = SMBKIT_READ_DATA,
                                      .flags = SMBKIT_CREATE_BY_ID,
                                      .file_id = attr->file_id,
                                      .file_id_high = attr->file_id_high};
    return kit_create(a, f, &how);
}

static void volume_by_id(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr;
    if (!kit_must_put(a, p.s, "text") || !kit_ok(a, kit_lookup(a, p.s, &attr)) ||
        !kit_ok(a, open_by_id(a, &f, &attr))) {
        return;
    }
    bool ok = f.attr.file_id == attr.file_id ||
              kit_fault(a, "file id 0x%llx; 0x%llx was asked for",
                        (unsigned long long)f.attr.file_id, (unsigned long long)attr.file_id);
    ok = ok && kit_must_hold_open(a, &f, "text");
    kit_close(a, &f);
    if (ok && kit_must_remove(a, p.s)) {
        smbkit_status st = open_by_id(a, &f, &attr);
        kit_close(a, &f);
        (void)kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

/* ---- watches, caching ---- */

static void volume_watch(struct kit_actor *a)
{
    struct kit_file one, two;
    struct smbkit_watch on = {.struct_size = sizeof(on), .on = 1, .filter = ~0u};
    struct smbkit_watch off = {.struct_size = sizeof(off)};
    struct kit_path p = kit_at(a, "file");
    const char *folder = a->kit->is_read_only ? "" : a->kit->dir;
    if (!kit_must_open(a, &one, folder, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    if (kit_must_open(a, &two, folder, SMBKIT_KIND_DIRECTORY)) {
        bool ok = kit_ok(a, kit_call(a, &one, SMBKIT_OP_watch, &on, "on")) &&
                  kit_ok(a, kit_call(a, &two, SMBKIT_OP_watch, &on, "on"));
        ok = ok && (a->kit->is_read_only || kit_must_put(a, p.s, "text"));
        (void)(ok && kit_ok(a, kit_call(a, &one, SMBKIT_OP_watch, &off, "off")));
        kit_close(a, &two); /* without an end of its watch: close is one */
    }
    kit_close(a, &one);
}

static void volume_cache(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    const uint32_t all = SMBKIT_CACHE_READ | SMBKIT_CACHE_HANDLE | SMBKIT_CACHE_WRITE;
    const uint32_t asked[] = {all, SMBKIT_CACHE_READ, SMBKIT_CACHE_READ | SMBKIT_CACHE_HANDLE};
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(asked) && !kit_failed(a); i++) {
        struct smbkit_cache c = {.struct_size = sizeof(c), .state = asked[i]};
        if (kit_ok(a, kit_call(a, &f, SMBKIT_OP_cache_request, &c, "")) && (c.state & ~asked[i])) {
            kit_fault(a, "state 0x%x; only 0x%x was asked for", c.state, asked[i]);
        }
    }
    (void)kit_must_hold_open(a, &f, "text");
    kit_close(a, &f);
}

/* As the server does when it has asked clients for what was granted: a part of it first. */
static void volume_cache_ack(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    const uint32_t kept[] = {SMBKIT_CACHE_READ, 0};
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kept) && !kit_failed(a); i++) {
        struct smbkit_cache c = {.struct_size = sizeof(c), .key = 1 + i};
        c.state = SMBKIT_CACHE_READ | SMBKIT_CACHE_HANDLE | SMBKIT_CACHE_WRITE;
        if (kit_ok(a, kit_call(a, &f, SMBKIT_OP_cache_request, &c, ""))) {
            c.state &= kept[i];
            (void)kit_ok(a, kit_call(a, &f, SMBKIT_OP_cache_ack, &c, ""));
        }
    }
    (void)kit_must_hold_open(a, &f, "text");
    kit_close(a, &f);
}

/* ---- what nobody knows ---- */

#define NO_SUCH_FSCTL 0x0009fffcu
static void volume_ioctl(struct kit_actor *a)
{
    struct kit_file f;
    uint8_t room[64];
    struct smbkit_ioctl args = {.struct_size = sizeof(args),
                                .code = NO_SUCH_FSCTL,
                                .out = {.base = room, .cap = sizeof(room)}};
    if (kit_must_open(a, &f, "", SMBKIT_KIND_DIRECTORY)) {
        (void)kit_refuses(a, kit_call(a, &f, SMBKIT_OP_ioctl, &args, "code 0x9fffc"),
                          "there is no such code");
        kit_close(a, &f);
    }
}

static void volume_control(struct kit_actor *a)
{
    uint8_t room[256];
    struct smbkit_control args = {.struct_size = sizeof(args),
                                  .command = "smbkit-no-such-command",
                                  .text = {.base = room, .cap = sizeof(room)}};
    (void)kit_refuses(a, kit_call(a, NULL, SMBKIT_OP_control, &args, "\"smbkit-no-such-command\""),
                      "there is no such command");
}

/* As a reload does: the arguments as they are. Only the plugin, whose own they are. */
static void volume_reconfigure(struct kit_actor *a)
{
    const struct kit_target *t = a->kit->target;
    kit_calling(a, "reconfigure() of each layer, with the arguments as they are");
    bool is_current = vfs_volume_is_current(a->kit->volume, t->layers);
    kit_called(a);
    if (!is_current) {
        kit_fault(a, "an error; SUCCESS or NOT_SUPPORTED lets the volume go on");
    }
}

static void volume_session_root(struct kit_actor *a)
{
    char path[KIT_PATH_MAX];
    struct kit_file f;
    struct smbkit_session_root args = {.struct_size = sizeof(args),
                                       .path = {.base = (uint8_t *)path, .cap = sizeof(path)}};
    smbkit_status st = kit_call(a, NULL, SMBKIT_OP_session_root, &args, "");
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        kit_out(a, "session_root answers NOT_SUPPORTED");
        return;
    }
    path[sizeof(path) - 1] = '\0';
    if (kit_ok(a, st) && kit_must_open(a, &f, path, SMBKIT_KIND_DIRECTORY)) {
        kit_close(a, &f);
    }
}

#define RULE(id, part, text) .name = "volume." id, .section = part, .says = text
const struct kit_rule kit_rules_volume[] = {
    {RULE("snapshots", "snapshots", "snapshots are told newest first, and can be looked into"),
     .op = KIT_OP(snapshots), .features = SMBKIT_FEATURE_SNAPSHOTS, .fn = volume_snapshots},
    {RULE("quota", "get_quota", "quotas are told one owner after the other, to an end"),
     .op = KIT_OP(get_quota), .features = SMBKIT_FEATURE_QUOTA, .fn = volume_quota},
    {RULE("quota-set", "set_quota", "a limit is told as it was set"), .needs = KIT_WRITES,
     .op = KIT_OP(set_quota), .features = SMBKIT_FEATURE_QUOTA, .fn = volume_quota_set},
    {RULE("by-id", "create", "a file is opened by its id, and not after it was removed"),
     .needs = KIT_WRITES, .features = SMBKIT_FEATURE_OPEN_BY_ID, .fn = volume_by_id},
    {RULE("watch", "watch", "several opens of a folder may each have a watch"),
     .needs = KIT_IN_FOLDER, .op = KIT_OP(watch), .fn = volume_watch},
    {RULE("cache", "cache_request", "a part of the caching that is asked for is granted"),
     .needs = KIT_WRITES, .op = KIT_OP(cache_request), .fn = volume_cache},
    {RULE("cache-ack", "cache_ack", "that clients gave caching up is taken, and they may ask anew"),
     .needs = KIT_WRITES, .op = KIT_OP(cache_ack), .fn = volume_cache_ack},
    {RULE("session-root", "session_root", "the root of a session is a folder of the volume"),
     .op = KIT_OP(session_root), .fn = volume_session_root},
    {RULE("reconfigure", "reconfigure", "with the same arguments the volume goes on"),
     .op = KIT_OP(reconfigure), .fn = volume_reconfigure},
    {RULE("ioctl", "ioctl", "a control code that is not known is refused"), .op = KIT_OP(ioctl),
     .fn = volume_ioctl},
    {RULE("control", "control", "a command that is not known is refused"), .op = KIT_OP(control),
     .fn = volume_control},
    {.name = NULL}};
