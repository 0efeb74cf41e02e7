/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that a filter asks for by their word: the upper volume of an overlay, a part of a route.
 */
#include "base/mem.h"
#include "base/str.h"
#include "server/plugins.h"

static void layer_drop(struct config_layer *layer)
{
    if (layer) {
        config_layer_fini(layer);
        mem_free(layer);
    }
}

static bool find(const struct vfs_plugins *vfs, const char *spec, struct vfs_found *out, char *err,
                 size_t err_size)
{
    const struct plugins_words *w = (const struct plugins_words *)vfs;
    char said[512] = "out of memory";
    struct config_layer *layer = mem_zalloc(sizeof(*layer));
    bool ok = layer && config_layer_parse(spec, layer, said);
    const struct smbkit_plugin *plugin =
        ok ? plugins_get(w->plugins, PLUGIN_SOURCE, layer->name, said) : NULL;
    if (!plugin) {
        bool is_named = ok; /* in what was said */
        str_format(err, err_size, "%.100s%s%s", is_named ? "" : spec, is_named ? "" : ": ", said);
        layer_drop(layer);
        return false;
    }
    out->layer = (struct vfs_layer_spec){.plugin = plugin,
                                         .args = layer->args.list,
                                         .arg_count = layer->args.count,
                                         .is_linked_in = plugins_is_linked_in(w->plugins, plugin)};
    out->owned = layer;
    return true;
}

static void drop(const struct vfs_plugins *vfs, struct vfs_found *found)
{
    (void)vfs;
    layer_drop(found->owned);
}

struct plugins_words plugins_words(struct plugins *p)
{
    return (struct plugins_words){.vfs = {.find = find, .drop = drop}, .plugins = p};
}
