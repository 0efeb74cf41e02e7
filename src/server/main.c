/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "os/os.h"
#include "server/cmd.h"

static const char *command_name_at(const void *arg, size_t i)
{
    (void)arg;
    return cmd_at(i) ? cmd_at(i)->name : NULL;
}

int main(int argc, char **argv)
{
    os_crash_handler_install();
    if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h")) {
        char name[] = "help";
        char *help[] = {name};
        int code = cmd_help(1, help);
        return argc < 2 ? EXIT_USAGE : code;
    }
    if (str_eq(argv[1], "--version")) {
        return cmd_version(0, NULL);
    }
    const struct cmd *c = cmd_find(argv[1]);
    if (c) {
        return c->fn(argc - 1, argv + 1);
    }
    const char *meant = closest_word(argv[1], command_name_at, NULL);
    if (meant) {
        return cmd_usage("", "there is no command \"%s\"; did you mean \"%s\"?", argv[1], meant);
    }
    return cmd_usage("", "there is no command \"%s\"", argv[1]);
}
