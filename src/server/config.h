/* SPDX-License-Identifier: Apache-2.0 */
/* What the server is to do: from a configuration file (config.c) or from a command line
 * (cmd_serve.c). */
#pragma once

#include <smbkit/plugin.h>

#include "auth/groups.h"
#include "base/names.h"
#include "net/net.h"
#include "rpc/rpc.h"
#include "server/problems.h"
#include "smb/smb.h"

#define CONFIG_LISTEN_MAX 16       /* addresses to listen on */
#define CONFIG_CHANNELS_MAX 32     /* words of "multi channel interfaces" */
#define CONFIG_SHARES_MAX 1024     /* shares of one server */
#define CONFIG_USERS_MAX 4096      /* names in one list of users, addresses in one of hosts */
#define CONFIG_ARGS_MAX 256        /* arguments of a plugin or filter */
#define CONFIG_PATTERNS_MAX 257    /* slashes of "veto files" and the like */
#define CONFIG_PLUGINS_MAX 64      /* of the program itself */
#define CONFIG_FILE_MAX (4u << 20) /* bytes of a configuration file */
#define CONFIG_LINE_MAX                                                                            \
    8192                   /* of libinih's buffer, where it can be told: a path has up to 4096     \
                            */
#define CONFIG_KEYS_MAX 96 /* rows of the table of keys */
#define CONFIG_PORT_DEFAULT 445
/* What is tried when 445 cannot be had. */
#define CONFIG_PORT_AUTO_FIRST 4450
#define CONFIG_PORT_AUTO_LAST 4499
#define CONFIG_CONNECTIONS_DEFAULT 4096
/* Windows and multichannel clients use up to 32 connections; a NAT hides many clients behind one
 * address. */
#define CONFIG_CONNECTIONS_PER_ADDRESS_DEFAULT 256
#define CONFIG_WORKERS_DEFAULT 64
#define CONFIG_TRANSACT_MIN (64u << 10)
#define CONFIG_TRANSACT_MAX (8u << 20)
#define CONFIG_TRANSACT_DEFAULT (8u << 20)
#define CONFIG_CREDITS_DEFAULT 8192
#define CONFIG_SHARE_NAME_MAX                                                                      \
    80 /* [MS-SMB2] 2.2.9: UTF-16 units of a share name as clients accept them */

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

/* key=value arguments; each string owned. */
struct config_args {
    struct smbkit_arg *list;
    unsigned *lines; /* of the file, of each; 0: not from a line of its own */
    uint32_t count;
};

/* A plugin or filter with its arguments. */
struct config_layer {
    char *name;
    struct config_args args;
    unsigned line;   /* where it is named; 0: nowhere */
    bool is_unclear; /* what it is was not understood, and that was told: not to be tried */
    bool lacks_args; /* the same of some of its arguments: what it misses is no news */
};

struct config_share {
    char *name;
    char *comment;
    struct config_layer plugin;
    struct config_layer *filters; /* outermost first */
    uint32_t filter_count;
    bool read_only;
    bool guest_ok;
    bool browseable;
    bool encrypt;
    uint32_t habits;   /* enum vfs_habit */
    bool plugin_admin; /* "plugin may administer" */
    bool short_names;  /* "mangled names" */
    bool dfs_root;     /* "msdfs root" */
    bool no_streams;
    char *veto_files; /* NULL: none, as the next */
    char *hide_files;
    struct smb_admission admission;
    unsigned line;   /* where its section begins; 0: not from a file */
    bool is_unclear; /* not all that it is made of was understood, and that was told */
};

/* A word of "multi channel interfaces". */
struct config_channel {
    char name[NET_ADDR_TEXT_SIZE]; /* of an interface, or a numeric address */
    uint64_t speed_bps;            /* 0: as the system says */
    bool has_rss;                  /* whatever the system says */
};

struct config {
    char *file;    /* that it comes from; NULL: none */
    unsigned line; /* of the key that is being set */
    char *server_string;
    char netbios_name[16];
    char workgroup[16];
    struct net_addr listen[CONFIG_LISTEN_MAX];
    unsigned listen_count; /* 0: every address */
    /* Sockets that listen already, in place of those addresses: of who started the process. */
    int64_t ready[CONFIG_LISTEN_MAX];
    unsigned ready_count;
    uint16_t port;     /* for addresses without one */
    bool port_is_auto; /* where none is given (0): 445 if it can be had, else one from 4450 up */
    uint16_t dialect_min;
    uint16_t dialect_max;
    bool signing_required;
    enum smb_encryption encryption;
    bool test_fsctls;
    bool allow_guest;
    bool allow_anonymous;
    bool refuse_anonymous; /* that was said, not only the default */
    struct names admins;   /* "admin users" */
    bool multichannel;     /* "server multi channel support" */
    struct config_channel channels[CONFIG_CHANNELS_MAX];
    unsigned channel_count; /* 0: every interface */
    struct smb_hosts hosts; /* "hosts allow", "hosts deny" */
    struct groups groups;   /* "group" */
    char *users_file;
    char *log_level;
    char *log_file; /* "stderr", "syslog" or a path */
    enum config_log_format log_format;
    unsigned connections_max;
    unsigned connections_per_address_max;
    unsigned workers_max;
    unsigned credits_max;
    uint32_t transact_max_bytes;
    unsigned durable_max_sec; /* "durable timeout" */
    char *durable_file;       /* "durable handles file"; NULL: none */
    char *plugin_dir;         /* NULL: the built-in one alone */
    char *control_socket;     /* NULL: the default */
    struct config_share *shares;
    size_t share_count;
    bool has_sections; /* there is something in the file */
    /* ---- of a server in a program (embed.c), which no file says ---- */
    bool is_embedded; /* signals are the program's */
    bool own_loop;    /* and so is the one loop */
    const struct smbkit_plugin *(*plugins[CONFIG_PLUGINS_MAX])(const struct smbkit_host_table *api);
    unsigned plugin_count;
    void (*log_fn)(void *arg, uint32_t level, const char *line); /* NULL: to log_file */
    void *log_arg;
    struct problems remarks; /* what its lines say that is hardly meant */
};

/* The defaults; netbios_name from the host's name. NULL without memory. */
NODISCARD struct config *config_new(void);
void config_free(struct config *c); /* NULL allowed */
CLEANUP_DEFINE(config_free, struct config *)

/* ---- channels.c: what clients are told to make further channels to ---- */

#define CONFIG_INTERFACES_MAX 64 /* addresses of the host */
/* NAME or ADDRESS, then any of ";speed=BITS" (each second) and ";rss". */
NODISCARD bool config_channel_parse(const char *word, struct config_channel *out);
/* Of these addresses, those that are listened on and are named, or that nothing is named: without
 * loopback, unless that leaves none. out: room for as many. */
struct os_interface;
size_t config_channels(const struct config *c, const struct os_interface *list, size_t count,
                       struct smb_interface *out);
/* Of the host's as they are now. arg: a const struct config. For smb_config.interfaces. */
size_t config_channels_now(void *arg, struct smb_interface *out, size_t max);

/* Append a share of this name with the defaults (read only, as Samba). Borrowed until the next add;
 * NULL without memory. */
NODISCARD struct config_share *config_share_add(struct config *c, const char *name);
struct config_share *config_share_get(struct config *c, const char *name); /* case ignored */
/* NULL: a good share name; else what is wrong with it. */
const char *config_share_name_check(const char *name);
/* line: of the file; 0: none. */
NODISCARD bool config_args_add(struct config_args *a, unsigned line, const char *key,
                               const char *value);
const char *config_args_get(const struct config_args *a, const char *key);
NODISCARD bool config_set_string(char **slot, const char *value);
/* To "valid users", "hosts allow" and the like. False: too many, or no memory. */
NODISCARD bool config_add_user(struct names *list, const char *name);
/* An owned layer is moved into the share. */
NODISCARD bool config_share_add_filter(struct config_share *s, struct config_layer *layer);
void config_layer_fini(struct config_layer *l);

/* Parse text as the file `file`; every problem is told as "FILE:LINE: ...". NULL when there was
 * any. */
NODISCARD struct config *config_parse(const char *file, const char *text,
                                      struct problems *problems);
/* Read and parse. A file that cannot be read is a problem too. */
NODISCARD struct config *config_load(const char *file, struct problems *problems);
/* The same, to look further at what was understood in spite of problems. NULL: nothing was. */
NODISCARD struct config *config_load_part(const char *file, struct problems *problems);

/* What is not wrong but hardly meant, such as a server that nobody can log in to: the remarks of
 * the file's lines, and keys that do nothing or gainsay each other. user_known: is there a user of
 * this name; user_count: how many there are. */
struct config_users {
    size_t user_count;
    bool (*user_known)(void *arg, const char *name);
    bool (*group_known)(void *arg, uint32_t rid); /* is one of the users in it? */
    /* All of them, and their groups. NULL: not to be had. */
    void (*each)(void *arg, bool (*fn)(void *fn_arg, const struct rpc_user *user), void *fn_arg);
    void *arg;
};
void config_notes(const struct config *c, const struct config_users *users, struct problems *notes);

/* ---- the keys: config_keys.c ---- */

enum config_scope { CONFIG_GLOBAL, CONFIG_SHARE };

struct config_key {
    const char *name;
    enum config_scope scope;
    const char *type; /* as the manual names it */
    /* s is NULL for global keys. False: err says what the value should be. */
    bool (*set)(struct config *c, struct config_share *s, const char *value, char err[256]);
    const char *help; /* one line; NULL: another name of the key before */
};
/* In the manual's order; NULL at the end. */
const struct config_key *config_key_at(size_t i);
/* The key that it is another name of, or the opposite; the first of them itself. Keys with the same
 * one set the same thing. */
const struct config_key *config_key_main(const struct config_key *key);
/* May it stand more than once, each line counting? */
bool config_key_adds_up(const struct config_key *key);
/* Is it about what a share is made of: its plugin, arguments, filters? */
bool config_key_names_layer(const struct config_key *key);
/* Case and blanks are ignored, as Samba does. */
const struct config_key *config_key_find(enum config_scope scope, const char *name);
/* The key that is meant, perhaps. NULL: none is near. */
const char *config_key_closest(enum config_scope scope, const char *name);

/* ---- specs: share_spec.c ---- */

/* "NAME:key=value,key=value" or "NAME"; ",," in a value stands for a comma. The layer is owned by
 * the caller, also on failure: then it has what was understood, nothing if there is no name. */
NODISCARD bool config_layer_parse(const char *spec, struct config_layer *out, char err[256]);
/* What config_layer_parse said, for who does not see the spec: with it, and how a "plugin" or
 * "filter" is written. False always. */
bool config_layer_explain(const char *kind, const char *spec, char err[256]);
/* Split "[NAME=]PATH|PLUGIN:[ARGS]" and append the share. */
NODISCARD bool config_share_parse(struct config *c, const char *spec, char err[256]);
/* The way back: a word that gives the share's name, plugin and arguments whoever reads it, wherever
 * he is. Owned; NULL without memory. */
NODISCARD char *config_share_spec(const struct config_share *s);
/* "KEY=VALUE" or "KEY = VALUE", with a key of a share. */
NODISCARD bool config_share_setting(struct config *c, struct config_share *s, const char *setting,
                                    char err[256]);
