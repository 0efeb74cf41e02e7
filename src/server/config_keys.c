/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of smbkit.conf(5): one table for the parser, its suggestions and the manual. Names are
 * those of smb.conf(5) where that has the same thing. */
#include "server/config.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "server/config_share_keys.h"
#include "server/config_values.h"
#include "server/config_who.h"
#include "smb/limits.h"

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

bool config_choose_encryption(const char *value, int *out, char err[256])
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
    if (!config_choose_encryption(value, &v, err)) {
        return false;
    }
    c->encryption = (enum smb_encryption)v;
    return true;
}

static bool set_multichannel(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    (void)s;
    return value_bool(&c->multichannel, value, err);
}

static bool add_channel(void *arg, const char *word)
{
    struct config *c = arg;
    return c->channel_count < CONFIG_CHANNELS_MAX &&
           config_channel_parse(word, &c->channels[c->channel_count]) && ++c->channel_count;
}

static bool set_channels(struct config *c, struct config_share *s, const char *value, char err[256])
{
    (void)s;
    c->channel_count = 0;
    return value_each_word(value, add_channel, c) ||
           value_refuse(err, "expected names of interfaces or addresses, such as "
                             "eth0;speed=10000000000;rss");
}

static bool set_users_file(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)s;
    return value_text(&c->users_file, value, err);
}

static bool set_test_fsctls(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    return value_bool(&c->test_fsctls, value, err);
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

static bool set_durable_timeout(struct config *c, struct config_share *s, const char *value,
                                char err[256])
{
    (void)s;
    return value_number(&c->durable_max_sec, value, 0, SMB_DURABLE_MAX_MS / 1000, err);
}

static bool set_durable_file(struct config *c, struct config_share *s, const char *value,
                             char err[256])
{
    (void)s;
    return value_text(&c->durable_file, value, err);
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
    {"server multi channel support", G, "yes|no", set_multichannel,
     "let a client's session use several connections; default: yes"},
    {"multi channel interfaces", G, "INTERFACE ...", set_channels,
     "what clients are told to connect to for that; default: all"},
    {"users file", G, "FILE", set_users_file, "users and their hashes, as smbkit user writes them"},
    {"admin users", G, "NAME ...", config_set_admin_users,
     "administrators: RPC lists, any owner, SACLs; default: nobody"},
    {"group", G, "NAME: USER ...", config_set_group,
     "a group of users, for lists as @NAME and for rights on files; a line for each"},
    {"hosts allow", G, "ADDRESS ...", config_set_hosts_allow,
     "whose connections are taken; default: everybody's"},
    {"allow hosts", G, NULL, config_set_hosts_allow, NULL},
    {"hosts deny", G, "ADDRESS ...", config_set_hosts_deny,
     "whose connections are refused, unless hosts allow names them"},
    {"deny hosts", G, NULL, config_set_hosts_deny, NULL},
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
    {"test fsctls", G, "yes|no", set_test_fsctls,
     "answer the control codes of smbtorture that disturb a connection; default: no"},
    {"durable timeout", G, "SECONDS", set_durable_timeout,
     "how long files stay open for a client whose connection was lost; default: 300"},
    {"durable handles file", G, "FILE", set_durable_file,
     "where they are kept over a restart; default: they are not"},
    {"plugin dir", G, "FOLDER", set_plugin_dir, "where plugins and filters are looked for first"},
    {"control socket", G, "FILE", set_control_socket, "what smbkit status asks"},

    {"path", S, "FOLDER", config_set_path, "what to share: the argument path of the plugin"},
    {"plugin", S, "NAME[:KEY=VALUE,...]", config_set_plugin, "where files come from; default: dir"},
    {"comment", S, "TEXT", config_set_comment, "what clients show beside the share"},
    {"read only", S, "yes|no", config_set_read_only, "refuse every change; default: yes"},
    {"writeable", S, "yes|no", config_set_writeable, "the opposite of read only"},
    {"writable", S, NULL, config_set_writeable, NULL},
    {"write ok", S, NULL, config_set_writeable, NULL},
    {"guest ok", S, "yes|no", config_set_guest_ok, "let guests connect; default: no"},
    {"public", S, NULL, config_set_guest_ok, NULL},
    {"valid users", S, "NAME|@GROUP ...", config_set_valid_users,
     "who may connect; default: every user"},
    {"invalid users", S, "NAME|@GROUP ...", config_set_invalid_users,
     "who may not connect, whatever valid users says"},
    {"read list", S, "NAME|@GROUP ...", config_set_read_list,
     "who may change nothing, though read only = no"},
    {"write list", S, "NAME|@GROUP ...", config_set_write_list,
     "who may change files, though read only = yes or read list names them"},
    {"hosts allow", S, "ADDRESS ...", config_set_hosts_allow,
     "from where it may be connected to; default: everywhere"},
    {"allow hosts", S, NULL, config_set_hosts_allow, NULL},
    {"hosts deny", S, "ADDRESS ...", config_set_hosts_deny,
     "from where it may not, unless hosts allow names them"},
    {"deny hosts", S, NULL, config_set_hosts_deny, NULL},
    {"browseable", S, "yes|no", config_set_browseable, "show it in lists of shares; default: yes"},
    {"browsable", S, NULL, config_set_browseable, NULL},
    {"smb encrypt", S, "off|required", config_set_share_encrypt,
     "refuse who does not encrypt; default: off"},
    {"new files", S, "shared|private", config_set_new_files,
     "whose is what a user makes: every user's, or the maker's alone; default: shared"},
    {"mangled names", S, "yes|no|illegal", config_set_mangled_names,
     "give files a short name (8.3) beside a long one; default: yes"},
    {"streams", S, "yes|no", config_set_streams, "let files have streams; default: yes"},
    {"veto files", S, "/NAME/.../", config_set_veto_files,
     "names that are as if they were not there, with * and ?"},
    {"hide files", S, "/NAME/.../", config_set_hide_files,
     "names that clients see as hidden files, with * and ?"},
    {"hide dot files", S, "yes|no", config_set_hide_dot_files,
     "the same of names that begin with a dot; default: no"},
    {"hide unreadable", S, "yes|no", config_set_hide_unreadable,
     "list only what the user may read; default: no"},
    {"change notify", S, "yes|no", config_set_change_notify,
     "tell clients what changes in a folder; default: yes"},
    {"msdfs root", S, "yes|no", config_set_msdfs_root,
     "let links to msdfs:SERVER\\SHARE lead clients there; default: no"},
    {"delayed write times", S, "yes|no", config_set_late_times,
     "tell write times late, as Windows did up to Server 2016; default: no"},
    {"acl flag inherited canonicalization", S, "yes|no", config_set_acl_canonical,
     "note that a DACL was inherited only for clients that ask for it; default: yes"},
    {"create mask", S, "OCTAL", config_set_create_mask,
     "bits that the mode of new files has at most, on this machine"},
    {"create mode", S, NULL, config_set_create_mask, NULL},
    {"directory mask", S, "OCTAL", config_set_directory_mask, "the same of new folders"},
    {"directory mode", S, NULL, config_set_directory_mask, NULL},
    {"force create mode", S, "OCTAL", config_set_force_create_mode, "bits that it has in any case"},
    {"force directory mode", S, "OCTAL", config_set_force_directory_mode,
     "the same of new folders"},
    {"inherit permissions", S, "yes|no", config_set_inherit_permissions,
     "take modes from the folder above; default: no"},
    {"force user", S, "NAME", config_set_force_user, "whose new files are on this machine"},
    {"force group", S, "NAME", config_set_force_group, "and which group's"},
    {"plugin may administer", S, "yes|no", config_set_plugin_admin,
     "let plugin and filters see and end sessions, and read the log; default: no"},
    {"filter", S, "NAME[:KEY=VALUE,...]", config_set_filter,
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
    if (key->set == config_set_writeable) {
        return config_key_find(CONFIG_SHARE, "read only");
    }
    while (!key->help) {
        key--;
    }
    return key;
}

bool config_key_adds_up(const struct config_key *key)
{
    return key->set == config_set_filter || config_is_list(key->set) ||
           key->set == config_set_path; /* its argument is looked at instead */
}

bool config_key_names_layer(const struct config_key *key)
{
    return key->set == config_set_path || key->set == config_set_plugin ||
           key->set == config_set_filter;
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

static const char *name_in_scope(const void *arg, size_t i)
{
    const enum config_scope *scope = arg;
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        if (keys[k].scope == *scope && i-- == 0) {
            return keys[k].name;
        }
    }
    return NULL;
}

const char *config_key_closest(enum config_scope scope, const char *name)
{
    return closest_word(name, name_in_scope, &scope);
}
