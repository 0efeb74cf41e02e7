/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit new: a folder for a plugin or a filter, which builds as it is. */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/os.h"
#include "os/process.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/plugins.h"

/* The files of src/server/templates as strings, made by the build. */
#include "new_filter_1.h"
#include "new_filter_c.h"
#include "new_filter_mk.h"
#include "new_plugin_1.h"
#include "new_plugin_c.h"
#include "new_plugin_cc.h"
#include "new_plugin_mk.h"
#include "new_plugin_py.h"
#include "new_plugin_sh.h"
#include "new_script_mk.h"

#define FILE_MAX_BYTES 65536u /* of a file that is made */
#define NAME_MAX_BYTES 32u
#define FILES_MAX 3

enum { OPT_LANG, OPT_FOLDER };

static const struct arg_option options[] = {
    {"lang", OPT_LANG, true}, {"folder", OPT_FOLDER, true}, {NULL, 0, false}};

/* A file that is made: its path in the folder and its text, in both of which @NAME@ and others
 * stand for what was asked for. */
struct template
{
    const char *path;
    const char *text;
    uint32_t mode; /* 0: 0644 */
};
/* What can be made. */
struct recipe {
    const char *kind;
    const char *lang; /* the first of a kind is taken where none is named */
    struct template files[FILES_MAX];
};
static const struct recipe recipes[] = {
    {"plugin",
     "c",
     {{"@NAME@.c", new_plugin_c},
      {"Makefile", new_plugin_mk},
      {"smbkit-@NAME@-plugin.1", new_plugin_1}}},
    {"plugin",
     "c++",
     {{"@NAME@.cc", new_plugin_cc},
      {"Makefile", new_plugin_mk},
      {"smbkit-@NAME@-plugin.1", new_plugin_1}}},
    {"plugin", "python", {{"@NAME@.py", new_plugin_py}, {"Makefile", new_script_mk}}},
    {"plugin", "sh", {{"@NAME@.sh", new_plugin_sh, 0755}, {"Makefile", new_script_mk}}},
    {"filter",
     "c",
     {{"@NAME@.c", new_filter_c},
      {"Makefile", new_filter_mk},
      {"smbkit-@NAME@-filter.1", new_filter_1}}},
};

struct new_cmd {
    const char *kind;
    const char *name;
    const char *lang;
    const char *folder;
    const struct recipe *recipe;
};

/* ---- texts ---- */

static void put_changed(struct wr *w, const char *name, char (*change)(char c))
{
    for (; *name; name++) {
        wr_u8(w, (uint8_t)change(*name));
    }
}

static char to_ident(char c)
{
    return c == '-' ? '_' : c;
}

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* As the first line of a manual page has it. */
static void put_date(struct wr *w)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    char now[32];
    os_time_format(os_time_now(), now, sizeof(now)); /* "2024-01-31T..." */
    unsigned month = (unsigned)(now[5] - '0') * 10 + (unsigned)(now[6] - '0');
    wr_printf(w, "%s %d, %.4s", months[(month + 11) % 12], (now[8] - '0') * 10 + now[9] - '0', now);
}

/* The text with what its words stand for; owned, terminated. NULL: no memory. */
static char *fill(const char *text, const char *name)
{
    struct wr w = wr_new(FILE_MAX_BYTES);
    while (*text) {
        if (str_has_prefix(text, "@NAME@")) {
            wr_printf(&w, "%s", name);
            text += 6;
        } else if (str_has_prefix(text, "@IDENT@")) {
            put_changed(&w, name, to_ident);
            text += 7;
        } else if (str_has_prefix(text, "@UPPER@")) {
            put_changed(&w, name, to_upper);
            text += 7;
        } else if (str_has_prefix(text, "@DATE@")) {
            put_date(&w);
            text += 6;
        } else {
            wr_u8(&w, (uint8_t)*text++);
        }
    }
    wr_u8(&w, 0);
    char *filled = wr_ok(&w) ? str_dup((const char *)w.base) : NULL;
    wr_fini(&w);
    return filled;
}

/* ---- files ---- */

static bool tell(const char *path, int err)
{
    char why[128];
    os_error_text(-err, why, sizeof(why));
    cmd_error("%s cannot be made: %s", path, why);
    return false;
}

static bool make_file(const struct new_cmd *n, const struct template *t)
{
    CLEANUP_MEM char *name = fill(t->path, n->name);
    CLEANUP_MEM char *text = fill(t->text, n->name);
    CLEANUP_MEM char *path = name ? str_printf("%s/%s", n->folder, name) : NULL;
    int err = path && text ? os_file_replace(path, text, str_len(text), t->mode ? t->mode : 0644)
                           : -ENOMEM;
    return err == 0 || tell(path ? path : n->folder, err);
}

static bool make_files(const struct new_cmd *n)
{
    if (os_path_is_there(n->folder)) {
        cmd_error("there is something called %s already; --folder names another place", n->folder);
        return false;
    }
    int err = os_folder_make(n->folder, 0755);
    if (err != 0) {
        return tell(n->folder, err);
    }
    for (unsigned i = 0; i < FILES_MAX && n->recipe->files[i].path; i++) {
        if (!make_file(n, &n->recipe->files[i])) {
            return false;
        }
    }
    return true;
}

/* A script is none of those that have a name among the plugins. */
static void remark(const struct new_cmd *n)
{
    enum plugin_kind kind = str_eq(n->kind, "filter") ? PLUGIN_FILTER : PLUGIN_SOURCE;
    struct plugins *p = plugins_new(NULL);
    if (p && plugins_has(p, kind, n->name)) {
        cmd_line("smbkit has a %s %s already: yours is taken where --plugin-dir names its folder.",
                 n->kind, n->name);
    }
    plugins_free(p);
}

static void show_steps(const struct new_cmd *n)
{
    bool is_script = str_eq(n->recipe->lang, "python") || str_eq(n->recipe->lang, "sh");
    cmd_line("Made %s. What next:", n->folder);
    cmd_line("  cd %s", n->folder);
    cmd_line("  make serve    %s it, and tell how to connect",
             is_script ? "share" : "build and share");
    cmd_line("  make test     hold it against what smbkit-plugin(3) asks of a plugin");
    if (is_script) {
        cmd_line("smbkit-%s-plugin(1) tells all that a script may do.", n->recipe->lang);
        return;
    }
    cmd_line("%s", str_eq(n->kind, "filter")
                       ? "smbkit-filter(3) and smbkit-plugin(3) tell all that a filter may do."
                       : "smbkit-plugin(3) tells all that a plugin may do.");
    remark(n);
}

/* ---- the command line ---- */

static bool is_good_name(const char *name)
{
    size_t len = str_len(name);
    bool ok = len > 1 && len <= NAME_MAX_BYTES && name[0] >= 'a' && name[0] <= 'z';
    for (const char *c = name; ok && *c; c++) {
        ok = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-';
    }
    return ok;
}

static const struct recipe *recipe_find(const char *kind, const char *lang)
{
    for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
        if (str_eq(recipes[i].kind, kind) && (!lang || str_ieq(recipes[i].lang, lang))) {
            return &recipes[i];
        }
    }
    return NULL;
}

/* EXIT_OK: it is all good. */
static int check(struct new_cmd *n)
{
    if (!n->kind || !recipe_find(n->kind, NULL)) {
        return cmd_usage("new",
                         "new what? \"smbkit new plugin NAME\" or \"smbkit new filter NAME\"");
    }
    if (!n->name) {
        return cmd_usage("new", "what is the %s to be called?", n->kind);
    }
    if (!is_good_name(n->name)) {
        return cmd_usage("new",
                         "\"%s\" cannot be its name: 2 to %u of a-z, 0-9 and '-', a letter first",
                         n->name, NAME_MAX_BYTES);
    }
    n->recipe = recipe_find(n->kind, n->lang);
    if (!n->recipe) {
        return cmd_usage("new", "no %s is made in \"%s\": --lang %s", n->kind, n->lang,
                         str_eq(n->kind, "filter") ? "c" : "c, c++, python or sh");
    }
    n->folder = n->folder ? n->folder : n->name;
    return EXIT_OK;
}

int cmd_new(int argc, char **argv)
{
    struct new_cmd n = {0};
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == ARGS_ERROR || (id == ARGS_WORD && n.name)) {
            return cmd_usage("new", "%s", id == ARGS_ERROR ? a.err : "one NAME only");
        }
        const char **slot = id == OPT_LANG     ? &n.lang
                            : id == OPT_FOLDER ? &n.folder
                            : n.kind           ? &n.name
                                               : &n.kind;
        *slot = a.value;
    }
    int code = check(&n);
    if (code != EXIT_OK) {
        return code;
    }
    if (!make_files(&n)) {
        return EXIT_FAILED;
    }
    show_steps(&n);
    return EXIT_OK;
}
