/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of smbkit.conf(5): one table for the parser, its suggestions and the manual. Names are
 * those of smb.conf(5) where that has the same thing. */
#include "server/config.h"

#include "auth/users.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "server/config_values.h"

/* ---- [global] ---- */

static bool set_server_string(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    (void)s;
    return str_len(value) < 64 ? value_text(&c->server_string, value, err)
                               : value_refuse(err, "63 bytes at most");
}

static bool set_netbios(char out[16], const char *value, char err[256])
{
    size_t n = str_len(value);
    if (n == 0 || n > 15) {
        return value_refuse(err, "expected a name of 1 to 15 characters");
    }
    for (size_t i = 0; i <= n; i++) {
        unsigned char ch = (unsigned char)value[i];
        if (ch >= 0x80 || (ch && ch <= ' ') || ch == '\\' || ch == '/' || ch == ':' || ch == '*') {
            return value_refuse(err, "expected letters, digits and hyphens only");
        }
        out[i] = ch >= 'a' && ch <= 'z' ? (char)(ch - 'a' + 'A') : (char)ch;
    }
    return true;
}

static bool set_netbios_name(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    (void)s;
    return set_netbios(c->netbios_name, value, err);
}

static bool set_workgroup(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    (void)s;
    return set_netbios(c->workgroup, value, err);
}

static bool add_listen(void *arg, const char *word)
{
    struct config *c = arg;
    /* Port 0 here: "smb ports" may stand further below. */
    return c->listen_count < CONFIG_LISTEN_MAX &&
           net_addr_parse(word, 0, &c->listen[c->listen_count]) && ++c->listen_count;
}

static bool set_listen(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)s;
    c->listen_count = 0;
    return value_each_word(value, add_listen, c) ||
           value_refuse(err, "expected numeric addresses, such as 192.0.2.1 or [2001:db8::1]:445");
}

static bool set_port(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)s;
    unsigned port = 0;
    if (!value_number(&port, value, 1, UINT16_MAX, err)) {
        return false;
    }
    c->port = (uint16_t)port;
    return true;
}

static const struct value_word dialects[] = {
    {"SMB2", 0x0202},    {"SMB2_02", 0x0202}, {"SMB2_10", 0x0210}, {"SMB3", 0x0311},
    {"SMB3_00", 0x0300}, {"SMB3_02", 0x0302}, {"SMB3_11", 0x0311}, {NULL, 0},
};

static bool set_dialect_min(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    int v = 0;
    if (!value_choose(dialects, value, &v, err)) {
        return false;
    }
    /* The family's name means its first member as a minimum. */
    c->dialect_min = str_ieq(value, "SMB3") ? 0x0300 : (uint16_t)v;
    return true;
}

static bool set_dialect_max(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    int v = 0;
    if (!value_choose(dialects, value, &v, err)) {
        return false;
    }
    c->dialect_max = str_ieq(value, "SMB2") ? 0x0210 : (uint16_t)v;
    return true;
}

static bool set_signing(struct config *c, struct config_share *s, const char *value, char err[256])
{
    static const struct value_word words[] = {
        {"mandatory", 1}, {"auto", 0}, {"required", 1}, {NULL, 0}};
    (void)s;
    int v = 0;
    if (!value_choose(words, value, &v, err)) {
        return false;
    }
    c->signing_required = v != 0;
    return true;
}

static bool choose_encryption(const char *value, int *out, char err[256])
{
    static const struct value_word words[] = {{"off", SMB_ENCRYPT_OFF},
                                              {"desired", SMB_ENCRYPT_DESIRED},
                                              {"required", SMB_ENCRYPT_REQUIRED},
                                              {NULL, 0}};
    return value_choose(words, value, out, err);
}

static bool set_encrypt(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)s;
    int v = 0;
    if (!choose_encryption(value, &v, err)) {
        return false;
    }
    c->encryption = (enum smb_encryption)v;
    return true;
}

static bool set_users_file(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)s;
    return value_text(&c->users_file, value, err);
}

static bool set_map_to_guest(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    static const struct value_word words[] = {{"never", 0}, {"bad user", 1}, {NULL, 0}};
    (void)s;
    int v = 0;
    if (!value_choose(words, value, &v, err)) {
        return false;
    }
    c->allow_guest = v != 0;
    return true;
}

/* Samba's word: 0 lets the nameless in, 2 does not. */
static bool set_restrict_anonymous(struct config *c, struct config_share *s, const char *value,
                                   char err[256])
{
    static const struct value_word words[] = {{"0", 0}, {"2", 2}, {NULL, 0}};
    (void)s;
    int v = 0;
    if (!value_choose(words, value, &v, err)) {
        return false;
    }
    c->allow_anonymous = v == 0;
    c->refuse_anonymous = v != 0;
    return true;
}

static const char *level_at(const void *arg, size_t i)
{
    (void)arg;
    return i <= LOG_TRACE ? log_level_name((enum log_level)i) : NULL;
}

static bool set_log_level(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    (void)s;
    /* Parsing sets the levels at once; that is harmless for "check" and wanted for "run". */
    if (log_levels_parse(value)) {
        return value_text(&c->log_level, value, err);
    }
    const char *meant = closest_word(value, level_at, NULL);
    str_format(err, 256, "expected error, warn, info, debug or trace, or module:level,...%s%s%s",
               meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
    return false;
}

static bool set_log_file(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)s;
    return value_text(&c->log_file, value, err);
}

static bool set_log_format(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    static const struct value_word words[] = {
        {"text", CONFIG_LOG_TEXT}, {"json", CONFIG_LOG_JSON}, {NULL, 0}};
    (void)s;
    int v = 0;
    if (!value_choose(words, value, &v, err)) {
        return false;
    }
    c->log_format = (enum config_log_format)v;
    return true;
}

static bool set_connections_max(struct config *c, struct config_share *s, const char *value,
                                char err[256])
{
    (void)s;
    return value_number(&c->connections_max, value, 1, 1000000, err);
}

static bool set_connections_per_address(struct config *c, struct config_share *s, const char *value,
                                        char err[256])
{
    (void)s;
    return value_number(&c->connections_per_address_max, value, 1, 1000000, err);
}

static bool set_workers_max(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    return value_number(&c->workers_max, value, 1, 4096, err);
}

static bool set_credits_max(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    return value_number(&c->credits_max, value, 64, 8192, err);
}

static bool set_transact_max(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    (void)s;
    uint64_t n = 0;
    if (!str_to_size(value, &n) || n < CONFIG_TRANSACT_MIN || n > CONFIG_TRANSACT_MAX) {
        return value_refuse(err, "expected a size from 64k to 8M");
    }
    c->transact_max_bytes = (uint32_t)n;
    return true;
}

static bool set_plugin_dir(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)s;
    return value_text(&c->plugin_dir, value, err);
}

static bool set_control_socket(struct config *c, struct config_share *s, const char *value,
                               char err[256])
{
    (void)s;
    return value_text(&c->control_socket, value, err);
}

/* ---- shares ---- */

static bool set_path(struct config *c, struct config_share *s, const char *value, char err[256])
{
    s->plugin.line = c->line;
    return config_args_add(&s->plugin.args, c->line, "path", value) ||
           value_refuse(err, "too many arguments");
}

static bool set_plugin(struct config *c, struct config_share *s, const char *value, char err[256])
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

static bool set_comment(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)c;
    return value_text(&s->comment, value, err);
}

static bool set_read_only(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    (void)c;
    return value_bool(&s->read_only, value, err);
}

static bool set_writeable(struct config *c, struct config_share *s, const char *value,
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

static bool set_guest_ok(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)c;
    return value_bool(&s->guest_ok, value, err);
}

static bool set_plugin_admin(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    (void)c;
    return value_bool(&s->plugin_admin, value, err);
}

struct user_words {
    struct names *list;
    char *err;
};

static bool add_user(void *arg, const char *word)
{
    struct user_words *w = arg;
    if (!users_is_name(word)) {
        str_format(w->err, 256, "\"%s\" is no user's name; groups are not known", word);
        return false;
    }
    return config_add_user(w->list, word) || value_refuse(w->err, "too many users");
}

static bool set_admin_users(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    struct user_words words = {.list = &c->admins, .err = err};
    return value_each_word(value, add_user, &words);
}

static bool set_valid_users(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)c;
    s->has_users = true;
    struct user_words words = {.list = &s->users, .err = err};
    return value_each_word(value, add_user, &words);
}

static bool set_browseable(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)c;
    return value_bool(&s->browseable, value, err);
}

static bool set_share_encrypt(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    (void)c;
    int v = 0;
    if (!choose_encryption(value, &v, err)) {
        return false;
    }
    if (v == SMB_ENCRYPT_DESIRED) {
        return value_refuse(err, "a share knows off and required; desired is for [global]");
    }
    s->encrypt = v == SMB_ENCRYPT_REQUIRED;
    return true;
}

static bool set_new_files(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    static const struct value_word words[] = {{"shared", 0}, {"private", 1}, {NULL, 0}};
    (void)c;
    int v = 0;
    if (!value_choose(words, value, &v, err)) {
        return false;
    }
    s->private_files = v != 0;
    return true;
}

static bool set_filter(struct config *c, struct config_share *s, const char *value, char err[256])
{
    struct config_layer layer;
    bool is_clear = config_layer_parse(value, &layer, err);
    layer.line = c->line;
    layer.lacks_args = !is_clear;
    bool ok = !layer.name || config_share_add_filter(s, &layer);
    config_layer_fini(&layer);
    return is_clear && (ok || value_refuse(err, "too many filters"));
}

/* ---- the table ---- */

#define G CONFIG_GLOBAL
#define S CONFIG_SHARE

static const struct config_key keys[] = {
    {"server string", G, "TEXT", set_server_string, "what clients show beside the server's name"},
    {"netbios name", G, "NAME", set_netbios_name, "the server's name; default: the host's"},
    {"workgroup", G, "NAME", set_workgroup, "the workgroup that clients show; default: WORKGROUP"},
    {"listen", G, "ADDRESS ...", set_listen, "addresses to listen on; default: all"},
    {"interfaces", G, NULL, set_listen, NULL},
    {"bind address", G, NULL, set_listen, NULL},
    {"smb ports", G, "PORT", set_port, "the port; default: 445"},
    {"port", G, NULL, set_port, NULL},
    {"server min protocol", G, "DIALECT", set_dialect_min,
     "oldest dialect spoken; default: SMB2_02"},
    {"min protocol", G, NULL, set_dialect_min, NULL},
    {"server max protocol", G, "DIALECT", set_dialect_max,
     "newest dialect spoken; default: SMB3_11"},
    {"max protocol", G, NULL, set_dialect_max, NULL},
    {"server signing", G, "mandatory|auto", set_signing,
     "whether clients must sign; default: mandatory"},
    {"server smb encrypt", G, "off|desired|required", set_encrypt,
     "encrypt sessions; default: off"},
    {"smb encrypt", G, NULL, set_encrypt, NULL},
    {"users file", G, "FILE", set_users_file, "users and their hashes, as smbkit user writes them"},
    {"admin users", G, "NAME ...", set_admin_users,
     "administrators: RPC lists, any owner, SACLs; default: nobody"},
    {"restrict anonymous", G, "0|2", set_restrict_anonymous,
     "0 lets in who gives no name at all; default: 2"},
    {"map to guest", G, "never|bad user", set_map_to_guest,
     "whether unknown users become guests; default: never"},
    {"log level", G, "LEVEL", set_log_level, "LEVEL or MODULE:LEVEL,...; default: info"},
    {"log file", G, "FILE", set_log_file, "stderr, syslog or a path; default: stderr"},
    {"log format", G, "text|json", set_log_format, "how a line of the log looks; default: text"},
    {"max connections", G, "NUMBER", set_connections_max, "of all clients; default: 4096"},
    {"max connections per address", G, "NUMBER", set_connections_per_address,
     "of one address; default: 256"},
    {"max workers", G, "NUMBER", set_workers_max, "threads for calls that may block; default: 64"},
    {"max credits", G, "NUMBER", set_credits_max,
     "requests under way on a connection; default: 8192"},
    {"max transact", G, "SIZE", set_transact_max,
     "largest read, write or other payload; default: 8M"},
    {"plugin dir", G, "FOLDER", set_plugin_dir, "where plugins and filters are looked for first"},
    {"control socket", G, "FILE", set_control_socket, "what smbkit status asks"},

    {"path", S, "FOLDER", set_path, "what to share: the argument path of the plugin"},
    {"plugin", S, "NAME[:KEY=VALUE,...]", set_plugin, "where files come from; default: dir"},
    {"comment", S, "TEXT", set_comment, "what clients show beside the share"},
    {"read only", S, "yes|no", set_read_only, "refuse every change; default: yes"},
    {"writeable", S, "yes|no", set_writeable, "the opposite of read only"},
    {"writable", S, NULL, set_writeable, NULL},
    {"write ok", S, NULL, set_writeable, NULL},
    {"guest ok", S, "yes|no", set_guest_ok, "let guests connect; default: no"},
    {"public", S, NULL, set_guest_ok, NULL},
    {"valid users", S, "NAME ...", set_valid_users, "who may connect; default: every user"},
    {"browseable", S, "yes|no", set_browseable, "show it in lists of shares; default: yes"},
    {"browsable", S, NULL, set_browseable, NULL},
    {"smb encrypt", S, "off|required", set_share_encrypt,
     "refuse who does not encrypt; default: off"},
    {"new files", S, "shared|private", set_new_files,
     "whose is what a user makes: every user's, or the maker's alone; default: shared"},
    {"plugin may administer", S, "yes|no", set_plugin_admin,
     "let plugin and filters see and end sessions, and read the log; default: no"},
    {"filter", S, "NAME[:KEY=VALUE,...]", set_filter,
     "a layer over the plugin; may stand more than once, outermost first"},
};

#undef G
#undef S

const struct config_key *config_key_at(size_t i)
{
    return i < ARRAY_LEN(keys) ? &keys[i] : NULL;
}

_Static_assert(ARRAY_LEN(keys) <= CONFIG_KEYS_MAX, "parsers keep a line for each");

const struct config_key *config_key_main(const struct config_key *key)
{
    if (key->set == set_writeable) {
        return config_key_find(CONFIG_SHARE, "read only");
    }
    while (!key->help) {
        key--;
    }
    return key;
}

bool config_key_adds_up(const struct config_key *key)
{
    return key->set == set_filter || key->set == set_valid_users || key->set == set_admin_users ||
           key->set == set_path; /* its argument is looked at instead */
}

bool config_key_names_layer(const struct config_key *key)
{
    return key->set == set_path || key->set == set_plugin || key->set == set_filter;
}

static char next_letter(const char **p)
{
    while (**p == ' ' || **p == '\t') {
        (*p)++;
    }
    char c = **p;
    *p += c != '\0';
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same_key(const char *a, const char *b)
{
    for (;;) {
        char x = next_letter(&a);
        if (x != next_letter(&b)) {
            return false;
        }
        if (x == '\0') {
            return true;
        }
    }
}

const struct config_key *config_key_find(enum config_scope scope, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].scope == scope && is_same_key(keys[i].name, name)) {
            return &keys[i];
        }
    }
    return NULL;
}
