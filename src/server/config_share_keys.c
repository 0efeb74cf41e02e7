/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config_share_keys.h"

#include "base/mem.h"
#include "base/str.h"
#include "server/config_values.h"

static bool set_habit(struct config_share *s, enum vfs_habit habit, bool on)
{
    s->habits = on ? s->habits | habit : s->habits & ~(uint32_t)habit;
    return true;
}

bool config_set_path(struct config *c, struct config_share *s, const char *value, char err[256])
{
    s->plugin.line = c->line;
    return config_args_add(&s->plugin.args, c->line, "path", value) ||
           value_refuse(err, "too many arguments");
}

/* Keys that Samba has for a folder on the host are arguments of the plugin dir. */
#define PLUGIN_ARG(fn, key)                                                                        \
    bool fn(struct config *c, struct config_share *s, const char *value, char err[256])            \
    {                                                                                              \
        return config_args_add(&s->plugin.args, c->line, key, value) ||                            \
               value_refuse(err, "too many arguments");                                            \
    }
PLUGIN_ARG(config_set_create_mask, "create-mask")
PLUGIN_ARG(config_set_directory_mask, "directory-mask")
PLUGIN_ARG(config_set_force_create_mode, "force-create-mode")
PLUGIN_ARG(config_set_force_directory_mode, "force-directory-mode")
PLUGIN_ARG(config_set_inherit_permissions, "inherit-permissions")
PLUGIN_ARG(config_set_force_user, "force-user")
PLUGIN_ARG(config_set_force_group, "force-group")
#undef PLUGIN_ARG

bool config_set_plugin(struct config *c, struct config_share *s, const char *value, char err[256])
{
    struct config_layer layer;
    bool is_clear = config_layer_parse(value, &layer, err);
    s->plugin.line = c->line;
    s->plugin.is_unclear |= !layer.name;
    s->plugin.lacks_args |= !is_clear;
    /* Arguments of "path" and "plugin.KEY" lines above stay. */
    bool ok = !layer.name || config_set_string(&s->plugin.name, layer.name);
    for (uint32_t i = 0; ok && i < layer.args.count; i++) {
        const struct smbkit_arg *arg = &layer.args.list[i];
        ok = config_args_add(&s->plugin.args, c->line, arg->key, arg->value);
    }
    config_layer_fini(&layer);
    return is_clear && (ok || value_refuse(err, "too many arguments"));
}

bool config_set_comment(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)c;
    return value_text(&s->comment, value, err);
}

bool config_set_read_only(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    (void)c;
    return value_bool(&s->read_only, value, err);
}

bool config_set_writeable(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    (void)c;
    bool writeable = false;
    if (!value_bool(&writeable, value, err)) {
        return false;
    }
    s->read_only = !writeable;
    return true;
}

bool config_set_guest_ok(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)c;
    return value_bool(&s->guest_ok, value, err);
}

bool config_set_plugin_admin(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    (void)c;
    return value_bool(&s->plugin_admin, value, err);
}

bool config_set_browseable(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)c;
    return value_bool(&s->browseable, value, err);
}

bool config_set_share_encrypt(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    (void)c;
    int v = 0;
    if (!config_choose_encryption(value, &v, err)) {
        return false;
    }
    if (v == SMB_ENCRYPT_DESIRED) {
        return value_refuse(err, "a share knows off and required; desired is for [global]");
    }
    s->encrypt = v == SMB_ENCRYPT_REQUIRED;
    return true;
}

bool config_set_msdfs_root(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)c;
    return value_bool(&s->dfs_root, value, err);
}

bool config_set_new_files(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    static const struct value_word words[] = {{"shared", 0}, {"private", 1}, {NULL, 0}};
    (void)c;
    int v = 0;
    if (!value_choose(words, value, &v, err)) {
        return false;
    }
    return set_habit(s, VFS_PRIVATE_FILES, v != 0);
}

bool config_set_mangled_names(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    /* Samba's "illegal": of names that clients cannot write. Those are shown otherwise here. */
    (void)c;
    s->short_names = false;
    return str_ieq(value, "illegal") || value_bool(&s->short_names, value, err);
}

bool config_set_filter(struct config *c, struct config_share *s, const char *value, char err[256])
{
    struct config_layer layer;
    bool is_clear = config_layer_parse(value, &layer, err);
    layer.line = c->line;
    layer.lacks_args = !is_clear;
    bool ok = !layer.name || config_share_add_filter(s, &layer);
    config_layer_fini(&layer);
    return is_clear && (ok || value_refuse(err, "too many filters"));
}

/* ---- what its clients see ---- */

bool config_set_hide_unreadable(struct config *c, struct config_share *s, const char *value,
                                char err[256])
{
    bool on = false;
    (void)c;
    return value_bool(&on, value, err) && set_habit(s, VFS_HIDE_UNREADABLE, on);
}

bool config_set_hide_dot_files(struct config *c, struct config_share *s, const char *value,
                               char err[256])
{
    bool on = false;
    (void)c;
    return value_bool(&on, value, err) && set_habit(s, VFS_HIDE_DOT_FILES, on);
}

bool config_set_late_times(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    bool on = false;
    (void)c;
    return value_bool(&on, value, err) && set_habit(s, VFS_LATE_TIMES, on);
}

bool config_set_change_notify(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    bool on = false;
    (void)c;
    return value_bool(&on, value, err) && set_habit(s, VFS_NO_NOTIFY, !on);
}

bool config_set_acl_canonical(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    bool on = false;
    (void)c;
    return value_bool(&on, value, err) && set_habit(s, VFS_KEEPS_ACL_FLAGS, !on);
}

bool config_set_streams(struct config *c, struct config_share *s, const char *value, char err[256])
{
    bool on = false;
    (void)c;
    if (!value_bool(&on, value, err)) {
        return false;
    }
    s->no_streams = !on;
    return true;
}

/* Samba's form: between slashes, so that a name may have blanks. */
static bool set_patterns(char **slot, const char *value, char err[256])
{
    size_t slashes = 0;
    for (const char *p = value; *p; p++) {
        slashes += *p == '/';
        if (*p == '\\' || *p == ':') {
            return value_refuse(err, "no name has a backslash or a colon in it");
        }
    }
    if (*value && slashes == 0) {
        return value_refuse(err, "expected names between slashes, such as /*.exe/Thumbs.db/");
    }
    if (slashes > CONFIG_PATTERNS_MAX) {
        return value_refuse(err, "256 names at most");
    }
    return value_text(slot, value, err);
}

bool config_set_veto_files(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)c;
    return set_patterns(&s->veto_files, value, err);
}

bool config_set_hide_files(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)c;
    return set_patterns(&s->hide_files, value, err);
}
