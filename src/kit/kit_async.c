/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of waiting: NOWAIT, SYNC, PENDING, cancel. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"
#include "os/os.h"

#define TRIES 24u /* a plugin that answers so by chance does within these */

/* ---- NOWAIT ---- */

/* One change, first with NOWAIT: when that would block, nothing has happened, and the plain call
 * does it. */
struct change {
    const char *name;
    smbkit_status (*make)(struct kit_actor *a, struct kit_file *f, const char *path);
    /* As before, as afterwards. */
    bool (*is_as)(struct kit_actor *a, struct kit_file *f, const char *path, bool is_done);
};

static smbkit_status do_create(struct kit_actor *a, struct kit_file *f, const char *path)
{
    return kit_make(a, f, path, SMBKIT_KIND_FILE);
}

static bool is_created(struct kit_actor *a, struct kit_file *f, const char *path, bool is_done)
{
    (void)f;
    return is_done ? kit_must_hold(a, path, "") : kit_must_miss(a, path);
}

static smbkit_status do_write(struct kit_actor *a, struct kit_file *f, const char *path)
{
    const struct smbkit_range r = {.offset = 0, .length = 4};
    (void)path;
    return kit_write(a, f, &r, "text", 0);
}

static bool is_written(struct kit_actor *a, struct kit_file *f, const char *path, bool is_done)
{
    (void)path;
    return kit_must_hold_open(a, f, is_done ? "text" : "");
}

static smbkit_status do_set_size(struct kit_actor *a, struct kit_file *f, const char *path)
{
    (void)path;
    return kit_set_size(a, f, 2);
}

static bool is_set_size(struct kit_actor *a, struct kit_file *f, const char *path, bool is_done)
{
    (void)path;
    return kit_must_hold_open(a, f, is_done ? "te" : "text");
}

static struct kit_path moved(const char *path)
{
    struct kit_path p;
    str_format(p.s, sizeof(p.s), "%s-moved", path);
    return p;
}

static smbkit_status do_rename(struct kit_actor *a, struct kit_file *f, const char *path)
{
    struct kit_path to = moved(path);
    return kit_rename(a, f, to.s, 0);
}

static bool is_renamed(struct kit_actor *a, struct kit_file *f, const char *path, bool is_done)
{
    struct kit_path to = moved(path);
    (void)f;
    return is_done ? kit_must_miss(a, path) && kit_must_hold(a, to.s, "te")
                   : kit_must_miss(a, to.s) && kit_must_hold(a, path, "te");
}

static smbkit_status do_remove(struct kit_actor *a, struct kit_file *f, const char *path)
{
    (void)path;
    return kit_remove(a, f);
}

static bool is_removed(struct kit_actor *a, struct kit_file *f, const char *path, bool is_done)
{
    struct kit_path to = moved(path);
    (void)f;
    return is_done ? kit_must_miss(a, to.s) : kit_must_hold(a, to.s, "te");
}

static const struct change changes[] = {{"create", do_create, is_created},
                                        {"write", do_write, is_written},
                                        {"set_size", do_set_size, is_set_size},
                                        {"rename", do_rename, is_renamed},
                                        {"remove", do_remove, is_removed}};

static bool change_once(struct kit_actor *a, const struct change *c, struct kit_file *f,
                        const char *path)
{
    a->nowait_only = true;
    smbkit_status st = c->make(a, f, path);
    a->nowait_only = false;
    a->must_wait = true;
    bool ok = true;
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        ok = c->is_as(a, f, path, false) ||
             kit_fault(a, "WOULD_BLOCK, and something has changed all the same");
        st = ok ? c->make(a, f, path) : st;
    }
    ok = ok && kit_ok(a, st) && c->is_as(a, f, path, true);
    a->must_wait = false;
    return ok;
}

static void async_nowait(struct kit_actor *a)
{
    uint64_t before = atomic_load_explicit(&a->kit->would_blocks, memory_order_relaxed);
    if (!a->kit->tries_nowait) {
        kit_out(a, "the volume says neither TRIES_NOWAIT nor NEVER_BLOCKS");
        return;
    }
    for (uint32_t n = 0; n < TRIES && !kit_failed(a); n++) {
        struct kit_file f = {.is_open = false};
        char name[32];
        str_format(name, sizeof(name), "file-%u", n);
        struct kit_path p = kit_at(a, name);
        for (size_t i = 0; i < ARRAY_LEN(changes) && !kit_failed(a); i++) {
            (void)change_once(a, &changes[i], &f, p.s);
        }
        kit_close(a, &f);
    }
    if (!kit_failed(a) &&
        atomic_load_explicit(&a->kit->would_blocks, memory_order_relaxed) == before) {
        kit_out(a, "no call answered WOULD_BLOCK");
    }
}

#define AT_ONCE_MS 250u
#define AT_ONCE_TRIES 5u

/* The shortest of some calls, ms: what else the machine does is not held against the plugin. */
static uint64_t shortest(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args)
{
    uint64_t best = UINT64_MAX;
    for (uint32_t i = 0; i < AT_ONCE_TRIES && best > AT_ONCE_MS; i++) {
        uint64_t start = os_monotonic_ms();
        kit_calling(a, "%s(\"%s\"), NOWAIT", op_rows[id].name, f->path);
        UNUSED smbkit_status st = kit_call_flags(a, f, id, args, SMBKIT_OP_NOWAIT);
        kit_called(a);
        best = MIN(best, os_monotonic_ms() - start);
    }
    return best;
}

static void async_at_once(struct kit_actor *a)
{
    struct kit_file f;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_volume_info info = {.struct_size = sizeof(info)};
    if (!a->kit->tries_nowait) {
        kit_out(a, "the volume says neither TRIES_NOWAIT nor NEVER_BLOCKS");
        return;
    }
    if (!kit_must_open(a, &f, "", SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    info.file = f.door.file;
    uint64_t ms = shortest(a, &f, SMBKIT_OP_getattr, &attr);
    if (ms <= AT_ONCE_MS) {
        ms = shortest(a, &f, SMBKIT_OP_volume_info, &info);
    }
    if (ms > AT_ONCE_MS) {
        kit_fault(a, "it took %llu ms at best; it is called on an event loop, which serves others",
                  (unsigned long long)ms);
    }
    kit_close(a, &f);
}

/* ---- SYNC ---- */

/* Past the door, which would wait for it: what the outermost layer itself answers. */
static bool answers_now(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args)
{
    struct layer *l = &a->kit->volume->layers[0];
    const struct vfs_call call = {.token = a->kit->token, .cancelled = &a->cancelled};
    if (!op_row_has(&op_rows[id], l->plugin)) {
        return true;
    }
    struct op *op = op_new(&a->kit->volume->ops, &call);
    if (!op) {
        return kit_out(a, "out of memory");
    }
    op->pub.flags |= SMBKIT_OP_SYNC;
    op->about = (struct op_about){.layer = l, .id = id, .args = args};
    kit_calling(a, "%s(\"%s\"), SYNC", op_rows[id].name, f->path);
    kit_op_begin(a, op);
    smbkit_status st = op_rows[id].call(l->plugin, l->volume, &op->pub, f->door.file, args);
    bool pends = st == SMBKIT_STATUS_PENDING;
    if (pends) {
        UNUSED smbkit_status end = op_await(op);
    } else {
        op_returned(op);
    }
    kit_op_end(a);
    kit_called(a);
    op_put(op);
    return !pends || kit_fault(a, "PENDING; with SMBKIT_OP_SYNC there is nobody to come back");
}

static void async_sync(struct kit_actor *a)
{
    struct kit_file f;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    struct smbkit_lookup lookup = {.struct_size = sizeof(lookup), .path = "", .attr = &attr};
    struct smbkit_volume_info info = {.struct_size = sizeof(info)};
    if (!kit_must_open(a, &f, a->kit->is_read_only ? "" : a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    info.file = f.door.file;
    bool ok = true;
    for (uint32_t i = 0; i < TRIES && ok; i++) {
        ok = answers_now(a, &f, SMBKIT_OP_getattr, &attr) &&
             answers_now(a, &f, SMBKIT_OP_lookup, &lookup) &&
             answers_now(a, &f, SMBKIT_OP_volume_info, &info) &&
             answers_now(a, &f, SMBKIT_OP_flush, &flush);
    }
    kit_close(a, &f);
}

/* ---- cancel ---- */

struct late {
    struct mutex lock;
    struct cond cond;
    bool is_over; /* guarded by lock */
};

static void late_over(void *arg, smbkit_status status)
{
    struct late *l = arg;
    (void)status;
    SCOPED_LOCK(&l->lock);
    l->is_over = true;
    cond_signal(&l->cond);
}

static void late_wait(struct kit_actor *a, struct late *l)
{
    uint64_t until = os_monotonic_ms() + kit_patience_ms(a->kit);
    bool is_told = false;
    SCOPED_LOCK(&l->lock);
    while (!l->is_over) { /* the watch sees to what never ends */
        (void)cond_wait_ms(&l->cond, &l->lock, 50);
        if (!l->is_over && !is_told && os_monotonic_ms() > until) {
            is_told = true;
            kit_fault(a, "it was cancelled, and is still pending %llu s later",
                      (unsigned long long)(kit_patience_ms(a->kit) / 1000));
        }
    }
}

/* Was it pending, and so cancelled? */
static bool cancel_one(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args)
{
    struct vfs_call call = {.token = a->kit->token, .cancelled = &a->cancelled};
    struct late l = {.is_over = false};
    struct op *op = op_new(&a->kit->volume->ops, &call);
    if (!op) {
        return false;
    }
    mutex_init(&l.lock);
    cond_init(&l.cond);
    kit_calling(a, "%s(\"%s\"), cancelled while it was pending", op_rows[id].name, f->path);
    kit_op_begin(a, op);
    smbkit_status st = door_layer_call(&call, &f->door, id, op, args);
    bool pends = false;
    if (st == SMBKIT_STATUS_PENDING) {
        op_hand_up(op, late_over, &l, &st);
        pends = st == SMBKIT_STATUS_PENDING;
    }
    if (pends) {
        atomic_store(&a->cancelled, true);
        op_cancel(op);
        late_wait(a, &l);
        atomic_store(&a->cancelled, false);
    }
    kit_op_end(a);
    kit_called(a);
    op_put(op);
    cond_fini(&l.cond);
    mutex_fini(&l.lock);
    return pends;
}

/* How many of them were pending. */
static uint32_t cancel_some(struct kit_actor *a, struct kit_file *f)
{
    uint8_t buf[64];
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    uint32_t pending = 0;
    for (uint32_t i = 0; i < TRIES && !kit_failed(a); i++) {
        struct smbkit_io io = {.struct_size = sizeof(io), .length = sizeof(buf), .buffer = buf};
        pending += cancel_one(a, f, SMBKIT_OP_getattr, &attr);
        pending += cancel_one(a, f, SMBKIT_OP_read, &io);
        pending += a->kit->is_read_only ? 0 : cancel_one(a, f, SMBKIT_OP_flush, &flush);
    }
    /* It can be used as before. */
    (void)(!kit_failed(a) && kit_ok(a, kit_getattr(a, f, &attr)));
    return pending;
}

static void async_cancel(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p;
    if (!kit_some_file(a, &p)) {
        kit_out(a, "there is no file in it");
        return;
    }
    if (!kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    uint32_t pending = cancel_some(a, &f);
    kit_close(a, &f);
    if (pending == 0 && !kit_failed(a)) {
        kit_out(a, "no call answered PENDING");
    }
}

/* A call that nobody wants any more when it is made: it ends all the same. */
static bool ends_cancelled(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args)
{
    atomic_store(&a->cancelled, true);
    kit_calling(a, "%s(\"%s\"), cancelled before", op_rows[id].name, f->path);
    smbkit_status st = kit_call_flags(a, f, id, args, 0);
    kit_called(a);
    atomic_store(&a->cancelled, false);
    return SMBKIT_OK(st) || st == SMBKIT_STATUS_CANCELLED ||
           kit_fault(a, "%s; it was to be CANCELLED, or what came of it", smbkit_status_name(st));
}

static void async_cancelled(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    if (!kit_must_make(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    bool ok = true;
    for (uint32_t i = 0; i < TRIES && ok; i++) {
        ok = ends_cancelled(a, &f, SMBKIT_OP_getattr, &attr) &&
             ends_cancelled(a, &f, SMBKIT_OP_flush, &flush);
    }
    (void)(ok && kit_must_write(a, &f, 0, "text") && kit_must_hold_open(a, &f, "text"));
    kit_close(a, &f);
}

#define RULE(id, text) .name = "async." id, .section = "Waiting", .says = text
const struct kit_rule kit_rules_async[] = {
    {RULE("nowait", "after WOULD_BLOCK nothing has changed, and the plain call does it"),
     .needs = KIT_WRITES, .op = KIT_OP(remove), .fn = async_nowait},
    {RULE("at-once", "a call with NOWAIT returns at once"), .fn = async_at_once},
    {RULE("sync", "a call with SYNC does not answer PENDING"), .needs = KIT_IN_FOLDER,
     .fn = async_sync},
    {RULE("cancel", "what is pending and is cancelled comes to an end"), .needs = KIT_IN_FOLDER,
     .fn = async_cancel},
    {RULE("cancelled", "a call that is cancelled ends with CANCELLED or with what came of it"),
     .needs = KIT_WRITES, .fn = async_cancelled},
    {.name = NULL}};
