/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins, filters and shares in one word of a command line or one value of the configuration. */
#include "server/config.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/process.h"

#define LAYER_NAME_MAX 64     /* bytes of a plugin's name */
#define SPEC_MAX (256u << 10) /* bytes of a share in one word */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t name_len(const char *s)
{
    size_t n = 0;
    while (is_name_char(s[n])) {
        n++;
    }
    return n;
}

/* The next argument, with ",," made one comma; owned. *pos is moved behind it. */
static char *take_arg(const char **pos)
{
    char *out = mem_alloc(str_len(*pos) + 1);
    if (!out) {
        return NULL;
    }
    size_t n = 0;
    const char *p = *pos;
    for (; *p && !(*p == ',' && p[1] != ','); p++) {
        p += *p == ',';
        out[n++] = *p;
    }
    out[n] = '\0';
    *pos = *p ? p + 1 : p;
    return out;
}

/* One more thing that is wrong. */
static bool PRINTF_LIKE(2, 3) complain(char err[256], const char *fmt, ...)
{
    size_t n = str_len(err);
    va_list ap;
    str_copy(err + n, 256 - n, n ? "; " : "");
    n = str_len(err);
    va_start(ap, fmt);
    str_vformat(err + n, 256 - n, fmt, ap);
    va_end(ap);
    return false;
}

static bool PRINTF_LIKE(2, 3) complain_alone(char err[256], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vformat(err, 256, fmt, ap);
    va_end(ap);
    return false;
}

static bool add_arg(struct config_args *args, char *arg, char err[256])
{
    char *eq = arg;
    while (*eq && *eq != '=') {
        eq++;
    }
    if (*eq == '\0' || eq == arg) {
        return complain(err, "\"%s\" is not KEY=VALUE", arg);
    }
    *eq = '\0';
    return config_args_add(args, 0, arg, eq + 1) ||
           complain(err, "too many arguments, or out of memory");
}

/* All of them, also behind one that is no good. */
static bool parse_args(const char *p, struct config_args *args, char err[256])
{
    bool ok = true;
    err[0] = '\0';
    while (*p) {
        CLEANUP_MEM char *arg = take_arg(&p);
        if (!arg) {
            return complain(err, "out of memory");
        }
        ok = (*arg == '\0' || add_arg(args, arg, err)) && ok;
    }
    return ok;
}

bool config_layer_parse(const char *spec, struct config_layer *out, char err[256])
{
    *out = (struct config_layer){0};
    size_t n = name_len(spec);
    if (n == 0 || n > LAYER_NAME_MAX || (spec[n] != '\0' && spec[n] != ':')) {
        str_format(err, 256, "expected NAME or NAME:KEY=VALUE,... with a name of a-z, 0-9 and '-'");
        return false;
    }
    out->name = str_ndup(spec, n);
    if (!out->name) {
        str_copy(err, 256, "out of memory");
        return false;
    }
    return parse_args(spec + n + (spec[n] == ':'), &out->args, err);
}

/* Bytes of "NAME" when the spec begins with "NAME=", else 0. A slash, a backslash or a colon before
 * the '=' say that it is a path or a plugin's argument. */
static size_t given_name_len(const char *spec)
{
    for (size_t i = 0; spec[i]; i++) {
        if (spec[i] == '=') {
            return i;
        }
        if (spec[i] == '/' || spec[i] == '\\' || spec[i] == ':') {
            return 0;
        }
    }
    return 0;
}

/* One letter before the colon is a drive of Windows. */
static bool is_plugin_spec(const char *spec)
{
    size_t n = name_len(spec);
    return n >= 2 && spec[n] == ':';
}

/* What makes a share of a file: by how its name ends, the plugin, and its argument. */
struct file_kind {
    const char *suffix;
    const char *plugin;
    const char *key;
};

static const struct file_kind *suffix_kind(const char *path)
{
    static const struct file_kind kinds[] = {
        {".py", "python", "script"},      {".tar.gz", "archive", "file"},
        {".tar.bz2", "archive", "file"},  {".tar.xz", "archive", "file"},
        {".tar.zst", "archive", "file"},  {".tar.lz4", "archive", "file"},
        {".tar.lzma", "archive", "file"}, {".tar.lz", "archive", "file"},
        {".tar.Z", "archive", "file"},    {".tar", "archive", "file"},
        {".tgz", "archive", "file"},      {".tbz2", "archive", "file"},
        {".txz", "archive", "file"},      {".tzst", "archive", "file"},
        {".zip", "archive", "file"},      {".jar", "archive", "file"},
        {".7z", "archive", "file"},       {".iso", "archive", "file"},
        {".rpm", "archive", "file"},      {".deb", "archive", "file"},
        {".cpio", "archive", "file"},     {".cab", "archive", "file"},
        {".rar", "archive", "file"},      {".xar", "archive", "file"},
        {".sqlite", "sqlite", "file"},    {".sqlite3", "sqlite", "file"},
        {".db", "sqlite", "file"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_has_suffix(path, kinds[i].suffix)) {
            return &kinds[i];
        }
    }
    return NULL;
}

static const struct file_kind *kind_of_file(const char *path)
{
    enum os_path_kind is;
    bool is_file = os_path_kind(path, &is) == 0 && is == OS_PATH_FILE;
    return is_file ? suffix_kind(path) : NULL;
}

/* The last component of a path, without the suffix of a file; owned. Characters that no share name
 * may have become '-'. */
static char *name_from_path(const char *path)
{
    const char *last = path;
    for (const char *p = path; *p; p++) {
        if ((*p == '/' || *p == '\\') && p[1]) {
            last = p + 1;
        }
    }
    size_t n = 0;
    while (last[n] && last[n] != '/' && last[n] != '\\') {
        n++;
    }
    const struct file_kind *kind = kind_of_file(path);
    n -= kind ? str_len(kind->suffix) : 0;
    char *name = n ? str_ndup(last, n) : str_dup("root");
    for (char *p = name; p && *p; p++) {
        char one[2] = {*p, '\0'};
        if ((unsigned char)*p < 0x80 && config_share_name_check(one)) {
            *p = '-';
        }
    }
    return name;
}

/* What is not there: what should it have been? */
static void tell_absent(const char *path, char err[256])
{
    bool is_word = path[name_len(path)] == '\0';
    bool is_file = suffix_kind(path) != NULL;
    str_format(err, 256, "there is no %s \"%.100s\"; %s the spelling%s%s%s%s",
               is_file ? "file" : "folder", path, is_file ? "check" : "make it first, or check",
               is_word ? " (the plugin of that name is written \"" : "", is_word ? path : "",
               is_word ? ":\")" : "",
               path[0] == '~' ? "; \"~\" is the home folder to a shell alone" : "");
}

static bool path_problem(const char *path, int err_no, char err[256])
{
    static const char plugin_suffix[] = "-plugin.so";
    char why[128];
    os_error_text(-err_no, why, sizeof(why));
    if (*path == '\0') {
        str_copy(err, 256,
                 "which folder? A share is FOLDER, NAME=FOLDER or PLUGIN:; \".\" is the "
                 "folder you are in");
    } else if (err_no == -ENOENT) {
        tell_absent(path, err);
    } else if (err_no == -ENOTDIR && str_has_suffix(path, plugin_suffix)) {
        str_format(err, 256,
                   "%.100s is a plugin: --plugin-dir names the folder that it is in, and it is "
                   "written NAME:",
                   path);
    } else if (err_no == -ENOTDIR) {
        str_format(
            err, 256,
            "%s is not a folder, nor a Python script, an archive or a database by its name; share "
            "the folder that it is in",
            path);
    } else {
        str_format(err, 256, "%s cannot be opened: %s%s", path, why,
                   err_no == -EACCES ? "; who runs smbkit must be able to list and enter it" : "");
    }
    return false;
}

/* A folder, or a file that a plugin makes a share of. */
static bool path_layer(const char *path, struct config_layer *out, char err[256])
{
    static const struct file_kind folder = {"", "dir", "path"};
    const struct file_kind *kind = kind_of_file(path);
    CLEANUP_MEM char *real = NULL;
    *out = (struct config_layer){0};
    int err_no = kind ? 0 : os_path_check_folder(path);
    if (err_no == 0) {
        err_no = os_path_real(path, &real);
    }
    if (err_no != 0) {
        return path_problem(path, err_no, err);
    }
    kind = kind ? kind : &folder;
    *out = (struct config_layer){.name = str_dup(kind->plugin)};
    if (out->name && config_args_add(&out->args, 0, kind->key, real)) {
        return true;
    }
    config_layer_fini(out);
    str_copy(err, 256, "out of memory");
    return false;
}

static bool add_share(struct config *c, const char *name, struct config_layer *layer, char err[256])
{
    const char *wrong = config_share_name_check(name);
    if (wrong) {
        str_format(err, 256, "%s: %s; give another one as NAME=...", name, wrong);
        return false;
    }
    if (config_share_get(c, name)) {
        str_format(err, 256, "two shares are called %s; give one another name as NAME=...", name);
        return false;
    }
    struct config_share *s = c->share_count < CONFIG_SHARES_MAX ? config_share_add(c, name) : NULL;
    if (!s) {
        str_copy(err, 256, "too many shares, or out of memory");
        return false;
    }
    s->read_only = false;
    config_layer_fini(&s->plugin);
    s->plugin = *layer;
    *layer = (struct config_layer){0};
    return true;
}

bool config_layer_explain(const char *kind, const char *spec, char err[256])
{
    CLEANUP_MEM char *why = str_dup(err);
    str_format(err, 256, "%.60s: %s; a %s is written NAME:KEY=VALUE,...", spec, why ? why : "",
               kind);
    return false;
}

/* A path with an equals sign is taken for NAME=PATH. False always. */
static bool given_hint(const char *spec, size_t given, char err[256])
{
    enum os_path_kind kind;
    if (given && os_path_kind(spec, &kind) == 0) {
        complain(err, "what is called \"%.60s\" itself is written ./%.60s", spec, spec);
    }
    return false;
}

bool config_share_parse(struct config *c, const char *spec, char err[256])
{
    size_t given = given_name_len(spec);
    const char *what = given ? spec + given + 1 : spec;
    struct config_layer layer;
    bool ok = is_plugin_spec(what) ? config_layer_parse(what, &layer, err)
                                   : path_layer(what, &layer, err);
    if (!ok) {
        config_layer_fini(&layer);
        return is_plugin_spec(what) ? config_layer_explain("plugin", what, err)
                                    : given_hint(spec, given, err);
    }
    bool is_path = !is_plugin_spec(what);
    CLEANUP_MEM char *name = given     ? str_ndup(spec, given)
                             : is_path ? name_from_path(layer.args.list[0].value)
                                       : str_dup(layer.name);
    if (name) {
        ok = add_share(c, name, &layer, err);
    } else {
        ok = false;
        str_copy(err, 256, "out of memory");
    }
    config_layer_fini(&layer);
    return ok;
}

/* Commas are written twice in a value. */
static void put_arg(struct wr *w, const struct smbkit_arg *a)
{
    wr_printf(w, "%s=", a->key);
    for (const char *p = a->value; *p; p++) {
        wr_printf(w, *p == ',' ? ",," : "%c", *p);
    }
}

char *config_share_spec(const struct config_share *s)
{
    CLEANUP(wr_fini) struct wr w = wr_new(SPEC_MAX);
    wr_printf(&w, "%s=%s:", s->name, s->plugin.name);
    for (uint32_t i = 0; i < s->plugin.args.count; i++) {
        wr_printf(&w, "%s", i ? "," : "");
        put_arg(&w, &s->plugin.args.list[i]);
    }
    wr_u8(&w, 0);
    size_t len;
    return (char *)wr_take(&w, &len);
}

static bool no_key(const char *name, char err[256])
{
    const char *meant = config_key_closest(CONFIG_SHARE, name);
    return meant ? complain_alone(err, "a share has no key \"%.100s\"; did you mean \"%s\"?", name,
                                  meant)
                 : complain_alone(err, "a share has no key \"%.100s\": see smbkit.conf(5)", name);
}

bool config_share_setting(struct config *c, struct config_share *s, const char *setting,
                          char err[256])
{
    const char *eq = setting;
    while (*eq && *eq != '=') {
        eq++;
    }
    size_t len = (size_t)(eq - setting);
    while (len > 0 && setting[len - 1] == ' ') {
        len--;
    }
    CLEANUP_MEM char *name = str_ndup(setting, len);
    if (*eq == 0 || !name) {
        return complain_alone(err, "\"%.100s\" is not KEY=VALUE, such as \"read only=yes\"",
                              setting);
    }
    const struct config_key *key = config_key_find(CONFIG_SHARE, name);
    if (!key) {
        return no_key(name, err);
    }
    const char *value = eq + 1 + (eq[1] == ' ');
    char why[256] = "";
    if (!key->set(c, s, value, why)) {
        return complain_alone(err, "%.100s: %.100s: %.200s", key->name, value, why);
    }
    return true;
}
