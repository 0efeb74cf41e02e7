/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "server/cmd.h"
#include "static_plugins.h"

static const struct {
    const char *command;
    const char *text;
} details[] = {
    {"serve",
     "  [NAME=]FOLDER          share a folder; the name is its last component unless given\n"
     "  [NAME=]PLUGIN:[ARGS]   share what a plugin makes; ARGS is KEY=VALUE,KEY=VALUE\n"
     "  --listen ADDR[:PORT]   where to listen; may be repeated; default: every address\n"
     "  --user NAME[:PASSWORD] who may log in; may be repeated; default: you, random password\n"
     "  --password-file FILE   the password of the last --user without one; \"-\": standard input\n"
     "  --guest                let everybody in without a password\n"
     "  --read-only            refuse every change\n"
     "  --encrypt              refuse clients that do not encrypt\n"
     "  --filter NAME[:ARGS]   put a filter over every share; may be repeated, outermost first\n"
     "  --plugin-dir FOLDER    look for plugins and filters here first\n"
     "  --log-level LEVEL      error, warn, info, debug, trace, or MODULE:LEVEL,...\n"
     "  --log-format FORMAT    text or json\n"
     "  --control-socket FILE  what smbkit status and control ask\n"
     "  --run COMMAND          run a command that has SMBKIT_URI, SMBKIT_PORT, ... and end with "
     "it\n"
     "  --print-uri            print smb://... of every share and nothing else\n"
     "  --exit-with-parent     end when the process ends that started this one\n"},
    {"run", "  --plugin-dir FOLDER    look for plugins and filters here first\n"
            "  --log-level LEVEL      in place of what the file says\n"},
    {"check", ""},
    {"new", "  --lang LANGUAGE        c, c++, python or sh; a filter is in c\n"
            "  --folder FOLDER        what is made; NAME\n"},
    {"user", "  add NAME               add a user; the password is asked for\n"
             "  passwd NAME            change a user's password\n"
             "  del NAME               remove a user\n"
             "  groups NAME GROUP,...  put a user into these groups and no others\n"
             "  list                   list the users\n"
             "  --file FILE            the users file\n"
             "  --password-file FILE   read the password from a file; \"-\": standard input\n"},
    {"status", "  --json                 the answer as it came, for programs\n"
               "  --socket FILE          the control socket of the server to ask\n"},
    {"control", "  SHARE                  whose plugin and filters are meant\n"
                "  LAYER:                 only this one of them, such as \"pause:\"; else the "
                "outermost that knows it\n"
                "  COMMAND ...            \"help\" lists what they understand\n"
                "  --socket FILE          the control socket of the server\n"},
    {"share",
     "  add SHARE              a share as serve takes it: [NAME=]FOLDER, [NAME=]PLUGIN:[ARGS]\n"
     "  replace SHARE          put it in the place of the one of that name\n"
     "  remove NAME            take a share away\n"
     "  list                   list the shares\n"
     "  --set KEY=VALUE        a key of a share in smbkit.conf(5); may be repeated\n"
     "  --filter NAME[:ARGS]   put a filter over it; may be repeated, outermost first\n"
     "  --read-only            refuse every change\n"
     "  --handles WORD         files that are open in what goes: close, or refuse to; of replace "
     "also\n"
     "                         move, the default\n"
     "  --socket FILE          the control socket of the server\n"},
    {"plugins", "  --plugin-dir FOLDER    look here first\n"},
    {"test-plugin",
     "  FILE.so[:ARGS]         a plugin by its file, smbkit-NAME-plugin.so\n"
     "  PLUGIN[:ARGS]          a plugin by its name; ARGS is KEY=VALUE,KEY=VALUE\n"
     "  --filter NAME[:ARGS]   put a filter over it; may be repeated, outermost first\n"
     "  --plugin-dir FOLDER    look for plugins and filters here first\n"
     "  --only PATTERN         these rules only, by name, with '*' and '?'\n"
     "  --list                 tell the rules, and test nothing\n"
     "  --seconds N            how long the rules that go by chance go on in all; 2\n"
     "  --seed N               of chance; 1\n"
     "  --scratch FOLDER       work in this folder of the volume, which is empty\n"
     "  --anyway               work beside what is there already\n"},
};

static const char *command_name_at(const void *arg, size_t i)
{
    (void)arg;
    return cmd_at(i) ? cmd_at(i)->name : NULL;
}

int cmd_unknown(const char *name)
{
    const char *meant = closest_word(name, command_name_at, NULL);
    return meant ? cmd_usage("", "there is no command \"%s\"; did you mean \"%s\"?", name, meant)
                 : cmd_usage("", "there is no command \"%s\"", name);
}

static void print_overview(void)
{
    printf("smbkit " SMBKIT_VERSION ": serve anything as files over SMB 2 and 3\n\n");
    for (size_t i = 0; cmd_at(i); i++) {
        printf("  %-11s  %s\n", cmd_at(i)->name, cmd_at(i)->help);
    }
    printf("\nsmbkit help COMMAND tells the options of a command; smbkit(1) tells all.\n"
           "To share this folder: smbkit serve .\n");
}

int cmd_help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview();
        return EXIT_OK;
    }
    if (argc > 2) {
        return cmd_usage("help", "one COMMAND only");
    }
    const struct cmd *c = cmd_find(argv[1]);
    if (!c) {
        return cmd_unknown(argv[1]);
    }
    printf("usage: smbkit %s%s%s\n%s\n", c->name, *c->synopsis ? " " : "", c->synopsis, c->help);
    for (size_t i = 0; i < ARRAY_LEN(details); i++) {
        if (str_eq(details[i].command, c->name)) {
            fputs(details[i].text, stdout);
        }
    }
    return EXIT_OK;
}

int cmd_version(int argc, char **argv)
{
    if (argc > 1) {
        return cmd_usage("version", "version takes no word \"%s\"", argv[1]);
    }
    printf("smbkit " SMBKIT_VERSION " (plugin ABI %u)\n", SMBKIT_API_VERSION);
    return EXIT_OK;
}
