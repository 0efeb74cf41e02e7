/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins and filters at hand: those linked into the program, and shared objects
 * smbkit-NAME-plugin.so and smbkit-NAME-filter.so in the plugin folders. Used by one thread at a
 * time. */
#pragma once

#include <smbkit/plugin.h>

#include "server/config.h"
#include "vfs/vfs.h"

struct plugins;

enum plugin_kind { PLUGIN_SOURCE, PLUGIN_FILTER };

/* dir: a folder to look in first, before what is linked in; NULL: none. */
NODISCARD struct plugins *plugins_new(const char *dir);
/* Unloads; every volume must be closed. NULL allowed. */
void plugins_free(struct plugins *p);
/* The plugin of this name, loaded when it is first asked for; NULL: err says why and what is
 * nearest. Borrowed. */
NODISCARD const struct smbkit_plugin *plugins_get(struct plugins *p, enum plugin_kind kind,
                                                  const char *name, char err[512]);
/* Have a plugin or filter of the program's own among them, before all others of its name. False:
 * err says why not. */
NODISCARD bool plugins_add(struct plugins *p,
                           const struct smbkit_plugin *(*init)(const struct smbkit_host_table *api),
                           char err[512]);
/* Is it linked into the program? plugin: from plugins_get. */
bool plugins_is_linked_in(const struct plugins *p, const struct smbkit_plugin *plugin);
/* Is there one of this name, loaded or not? */
bool plugins_has(struct plugins *p, enum plugin_kind kind, const char *name);
/* The i-th name that can be had (loaded or not), sorted; NULL at the end. Borrowed. */
const char *plugins_name_at(struct plugins *p, enum plugin_kind kind, size_t i);

/* How filters come by plugins of other volumes: those of `plugins`, by their word on the command
 * line. */
struct plugins_words {
    struct vfs_plugins vfs; /* first */
    struct plugins *plugins;
};
struct plugins_words plugins_words(struct plugins *p);
