/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the kit: who calls (actors), the calls, and what rules say. */
#pragma once

#include "kit/kit.h"
#include "os/sync.h"
#include "vfs/core.h"

#define KIT_FOLDER "smbkit-test-plugin" /* all that the kit makes is below it */
#define KIT_PATH_MAX 1400u              /* bytes: the folder, a rule's, a name of 255 units */
#define KIT_TEXT_MAX 2048u              /* bytes of what was called, or answered */
#define KIT_NAME_MAX 1024u              /* bytes of an entry's name that are kept */

/* ---- rules ---- */

#define KIT_WRITES 0x1u    /* a volume that takes changes */
#define KIT_READ_ONLY 0x2u /* one that does not */
#define KIT_IN_FOLDER 0x4u /* has its folder, where the volume takes changes */

struct kit_actor;

#define KIT_OP(name) (1u + SMBKIT_OP_##name)
struct kit_rule {
    const char *name;    /* area.what */
    const char *section; /* of smbkit-plugin(3) */
    const char *says;    /* what the page asks for */
    uint32_t needs;      /* KIT_*; else it does not apply */
    uint32_t features;   /* SMBKIT_FEATURE_* of the volume, likewise */
    uint32_t op;         /* KIT_OP(name) that a layer has, likewise; 0: none */
    void (*fn)(struct kit_actor *a);
};
/* The tables, each ending in a rule without a name. */
extern const struct kit_rule kit_rules_names[], kit_rules_moves[], kit_rules_attr[],
    kit_rules_data[], kit_rules_space[], kit_rules_list[], kit_rules_extra[], kit_rules_threads[],
    kit_rules_tree[], kit_rules_rest[], kit_rules_async[], kit_rules_volume[], kit_rules_life[],
    kit_rules_readonly[];
/* Those that stand over all others, told at the end. */
extern const struct kit_rule kit_rules_whole[];
/* Told when the modules are gone. */
extern const struct kit_rule kit_rule_unload;

struct kit {
    /* immutable while rules run */
    struct kit_spec spec;
    const struct kit_target *target;
    struct wildcard *only; /* owned; NULL: all */
    struct vfs_volume *volume;
    struct vfs_token *token;
    uint32_t features;
    bool is_read_only;
    bool tries_nowait; /* calls may be made with NOWAIT first */
    uint32_t component_max;
    size_t descriptors_before, threads_before; /* before anything of it was loaded */
    char base[KIT_PATH_MAX];                   /* the kit's own folder */
    char dir[KIT_PATH_MAX];                    /* the running rule's */

    atomic_uint_fast64_t would_blocks, pendings; /* how often that was answered; relaxed */
    atomic_uint_fast32_t lent; /* buffers that a plugin keeps of writes; relaxed */

    struct mutex lock; /* guards what follows; innermost */
    struct cond cond;
    struct list actors;
    bool is_over;  /* the rules have run */
    bool is_stuck; /* a call does not end */
    struct {
        bool is_set;
        bool is_out; /* it does not apply, for the reason in answered */
        char called[KIT_TEXT_MAX];
        char answered[KIT_TEXT_MAX];
    } fault; /* of the running rule: the first one */

    /* the rules' thread; the caller's before and after */
    const struct kit_rule *rule;
    unsigned kept, not_kept, out;
    char complaint[2][KIT_TEXT_MAX]; /* the server's own of the plugin: answers, completions */
    const char *complaint_in[2];     /* the rule that ran then; NULL: none yet */
    char left[KIT_TEXT_MAX];         /* what cannot be removed; "": nothing */
};

/* ---- who calls ---- */

/* One thread that calls. */
struct kit_actor {
    struct kit *kit;
    uint64_t drawn, seed;
    bool must_wait;   /* no NOWAIT: this is about something else */
    bool nowait_only; /* NOWAIT and nothing else: WOULD_BLOCK is told */
    bool is_silent;   /* it cleans up: faults are not told */
    atomic_bool cancelled;
    struct list link;  /* kit->actors, under kit->lock */
    struct mutex lock; /* guards what follows */
    char call[KIT_TEXT_MAX];
    uint64_t since_ms; /* when the call under way began; 0: there is none */
    struct op *op;     /* its, while the watch may cancel it */
    bool is_told;      /* that has happened */
};
void kit_actor_init(struct kit_actor *a, struct kit *k, uint64_t seed);
void kit_actor_fini(struct kit_actor *a);
uint64_t kit_draw(struct kit_actor *a);                  /* by chance */
uint32_t kit_below(struct kit_actor *a, uint32_t bound); /* by chance, < bound; bound >= 1 */
/* How long a call may take, ms; twice that long and it is taken for one that never ends. */
uint64_t kit_patience_ms(const struct kit *k);
/* The time until which a rule that goes by chance goes on, os_monotonic_ms. */
uint64_t kit_until(const struct kit *k);

/* ---- what is said of a rule; all answer false ---- */

/* Not kept: what the actor's last call answered, or what came of it. */
bool kit_fault(struct kit_actor *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Not kept, whatever was called last. */
bool kit_fault_of(struct kit_actor *a, const char *called, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* It does not apply. */
bool kit_out(struct kit_actor *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool kit_failed(struct kit_actor *a); /* is the rule decided by now? */
/* Is that what the last call was to answer? Else a fault. */
bool kit_is(struct kit_actor *a, smbkit_status st, smbkit_status expected);
bool kit_ok(struct kit_actor *a, smbkit_status st);
/* An error of any kind was to be expected. */
bool kit_refuses(struct kit_actor *a, smbkit_status st, const char *why);

/* ---- names ---- */

struct kit_path {
    char s[KIT_PATH_MAX];
};
/* Of a name in the running rule's folder; "": the folder. */
struct kit_path kit_at(const struct kit_actor *a, const char *name);
struct kit_path kit_in(const char *folder, const char *name);

/* ---- calls ---- */

struct kit_file {
    struct door_file door;
    struct mutex serial;
    bool is_open;
    atomic_bool is_changed;  /* it is to be committed when it is closed */
    struct smbkit_attr attr; /* as create answered */
    char path[KIT_PATH_MAX];
};

bool kit_has(const struct kit *k, uint32_t id); /* does a layer have the operation? */
/* Any operation, to its end; file NULL: of the volume. what: for people, after the name. */
smbkit_status kit_call(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args,
                       const char *what);
/* One call as it is: WOULD_BLOCK is told. flags: SMBKIT_OP_NOWAIT, _SYNC. */
smbkit_status kit_call_flags(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args,
                             uint32_t flags);
void kit_calling(struct kit_actor *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void kit_called(struct kit_actor *a);
void kit_call_text(struct kit_actor *a, char out[KIT_TEXT_MAX]); /* what was called last */
/* Between the two the watch may cancel it, when it takes too long: that is told as a fault. */
void kit_op_begin(struct kit_actor *a, struct op *op);
void kit_op_end(struct kit_actor *a);
/* What a call answered that is under way: its end. */
smbkit_status kit_await(struct kit_actor *a, struct op *op, smbkit_status st);

smbkit_status kit_create(struct kit_actor *a, struct kit_file *f, const struct smbkit_create *how);
/* SMBKIT_OPEN, SMBKIT_CREATE of what is common. */
smbkit_status kit_open(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind);
smbkit_status kit_make(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind);
void kit_close(struct kit_actor *a, struct kit_file *f); /* what is open; else nothing */
smbkit_status kit_lookup(struct kit_actor *a, const char *path, struct smbkit_attr *attr);
smbkit_status kit_getattr(struct kit_actor *a, struct kit_file *f, struct smbkit_attr *attr);
smbkit_status kit_setattr(struct kit_actor *a, struct kit_file *f, const struct smbkit_attr *attr);
smbkit_status kit_set_size(struct kit_actor *a, struct kit_file *f, uint64_t size);
smbkit_status kit_remove(struct kit_actor *a, struct kit_file *f);
smbkit_status kit_rename(struct kit_actor *a, struct kit_file *f, const char *to, uint32_t flags);
smbkit_status kit_value(struct kit_actor *a, struct kit_file *f, uint32_t id, uint64_t *value);
smbkit_status kit_copy(struct kit_actor *a, struct kit_file *f, uint32_t id, struct smbkit_copy *c);
smbkit_status kit_span(struct kit_actor *a, struct kit_file *f, uint32_t id,
                       const struct smbkit_range *r);

/* At most len bytes; *done_r of them. */
smbkit_status kit_read(struct kit_actor *a, struct kit_file *f, const struct smbkit_range *r,
                       void *buf, uint32_t *done_r);
/* In segments by chance; the bytes are overwritten as soon as they are the kit's again. flags:
 * SMBKIT_IO_*. A part only is a fault, and INTERNAL_ERROR. */
smbkit_status kit_write(struct kit_actor *a, struct kit_file *f, const struct smbkit_range *r,
                        const void *data, uint32_t flags);

/* Those that are no test by themselves: false is a fault of the rule. */
bool kit_must_open(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind);
bool kit_must_make(struct kit_actor *a, struct kit_file *f, const char *path, uint32_t kind);
bool kit_must_put(struct kit_actor *a, const char *path, const char *text); /* a file with that */
bool kit_must_mkdir(struct kit_actor *a, const char *path);
/* All that is in it is this and no more. */
bool kit_must_hold(struct kit_actor *a, const char *path, const char *text);
bool kit_must_hold_open(struct kit_actor *a, struct kit_file *f, const char *text);
bool kit_must_miss(struct kit_actor *a, const char *path);   /* OBJECT_NAME_NOT_FOUND */
bool kit_must_remove(struct kit_actor *a, const char *path); /* a file */
bool kit_must_write(struct kit_actor *a, struct kit_file *f, uint64_t offset, const char *text);

/* ---- listings ---- */

struct kit_entry {
    char *name; /* owned */
    uint64_t cookie;
    bool has_attr;
    struct smbkit_attr attr;
};
struct kit_listing {
    struct smbkit_sink sink; /* first */
    struct kit_entry *list;  /* owned */
    uint32_t count, room;    /* room: of this call */
    uint32_t cap;
    uint32_t refused; /* entries that were not taken, since it was full */
    bool no_memory;
    bool names_only; /* asks for no attributes */
    char wrong[200]; /* an entry that no sink takes; "": none */
};
#define KIT_LIST_ALL UINT32_MAX
void kit_listing_init(struct kit_listing *l);
void kit_listing_fini(struct kit_listing *l);
/* Up to most more entries, after the last one that it has (of a listing of streams: id). */
smbkit_status kit_list_more(struct kit_actor *a, struct kit_file *f, struct kit_listing *l,
                            uint32_t most);
smbkit_status kit_streams_more(struct kit_actor *a, struct kit_file *f, struct kit_listing *l);
/* By the name exactly; NULL: none. count_r (may be NULL): how often. */
const struct kit_entry *kit_listing_get(const struct kit_listing *l, const char *name,
                                        uint32_t *count_r);
/* A whole folder, by its path, each call with as many entries as is said. */
bool kit_must_list(struct kit_actor *a, const char *path, uint32_t page, struct kit_listing *l);
/* The names are exactly those of the list, which ends with NULL. */
bool kit_must_be_names(struct kit_actor *a, const char *path, const char *const *names);

/* ---- what is there ---- */

/* A file to read: one that is there, where the volume is read only, else one that is made. false:
 * there is none. */
bool kit_some_file(struct kit_actor *a, struct kit_path *p);

/* ---- cleaning up ---- */

/* Everything below the folder, and it. false: something is left, which k->left names. */
bool kit_wipe(struct kit_actor *a, const char *path);

/* ---- threads ---- */

struct kit_crew {
    struct kit_actor actor;
    unsigned number;
    void (*fn)(struct kit_crew *c);
    void *shared;
    struct os_thread *thread;
};
#define KIT_CREW_MAX 8u
/* fn in count threads at once, to their ends. */
void kit_crew_run(struct kit_actor *a, unsigned count, void (*fn)(struct kit_crew *c),
                  void *shared);
