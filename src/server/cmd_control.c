/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit control: a command to the plugin or a filter of a running share. */
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/control.h"
#include "server/control_layers.h"

enum { OPT_SOCKET };

static const struct arg_option options[] = {
    {"socket", OPT_SOCKET, true},
    {NULL, 0, false},
};

#define ANSWER_TIMEOUT_MS 60000 /* a layer may have much to do first */

struct words {
    const char *socket;
    const char *share;
    const char *layer; /* owned; NULL: any */
    char *text;        /* owned; NULL: none */
};

static void words_fini(struct words *w)
{
    mem_free((void *)w->layer);
    mem_free(w->text);
}

/* "pause:" is a layer: nothing else ends with a colon where a command begins. */
static bool take_layer(struct words *w, const char *word)
{
    size_t len = str_len(word);
    if (len < 2 || word[len - 1] != ':' || w->layer || w->text) {
        return false;
    }
    w->layer = str_ndup(word, len - 1);
    return w->layer != NULL;
}

static bool take_text(struct words *w, const char *word)
{
    char *all = w->text ? str_printf("%s %s", w->text, word) : str_dup(word);
    mem_free(w->text);
    w->text = all;
    return all != NULL;
}

static bool take_word(struct words *w, const char *word)
{
    if (!w->share) {
        w->share = word;
        return true;
    }
    return take_layer(w, word) || take_text(w, word);
}

static bool is_socket(const char *word)
{
    return str_eq(word, "--socket") || str_has_prefix(word, "--socket=");
}

/* EXIT_OK, or a mistake was told. */
static int parse(struct words *w, int argc, char **argv)
{
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == ARGS_ERROR) {
            return cmd_usage("control", "%s", a.err);
        }
        if (id == OPT_SOCKET) {
            w->socket = a.value;
            continue;
        }
        if (w->share && is_socket(a.value)) { /* no layer's word */
            return cmd_usage("control", "--socket stands before SHARE");
        }
        a.only_words = true; /* what follows the share is the command's */
        if (!take_word(w, a.value)) {
            cmd_error("out of memory");
            return EXIT_FAILED;
        }
    }
    if (!w->share) {
        return cmd_usage("control", "which SHARE, and which command?");
    }
    return w->text ? EXIT_OK
                   : cmd_usage("control", "which command? \"help\" lists those of the share");
}

static int tell(const char *answer)
{
    char *err = NULL;
    CLEANUP_MEM char *text = control_layers_text(answer, &err);
    if (!text) {
        cmd_error_lines(err ? err : "out of memory");
        mem_free(err);
        return EXIT_FAILED;
    }
    cmd_lines(text);
    return EXIT_OK;
}

static int send_command(const struct words *w)
{
    CLEANUP_MEM char *path = w->socket ? str_dup(w->socket) : control_default_path(false);
    CLEANUP_MEM char *line = control_layers_request(w->share, w->layer, w->text);
    if (!path || !line) {
        return cmd_usage("control", "the command is no UTF-8");
    }
    if (str_len(line) > CONTROL_REQUEST_MAX) {
        return cmd_usage("control", "the command is longer than %u bytes", CONTROL_REQUEST_MAX);
    }
    CLEANUP_MEM char *answer = cmd_ask(path, line, ANSWER_TIMEOUT_MS);
    return answer ? tell(answer) : EXIT_FAILED;
}

int cmd_control(int argc, char **argv)
{
    struct words w = {0};
    int code = parse(&w, argc, argv);
    if (code == EXIT_OK) {
        code = send_command(&w);
    }
    words_fini(&w);
    return code;
}
