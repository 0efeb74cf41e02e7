/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config_who.h"

#include "auth/users.h"
#include "base/addr.h"
#include "base/str.h"
#include "server/config_values.h"

struct words {
    struct names *list;
    char *err;
    bool takes_groups;
};

static bool add(const struct words *w, const char *word)
{
    return config_add_user(w->list, word) || value_refuse(w->err, "too many names");
}

/* "ann", "@staff"; smb.conf(5) has '+' and '&' for groups too. */
static bool add_user(void *arg, const char *word)
{
    struct words *w = arg;
    char group[USERS_NAME_MAX + 2];
    bool is_group = word[0] == '@' || word[0] == '+' || word[0] == '&';
    if (is_group && !w->takes_groups) {
        str_format(w->err, 256, "\"%s\": no groups here, only users", word);
        return false;
    }
    if (!users_is_name(is_group ? word + 1 : word)) {
        str_format(w->err, 256, "\"%s\" is no %s's name", word, is_group ? "group" : "user");
        return false;
    }
    str_format(group, sizeof(group), "@%s", word + 1);
    return add(w, is_group ? group : word);
}

static bool add_host(void *arg, const char *word)
{
    struct words *w = arg;
    if (!addr_is_pattern(word)) {
        str_format(w->err, 256,
                   "\"%s\" is no address: expected such as 192.0.2.7, 192.0.2., 192.0.2.0/24, "
                   "2001:db8::/32, ALL, EXCEPT",
                   word);
        return false;
    }
    return add(w, word);
}

static bool set_users(struct names *list, bool takes_groups, const char *value, char err[256])
{
    struct words w = {.list = list, .err = err, .takes_groups = takes_groups};
    return value_each_word(value, add_user, &w);
}

bool config_set_admin_users(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)s;
    return set_users(&c->admins, false, value, err);
}

bool config_set_valid_users(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    (void)c;
    s->admission.has_valid = true;
    return set_users(&s->admission.valid, true, value, err);
}

bool config_set_invalid_users(struct config *c, struct config_share *s, const char *value,
                              char err[256])
{
    (void)c;
    return set_users(&s->admission.invalid, true, value, err);
}

bool config_set_read_list(struct config *c, struct config_share *s, const char *value,
                          char err[256])
{
    (void)c;
    return set_users(&s->admission.reads, true, value, err);
}

bool config_set_write_list(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    (void)c;
    return set_users(&s->admission.writes, true, value, err);
}

static bool set_hosts(struct names *list, const char *value, char err[256])
{
    struct words w = {.list = list, .err = err};
    return value_each_word(value, add_host, &w);
}

/* s: NULL in [global]. */
bool config_set_hosts_allow(struct config *c, struct config_share *s, const char *value,
                            char err[256])
{
    return set_hosts(s ? &s->admission.hosts.allow : &c->hosts.allow, value, err);
}

bool config_set_hosts_deny(struct config *c, struct config_share *s, const char *value,
                           char err[256])
{
    return set_hosts(s ? &s->admission.hosts.deny : &c->hosts.deny, value, err);
}

struct member_words {
    struct groups *groups;
    const char *group;
    char *err;
};

static bool add_member(void *arg, const char *word)
{
    struct member_words *w = arg;
    if (!users_is_name(word)) {
        str_format(w->err, 256, "\"%s\" is no user's name", word);
        return false;
    }
    return groups_add(w->groups, w->group, word) || value_refuse(w->err, "too many names");
}

/* "staff: ann bob" */
bool config_set_group(struct config *c, struct config_share *s, const char *value, char err[256])
{
    char name[USERS_NAME_MAX + 1];
    size_t len = 0;
    (void)s;
    while (value[len] && value[len] != ':') {
        len++;
    }
    size_t end = len;
    while (end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t')) {
        end--;
    }
    str_format(name, sizeof(name), "%.*s", (int)MIN(end, sizeof(name)), value);
    if (!value[len] || end > USERS_NAME_MAX || !users_is_name(name)) {
        return value_refuse(err, "expected a group's name, a colon and its users: staff: ann bob");
    }
    struct member_words w = {.groups = &c->groups, .group = name, .err = err};
    return value_each_word(value + len + 1, add_member, &w);
}

bool config_is_list(config_set_fn *set)
{
    config_set_fn *const lists[] = {config_set_admin_users, config_set_group,
                                    config_set_valid_users, config_set_invalid_users,
                                    config_set_read_list,   config_set_write_list,
                                    config_set_hosts_allow, config_set_hosts_deny};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lists[i] == set) {
            return true;
        }
    }
    return false;
}
