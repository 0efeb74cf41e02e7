/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/beside.h"

#include "base/mem.h"
#include "base/str.h"

struct beside {
    struct list link; /* volume.besides */
    struct layer layer;
    struct smbkit_next next;
    struct smbkit_host host;
    void (*event)(void *arg, const struct smbkit_event *event);
    void *arg;
    char location[4096]; /* PATH_MAX of Linux; nobody asks for it */
};

static bool say(const struct smbkit_volume_args *args, const char *text)
{
    str_copy(args->error, args->error_size, text);
    return false;
}

/* owner: the filter. */
static struct beside *beside_new(struct layer *owner, struct vfs_volume *v,
                                 const struct vfs_layer_spec *spec, const struct smbkit_mount *m)
{
    struct beside *b = mem_zalloc(sizeof(*b));
    if (!b) {
        return NULL;
    }
    b->layer.plugin = spec->plugin;
    b->layer.clears_room = !spec->is_linked_in;
    b->layer.calls = v->calls;
    b->layer.is_below = true;
    b->layer.awaits = true; /* until besides_settle knows better */
    mutex_init(&b->layer.serial);
    b->next = (struct smbkit_next){.owner = owner, .layer = &b->layer};
    b->host = (struct smbkit_host){.volume = v, .beside = b};
    b->event = m->event;
    b->arg = m->arg;
    list_push_back(&v->besides, &b->link);
    return b;
}

static void beside_free(struct beside *b)
{
    list_remove(&b->link);
    mutex_fini(&b->layer.serial);
    mem_free(b);
}

static smbkit_status layer_open(struct beside *b, const struct smbkit_volume_args *of_filter,
                                const struct vfs_layer_spec *spec)
{
    struct smbkit_volume_args args = {.struct_size = sizeof(args),
                                      .arg_count = spec->arg_count,
                                      .args = spec->args,
                                      .host = &b->host,
                                      .share_name = b->host.volume->share_name,
                                      .error = of_filter->error,
                                      .error_size = of_filter->error_size,
                                      .location = b->location,
                                      .location_size = sizeof(b->location)};
    smbkit_status st = spec->plugin->volume_open(&args, &b->layer.volume);
    b->layer.is_open = SMBKIT_OK(st);
    b->layer.features = args.features;
    if (!SMBKIT_OK(st)) {
        volume_error_settle(spec->plugin->name, st, &args);
    }
    return st;
}

static size_t besides_count(const struct vfs_volume *v)
{
    size_t n = 0;
    LIST_FOR_EACH (l, &v->besides) {
        n++;
    }
    return n;
}

static bool may_open(const struct smbkit_volume_args *args)
{
    const struct vfs_volume *v = args->host->volume;
    if (!args->next || args->host->beside) {
        return say(args, "only a filter of a share opens another volume");
    }
    if (!v->plugins) {
        return say(args, "no other plugins are known here, or the share is open already");
    }
    return besides_count(v) < BESIDES_MAX || say(args, "a share has at most 64 other volumes");
}

smbkit_status beside_open(const struct smbkit_volume_args *args, struct smbkit_mount *m)
{
    m->next = NULL;
    if (!may_open(args)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct vfs_volume *v = args->host->volume;
    const struct vfs_plugins *plugins = v->plugins;
    struct vfs_found found = {0};
    if (!plugins->find(plugins, m->spec, &found, args->error, args->error_size)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct beside *b = beside_new(args->next->owner, v, &found.layer, m);
    smbkit_status st = b ? layer_open(b, args, &found.layer) : SMBKIT_STATUS_NO_MEMORY;
    plugins->drop(plugins, &found);
    if (b && !SMBKIT_OK(st)) {
        beside_free(b);
    } else if (b) {
        m->next = &b->next;
        m->features = b->layer.features;
    }
    return st;
}

void beside_close(struct smbkit_next *next)
{
    if (!next) {
        return;
    }
    struct layer *l = next->layer;
    if (l->is_open && l->plugin->volume_close) {
        l->plugin->volume_close(l->volume);
    }
    struct beside *b = CONTAINER_OF(next, struct beside, next);
    beside_free(b);
}

void besides_close(struct vfs_volume *v)
{
    LIST_FOR_EACH_SAFE (l, &v->besides) {
        beside_close(&LIST_ENTRY(l, struct beside, link)->next);
    }
}

void beside_event(struct beside *b, const struct smbkit_event *event)
{
    if (b->event) {
        b->event(b->arg, event);
    }
}

bool besides_settle(struct vfs_volume *v, bool awaits)
{
    bool serializes = false;
    LIST_FOR_EACH (link, &v->besides) {
        struct beside *b = LIST_ENTRY(link, struct beside, link);
        b->layer.awaits = awaits;
        serializes |= b->layer.plugin->thread_model == SMBKIT_SERIALIZE_FILE;
    }
    return serializes;
}
