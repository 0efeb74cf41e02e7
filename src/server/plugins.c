/* SPDX-License-Identifier: Apache-2.0 */
#include "server/plugins.h"

#include <errno.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "os/process.h"
#include "static_plugins.h"

#define LOG_MODULE LOG_SERVER
#define NAMES_MAX 1024 /* plugins in a folder that are listed */

/* X(name) for each folder of plugins/ and filters/, made by the build. */
#define DECLARE(name)                                                                              \
    const struct smbkit_plugin *smbkit_static_##name(const struct smbkit_host_table *api);
SMBKIT_STATIC_PLUGINS(DECLARE)
SMBKIT_STATIC_FILTERS(DECLARE)

struct static_plugin {
    const char *name;
    const struct smbkit_plugin *(*init)(const struct smbkit_host_table *api);
};
#define ROW(name) {#name, smbkit_static_##name},
static const struct static_plugin static_sources[] = {SMBKIT_STATIC_PLUGINS(ROW){NULL, NULL}};
static const struct static_plugin static_filters[] = {SMBKIT_STATIC_FILTERS(ROW){NULL, NULL}};

struct entry {
    struct list link;
    enum plugin_kind kind;
    char *name;
    struct os_lib *lib; /* NULL: linked in */
    struct smbkit_plugin *plugin;
};

struct plugins {
    char *dir; /* NULL: none but the built-in one */
    /* The folder of the program, as of a build tree, and the library folder as seen from there;
     * NULL: not known. */
    char *beside[2];
    struct list entries;
    char **names[2]; /* by kind, sorted; NULL: not looked for yet */
    size_t name_count[2];
};

static const char *const suffixes[2] = {"-plugin.so", "-filter.so"};
static const char *const kind_names[2] = {"plugin", "filter"};

static void beside_free(struct plugins *p)
{
    for (size_t i = 0; i < ARRAY_LEN(p->beside); i++) {
        mem_free(p->beside[i]);
    }
}

struct plugins *plugins_new(const char *dir)
{
    struct plugins *p = mem_zalloc(sizeof(*p));
    if (!p) {
        return NULL;
    }
    list_init(&p->entries);
    p->dir = str_dup(dir);
    p->beside[0] = os_program_folder();
    p->beside[1] =
        p->beside[0] ? str_printf("%s/%s", p->beside[0], SMBKIT_PLUGIN_DIR_FROM_PROGRAM) : NULL;
    if (dir && !p->dir) {
        beside_free(p);
        mem_free(p);
        return NULL;
    }
    return p;
}

static void entry_free(struct entry *e)
{
    if (e->plugin && e->plugin->unload) {
        e->plugin->unload();
    }
    mem_free(e->plugin);
    os_lib_close(e->lib);
    mem_free(e->name);
    mem_free(e);
}

void plugins_free(struct plugins *p)
{
    if (!p) {
        return;
    }
    LIST_FOR_EACH_SAFE (l, &p->entries) {
        entry_free(LIST_ENTRY(l, struct entry, link));
    }
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < p->name_count[kind]; i++) {
            mem_free(p->names[kind][i]);
        }
        mem_free(p->names[kind]);
    }
    beside_free(p);
    mem_free(p->dir);
    mem_free(p);
}

/* ---- names ---- */

static const struct static_plugin *static_table(enum plugin_kind kind)
{
    return kind == PLUGIN_SOURCE ? static_sources : static_filters;
}

static int compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

/* Keep the list sorted and without doubles; takes name. */
static void add_name(struct plugins *p, enum plugin_kind kind, char *name)
{
    char **names = p->names[kind];
    size_t n = p->name_count[kind];
    size_t at = 0;
    while (name && at < n && compare(names[at], name) < 0) {
        at++;
    }
    if (!name || n >= NAMES_MAX || (at < n && str_eq(names[at], name))) {
        mem_free(name);
        return;
    }
    mem_move(names + at + 1, names + at, (n - at) * sizeof(*names));
    names[at] = name;
    p->name_count[kind]++;
}

static void add_folder_names(struct plugins *p, enum plugin_kind kind, const char *dir)
{
    char **files = NULL;
    size_t count = 0;
    if (os_dir_list(dir, suffixes[kind], &files, &count) != 0) {
        return; /* a folder that is not there has no plugins */
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = str_len(files[i]);
        size_t around = str_len("smbkit-") + str_len(suffixes[kind]);
        if (str_has_prefix(files[i], "smbkit-") && len > around) {
            add_name(p, kind, str_ndup(files[i] + str_len("smbkit-"), len - around));
        }
        mem_free(files[i]);
    }
    mem_free(files);
}

static void find_names(struct plugins *p, enum plugin_kind kind)
{
    if (p->names[kind]) {
        return;
    }
    p->names[kind] = mem_calloc(NAMES_MAX, sizeof(char *));
    if (!p->names[kind]) {
        return;
    }
    for (const struct static_plugin *s = static_table(kind); s->name; s++) {
        add_name(p, kind, str_dup(s->name));
    }
    if (p->dir) {
        add_folder_names(p, kind, p->dir);
    }
    add_folder_names(p, kind, SMBKIT_PLUGIN_DIR);
    for (size_t i = 0; i < ARRAY_LEN(p->beside); i++) {
        if (p->beside[i]) {
            add_folder_names(p, kind, p->beside[i]);
        }
    }
}

const char *plugins_name_at(struct plugins *p, enum plugin_kind kind, size_t i)
{
    find_names(p, kind);
    return i < p->name_count[kind] ? p->names[kind][i] : NULL;
}

/* ---- loading ---- */

/* What is looked for. */
struct wanted {
    enum plugin_kind kind;
    const char *name;
};

static bool check_kind(const struct smbkit_plugin *plugin, struct wanted want, char err[512])
{
    enum plugin_kind is = plugin->flags & SMBKIT_IS_FILTER ? PLUGIN_FILTER : PLUGIN_SOURCE;
    if (is != want.kind) {
        str_format(err, 512, "\"%s\" is a %s, not a %s", want.name, kind_names[is],
                   kind_names[want.kind]);
        return false;
    }
    return true;
}

/* Takes lib, also on failure. */
static const struct smbkit_plugin *adopt(struct plugins *p, struct wanted want,
                                         const struct smbkit_plugin *raw, struct os_lib *lib,
                                         char err[512])
{
    struct entry *e = mem_zalloc(sizeof(*e));
    if (!e) {
        os_lib_close(lib);
        str_copy(err, 512, "out of memory");
        return NULL;
    }
    e->kind = want.kind;
    e->lib = lib;
    e->name = str_dup(want.name);
    struct smbkit_plugin *plugin = e->name ? vfs_plugin_adopt(raw, err, 512) : NULL;
    bool ok = plugin && check_kind(plugin, want, err);
    if (ok && plugin->load && !SMBKIT_OK(plugin->load())) {
        str_format(err, 512, "%s \"%s\" could not set itself up", kind_names[want.kind], want.name);
        ok = false;
    }
    if (!ok) {
        mem_free(plugin); /* not e->plugin: unload follows a load that went well only */
        entry_free(e);
        return NULL;
    }
    e->plugin = plugin;
    list_push_back(&p->entries, &e->link);
    return plugin;
}

typedef const struct smbkit_plugin *(*init_fn)(const struct smbkit_host_table *api);

bool plugins_add(struct plugins *p, init_fn init, char err[512])
{
    const struct smbkit_plugin *raw = init(&vfs_api);
    bool is_filter = raw && (raw->flags & SMBKIT_IS_FILTER);
    const char *name = raw && raw->name ? raw->name : "";
    return adopt(p, (struct wanted){is_filter ? PLUGIN_FILTER : PLUGIN_SOURCE, name}, raw, NULL,
                 err);
}

static const struct smbkit_plugin *load_file(struct plugins *p, enum plugin_kind kind,
                                             const char *name, const char *path, char err[512])
{
    struct os_lib *lib = NULL;
    CLEANUP_MEM char *why = NULL;
    enum os_path_kind is;
    if (os_path_kind(path, &is) == -ENOENT) {
        str_format(err, 512, "%s is a link that leads nowhere; build or install what it stands for",
                   path);
        return NULL;
    }
    if (os_lib_open(path, &lib, &why) != 0) {
        str_format(err, 512, "%s cannot be loaded: %s", path, why ? why : "unknown reason");
        return NULL;
    }
    void *symbol = os_lib_symbol(lib, "smbkit_plugin_init");
    if (!symbol) {
        str_format(err, 512, "%s is not a plugin of smbkit: no smbkit_plugin_init in it", path);
        os_lib_close(lib);
        return NULL;
    }
    init_fn init;
    mem_copy(&init, &symbol, sizeof(init)); /* C has no cast from object to function pointer */
    const struct smbkit_plugin *plugin =
        adopt(p, (struct wanted){kind, name}, init(&vfs_api), lib, err);
    if (!plugin) {
        CLEANUP_MEM char *reason = str_dup(err);
        str_format(err, 512, "%s: %s", path, reason ? reason : "out of memory");
    }
    return plugin;
}

static bool is_plain_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        bool ok = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        if (!ok) {
            return false;
        }
    }
    return *name != '\0';
}

/* The file of a plugin in a folder, be it a link that leads nowhere; owned; NULL: none. */
static char *file_in(const char *dir, enum plugin_kind kind, const char *name)
{
    char *path =
        dir && is_plain_name(name) ? str_printf("%s/smbkit-%s%s", dir, name, suffixes[kind]) : NULL;
    if (path && os_path_is_there(path)) {
        return path;
    }
    mem_free(path);
    return NULL;
}

bool plugins_is_linked_in(const struct plugins *p, const struct smbkit_plugin *plugin)
{
    LIST_FOR_EACH (l, &p->entries) {
        const struct entry *e = LIST_ENTRY(l, struct entry, link);
        if (e->plugin == plugin) {
            return e->lib == NULL;
        }
    }
    return false;
}

bool plugins_has(struct plugins *p, enum plugin_kind kind, const char *name)
{
    for (size_t i = 0; plugins_name_at(p, kind, i); i++) {
        if (str_eq(plugins_name_at(p, kind, i), name)) {
            return true;
        }
    }
    return false;
}

struct names_of {
    struct plugins *plugins;
    enum plugin_kind kind;
};

static const char *name_next(const void *arg, size_t i)
{
    const struct names_of *n = arg;
    return plugins_name_at(n->plugins, n->kind, i);
}

static void unknown(struct plugins *p, enum plugin_kind kind, const char *name, char err[512])
{
    struct names_of all = {p, kind};
    const char *meant = closest_word(name, name_next, &all);
    const char *k = kind_names[kind];
    enum plugin_kind other = kind == PLUGIN_SOURCE ? PLUGIN_FILTER : PLUGIN_SOURCE;
    if (plugins_has(p, other, name)) {
        str_format(
            err, 512,
            other == PLUGIN_FILTER
                ? "\"%s\" is a filter: put it over a share with --filter %s, or with the key "
                  "filter of smbkit.conf(5)"
                : "\"%s\" is a plugin, not a filter: serve it as %s:",
            name, name);
    } else if (meant && str_eq(meant, name)) { /* a file is called so, and is not looked for */
        str_format(err, 512, "no %s can be called \"%s\": names are of a-z, 0-9, '-' and '_'", k,
                   name);
    } else if (meant) {
        str_format(err, 512, "there is no %s \"%s\"; did you mean \"%s\"?", k, name, meant);
    } else {
        str_format(err, 512, "there is no %s \"%s\"; \"smbkit plugins\" lists those there are", k,
                   name);
    }
}

const struct smbkit_plugin *plugins_get(struct plugins *p, enum plugin_kind kind, const char *name,
                                        char err[512])
{
    LIST_FOR_EACH (l, &p->entries) {
        struct entry *e = LIST_ENTRY(l, struct entry, link);
        if (e->kind == kind && str_eq(e->name, name)) {
            return e->plugin;
        }
    }
    CLEANUP_MEM char *path = file_in(p->dir, kind, name);
    for (const struct static_plugin *s = static_table(kind); !path && s->name; s++) {
        if (str_eq(s->name, name)) {
            return adopt(p, (struct wanted){kind, name}, s->init(&vfs_api), NULL, err);
        }
    }
    path = path ? path : file_in(SMBKIT_PLUGIN_DIR, kind, name);
    for (size_t i = 0; i < ARRAY_LEN(p->beside) && !path; i++) {
        path = file_in(p->beside[i], kind, name);
    }
    if (!path) {
        unknown(p, kind, name, err);
        return NULL;
    }
    return load_file(p, kind, name, path, err);
}
