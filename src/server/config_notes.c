/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include "base/str.h"

static void note_guests(const struct config *c, struct problems *notes)
{
    bool any = false;
    for (size_t i = 0; i < c->share_count; i++) {
        const struct config_share *s = &c->shares[i];
        any = any || s->guest_ok;
        if (s->guest_ok && !c->allow_guest) {
            problems_add(notes,
                         "share \"%s\": guest ok does nothing while map to guest is never; set "
                         "map to guest = bad user in [global]",
                         s->name);
        }
    }
    if (c->allow_guest && !any) {
        problems_add(notes, "guests may log in, but no share has guest ok = yes");
    }
    /* [MS-SMB2] 3.3.5.5.3: a guest has no key. */
    if (c->allow_guest && c->encryption == SMB_ENCRYPT_REQUIRED) {
        problems_add(notes, "guests cannot encrypt: server smb encrypt = required keeps them out");
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

static void note_valid_users(const struct config *c, const struct config_users *users,
                             struct problems *notes)
{
    char file[512];
    for (size_t i = 0; i < c->share_count; i++) {
        const struct config_share *s = &c->shares[i];
        for (size_t k = 0; k < s->users.count; k++) {
            if (!users->user_known(users->arg, s->users.items[k])) {
                problems_add(notes,
                             "share \"%s\": there is no user \"%s\" (valid users); add one with: "
                             "smbkit user add%s %s",
                             s->name, s->users.items[k], file_option(c, file, sizeof(file)),
                             s->users.items[k]);
            }
        }
    }
}

void config_notes(const struct config *c, const struct config_users *users, struct problems *notes)
{
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
    if (users->user_count > 0) {
        note_valid_users(c, users, notes);
    }
}
