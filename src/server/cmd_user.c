/* SPDX-License-Identifier: Apache-2.0 */
/* smbkit user: the users file. */
#include <errno.h>
#include <stdio.h>

#include "auth/users.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/str.h"
#include "os/os.h"
#include "os/process.h"
#include "rpc/accounts.h"
#include "server/args.h"
#include "server/cmd.h"
#include "server/config_values.h"
#include "server/users_store.h"

#define LOCK_TIMEOUT_MS 10000u

enum { OPT_FILE, OPT_PASSWORD_FILE };

static const struct arg_option options[] = {
    {"file", OPT_FILE, true},
    {"password-file", OPT_PASSWORD_FILE, true},
    {NULL, 0, false},
};

struct user_cmd {
    const char *action;
    const char *name;
    const char *groups; /* names with commas between */
    const char *password_file;
    const char *file_option;
    char *path; /* owned */
    struct users *users;
    int lock; /* of the file; -1: none */
};

/* ---- actions: an exit code each ---- */

static int save(const struct user_cmd *u)
{
    int err = users_file_write(u->path, u->users);
    if (err != 0) {
        char why[128];
        os_error_text(-err, why, sizeof(why));
        cmd_error("users file %s cannot be written: %s; --file names another", u->path, why);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static int set_password(struct user_cmd *u, bool disabled)
{
    char password[CMD_PASSWORD_SIZE];
    uint8_t hash[16];
    if (!cmd_password(u->password_file, u->name, true, password)) {
        return EXIT_FAILED;
    }
    smbkit_status status = users_nt_hash_from_password(password, hash);
    mem_wipe(password, sizeof(password));
    if (SMBKIT_OK(status)) {
        status = users_set(u->users, u->name, hash, disabled);
    }
    mem_wipe(hash, sizeof(hash));
    if (status == SMBKIT_STATUS_INVALID_PARAMETER) {
        cmd_error("the password must be UTF-8 of 256 characters at most");
        return EXIT_FAILED;
    }
    if (!SMBKIT_OK(status)) {
        cmd_error("user %s: %s", u->name,
                  status == SMBKIT_STATUS_OBJECT_NAME_COLLISION
                      ? "the name gives the identifier (RID) of another user; choose another name"
                      : smbkit_status_name(status));
        return EXIT_FAILED;
    }
    return save(u);
}

static int user_add(struct user_cmd *u)
{
    if (users_find(u->users, u->name)) {
        cmd_error("there is a user \"%s\" already; to change the password: smbkit user passwd %s",
                  u->name, u->name);
        return EXIT_FAILED;
    }
    if (!users_is_name(u->name)) {
        cmd_error("\"%s\" cannot be a user's name: " USERS_NAME_RULE, u->name);
        return EXIT_USAGE;
    }
    const char *objection = account_name_objection(u->name);
    if (objection) {
        cmd_error("\"%s\" cannot be a user's name: %s", u->name, objection);
        return EXIT_USAGE;
    }
    return set_password(u, false);
}

static const char *user_at(const void *arg, size_t i)
{
    const struct users *users = arg;
    return i < users_count(users) ? users_at(users, i)->name : NULL;
}

static int no_such_user(const struct user_cmd *u)
{
    const char *meant = closest_word(u->name, user_at, u->users);
    if (meant) {
        cmd_error("there is no user \"%s\" in %s; did you mean \"%s\"?", u->name, u->path, meant);
    } else {
        cmd_error("there is no user \"%s\" in %s", u->name, u->path);
    }
    return EXIT_FAILED;
}

static int user_passwd(struct user_cmd *u)
{
    const struct auth_user *known = users_find(u->users, u->name);
    return known ? set_password(u, known->disabled) : no_such_user(u);
}

static int user_del(struct user_cmd *u)
{
    return users_remove(u->users, u->name) ? save(u) : no_such_user(u);
}

static bool list_one(const struct user_cmd *u, const struct auth_user *user)
{
    const struct names *groups = users_groups_get(u->users, user->name);
    CLEANUP_MEM char *text = names_join(groups, ",");
    if (text) {
        cmd_line("%s  %u%s%s%s", user->name, user->rid, user->disabled ? "  disabled" : "",
                 groups->count > 0 ? "  groups " : "", text);
    }
    return text != NULL;
}

static int user_list(struct user_cmd *u)
{
    struct names names = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < users_count(u->users); i++) {
        ok = names_add(&names, users_at(u->users, i)->name);
    }
    names_sort(&names);
    for (size_t i = 0; ok && i < names.count; i++) {
        const struct auth_user *user = users_find(u->users, names.items[i]);
        ok = list_one(u, user);
    }
    names_fini(&names);
    if (!ok) {
        cmd_error("out of memory");
    }
    return ok ? EXIT_OK : EXIT_FAILED;
}

static bool add_group(void *arg, const char *word)
{
    return names_add(arg, word);
}

/* NULL: none of them. One that he is in already stays. */
static const char *taken_group(const struct user_cmd *u, const struct names *groups)
{
    const struct names *before = users_groups_get(u->users, u->name);
    for (size_t i = 0; before && i < groups->count; i++) {
        if (account_name_objection(groups->items[i]) && !names_have(before, groups->items[i])) {
            return groups->items[i];
        }
    }
    return NULL;
}

static int user_groups(struct user_cmd *u)
{
    struct names groups = {0};
    bool ok = value_each_word(u->groups, add_group, &groups);
    const char *taken = taken_group(u, &groups);
    if (taken) {
        cmd_error("\"%s\" cannot be a group's name: %s", taken, account_name_objection(taken));
        names_fini(&groups);
        return EXIT_USAGE;
    }
    smbkit_status status =
        ok ? users_groups_set(u->users, u->name, &groups) : SMBKIT_STATUS_NO_MEMORY;
    names_fini(&groups);
    if (status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return no_such_user(u);
    }
    if (!SMBKIT_OK(status)) {
        cmd_error(
            "groups \"%s\": %s", u->groups,
            status == SMBKIT_STATUS_OBJECT_NAME_INVALID      ? "a group's name has " USERS_NAME_RULE
            : status == SMBKIT_STATUS_INSUFFICIENT_RESOURCES ? "a user is in 32 groups at most"
                                                             : smbkit_status_name(status));
        return EXIT_FAILED;
    }
    return save(u);
}

static const struct action {
    const char *name;
    bool needs_name;
    bool needs_groups;
    bool makes_file; /* an absent file is an empty one */
    bool changes_file;
    int (*fn)(struct user_cmd *u);
} actions[] = {
    {"add", true, false, true, true, user_add},
    {"passwd", true, false, false, true, user_passwd},
    {"groups", true, true, false, true, user_groups},
    {"del", true, false, false, true, user_del},
    {"list", false, false, false, false, user_list},
    {NULL, false, false, false, false, NULL},
};

static const char *action_at(const void *arg, size_t i)
{
    const struct action *all = arg;
    return all[i].name;
}

/* ---- the whole ---- */

static bool parse(struct user_cmd *u, int argc, char **argv, int *code_r)
{
    struct args a = args_init(argc, argv, 1);
    for (int id = args_next(&a, options); id != ARGS_END; id = args_next(&a, options)) {
        if (id == ARGS_ERROR || (id == ARGS_WORD && u->groups)) {
            *code_r = cmd_usage("user", "%s", id == ARGS_ERROR ? a.err : "one NAME only");
            return false;
        }
        const char **slot = id == OPT_FILE            ? &u->file_option
                            : id == OPT_PASSWORD_FILE ? &u->password_file
                            : !u->action              ? &u->action
                            : !u->name                ? &u->name
                                                      : &u->groups;
        *slot = a.value;
    }
    return true;
}

static const struct action *find_action(const struct user_cmd *u, int *code_r)
{
    if (!u->action) {
        *code_r = cmd_usage("user", "add, passwd, groups, del or list?");
        return NULL;
    }
    for (const struct action *a = actions; a->name; a++) {
        if (!str_eq(a->name, u->action)) {
            continue;
        }
        if (a->needs_name == (u->name != NULL) && a->needs_groups == (u->groups != NULL)) {
            return a;
        }
        *code_r =
            cmd_usage("user", "user %s %s", a->name,
                      a->needs_groups ? "wants a NAME and its groups, as staff,office (\"\": none)"
                      : a->needs_name ? "wants one NAME"
                                      : "takes no NAME");
        return NULL;
    }
    const char *meant = closest_word(u->action, action_at, actions);
    *code_r =
        meant ? cmd_usage("user", "user knows no \"%s\"; did you mean \"%s\"?", u->action, meant)
              : cmd_usage("user", "user knows no \"%s\"; add, passwd, groups, del or list?",
                          u->action);
    return NULL;
}

/* What tells the SIDs of these users from those of all others; kept with them from now on. */
static void identity_make(struct users *users)
{
    uint8_t identity[USERS_IDENTITY_LEN];
    os_random(identity, sizeof(identity));
    if (users) {
        users_identity_set(users, identity);
    }
}

static bool open_file(struct user_cmd *u, const struct action *a)
{
    char err[512];
    int e = 0;
    u->path = u->file_option ? str_dup(u->file_option) : cmd_users_path(a->makes_file);
    if (!u->path) {
        cmd_error("out of memory");
        return false;
    }
    if (a->changes_file && os_file_lock(u->path, LOCK_TIMEOUT_MS, &u->lock) == -EAGAIN) {
        cmd_error("another smbkit user changes %s; wait until it has ended, and try again",
                  u->path);
        return false;
    } /* where nothing can be locked, reading tells why, or it goes without */
    u->users = users_file_read(u->path, &e, err, sizeof(err));
    if (!u->users && e == -ENOENT && a->makes_file) {
        u->users = users_new();
        str_copy(err, sizeof(err), "out of memory");
        identity_make(u->users);
    }
    if (!u->users) {
        cmd_error("%s", err);
    }
    return u->users != NULL;
}

int cmd_user(int argc, char **argv)
{
    struct user_cmd u = {.lock = -1};
    int code = EXIT_FAILED;
    const struct action *a = parse(&u, argc, argv, &code) ? find_action(&u, &code) : NULL;
    if (a) {
        code = open_file(&u, a) ? a->fn(&u) : EXIT_FAILED;
    }
    os_file_unlock(u.lock);
    users_free(u.users);
    mem_free(u.path);
    return code;
}
