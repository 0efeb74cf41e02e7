/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a plugin's header. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/core.h"

/* The functions that must be there. A filter may leave them to the layer below. */
static const struct {
    const char *name;
    size_t offset;
    bool of_filters_too;
} REQUIRED[] = {
    {"volume_open", offsetof(struct smbkit_plugin, volume_open), true},
    {"create", offsetof(struct smbkit_plugin, create), false},
    {"close", offsetof(struct smbkit_plugin, close), false},
    {"enumerate", offsetof(struct smbkit_plugin, enumerate), false},
    {"getattr", offsetof(struct smbkit_plugin, getattr), false},
    {"read", offsetof(struct smbkit_plugin, read), false},
};

static bool has_function(const struct smbkit_plugin *p, size_t offset)
{
    return *(void (*const *)(void))((const char *)p + offset) != NULL;
}

static bool name_is_good(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '-') {
            return false;
        }
    }
    return name[0] != 0;
}

/* What is wrong with it; NULL: nothing. */
static const char *plugin_fault(const struct smbkit_plugin *p)
{
    if (!p->name || !name_is_good(p->name)) {
        return "it has no name of letters a-z, digits and '-'";
    }
    if (p->thread_model > SMBKIT_PARALLEL) {
        return "its thread model is unknown";
    }
    bool is_filter = p->flags & SMBKIT_IS_FILTER;
    for (size_t i = 0; i < ARRAY_LEN(REQUIRED); i++) {
        if ((!is_filter || REQUIRED[i].of_filters_too) && !has_function(p, REQUIRED[i].offset)) {
            return REQUIRED[i].name;
        }
    }
    if (is_filter && (p->create != NULL) != (p->close != NULL)) {
        return "a filter has both create and close or neither";
    }
    return NULL;
}

/* Plugins of older servers are welcome, filters are of one server. */
static bool version_is_good(const struct smbkit_plugin *p, char *err, size_t err_size)
{
    if (p->flags & SMBKIT_IS_FILTER) {
        if (p->api_version != SMBKIT_FILTER_VERSION) {
            str_format(
                err, err_size,
                "the filter was built for filter version 0x%x, this server has 0x%x: build it "
                "again",
                p->api_version, SMBKIT_FILTER_VERSION);
            return false;
        }
    } else if (p->api_version == 0 || p->api_version > SMBKIT_API_VERSION) {
        str_format(err, err_size, "the plugin was built for ABI version %u, this server has %u",
                   p->api_version, SMBKIT_API_VERSION);
        return false;
    }
    return true;
}

struct smbkit_plugin *vfs_plugin_adopt(const struct smbkit_plugin *p, char *err, size_t err_size)
{
    if (!p) {
        str_format(err, err_size, "smbkit_plugin_init returned nothing");
        return NULL;
    }
    if (p->struct_size < offsetof(struct smbkit_plugin, load)) {
        str_format(err, err_size, "the plugin's struct_size %u is too small", p->struct_size);
        return NULL;
    }
    if (!version_is_good(p, err, err_size)) {
        return NULL;
    }
    struct smbkit_plugin *copy = mem_zalloc(sizeof(*copy));
    if (!copy) {
        str_format(err, err_size, "no memory");
        return NULL;
    }
    /* A plugin of the same version with a longer struct has members that this core does not know.
     */
    mem_copy(copy, p, MIN((size_t)p->struct_size, sizeof(*copy)));
    const char *fault = plugin_fault(copy);
    if (fault) {
        str_format(err, err_size, "the plugin %s cannot be used: %s is missing or wrong",
                   copy->name ? copy->name : "(unnamed)", fault);
        mem_free(copy);
        return NULL;
    }
    return copy;
}
