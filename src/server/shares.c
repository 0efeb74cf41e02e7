/* SPDX-License-Identifier: Apache-2.0 */
#include "server/shares.h"

#include "base/escape.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/utf.h"
#include "os/os.h"

#define LOG_MODULE LOG_SERVER
#define FINGERPRINT_MAX (1u << 20) /* bytes of a share's canonical text */

struct live {
    struct list link;
    char *name;
    char *fingerprint; /* of what makes the volume: another one needs another volume */
    struct vfs_volume *volume;
    bool is_wanted;
    bool by_command; /* no configuration has it so */
    size_t opens;    /* when they were counted */
};

struct shares {
    struct shares_spec spec;
    struct vfs_nodes *nodes; /* of all volumes */
    struct mutex lock;       /* guards live; held while volumes are opened and closed */
    struct list live;
};

static uint64_t clock_us(void)
{
    return os_monotonic_ns() / 1000;
}

static struct vfs_nodes *nodes_new(void)
{
    uint64_t seed;
    os_random(&seed, sizeof(seed));
    return vfs_nodes_new(seed, clock_us);
}

struct shares *shares_new(const struct shares_spec *spec)
{
    struct shares *s = mem_zalloc(sizeof(*s));
    struct vfs_nodes *nodes = nodes_new();
    if (!s || !nodes) {
        vfs_nodes_unref(nodes);
        mem_free(s);
        return NULL;
    }
    s->nodes = nodes;
    s->spec = *spec;
    mutex_init(&s->lock);
    list_init(&s->live);
    return s;
}

static void live_free(struct live *l)
{
    if (l->volume) {
        vfs_volume_unref(l->volume);
    }
    list_remove(&l->link);
    mem_free(l->fingerprint);
    mem_free(l->name);
    mem_free(l);
}

void shares_free(struct shares *s)
{
    if (!s) {
        return;
    }
    LIST_FOR_EACH_SAFE (l, &s->live) {
        live_free(LIST_ENTRY(l, struct live, link));
    }
    vfs_nodes_unref(s->nodes);
    mutex_fini(&s->lock);
    mem_free(s);
}

/* ---- volumes ---- */

/* Each word with its length before it, so that no two configurations give the same text. */
static void put_word(struct wr *w, const char *word)
{
    wr_printf(w, "%zu:%s", str_len(word), word);
}

static void put_layer(struct wr *w, const struct config_layer *l)
{
    put_word(w, l->name);
    wr_printf(w, "(%u", l->args.count);
    for (uint32_t i = 0; i < l->args.count; i++) {
        put_word(w, l->args.list[i].key);
        put_word(w, l->args.list[i].value);
    }
    wr_u8(w, ')');
}

/* Owned; NULL without memory. */
static char *fingerprint(const struct config_share *s)
{
    CLEANUP(wr_fini) struct wr w = wr_new(FINGERPRINT_MAX);
    for (uint32_t i = 0; i < s->filter_count; i++) {
        put_layer(&w, &s->filters[i]);
    }
    put_layer(&w, &s->plugin);
    wr_u8(&w, s->plugin_admin ? 'a' : '-');
    wr_u8(&w, s->no_streams ? 's' : '-');
    put_word(&w, s->veto_files ? s->veto_files : "");
    put_word(&w, s->hide_files ? s->hide_files : "");
    wr_u8(&w, 0);
    size_t len;
    return (char *)wr_take(&w, &len);
}

static bool make_layer(struct plugins *plugins, enum plugin_kind kind, const struct config_layer *l,
                       struct vfs_layer_spec *out, char err[SHARES_ERR_SIZE])
{
    out->plugin = plugins_get(plugins, kind, l->name, err);
    out->is_linked_in = plugins_is_linked_in(plugins, out->plugin);
    out->args = l->args.list;
    out->arg_count = l->args.count;
    return out->plugin != NULL;
}

void shares_problem(struct problems *problems, const struct config *c, const struct config_share *s,
                    unsigned line, const char *text)
{
    unsigned at = line ? line : s->line;
    if (c->file && at) {
        problems_add(problems, "%s:%u: share \"%s\": %s", c->file, at, s->name, text);
    } else {
        problems_add(problems, "share \"%s\": %s", s->name, text);
    }
}

static bool make_layers(const struct shares *shares, const struct config_share *s,
                        struct vfs_layer_spec layers[VFS_LAYERS_MAX], char err[SHARES_ERR_SIZE])
{
    struct plugins *plugins = shares->spec.plugins;
    ASSERT(s->filter_count < VFS_LAYERS_MAX);
    for (uint32_t i = 0; i < s->filter_count; i++) {
        if (!make_layer(plugins, PLUGIN_FILTER, &s->filters[i], &layers[i], err)) {
            return false;
        }
    }
    return make_layer(plugins, PLUGIN_SOURCE, &s->plugin, &layers[s->filter_count], err);
}

/* For everybody: else each tree connect knows whether its user may change anything. */
static bool is_read_only(const struct config_share *s)
{
    return s->read_only && s->admission.writes.count == 0;
}

static struct vfs_volume *open_volume(const struct shares *shares, const struct config_share *s,
                                      char err[SHARES_ERR_SIZE])
{
    struct vfs_layer_spec layers[VFS_LAYERS_MAX];
    struct vfs_volume *volume = NULL;
    if (!make_layers(shares, s, layers, err)) {
        return NULL;
    }
    const struct plugins_words words = plugins_words(shares->spec.plugins);
    struct vfs_volume_spec spec = {.nodes = shares->nodes,
                                   .plugins = &words.vfs,
                                   .now = os_time_now(),
                                   .share_name = s->name,
                                   .layers = layers,
                                   .layer_count = s->filter_count + 1,
                                   .read_only = is_read_only(s),
                                   .no_streams = s->no_streams,
                                   .veto_files = s->veto_files,
                                   .hide_files = s->hide_files,
                                   .admin = s->plugin_admin ? shares->spec.admin : NULL};
    if (shares->spec.lend) {
        spec.services = lend_services_new(shares->spec.lend);
        if (!spec.services) {
            str_copy(err, SHARES_ERR_SIZE, "out of memory");
            return NULL;
        }
    }
    os_random(&spec.hash_seed, sizeof(spec.hash_seed));
    err[0] = '\0';
    smbkit_status status = vfs_volume_open(&spec, &volume, err, SHARES_ERR_SIZE);
    if (!SMBKIT_OK(status)) {
        if (err[0] == '\0') {
            str_format(err, SHARES_ERR_SIZE, "plugin \"%s\" refused: %s", s->plugin.name,
                       smbkit_status_name(status));
        }
        return NULL;
    }
    vfs_volume_habits_set(volume, s->habits);
    vfs_volume_short_names_set(volume, s->short_names);
    return volume;
}

/* ---- apply ---- */

static struct live *live_get(const struct shares *s, const char *name)
{
    LIST_FOR_EACH (l, &s->live) {
        struct live *live = LIST_ENTRY(l, struct live, link);
        if (utf8_ieq(live->name, name)) {
            return live;
        }
    }
    return NULL;
}

bool shares_is_read_only(struct shares *s, const char *name)
{
    SCOPED_LOCK(&s->lock);
    const struct live *l = live_get(s, name);
    return l && l->volume && vfs_volume_is_read_only(l->volume);
}

static struct live *live_add(struct shares *s, const char *name)
{
    struct live *l = mem_zalloc(sizeof(*l));
    if (!l) {
        return NULL;
    }
    list_push_back(&s->live, &l->link);
    l->name = str_dup(name);
    if (!l->name) {
        live_free(l);
        return NULL;
    }
    return l;
}

/* Why it could not take the place of the one before. */
static void say_refusal(smbkit_status status, const struct smb_moved *moved,
                        char err[SHARES_ERR_SIZE])
{
    if (status == SMBKIT_STATUS_SHARING_VIOLATION) {
        str_format(err, SHARES_ERR_SIZE, "%zu open file%s cannot go on in it", moved->closed,
                   moved->closed == 1 ? "" : "s");
    } else {
        str_format(err, SHARES_ERR_SIZE, "refused: %s", smbkit_status_name(status));
    }
}

static bool publish(struct shares *s, const struct config_share *c, struct vfs_volume *volume,
                    struct shares_change *how, char err[SHARES_ERR_SIZE])
{
    struct smb_share_spec spec = {
        .name = c->name,
        .comment = c->comment,
        .volume = volume,
        .read_only = c->read_only,
        .encrypt = c->encrypt,
        .guest_ok = c->guest_ok,
        .hidden = !c->browseable,
        .dfs_root = c->dfs_root,
        .admission = &c->admission,
    };
    static const enum smb_handles words[] = {[SHARES_CLOSE] = SMB_HANDLES_CLOSE,
                                             [SHARES_MOVE] = SMB_HANDLES_MOVE,
                                             [SHARES_REFUSE] = SMB_HANDLES_MOVE_ALL};
    smbkit_status status =
        how->replaces
            ? smb_server_share_replace(s->spec.smb, &spec, words[how->handles], &how->moved)
            : smb_server_share_set(s->spec.smb, &spec);
    if (!SMBKIT_OK(status)) {
        say_refusal(status, &how->moved, err);
        return false;
    }
    return true;
}

enum volume_is {
    VOLUME_SAME,
    VOLUME_OTHER,    /* the configuration says something else */
    VOLUME_ELSEWHERE /* what it says leads elsewhere by now */
};

/* Is the share's volume the one that the configuration means? */
static enum volume_is compare(const struct shares *s, const struct live *l,
                              const struct config_share *c, const char *print)
{
    char err[SHARES_ERR_SIZE];
    struct vfs_layer_spec layers[VFS_LAYERS_MAX];
    if (!l->volume || !str_eq(l->fingerprint, print) || !make_layers(s, c, layers, err)) {
        return VOLUME_OTHER;
    }
    return vfs_volume_is_current(l->volume, layers) ? VOLUME_SAME : VOLUME_ELSEWHERE;
}

/* The volume of before when nothing of it has changed; else a new one. */
static struct vfs_volume *volume_for(struct shares *s, const struct live *l,
                                     const struct config_share *c, enum volume_is is,
                                     char err[SHARES_ERR_SIZE])
{
    if (is == VOLUME_SAME) {
        vfs_volume_read_only_set(l->volume, is_read_only(c));
        vfs_volume_habits_set(l->volume, c->habits);
        vfs_volume_short_names_set(l->volume, c->short_names);
        return vfs_volume_ref(l->volume);
    }
    return open_volume(s, c, err);
}

/* What has become of a share that was there, besides why. */
static void say_stays(const struct live *l, enum volume_is is, char err[SHARES_ERR_SIZE])
{
    CLEANUP_MEM char *why = str_dup(err);
    if (l->volume && why) {
        str_format(err, SHARES_ERR_SIZE, "%s%s; it stays as it was",
                   is == VOLUME_ELSEWHERE ? "it leads elsewhere by now, which cannot be opened: "
                                          : "",
                   why);
    }
}

static bool apply_one(struct shares *s, struct live *l, const struct config_share *c,
                      struct shares_change *how, char err[SHARES_ERR_SIZE])
{
    char *print = fingerprint(c);
    if (!print) {
        str_copy(err, SHARES_ERR_SIZE, "out of memory");
        return false;
    }
    enum volume_is is = compare(s, l, c, print);
    struct vfs_volume *volume = volume_for(s, l, c, is, err);
    if (volume && !publish(s, c, volume, how, err)) {
        vfs_volume_unref(volume);
        volume = NULL;
    }
    if (!volume) {
        say_stays(l, is, err);
        mem_free(print);
        return false;
    }
    if (is == VOLUME_ELSEWHERE) {
        log_info(NULL, "share leads elsewhere by now, opened anew name=%s", quoted(c->name).text);
    }
    if (l->volume) {
        vfs_volume_unref(l->volume);
    }
    mem_free(l->fingerprint);
    l->fingerprint = print;
    l->volume = volume;
    return true;
}

/* ---- shares that go ---- */

static void count_open(void *arg, const struct smb_open_info *i)
{
    struct live *l = live_get(arg, i->share);
    if (l) {
        l->opens++;
    }
}

static void count_opens(struct shares *s)
{
    LIST_FOR_EACH (link, &s->live) {
        LIST_ENTRY(link, struct live, link)->opens = 0;
    }
    smb_server_opens_each(s->spec.smb, count_open, s);
}

/* Its opens have been counted. */
static void live_remove(struct shares *s, struct live *l)
{
    if (l->volume) {
        smb_server_share_remove(s->spec.smb, l->name);
        log_warn(NULL, "share removed name=%s opens=%zu", quoted(l->name).text, l->opens);
    }
    live_free(l);
}

static bool any_goes(const struct shares *s)
{
    LIST_FOR_EACH (link, &s->live) {
        const struct live *l = LIST_ENTRY(link, struct live, link);
        if (!l->is_wanted && l->volume) {
            return true;
        }
    }
    return false;
}

static void remove_unwanted(struct shares *s)
{
    if (any_goes(s)) {
        count_opens(s);
    }
    LIST_FOR_EACH_SAFE (link, &s->live) {
        struct live *l = LIST_ENTRY(link, struct live, link);
        if (!l->is_wanted) {
            live_remove(s, l);
        }
    }
}

size_t shares_apply(struct shares *s, const struct config *c, struct problems *problems)
{
    char err[SHARES_ERR_SIZE] = "";
    struct shares_change how = {0};
    SCOPED_LOCK(&s->lock);
    LIST_FOR_EACH (link, &s->live) {
        struct live *l = LIST_ENTRY(link, struct live, link);
        l->is_wanted = l->by_command;
    }
    for (size_t i = 0; i < c->share_count; i++) {
        const struct config_share *cs = &c->shares[i];
        struct live *l = live_get(s, cs->name);
        l = l ? l : live_add(s, cs->name);
        if (!l) {
            problems_add(problems, "share \"%s\": out of memory", cs->name);
            continue;
        }
        l->by_command = false;
        if (!apply_one(s, l, cs, &how, err)) {
            shares_problem(problems, c, cs, cs->plugin.line, err);
        }
        l->is_wanted = l->volume != NULL;
    }
    remove_unwanted(s);
    return smb_server_share_count(s->spec.smb);
}

/* ---- one of them ---- */

/* What was changed holds for who is connected. */
static void enforce(struct shares *s)
{
    if (!smb_server_enforce(s->spec.smb)) {
        log_error(NULL, "out of memory: clients may be connected who should not be");
    }
}

/* Its place, new if it has none. NULL: why. */
static struct live *live_for(struct shares *s, const char *name, bool replaces,
                             char err[SHARES_ERR_SIZE])
{
    struct live *l = live_get(s, name);
    bool is_there = l && l->volume;
    if (is_there != replaces) {
        str_copy(err, SHARES_ERR_SIZE, is_there ? "there is one already" : "there is none");
        return NULL;
    }
    l = l ? l : live_add(s, name);
    if (!l) {
        str_copy(err, SHARES_ERR_SIZE, "out of memory");
    }
    return l;
}

bool shares_change(struct shares *s, struct shares_change *how, char err[SHARES_ERR_SIZE])
{
    const struct config_share *c = &how->config->shares[0];
    SCOPED_LOCK(&s->lock);
    struct live *l = live_for(s, c->name, how->replaces, err);
    if (!l) {
        return false;
    }
    if (!apply_one(s, l, c, how, err)) {
        if (!l->volume) {
            live_free(l);
        }
        return false;
    }
    l->by_command = true;
    log_info(NULL, "share %s by command name=%s plugin=%s", how->replaces ? "replaced" : "added",
             quoted(c->name).text, c->plugin.name);
    enforce(s);
    return true;
}

bool shares_remove(struct shares *s, const char *name, enum shares_handles handles,
                   char err[SHARES_ERR_SIZE])
{
    SCOPED_LOCK(&s->lock);
    struct live *l = live_for(s, name, true, err);
    if (!l) {
        return false;
    }
    count_opens(s);
    if (handles == SHARES_REFUSE && l->opens > 0) {
        str_format(err, SHARES_ERR_SIZE, "%zu file%s open in it", l->opens,
                   l->opens == 1 ? " is" : "s are");
        return false;
    }
    live_remove(s, l);
    enforce(s);
    return true;
}

void shares_each(struct shares *s, void (*fn)(void *arg, const struct shares_info *i), void *arg)
{
    SCOPED_LOCK(&s->lock);
    count_opens(s);
    LIST_FOR_EACH (link, &s->live) {
        const struct live *l = LIST_ENTRY(link, struct live, link);
        if (l->volume) {
            const struct shares_info info = {.name = l->name,
                                             .volume = l->volume,
                                             .opens = l->opens,
                                             .by_command = l->by_command};
            fn(arg, &info);
        }
    }
}

/* ---- check ---- */

bool shares_try(struct plugins *plugins, const struct config_share *s, char err[SHARES_ERR_SIZE])
{
    const struct shares shares = {.spec.plugins = plugins};
    struct vfs_volume *volume = open_volume(&shares, s, err);
    if (volume) {
        vfs_volume_unref(volume);
    }
    return volume != NULL;
}
