/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "os/os.h"
#include "server/cmd.h"

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
    if (c && argc == 3 && (str_eq(argv[2], "--help") || str_eq(argv[2], "-h"))) {
        return cmd_help(2, argv);
    }
    if (c) {
        return c->fn(argc - 1, argv + 1);
    }
    return cmd_unknown(argv[1]);
}
