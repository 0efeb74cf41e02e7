/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit plugins: what can be served, and how it is told to. */
#include <stdio.h>

#include "base/str.h"
#include "os/process.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/plugins.h"

enum { OPT_PLUGIN_DIR };

static const struct arg_option options[] = {{"plugin-dir", OPT_PLUGIN_DIR, true}, {NULL, 0, false}};

static const char *text_or(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static void list_kind(struct plugins *p, enum plugin_kind kind)
{
    printf("%s\n", kind == PLUGIN_SOURCE ? "Plugins:" : "Filters:");
    for (size_t i = 0; plugins_name_at(p, kind, i); i++) {
        char err[512] = "";
        const char *name = plugins_name_at(p, kind, i);
        const struct smbkit_plugin *plugin = plugins_get(p, kind, name, err);
        cmd_line("  %-12s  %s", name, plugin ? text_or(plugin->description, "") : err);
    }
}

static void explain(const struct smbkit_plugin *plugin, enum plugin_kind kind)
{
    static const char *const models[] = {"one call at a time", "one call at a time on a file",
                                         "any number of calls at a time"};
    const char *kind_text = kind == PLUGIN_SOURCE ? "plugin" : "filter";
    cmd_line("%s %s %s", kind_text, plugin->name, text_or(plugin->version, ""));
    cmd_line("%s", text_or(plugin->description, ""));
    printf("%s ABI %u; %s\n", kind_text, plugin->api_version & 0xffffu,
           plugin->thread_model < ARRAY_LEN(models) ? models[plugin->thread_model] : "?");
    printf("\n");
    cmd_lines(text_or(plugin->config_help, "It takes no arguments."));
}

static int explain_name(struct plugins *p, const char *name)
{
    char err[512] = "";
    enum plugin_kind kind =
        !plugins_has(p, PLUGIN_SOURCE, name) && plugins_has(p, PLUGIN_FILTER, name) ? PLUGIN_FILTER
                                                                                    : PLUGIN_SOURCE;
    const struct smbkit_plugin *plugin = plugins_get(p, kind, name, err);
    if (!plugin) {
        cmd_error("%s", err);
        return EXIT_FAILED;
    }
    explain(plugin, kind);
    return EXIT_OK;
}

int cmd_plugins(int argc, char **argv)
{
    const char *dir = NULL;
    const char *name = NULL;
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == ARGS_ERROR || (id == ARGS_WORD && name)) {
            return cmd_usage("plugins", "%s", id == ARGS_ERROR ? a.err : "one NAME only");
        }
        *(id == OPT_PLUGIN_DIR ? &dir : &name) = a.value;
    }
    int err = dir ? os_path_check_folder(dir) : 0;
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        return cmd_usage("plugins", "--plugin-dir %s: %s", dir, why);
    }
    struct plugins *p = plugins_new(dir);
    if (!p) {
        cmd_error("out of memory");
        return EXIT_FAILED;
    }
    int code = EXIT_OK;
    if (name) {
        code = explain_name(p, name);
    } else {
        list_kind(p, PLUGIN_SOURCE);
        list_kind(p, PLUGIN_FILTER);
    }
    plugins_free(p);
    return code;
}
