/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: INI, read by libinih. A reader stands between the text and the library:
 * it counts lines, takes section names (which the library cuts without a word) and tells lines that
 * the library would skip. */
#include "server/config.h"

#include <errno.h>
#include <ini.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "os/os.h"
#include "os/process.h"

struct parser {
    const char *file;
    const char *pos; /* in the text */
    unsigned line;   /* of the line last read; from 1 */
    struct config *config;
    bool in_global;
    bool skips;   /* the section is no good: its keys are not looked at */
    size_t share; /* index of the section's share */
    struct problems *problems;
    unsigned global_lines[CONFIG_KEYS_MAX]; /* where each key stood last; 0: nowhere */
    unsigned share_lines[CONFIG_KEYS_MAX];  /* the same of the section that is read */
};

#define remark(p, fmt, ...)                                                                        \
    problems_add(&(p)->config->remarks, "%s:%u: " fmt, (p)->file, (p)->line, __VA_ARGS__)
#define problem(p, fmt, ...)                                                                       \
    problems_add((p)->problems, "%s:%u: " fmt, (p)->file, (p)->line, __VA_ARGS__)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* ---- sections ---- */

static void enter_share(struct parser *p, const char *name)
{
    const char *wrong = config_share_name_check(name);
    struct config_share *before = config_share_get(p->config, name);
    if (wrong) {
        problem(p, "[%s]: %s", name, wrong);
        return;
    }
    if (before) {
        problem(p, "[%s]: there is a share of this name already, at line %u", name, before->line);
        return;
    }
    struct config_share *s =
        p->config->share_count < CONFIG_SHARES_MAX ? config_share_add(p->config, name) : NULL;
    if (!s) {
        problem(p, "[%s]: too many shares, or out of memory", name);
        return;
    }
    s->line = p->line;
    mem_zero(p->share_lines, sizeof(p->share_lines));
    p->share = p->config->share_count - 1;
    p->skips = false;
}

static void enter_section(struct parser *p, const char *line, size_t len)
{
    char name[512];
    size_t end = 1;
    while (end < len && line[end] != ']') {
        end++;
    }
    p->config->has_sections = true;
    p->in_global = false;
    p->skips = true;
    if (end == len || end > sizeof(name)) {
        problem(p, "%s",
                end == len ? "a section needs a \"]\" at its end" : "section name too long");
        return;
    }
    mem_copy(name, line + 1, end - 1);
    name[end - 1] = '\0';
    if (str_ieq(name, "global")) {
        p->in_global = true;
        p->skips = false;
        return;
    }
    enter_share(p, name);
}

/* ---- lines ---- */

static bool has_separator(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '=' || line[i] == ':') {
            return true;
        }
    }
    return false;
}

/* Cut the next line out of the text, without blanks at its ends. */
static const char *next_line(struct parser *p, size_t *len_r)
{
    const char *start = p->pos;
    const char *end = start;
    while (*end && *end != '\n') {
        end++;
    }
    p->pos = *end ? end + 1 : end;
    p->line++;
    while (start < end && is_blank(*start)) {
        start++;
    }
    while (end > start && is_blank(end[-1])) {
        end--;
    }
    *len_r = (size_t)(end - start);
    return start;
}

/* True: the library shall see the line. */
static bool look_at(struct parser *p, const char *line, size_t len, size_t room)
{
    if (len == 0 || *line == ';' || *line == '#') {
        return false;
    }
    if (*line == '[') {
        enter_section(p, line, len);
        return false;
    }
    if (len > room) {
        problem(p, "line too long: %zu bytes, at most %zu", len, room);
        return false;
    }
    if (!has_separator(line, len)) {
        problem(p, "expected \"key = value\", found \"%.*s\"", (int)MIN(len, (size_t)40), line);
        return false;
    }
    return true;
}

/* As fgets. The library's own size is the bound of a line: its buffer holds the line end and a zero
 * too. */
static char *read_line(char *buf, int size, void *arg)
{
    struct parser *p = arg;
    if (*p->pos == '\0') {
        return NULL;
    }
    size_t len;
    const char *line = next_line(p, &len);
    if (!look_at(p, line, len, (size_t)size - 3)) {
        len = 0;
    }
    mem_copy(buf, line, len);
    buf[len] = '\n';
    buf[len + 1] = '\0';
    return buf;
}

/* ---- keys ---- */

static void unknown_key(struct parser *p, enum config_scope scope, const char *name)
{
    const char *meant = config_key_closest(scope, name);
    const struct config_key *other =
        config_key_find(scope == CONFIG_GLOBAL ? CONFIG_SHARE : CONFIG_GLOBAL, name);
    if (other) {
        problem(p, "\"%s\" belongs into %s", name,
                other->scope == CONFIG_GLOBAL ? "[global]" : "the section of a share");
    } else if (meant) {
        problem(p, "unknown key \"%s\"; did you mean \"%s\"?", name, meant);
    } else {
        problem(p, "unknown key \"%s\"; smbkit.conf(5) lists the keys", name);
    }
}

/* plugin.KEY = VALUE */
static void plugin_arg(struct parser *p, struct config_share *s, const char *key, const char *value)
{
    if (*key == '\0' || !config_args_add(&s->plugin.args, p->line, key, value)) {
        s->is_unclear = s->plugin.lacks_args = true;
        problem(p, "\"plugin.%s\": not a plugin's argument, or too many of them", key);
    }
}

/* Of two lines that set the same thing the last one counts, which is seldom meant. */
static void remark_again(struct parser *p, const struct config_key *key, const char *name)
{
    const struct config_key *of = config_key_main(key);
    unsigned *line = &(p->in_global ? p->global_lines : p->share_lines)[of - config_key_at(0)];
    if (*line && !config_key_adds_up(key)) {
        remark(p, "\"%s\": line %u sets \"%s\" already; this line counts", name, *line, of->name);
    }
    *line = p->line;
}

static void set_key(struct parser *p, const char *name, const char *value)
{
    enum config_scope scope = p->in_global ? CONFIG_GLOBAL : CONFIG_SHARE;
    struct config_share *s = p->in_global ? NULL : &p->config->shares[p->share];
    if (s && str_has_prefix(name, "plugin.")) {
        plugin_arg(p, s, name + 7, value);
        return;
    }
    const struct config_key *key = config_key_find(scope, name);
    if (!key) {
        unknown_key(p, scope, name);
        return;
    }
    char err[256] = "";
    p->config->line = p->line;
    remark_again(p, key, name);
    if (!key->set(p->config, s, value, err)) {
        problem(p, "%s = %s: %s", name, value, err);
        if (s) {
            s->is_unclear |= config_key_names_layer(key);
        }
    }
}

static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct parser *p = arg;
    (void)section;
    if (!p->config->has_sections) {
        problem(p, "\"%s\" stands before the first section; begin with [global]", name);
    } else if (!p->skips) {
        set_key(p, name, value);
    }
    return 1;
}

/* ---- the whole ---- */

static void remark_args(struct parser *p, const struct config_share *s)
{
    const struct config_args *a = &s->plugin.args;
    for (uint32_t i = 1; i < a->count; i++) {
        for (uint32_t k = i; k-- > 0;) {
            if (str_eq(a->list[k].key, a->list[i].key)) {
                p->line = a->lines[i];
                remark(p,
                       "the argument \"%s\" is given at line %u already; most plugins take the "
                       "last",
                       a->list[i].key, a->lines[k]);
                break;
            }
        }
    }
}

static void check_shares(struct parser *p)
{
    for (size_t i = 0; i < p->config->share_count; i++) {
        struct config_share *s = &p->config->shares[i];
        remark_args(p, s);
        p->line = s->line;
        if (str_eq(s->plugin.name, "dir") && !config_args_get(&s->plugin.args, "path")) {
            problem(p, "[%s]: needs \"path = FOLDER\" (or \"plugin = NAME\")", s->name);
            s->is_unclear = s->plugin.lacks_args = true;
        }
    }
}

static void check_global(struct parser *p)
{
    struct config *c = p->config;
    if (c->dialect_min > c->dialect_max) {
        problems_add(p->problems, "%s: \"server min protocol\" is above \"server max protocol\"",
                     p->file);
    }
    for (unsigned i = 0; i < c->listen_count; i++) {
        c->listen[i].port = c->listen[i].port ? c->listen[i].port : c->port;
    }
}

/* Debian's libinih can be told how long a line may be; elsewhere that is fixed when it is built. */
static void allow_long_lines(void)
{
#ifdef HAVE_INI_INITIAL_ALLOC
    ini_use_stack = false;
    ini_max_line = CONFIG_LINE_MAX;
    ini_initial_alloc = CONFIG_LINE_MAX;
#endif
}

/* What was understood; NULL without memory. */
static struct config *parse(const char *file, const char *text, struct problems *problems)
{
    struct parser p = {.file = file, .pos = text, .problems = problems, .config = config_new()};
    unsigned before = problems->count;
    if (!p.config || !config_set_string(&p.config->file, file)) {
        problems_add(problems, "%s: out of memory", file);
        config_free(p.config);
        return NULL;
    }
    if (str_has_prefix(text, "\xEF\xBB\xBF")) {
        p.pos += 3; /* as Windows editors begin a file */
    }
    allow_long_lines();
    int err = ini_parse_stream(read_line, &p, on_pair, &p);
    if (err != 0 && problems->count == before) {
        problems_add(problems, "%s:%d: not understood", file, err);
    }
    check_shares(&p);
    check_global(&p);
    return p.config;
}

/* All of it was understood, or it is freed. */
static struct config *whole(struct config *c, const struct problems *problems, unsigned before)
{
    if (c && problems->count == before) {
        return c;
    }
    config_free(c);
    return NULL;
}

struct config *config_parse(const char *file, const char *text, struct problems *problems)
{
    unsigned before = problems->count;
    return whole(parse(file, text, problems), problems, before);
}

static void unreadable(const char *file, int err, struct problems *problems)
{
    char why[128];
    os_error_text(-err, why, sizeof(why));
    if (err == -ENOENT) {
        problems_add(problems,
                     "%s: there is no such file; smbkit.conf(5) shows one, and \"smbkit serve\" "
                     "needs none",
                     file);
    } else if (err == -EISDIR) {
        problems_add(problems, "%s: it is a folder; to share it: smbkit serve %s", file, file);
    } else {
        problems_add(problems, "%s: cannot be read: %s", file, why);
    }
}

struct config *config_load_part(const char *file, struct problems *problems)
{
    CLEANUP_MEM char *text = NULL;
    size_t len;
    int err = os_file_read(file, CONFIG_FILE_MAX, &text, &len);
    if (err != 0) {
        unreadable(file, err, problems);
        return NULL;
    }
    if (!utf8_is_valid(text, len)) {
        problems_add(problems, "%s: not UTF-8 text", file);
        return NULL;
    }
    return parse(file, text, problems);
}

struct config *config_load(const char *file, struct problems *problems)
{
    unsigned before = problems->count;
    return whole(config_load_part(file, problems), problems, before);
}
