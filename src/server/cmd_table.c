/* SPDX-License-Identifier: Apache-2.0 */
#include "server/cmd.h"

#include "base/str.h"

/* The table of commands, in the manual's order. */
static const struct cmd cmds[] = {
    {"serve", "[OPTION ...] [NAME=]FOLDER|PLUGIN:[KEY=VALUE,...] ...",
     "share folders or plugins at once, without a configuration", cmd_serve},
    {"run", "[OPTION ...] FILE", "run the server that a configuration file describes", cmd_run},
    {"check", "FILE", "tell everything that is wrong with a configuration file", cmd_check},
    {"user", "add|passwd|groups|del|list [NAME] [OPTION ...]", "edit the users file", cmd_user},
    {"status", "[--json] [--socket FILE]", "ask a running server what it does", cmd_status},
    {"control", "[--socket FILE] SHARE [LAYER:] COMMAND ...",
     "send a command to the plugin or a filter of a running share", cmd_control},
    {"share", "add|replace|remove|list [OPTION ...] [SHARE]",
     "add, replace or remove a share of a running server", cmd_share},
    {"plugins", "[--plugin-dir FOLDER] [NAME]", "list plugins and filters, or explain one",
     cmd_plugins},
    {"new", "plugin|filter NAME [--lang LANGUAGE] [--folder FOLDER]",
     "make a folder for a plugin or filter of your own, which builds as it is", cmd_new},
    {"test-plugin", "[OPTION ...] FILE.so|PLUGIN[:][KEY=VALUE,...]",
     "test whether a plugin keeps to its contract", cmd_test_plugin},
    {"version", "", "print the version", cmd_version},
    {"help", "[COMMAND]", "print this, or the options of a command", cmd_help},
};

const struct cmd *cmd_at(size_t i)
{
    return i < ARRAY_LEN(cmds) ? &cmds[i] : NULL;
}

const struct cmd *cmd_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(cmds); i++) {
        if (str_eq(cmds[i].name, name)) {
            return &cmds[i];
        }
    }
    return NULL;
}
