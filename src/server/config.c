/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "os/os.h"
#include "smb/limits.h"

/* [MS-SMB2] 3.3.5.4 servers are known by a NetBIOS name too: upper case, 15 characters, up to the
 * first dot. */
static void default_netbios_name(char out[16])
{
    char host[256];
    os_hostname(host, sizeof(host));
    size_t n = 0;
    for (const char *p = host; *p && *p != '.' && n < 15; p++) {
        bool lower = *p >= 'a' && *p <= 'z';
        out[n++] = lower ? (char)(*p - 'a' + 'A') : *p;
    }
    out[n] = '\0';
    if (n == 0 || !utf8_is_valid(out, n)) {
        str_copy(out, 16, "SMBKIT");
    }
}

static void set_numbers(struct config *c)
{
    c->port = CONFIG_PORT_DEFAULT;
    c->dialect_min = 0x0202;
    c->dialect_max = 0x0311;
    c->signing_required = true;
    c->multichannel = true;
    c->encryption = SMB_ENCRYPT_OFF;
    c->connections_max = CONFIG_CONNECTIONS_DEFAULT;
    c->connections_per_address_max = CONFIG_CONNECTIONS_PER_ADDRESS_DEFAULT;
    c->workers_max = CONFIG_WORKERS_DEFAULT;
    c->credits_max = CONFIG_CREDITS_DEFAULT;
    c->transact_max_bytes = CONFIG_TRANSACT_DEFAULT;
    c->durable_max_sec = SMB_DURABLE_MAX_MS / 1000;
}

struct config *config_new(void)
{
    struct config *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return NULL;
    }
    set_numbers(c);
    problems_init(&c->remarks);
    default_netbios_name(c->netbios_name);
    str_copy(c->workgroup, sizeof(c->workgroup), "WORKGROUP");
    c->server_string = str_dup("smbkit");
    c->log_level = str_dup("info");
    c->log_file = str_dup("stderr");
    if (!c->server_string || !c->log_level || !c->log_file) {
        config_free(c);
        return NULL;
    }
    return c;
}

void config_layer_fini(struct config_layer *l)
{
    for (uint32_t i = 0; i < l->args.count; i++) {
        mem_free((void *)(uintptr_t)l->args.list[i].key);
        mem_free((void *)(uintptr_t)l->args.list[i].value);
    }
    mem_free(l->args.list);
    mem_free(l->args.lines);
    mem_free(l->name);
    *l = (struct config_layer){0};
}

static void share_fini(struct config_share *s)
{
    for (uint32_t i = 0; i < s->filter_count; i++) {
        config_layer_fini(&s->filters[i]);
    }
    smb_admission_fini(&s->admission);
    config_layer_fini(&s->plugin);
    mem_free(s->filters);
    mem_free(s->name);
    mem_free(s->comment);
    mem_free(s->veto_files);
    mem_free(s->hide_files);
}

void config_free(struct config *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i < c->share_count; i++) {
        share_fini(&c->shares[i]);
    }
    mem_free(c->shares);
    mem_free(c->file);
    names_fini(&c->admins);
    smb_hosts_fini(&c->hosts);
    groups_fini(&c->groups);
    problems_fini(&c->remarks);
    mem_free(c->server_string);
    mem_free(c->users_file);
    mem_free(c->log_level);
    mem_free(c->log_file);
    mem_free(c->durable_file);
    mem_free(c->plugin_dir);
    mem_free(c->control_socket);
    mem_free(c);
}

bool config_set_string(char **slot, const char *value)
{
    char *copy = str_dup(value);
    if (!copy) {
        return false;
    }
    mem_free(*slot);
    *slot = copy;
    return true;
}

struct config_share *config_share_add(struct config *c, const char *name)
{
    struct config_share *shares = mem_realloc(c->shares, (c->share_count + 1) * sizeof(*shares));
    if (!shares) {
        return NULL;
    }
    c->shares = shares;
    struct config_share *s = &shares[c->share_count];
    *s = (struct config_share){.read_only = true, .browseable = true, .short_names = true};
    s->name = str_dup(name);
    s->comment = str_dup("");
    s->plugin.name = str_dup("dir");
    c->share_count++;
    if (!s->name || !s->comment || !s->plugin.name) {
        share_fini(s);
        c->share_count--;
        return NULL;
    }
    return s;
}

struct config_share *config_share_get(struct config *c, const char *name)
{
    for (size_t i = 0; i < c->share_count; i++) {
        if (utf8_ieq(c->shares[i].name, name)) {
            return &c->shares[i];
        }
    }
    return NULL;
}

static bool has_char(const char *set, char c)
{
    for (; *set; set++) {
        if (*set == c) {
            return true;
        }
    }
    return false;
}

const char *config_share_name_check(const char *name)
{
    static const char *const reserved[] = {"IPC$", "global", "homes", "printers", "print$"};
    if (*name == '\0') {
        return "a share name must not be empty";
    }
    if (!utf8_is_valid(name, str_len(name))) {
        return "a share name must be UTF-8";
    }
    if (utf16_len_bytes(name) / 2 > CONFIG_SHARE_NAME_MAX) {
        return "a share name has 80 characters at most";
    }
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p < 0x20 || has_char("\"/\\[]:|<>+=;,*?", *p)) {
            return "a share name must not contain control characters or any of \"/\\[]:|<>+=;,*?";
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (str_ieq(name, reserved[i])) {
            return "this share name is reserved";
        }
    }
    return NULL;
}

/* Room for one more. */
static bool args_grow(struct config_args *a)
{
    if (a->count >= CONFIG_ARGS_MAX) {
        return false;
    }
    struct smbkit_arg *list = mem_realloc(a->list, (a->count + 1) * sizeof(*list));
    a->list = list ? list : a->list;
    unsigned *lines = mem_realloc(a->lines, (a->count + 1) * sizeof(*lines));
    a->lines = lines ? lines : a->lines;
    return list && lines;
}

bool config_args_add(struct config_args *a, unsigned line, const char *key, const char *value)
{
    if (!args_grow(a)) {
        return false;
    }
    char *k = str_dup(key);
    char *v = str_dup(value);
    if (!k || !v) {
        mem_free(k);
        mem_free(v);
        return false;
    }
    a->lines[a->count] = line;
    a->list[a->count++] = (struct smbkit_arg){.key = k, .value = v};
    return true;
}

const char *config_args_get(const struct config_args *a, const char *key)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (str_eq(a->list[i].key, key)) {
            return a->list[i].value;
        }
    }
    return NULL;
}

bool config_add_user(struct names *list, const char *name)
{
    return list->count < CONFIG_USERS_MAX && names_add(list, name);
}

bool config_share_add_filter(struct config_share *s, struct config_layer *layer)
{
    if (s->filter_count + 1 >= VFS_LAYERS_MAX) {
        return false;
    }
    struct config_layer *filters =
        mem_realloc(s->filters, (s->filter_count + 1) * sizeof(*filters));
    if (!filters) {
        return false;
    }
    s->filters = filters;
    filters[s->filter_count++] = *layer;
    *layer = (struct config_layer){0};
    return true;
}
