/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit status: ask a running server. */
#include "base/mem.h"
#include "base/str.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/control.h"

enum { OPT_JSON, OPT_SOCKET };

static const struct arg_option options[] = {
    {"json", OPT_JSON, false},
    {"socket", OPT_SOCKET, true},
    {NULL, 0, false},
};

static int show(const char *path, bool json)
{
    CLEANUP_MEM char *answer = cmd_ask(path, "{\"command\":\"status\"}", CONTROL_TIMEOUT_MS);
    if (!answer) {
        return EXIT_FAILED;
    }
    if (json) {
        cmd_lines(answer);
        return EXIT_OK;
    }
    const char *err = NULL;
    CLEANUP_MEM char *text = control_status_text(answer, &err);
    if (!text) {
        cmd_error("%s: %s", path, err);
        return EXIT_FAILED;
    }
    cmd_lines(text);
    return EXIT_OK;
}

static int no_word(const char *word)
{
    const char *meant = args_meant(options, word);
    return meant
               ? cmd_usage("status", "status takes no word \"%s\"; did you mean --%s?", word, meant)
               : cmd_usage("status", "status takes no word \"%s\"", word);
}

int cmd_status(int argc, char **argv)
{
    bool json = false;
    const char *socket = NULL;
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == OPT_JSON) {
            json = true;
        } else if (id == OPT_SOCKET) {
            socket = a.value;
        } else {
            return id == ARGS_ERROR ? cmd_usage("status", "%s", a.err) : no_word(a.value);
        }
    }
    CLEANUP_MEM char *path = socket ? str_dup(socket) : control_default_path(false);
    return path ? show(path, json) : EXIT_FAILED;
}
