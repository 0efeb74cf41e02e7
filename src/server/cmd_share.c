/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit share: shares of a running server. */
#include "base/mem.h"
#include "base/str.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/control.h"
#include "server/control_reply.h"
#include "server/control_shares.h"

enum { OPT_SOCKET, OPT_SET, OPT_FILTER, OPT_READ_ONLY, OPT_HANDLES };

static const struct arg_option options[] = {
    {"socket", OPT_SOCKET, true},   {"set", OPT_SET, true},
    {"filter", OPT_FILTER, true},   {"read-only", OPT_READ_ONLY, false},
    {"handles", OPT_HANDLES, true}, {NULL, 0, false},
};

#define ANSWER_TIMEOUT_MS 180000 /* what opens a volume may take its time */
#define SETTINGS_MAX 64          /* of one command line */

struct words {
    const char *verb;
    const char *share; /* as it was written */
    const char *socket;
    const char *handles;
    char *settings[SETTINGS_MAX]; /* owned */
    unsigned setting_count;
};

static void words_fini(struct words *w)
{
    for (unsigned i = 0; i < w->setting_count; i++) {
        mem_free(w->settings[i]);
    }
}

static bool is_change(const struct words *w)
{
    return w->verb && (str_eq(w->verb, "add") || str_eq(w->verb, "replace"));
}

static bool is_list(const struct words *w)
{
    return w->verb && str_eq(w->verb, "list");
}

static int add_setting(struct words *w, const char *key, const char *value)
{
    if (w->setting_count == SETTINGS_MAX) {
        return cmd_usage("share", "more than %u settings", SETTINGS_MAX);
    }
    char *text = str_printf("%s%s", key, value);
    if (!text) {
        cmd_error("out of memory");
        return EXIT_FAILED;
    }
    w->settings[w->setting_count++] = text;
    return EXIT_OK;
}

static int take_word(struct words *w, const char *word)
{
    if (!w->verb) {
        w->verb = word;
        return is_change(w) || is_list(w) || str_eq(word, "remove")
                   ? EXIT_OK
                   : cmd_usage("share", "\"%s\" is not add, replace, remove or list", word);
    }
    if (w->share || is_list(w)) {
        return cmd_usage("share", "what is \"%s\"? One share at a time; its keys go behind --set",
                         word);
    }
    w->share = word;
    return EXIT_OK;
}

static int take(struct words *w, int id, const char *value)
{
    switch (id) {
    case OPT_SOCKET:
        w->socket = value;
        return EXIT_OK;
    case OPT_SET:
        return add_setting(w, "", value);
    case OPT_FILTER:
        return add_setting(w, "filter=", value);
    case OPT_READ_ONLY:
        return add_setting(w, "read only=", "yes");
    case OPT_HANDLES:
        w->handles = value;
        return EXIT_OK;
    default: /* ARGS_WORD */
        return take_word(w, value);
    }
}

static int check_handles(const struct words *w)
{
    bool replaces = str_eq(w->verb, "replace");
    if (!replaces && !str_eq(w->verb, "remove")) {
        return cmd_usage("share", "--handles is for replace and remove");
    }
    if (str_eq(w->handles, "close") || str_eq(w->handles, "refuse") ||
        (replaces && str_eq(w->handles, "move"))) {
        return EXIT_OK;
    }
    return cmd_usage("share", "--handles of %s is %sclose or refuse, not \"%s\"", w->verb,
                     replaces ? "move, " : "", w->handles);
}

static int check(const struct words *w)
{
    if (!w->verb) {
        return cmd_usage("share", "add, replace, remove or list?");
    }
    if (!w->share && !is_list(w)) {
        return cmd_usage("share", "%s which share?", w->verb);
    }
    if (w->setting_count > 0 && !is_change(w)) {
        return cmd_usage("share", "--set, --filter and --read-only are for add and replace");
    }
    return w->handles ? check_handles(w) : EXIT_OK;
}

/* EXIT_OK, or a mistake was told. */
static int parse(struct words *w, int argc, char **argv)
{
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == ARGS_ERROR) {
            return cmd_usage("share", "%s", a.err);
        }
        int code = take(w, id, a.value);
        if (code != EXIT_OK) {
            return code;
        }
    }
    return check(w);
}

/* As the server understands it, which runs in another folder. NULL: told. */
static char *share_word(const struct words *w)
{
    char err[256];
    if (!is_change(w)) {
        return str_dup(w->share);
    }
    CLEANUP(config_free) struct config *c = config_new();
    if (!c || !config_share_parse(c, w->share, err)) {
        cmd_error("%s", c ? err : "out of memory");
        return NULL;
    }
    return config_share_spec(&c->shares[0]);
}

/* The line that asks; owned. NULL: told. */
static char *make_line(const struct words *w)
{
    CLEANUP_MEM char *command = str_printf("share %s", w->verb);
    CLEANUP_MEM char *share = is_list(w) ? NULL : share_word(w);
    if (!share && !is_list(w)) {
        return NULL;
    }
    const struct control_share_words words = {.command = command,
                                              .share = share,
                                              .handles = w->handles,
                                              .settings = (const char *const *)w->settings,
                                              .setting_count = w->setting_count};
    char *line = command ? control_share_request(&words) : NULL;
    if (!line || str_len(line) > CONTROL_REQUEST_MAX) {
        cmd_error(line ? "this is longer than %u bytes" : "what was written is no UTF-8",
                  CONTROL_REQUEST_MAX);
        mem_free(line);
        return NULL;
    }
    return line;
}

static void tell_count(const json_t *o, const char *key, const char *what)
{
    long long n = (long long)json_integer_value(json_object_get(o, key));
    if (n > 0) {
        cmd_line("%lld open file%s %s", n, n == 1 ? "" : "s", what);
    }
}

static void tell_moved(const json_t *o)
{
    tell_count(o, "moved", "moved");
    tell_count(o, "closed", "closed");
}

static int tell(const struct words *w, const char *answer)
{
    char *err = NULL;
    if (is_list(w)) {
        CLEANUP_MEM char *text = control_share_list_text(answer, &err);
        if (text) {
            cmd_lines(text);
            return EXIT_OK;
        }
    } else {
        json_t *o = control_answer_read(answer, &err);
        if (o) {
            tell_moved(o);
            json_decref(o);
            return EXIT_OK;
        }
    }
    cmd_error_lines(err ? err : "out of memory");
    mem_free(err);
    return EXIT_FAILED;
}

static int ask(const struct words *w)
{
    CLEANUP_MEM char *path = w->socket ? str_dup(w->socket) : control_default_path(false);
    CLEANUP_MEM char *line = make_line(w);
    if (!path || !line) {
        return EXIT_FAILED;
    }
    CLEANUP_MEM char *answer = cmd_ask(path, line, ANSWER_TIMEOUT_MS);
    return answer ? tell(w, answer) : EXIT_FAILED;
}

int cmd_share(int argc, char **argv)
{
    struct words w = {0};
    int code = parse(&w, argc, argv);
    if (code == EXIT_OK) {
        code = ask(&w);
    }
    words_fini(&w);
    return code;
}
