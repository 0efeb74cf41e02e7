/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include "auth/users.h"
#include "base/str.h"
#include "base/utf.h"
#include "rpc/accounts.h"

static void note_guests_of(const struct config *c, const struct config_share *s,
                           struct problems *notes)
{
    if (!c->allow_guest && !c->allow_anonymous) {
        problems_add(notes,
                     "share \"%s\": guest ok does nothing while map to guest is never; set map to "
                     "guest = bad user in [global]",
                     s->name);
        return;
    }
    if (s->admission.has_valid) {
        problems_add(notes,
                     "share \"%s\": guest ok lets guests in whom valid users does not name; take "
                     "one of the two away",
                     s->name);
    }
    /* [MS-SMB2] 3.3.5.5.3: a guest has no key. */
    if (s->encrypt) {
        problems_add(notes,
                     "share \"%s\": guests cannot encrypt: smb encrypt = required keeps them out "
                     "in spite of guest ok",
                     s->name);
    }
}

static void note_guests(const struct config *c, struct problems *notes)
{
    bool any = false;
    for (size_t i = 0; i < c->share_count; i++) {
        any = any || c->shares[i].guest_ok;
        if (c->shares[i].guest_ok) {
            note_guests_of(c, &c->shares[i], notes);
        }
    }
    if (c->allow_guest && c->refuse_anonymous) {
        problems_add(notes, "restrict anonymous = 2 does nothing: map to guest = bad user lets in "
                            "who gives no name, too");
    }
    if (c->allow_guest && !any) {
        problems_add(notes, "guests may log in, but no share has guest ok = yes");
    }
    if (c->allow_guest && c->encryption == SMB_ENCRYPT_REQUIRED) {
        problems_add(notes, "guests cannot encrypt: server smb encrypt = required keeps them out");
    }
}

/* [MS-SMB2] 3.3.5.5.3: dialects before 3.0 cannot encrypt. */
static void note_encryption(const struct config *c, struct problems *notes)
{
    static const char why[] = "server max protocol allows only dialects that cannot encrypt";
    if (c->dialect_max >= 0x0300) {
        return;
    }
    if (c->encryption != SMB_ENCRYPT_OFF) {
        problems_add(notes, "server smb encrypt = %s: %s",
                     c->encryption == SMB_ENCRYPT_REQUIRED ? "required keeps everybody out"
                                                           : "desired does nothing",
                     why);
    }
    for (size_t i = 0; i < c->share_count; i++) {
        if (c->shares[i].encrypt) {
            problems_add(notes, "share \"%s\": smb encrypt = required keeps everybody out: %s",
                         c->shares[i].name, why);
        }
    }
}

/* The filter moves what is removed, so that one below it sees nothing of that, but what is removed
 * from the bin: it would be kept again, in another one. */
static void note_bins(const struct config_share *s, struct problems *notes)
{
    unsigned count = 0;
    for (size_t i = 0; i < s->filter_count; i++) {
        count += str_eq(s->filters[i].name, "recycle") ? 1 : 0;
    }
    char times[32] = "twice";
    if (count > 2) {
        str_format(times, sizeof(times), "%u times", count);
    }
    if (count > 1) {
        problems_add(notes,
                     "share \"%s\": filter = recycle is named %s: only the first keeps what is "
                     "removed, and what is removed from its folder goes to the next one's; leave "
                     "one",
                     s->name, times);
    }
}

/* " --file FILE" where the users are not in the default place. */
static const char *file_option(const struct config *c, char *buf, size_t size)
{
    if (!c->users_file) {
        return "";
    }
    str_format(buf, size, " --file %s", c->users_file);
    return buf;
}

struct taken {
    const struct config *c;
    struct problems *notes;
};

/* [MS-LSAT] 3.1.4.5: a name alone that is a domain's, as the server's is, means the domain. */
static void note_taken_name(const struct taken *t, const char *kind, const char *name)
{
    const char *objection = utf8_ieq(name, t->c->netbios_name)
                                ? "the server is called so, and is found by it in place of this "
                                  "one; choose another name, or another netbios name"
                                : account_name_objection(name);
    if (objection) {
        problems_add(t->notes, "%s \"%s\": %s", kind, name, objection);
    }
}

static bool note_taken(void *arg, const struct rpc_user *who)
{
    const struct taken *t = arg;
    if (!who->is_group) {
        note_taken_name(t, "user", who->name);
    } else if (!groups_find_rid(&t->c->groups, who->rid)) {
        note_taken_name(t, "group", who->name);
    }
    return true;
}

/* Names that lsarpc gives to others. Who has had one so far is let in all the same. */
static void note_taken_names(const struct config *c, const struct config_users *users,
                             struct problems *notes)
{
    struct taken t = {c, notes};
    for (size_t i = 0; i < c->groups.count; i++) {
        note_taken_name(&t, "group", c->groups.items[i].name);
    }
    if (users->each) {
        users->each(users->arg, note_taken, &t);
    }
}

static void note_unknown_group(const struct config *c, const struct config_users *users,
                               const char *group, const char *before, struct problems *notes)
{
    uint32_t rid = users_rid_of_group(group);
    if (!groups_find_rid(&c->groups, rid) && !users->group_known(users->arg, rid)) {
        problems_add(notes,
                     "%s: nobody is in the group \"%s\"; put users into it with: group = %s: USER "
                     "... in [global], or smbkit user groups NAME %s",
                     before, group, group, group);
    }
}

/* before: whose list it is. */
static void note_unknown(const struct config *c, const struct config_users *users,
                         const struct names *list, const char *before, struct problems *notes)
{
    char file[512];
    for (size_t k = 0; k < list->count; k++) {
        if (list->items[k][0] == '@') {
            note_unknown_group(c, users, list->items[k] + 1, before, notes);
        } else if (!users->user_known(users->arg, list->items[k])) {
            problems_add(notes, "%s: there is no user \"%s\"; add one with: smbkit user add%s %s",
                         before, list->items[k], file_option(c, file, sizeof(file)),
                         list->items[k]);
        }
    }
}

static void note_share_users(const struct config *c, const struct config_users *users,
                             const struct config_share *s, struct problems *notes)
{
    const struct smb_admission *a = &s->admission;
    const struct {
        const char *key;
        const struct names *list;
    } lists[] = {{"valid users", &a->valid},
                 {"invalid users", &a->invalid},
                 {"read list", &a->reads},
                 {"write list", &a->writes}};
    for (size_t i = 0; i < ARRAY_LEN(lists) && users->user_count > 0; i++) {
        char before[512];
        str_format(before, sizeof(before), "share \"%s\": %s", s->name, lists[i].key);
        note_unknown(c, users, lists[i].list, before, notes);
    }
    if (a->has_valid && a->valid.count == 0 && !s->guest_ok) {
        problems_add(notes, "share \"%s\": valid users names nobody, so nobody may connect",
                     s->name);
    }
}

static void note_users(const struct config *c, const struct config_users *users,
                       struct problems *notes)
{
    if (users->user_count > 0) {
        note_unknown(c, users, &c->admins, "admin users", notes);
    }
    for (size_t i = 0; i < c->groups.count && users->user_count > 0; i++) {
        char before[512];
        str_format(before, sizeof(before), "group %s", c->groups.items[i].name);
        note_unknown(c, users, &c->groups.items[i].members, before, notes);
    }
    for (size_t i = 0; i < c->share_count; i++) {
        note_share_users(c, users, &c->shares[i], notes);
    }
}

void config_notes(const struct config *c, const struct config_users *users, struct problems *notes)
{
    problems_add_all(notes, &c->remarks);
    if (c->share_count == 0) {
        problems_add(notes, "nothing is shared; add a section, such as [papers], with "
                            "path = FOLDER or plugin = NAME");
    }
    if (users->user_count == 0 && !c->allow_guest) {
        char file[512];
        problems_add(notes,
                     "there are no users, so nobody can log in; add one with: smbkit user "
                     "add%s NAME",
                     file_option(c, file, sizeof(file)));
    }
    note_guests(c, notes);
    note_encryption(c, notes);
    note_users(c, users, notes);
    note_taken_names(c, users, notes);
    for (size_t i = 0; i < c->share_count; i++) {
        note_bins(&c->shares[i], notes);
    }
    if (c->log_format == CONFIG_LOG_JSON && str_ieq(c->log_file, "syslog")) {
        problems_add(notes, "log format = json does nothing: the system's log is text always");
    }
}
