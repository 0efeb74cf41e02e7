/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the operations that are left: what a file is made with, streams that are renamed, locks,
 * rights. */
#include "base/mem.h"
#include "base/str.h"
#include "kit/kit_priv.h"

/* ---- made with ---- */

static void create_reserves(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    const struct smbkit_create how = {.disposition = SMBKIT_CREATE,
                                      .path = p.s,
                                      .kind = SMBKIT_KIND_FILE,
                                      .access = SMBKIT_ALL_ACCESS,
                                      .attributes = SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE,
                                      .alloc_size = 1u << 20};
    struct smbkit_attr attr;
    if (!kit_ok(a, kit_create(a, &f, &how))) {
        return;
    }
    if (kit_ok(a, kit_getattr(a, &f, &attr)) && attr.size != 0) {
        kit_fault(a, "size %llu; alloc_size reserves, and the file is empty",
                  (unsigned long long)attr.size);
    } else if (!(attr.attributes & SMBKIT_ATTR_HIDDEN) && kit_has(a->kit, SMBKIT_OP_setattr)) {
        kit_fault(a, "attributes 0x%x; it was made HIDDEN", attr.attributes);
    }
    (void)kit_must_hold_open(a, &f, "");
    kit_close(a, &f);
}

/* One, in the form of [MS-FSCC] 2.4.16. */
static const uint8_t one_ea[] = {0, 0, 0, 0, 0, 3, 5, 0, 'O', 'N', 'E', 0, 'v', 'a', 'l', 'u', 'e'};

static void create_eas(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    const struct smbkit_create how = {.disposition = SMBKIT_CREATE,
                                      .path = p.s,
                                      .kind = SMBKIT_KIND_FILE,
                                      .access = SMBKIT_ALL_ACCESS,
                                      .attributes = SMBKIT_ATTR_ARCHIVE,
                                      .ea = {.base = one_ea, .len = sizeof(one_ea)}};
    uint8_t room[256];
    struct smbkit_get_ea args = {.struct_size = sizeof(args),
                                 .buffer = {.base = room, .cap = sizeof(room)}};
    if (!kit_ok(a, kit_create(a, &f, &how))) {
        return;
    }
    if (kit_ok(a, kit_call(a, &f, SMBKIT_OP_get_ea, &args, "")) &&
        (args.buffer.len < sizeof(one_ea) || !str_ieq((const char *)room + 8, "ONE") ||
         !mem_eq(room + 12, "value", 5))) {
        kit_fault(a, "%u bytes, without the EA that it was made with", args.buffer.len);
    }
    kit_close(a, &f);
}

/* ---- streams ---- */

static smbkit_status stream_open(struct kit_actor *a, struct kit_file *f, const char *stream,
                                 uint32_t disposition)
{
    struct kit_path p = kit_at(a, "file");
    const struct smbkit_create how = {.disposition = disposition,
                                      .path = p.s,
                                      .stream = stream,
                                      .kind = SMBKIT_KIND_FILE,
                                      .access = SMBKIT_ALL_ACCESS};
    return kit_create(a, f, &how);
}

static void streams_rename(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_rename to = {.struct_size = sizeof(to), .new_path = p.s, .new_stream = "other"};
    if (!kit_must_put(a, p.s, "data") || !kit_ok(a, stream_open(a, &f, "one", SMBKIT_CREATE))) {
        return;
    }
    bool ok = kit_must_write(a, &f, 0, "text") &&
              kit_ok(a, kit_call(a, &f, SMBKIT_OP_rename, &to, "to stream \"other\""));
    kit_close(a, &f);
    if (!ok) {
        return;
    }
    smbkit_status st = stream_open(a, &f, "one", SMBKIT_OPEN);
    kit_close(a, &f);
    if (kit_is(a, st, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) &&
        kit_ok(a, stream_open(a, &f, "other", SMBKIT_OPEN))) {
        (void)(kit_must_hold_open(a, &f, "text") && kit_must_hold(a, p.s, "data"));
        kit_close(a, &f);
    }
}

/* ---- locks, rights ---- */

static void rest_lock(struct kit_actor *a)
{
    struct kit_file f;
    struct kit_path p = kit_at(a, "file");
    struct smbkit_lock on = {.struct_size = sizeof(on),
                             .flags = SMBKIT_LOCK_EXCLUSIVE,
                             .offset = 1,
                             .length = 2,
                             .owner = 7};
    struct smbkit_lock off = on;
    off.flags = SMBKIT_LOCK_UNLOCK;
    if (!kit_must_put(a, p.s, "text") || !kit_must_open(a, &f, p.s, SMBKIT_KIND_FILE)) {
        return;
    }
    for (int i = 0; i < 2 && !kit_failed(a); i++) {
        (void)(kit_ok(a, kit_call(a, &f, SMBKIT_OP_lock, &on, "EXCLUSIVE, 2 bytes at 1")) &&
               kit_must_hold_open(a, &f, "text") &&
               kit_ok(a, kit_call(a, &f, SMBKIT_OP_lock, &off, "UNLOCK, 2 bytes at 1")));
    }
    kit_close(a, &f);
}

static void rest_access(struct kit_actor *a)
{
    static const uint32_t wanted[] = {SMBKIT_READ_DATA, SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES,
                                      SMBKIT_READ_CONTROL};
    struct kit_file f;
    if (!kit_must_open(a, &f, "", SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(wanted) && !kit_failed(a); i++) {
        struct smbkit_access args = {.struct_size = sizeof(args), .desired = wanted[i]};
        smbkit_status st = kit_call(a, &f, SMBKIT_OP_access_check, &args, "");
        if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
            kit_out(a, "access_check answers NOT_SUPPORTED");
        } else if (st != SMBKIT_STATUS_ACCESS_DENIED && kit_ok(a, st) &&
                   (args.granted & ~wanted[i])) {
            kit_fault(a, "0x%x granted; 0x%x was asked for", args.granted, wanted[i]);
        }
    }
    kit_close(a, &f);
}

/* POSIX ids or whatever else: a descriptor, or NOT_FOUND. */
static void rest_store_owner(struct kit_actor *a)
{
    struct kit_file f;
    uint8_t room[4096];
    struct secdesc sd;
    struct smbkit_get_security args = {.struct_size = sizeof(args),
                                       .flags = SMBKIT_SECURITY_STORE_OWNER,
                                       .buffer = {.base = room, .cap = sizeof(room)}};
    if (!kit_must_open(a, &f, a->kit->is_read_only ? "" : a->kit->dir, SMBKIT_KIND_DIRECTORY)) {
        return;
    }
    smbkit_status st = kit_call(a, &f, SMBKIT_OP_get_security, &args, "STORE_OWNER");
    if (st == SMBKIT_STATUS_NOT_FOUND) {
        kit_out(a, "it knows no owner of its store");
    } else if (kit_ok(a, st)) {
        if (!SMBKIT_OK(sd_parse(room, args.buffer.len, &sd))) {
            kit_fault(a, "%u bytes that are no self-relative descriptor", args.buffer.len);
        } else {
            sd_fini(&sd);
        }
    }
    kit_close(a, &f);
}

#define RULE(id, part, text) .name = id, .section = part, .says = text
const struct kit_rule kit_rules_rest[] = {
    {RULE("create.reserves", "create",
          "what is made has its attributes, and alloc_size is no size"),
     .needs = KIT_WRITES, .fn = create_reserves},
    {RULE("create.eas", "create", "what is made with EAs has them"), .needs = KIT_WRITES,
     .features = SMBKIT_FEATURE_EAS, .op = KIT_OP(get_ea), .fn = create_eas},
    {RULE("streams.rename", "rename", "a stream gets another name, with its data"),
     .needs = KIT_WRITES, .features = SMBKIT_FEATURE_STREAMS, .op = KIT_OP(rename),
     .fn = streams_rename},
    {RULE("lock.granted", "lock", "a lock that nobody else holds is granted and given back"),
     .needs = KIT_WRITES, .op = KIT_OP(lock), .fn = rest_lock},
    {RULE("access.granted", "access_check", "no more is granted than was asked for"),
     .op = KIT_OP(access_check), .fn = rest_access},
    {RULE("security.store-owner", "get_security", "the owner in the store is a descriptor"),
     .needs = KIT_IN_FOLDER, .op = KIT_OP(get_security), .fn = rest_store_owner},
    {.name = NULL}};
