/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, and what is said of the rule that runs. */
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "kit/kit_priv.h"
#include "os/os.h"

#define PATIENCE_MS_PER_SECOND 5000u /* of --seconds: a call may take as long as that */

void kit_actor_init(struct kit_actor *a, struct kit *k, uint64_t seed)
{
    *a = (struct kit_actor){.kit = k, .seed = seed};
    mutex_init(&a->lock);
    atomic_init(&a->cancelled, false);
    list_init(&a->link);
    SCOPED_LOCK(&k->lock);
    list_push_back(&k->actors, &a->link);
}

void kit_actor_fini(struct kit_actor *a)
{
    mutex_lock(&a->kit->lock);
    list_remove(&a->link);
    mutex_unlock(&a->kit->lock);
    mutex_fini(&a->lock);
}

uint64_t kit_draw(struct kit_actor *a)
{
    return hash_u64(a->seed, ++a->drawn);
}

uint32_t kit_below(struct kit_actor *a, uint32_t bound)
{
    return (uint32_t)(kit_draw(a) % bound);
}

uint64_t kit_patience_ms(const struct kit *k)
{
    return (uint64_t)k->spec.seconds * PATIENCE_MS_PER_SECOND;
}

uint64_t kit_until(const struct kit *k)
{
    /* Some ten rules go by chance, and share the time. */
    return os_monotonic_ms() + (uint64_t)k->spec.seconds * 100;
}

/* ---- faults ---- */

void kit_call_text(struct kit_actor *a, char out[KIT_TEXT_MAX])
{
    SCOPED_LOCK(&a->lock);
    str_copy(out, KIT_TEXT_MAX, a->call);
}

/* The first one of a rule counts. called NULL: it does not apply. */
static void tell(struct kit_actor *a, const char *called, const char *fmt, va_list ap)
{
    struct kit *k = a->kit;
    if (a->is_silent) {
        return;
    }
    SCOPED_LOCK(&k->lock);
    if (!k->fault.is_set) {
        k->fault.is_set = true;
        k->fault.is_out = called == NULL;
        str_copy(k->fault.called, KIT_TEXT_MAX, called ? called : "");
        str_vformat(k->fault.answered, KIT_TEXT_MAX, fmt, ap);
    }
}

bool kit_fault(struct kit_actor *a, const char *fmt, ...)
{
    char called[KIT_TEXT_MAX];
    va_list ap;
    kit_call_text(a, called);
    va_start(ap, fmt);
    tell(a, called, fmt, ap);
    va_end(ap);
    return false;
}

bool kit_fault_of(struct kit_actor *a, const char *called, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(a, called, fmt, ap);
    va_end(ap);
    return false;
}

bool kit_out(struct kit_actor *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(a, NULL, fmt, ap);
    va_end(ap);
    return false;
}

bool kit_failed(struct kit_actor *a)
{
    SCOPED_LOCK(&a->kit->lock);
    return a->kit->fault.is_set;
}

bool kit_is(struct kit_actor *a, smbkit_status st, smbkit_status expected)
{
    if (st == expected) {
        return true;
    }
    return kit_fault(a, "%s; it was to be %s", smbkit_status_name(st),
                     smbkit_status_name(expected));
}

bool kit_ok(struct kit_actor *a, smbkit_status st)
{
    return kit_is(a, st, SMBKIT_STATUS_SUCCESS);
}

bool kit_refuses(struct kit_actor *a, smbkit_status st, const char *why)
{
    return !SMBKIT_OK(st) || kit_fault(a, "SUCCESS; %s", why);
}

/* ---- names ---- */

struct kit_path kit_in(const char *folder, const char *name)
{
    struct kit_path p;
    bool is_root = folder[0] == '\0';
    str_format(p.s, sizeof(p.s), "%s%s%s", folder, is_root || !name[0] ? "" : "/", name);
    return p;
}

struct kit_path kit_at(const struct kit_actor *a, const char *name)
{
    return kit_in(a->kit->dir, name);
}
