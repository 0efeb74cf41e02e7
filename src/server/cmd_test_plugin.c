/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit test-plugin: the contract of smbkit-plugin(3), held against a plugin. */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "kit/kit.h"
#include "os/os.h"
#include "os/process.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/lend.h"
#include "server/plugins.h"

#define WORKERS 8u
#define SECONDS_DEFAULT 2u
#define NAME_BYTES_MAX 64u

enum {
    OPT_FILTER,
    OPT_PLUGIN_DIR,
    OPT_ONLY,
    OPT_LIST,
    OPT_SECONDS,
    OPT_SEED,
    OPT_SCRATCH,
    OPT_ANYWAY
};
static const struct arg_option options[] = {
    {"filter", OPT_FILTER, true},   {"plugin-dir", OPT_PLUGIN_DIR, true}, {"only", OPT_ONLY, true},
    {"list", OPT_LIST, false},      {"seconds", OPT_SECONDS, true},       {"seed", OPT_SEED, true},
    {"scratch", OPT_SCRATCH, true}, {"anyway", OPT_ANYWAY, false},        {NULL, 0, false}};

struct test {
    struct kit_spec spec;
    const char *plugin; /* as it was given */
    const char *plugin_dir;
    const char *filters[VFS_LAYERS_MAX];
    uint32_t filter_count;
    bool lists;
    char err[512];

    struct config_layer layers[VFS_LAYERS_MAX]; /* filters first */
    uint32_t layer_count;
    struct vfs_layer_spec specs[VFS_LAYERS_MAX];
    char *file_dir;            /* owned: of FILE.so; NULL: the plugin was named */
    struct plugins *from_file; /* that folder's */
    struct plugins *plugins;

    struct loop *loop;
    struct os_thread *loop_thread;
    struct workers *workers;
    struct lend *lend;
};

static void line(void *arg, const char *text)
{
    (void)arg;
    cmd_line("%s", text);
    fflush(stdout);
}

/* ---- the command line ---- */

static bool PRINTF_LIKE(2, 3) complain(struct test *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vformat(t->err, sizeof(t->err), fmt, ap);
    va_end(ap);
    return false;
}

static bool take_seconds(struct test *t, const char *value)
{
    uint64_t n;
    if (!str_to_u64(value, KIT_SECONDS_MAX, &n) || n == 0) {
        return complain(t, "--seconds %s: expected 1 to %u", value, KIT_SECONDS_MAX);
    }
    t->spec.seconds = (uint32_t)n;
    return true;
}

static bool take_word(struct test *t, const char *value)
{
    if (t->plugin) {
        return complain(t, "one plugin only; \"%s\" is one more", value);
    }
    t->plugin = value;
    return true;
}

static bool take_filter(struct test *t, const char *value)
{
    if (t->filter_count + 1 >= VFS_LAYERS_MAX) {
        return complain(t, "too many --filter");
    }
    t->filters[t->filter_count++] = value;
    return true;
}

static bool take_only(struct test *t, const char *value)
{
    t->spec.only = value;
    return kit_names_any(value) ||
           complain(t, "--only %s: no rule is called so; --list tells them", value);
}

static bool take_option(struct test *t, int id, const char *value)
{
    switch (id) {
    case OPT_FILTER:
        return take_filter(t, value);
    case OPT_PLUGIN_DIR:
        t->plugin_dir = value;
        return true;
    case OPT_ONLY:
        return take_only(t, value);
    case OPT_LIST:
        t->lists = true;
        return true;
    case OPT_SECONDS:
        return take_seconds(t, value);
    case OPT_SEED:
        return str_to_u64(value, UINT64_MAX, &t->spec.seed) ||
               complain(t, "--seed %s: expected a number", value);
    case OPT_SCRATCH:
        t->spec.scratch = value;
        return true;
    case OPT_ANYWAY:
        t->spec.anyway = true;
        return true;
    default:
        return take_word(t, value);
    }
}

static bool take_all(struct test *t, int argc, char **argv)
{
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == ARGS_ERROR) {
            return complain(t, "%s", a.err);
        }
        if (!take_option(t, id, a.value)) {
            return false;
        }
    }
    int err = t->plugin_dir ? os_path_check_folder(t->plugin_dir) : 0;
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        return complain(t, "--plugin-dir %s: %s", t->plugin_dir, why);
    }
    return t->plugin || t->lists ||
           complain(t, "which plugin? Name one, or its file as ./smbkit-NAME-plugin.so");
}

/* ---- what is tested ---- */

#define FILE_PREFIX "smbkit-"
#define FILE_SUFFIX "-plugin.so"

/* Bytes of FILE.so when the word is one, with or without arguments behind it; else 0. */
static size_t file_len(const char *word)
{
    for (size_t i = 0; word[i]; i++) {
        if (str_has_prefix(word + i, ".so") && (word[i + 3] == '\0' || word[i + 3] == ':')) {
            return i + 3;
        }
    }
    return 0;
}

static size_t folder_len(const char *file, size_t len)
{
    while (len > 0 && file[len - 1] != '/') {
        len--;
    }
    return len;
}

/* "./a/smbkit-x-plugin.so:k=v" is plugin x of folder ./a with k=v. */
static bool parse_file(struct test *t, size_t len, struct config_layer *out)
{
    const char *word = t->plugin;
    size_t at = folder_len(word, len);
    size_t around = sizeof(FILE_PREFIX) - 1 + sizeof(FILE_SUFFIX) - 1;
    size_t n = len - at;
    if (n <= around || n - around > NAME_BYTES_MAX || !str_has_prefix(word + at, FILE_PREFIX) ||
        !str_has_prefix(word + len - (sizeof(FILE_SUFFIX) - 1), FILE_SUFFIX)) {
        return complain(t,
                        "%.300s: the file of a plugin is called " FILE_PREFIX "NAME" FILE_SUFFIX
                        "; a filter is tested as --filter NAME --plugin-dir FOLDER mem",
                        word);
    }
    t->file_dir = at == 0 ? str_dup(".") : str_ndup(word, MAX(at - 1, (size_t)1));
    CLEANUP_MEM char *name = str_ndup(word + at + sizeof(FILE_PREFIX) - 1, n - around);
    CLEANUP_MEM char *spec = name ? str_printf("%s%s", name, word + len) : NULL;
    CLEANUP_MEM char *path = str_ndup(word, len);
    if (!t->file_dir || !spec || !path) {
        return complain(t, "out of memory");
    }
    enum os_path_kind kind;
    int err = os_path_kind(path, &kind);
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        return complain(t, "%s: %s", path, why);
    }
    return config_layer_parse(spec, out, t->err);
}

static bool parse_layers(struct test *t)
{
    size_t len = file_len(t->plugin);
    for (uint32_t i = 0; i < t->filter_count; i++) {
        if (!config_layer_parse(t->filters[i], &t->layers[t->layer_count++], t->err)) {
            return config_layer_explain("filter", t->filters[i], t->err);
        }
    }
    struct config_layer *plugin = &t->layers[t->layer_count++];
    return (len ? parse_file(t, len, plugin) : config_layer_parse(t->plugin, plugin, t->err)) ||
           (!len && config_layer_explain("plugin", t->plugin, t->err));
}

static bool load(struct test *t)
{
    t->plugins = plugins_new(t->plugin_dir);
    t->from_file = t->file_dir ? plugins_new(t->file_dir) : NULL;
    if (!t->plugins || (t->file_dir && !t->from_file)) {
        return complain(t, "out of memory");
    }
    for (uint32_t i = 0; i < t->layer_count; i++) {
        bool is_plugin = i + 1 == t->layer_count;
        struct plugins *from = is_plugin && t->from_file ? t->from_file : t->plugins;
        const struct smbkit_plugin *plugin =
            plugins_get(from, is_plugin ? PLUGIN_SOURCE : PLUGIN_FILTER, t->layers[i].name, t->err);
        if (!plugin) {
            return false;
        }
        t->specs[i] = (struct vfs_layer_spec){.plugin = plugin,
                                              .args = t->layers[i].args.list,
                                              .arg_count = t->layers[i].args.count,
                                              .is_linked_in = plugins_is_linked_in(from, plugin)};
    }
    return true;
}

/* ---- what a server lends ---- */

static void loop_main(void *arg)
{
    loop_run(arg);
}

static bool lend_begin(struct test *t)
{
    const struct work_quota quota[WORK_KIND_COUNT] = {[WORK_LOGON] = {1, 1, 1},
                                                      [WORK_END] = {1, 1, 1},
                                                      [WORK_CALL] = {WORKERS, WORKERS, WORKERS}};
    t->workers = workers_new(quota, WORKERS_IDLE_MS);
    if (!t->workers || loop_new(&t->loop) != 0) {
        return false;
    }
    const struct lend_spec spec = {.workers = t->workers, .loops = &t->loop, .loop_count = 1};
    t->lend = lend_new(&spec);
    return t->lend && os_thread_start(&t->loop_thread, "kit-loop", loop_main, t->loop) == 0;
}

static void lend_over(struct test *t)
{
    if (t->lend) {
        lend_end(t->lend);
    }
    if (t->loop_thread) {
        loop_stop(t->loop);
        os_thread_join(t->loop_thread);
    }
    workers_free(t->workers);
    loop_free(t->loop);
    lend_free(t->lend);
}

static const struct vfs_services *services_new(void *arg)
{
    return lend_services_new(((struct test *)arg)->lend);
}

static unsigned services_threads(void *arg)
{
    return workers_thread_count(((struct test *)arg)->workers);
}

/* ---- the run ---- */

static enum kit_end run(struct test *t, struct kit *k)
{
    struct kit_target target = {.layers = t->specs,
                                .layer_count = t->layer_count,
                                .services_new = services_new,
                                .services_arg = t,
                                .services_threads = services_threads};
    if (!lend_begin(t)) {
        str_copy(t->err, sizeof(t->err), "out of memory or of file descriptors");
        return KIT_CANNOT;
    }
    if (!load(t)) {
        return KIT_CANNOT;
    }
    const struct plugins_words words = plugins_words(t->plugins);
    target.plugins = &words.vfs;
    return kit_run(k, &target, t->err);
}

static int test(struct test *t)
{
    struct kit *k = kit_new(&t->spec);
    if (!k) {
        cmd_error("out of memory");
        return EXIT_FAILED;
    }
    enum kit_end end = run(t, k);
    if (end == KIT_STUCK) {
        UNUSED unsigned not_kept = kit_finish(k, true);
        fflush(stdout);
        os_exit_now(EXIT_FAILED);
    }
    if (end == KIT_CANNOT) {
        lend_over(
            t); /* a call on a worker may hold the volume still, and the plugin's code with it */
    }
    plugins_free(t->plugins);
    plugins_free(t->from_file);
    if (end != KIT_CANNOT) {
        lend_over(t);
    }
    unsigned faults = end == KIT_DONE ? kit_finish(k, false) : 0;
    kit_free(k);
    if (end == KIT_CANNOT) {
        cmd_error("%s", t->err);
        return EXIT_USAGE;
    }
    return faults ? EXIT_FAILED : EXIT_OK;
}

int cmd_test_plugin(int argc, char **argv)
{
    struct test t = {.spec = {.line = line, .seconds = SECONDS_DEFAULT, .seed = 1}};
    int code = EXIT_OK;
    if (!take_all(&t, argc, argv)) {
        return cmd_usage("test-plugin", "%s", t.err);
    }
    if (t.lists) {
        kit_list(line, NULL);
        return EXIT_OK;
    }
    if (parse_layers(&t)) {
        code = test(&t);
    } else {
        code = cmd_usage("test-plugin", "%s", t.err);
    }
    for (uint32_t i = 0; i < t.layer_count; i++) {
        config_layer_fini(&t.layers[i]);
    }
    mem_free(t.file_dir);
    return code;
}
