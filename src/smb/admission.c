/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/admission.h"

#include "auth/users.h"
#include "base/addr.h"
#include "base/utf.h"

bool smb_hosts_copy(struct smb_hosts *out, const struct smb_hosts *in)
{
    *out = (struct smb_hosts){0};
    if (names_copy(&out->allow, in ? &in->allow : NULL) &&
        names_copy(&out->deny, in ? &in->deny : NULL)) {
        return true;
    }
    smb_hosts_fini(out);
    return false;
}

void smb_hosts_fini(struct smb_hosts *h)
{
    names_fini(&h->allow);
    names_fini(&h->deny);
}

bool smb_admission_copy(struct smb_admission *out, const struct smb_admission *in)
{
    static const struct smb_admission everybody = {0};
    in = in ? in : &everybody;
    *out = (struct smb_admission){.has_valid = in->has_valid};
    if (names_copy(&out->valid, &in->valid) && names_copy(&out->invalid, &in->invalid) &&
        names_copy(&out->reads, &in->reads) && names_copy(&out->writes, &in->writes) &&
        smb_hosts_copy(&out->hosts, &in->hosts)) {
        return true;
    }
    smb_admission_fini(out);
    return false;
}

void smb_admission_fini(struct smb_admission *a)
{
    names_fini(&a->valid);
    names_fini(&a->invalid);
    names_fini(&a->reads);
    names_fini(&a->writes);
    smb_hosts_fini(&a->hosts);
}

bool smb_hosts_admit(const struct smb_hosts *h, const char *address)
{
    if (addr_is_in(address, &h->allow)) {
        return true;
    }
    if (h->deny.count > 0) {
        return !addr_is_in(address, &h->deny);
    }
    return h->allow.count == 0 || addr_is_loopback(address);
}

static bool lists(const struct names *list, const struct vfs_token *who)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *word = list->items[i];
        bool is_it = word[0] == '@' ? vfs_token_is_in_group(who, users_rid_of_group(word + 1))
                                    : utf8_ieq(word, vfs_token_identity_get(who)->user);
        if (is_it) {
            return true;
        }
    }
    return false;
}

bool smb_admission_admits(const struct smb_admission *a, const struct vfs_token *who)
{
    return !lists(&a->invalid, who) && (!a->has_valid || lists(&a->valid, who));
}

bool smb_admission_may_write(const struct smb_admission *a, const struct vfs_token *who,
                             bool read_only)
{
    uint32_t nameless = SMBKIT_WHO_GUEST | SMBKIT_WHO_ANONYMOUS;
    if (vfs_token_identity_get(who)->flags & nameless) {
        return !read_only; /* no list names them */
    }
    return lists(&a->writes, who) || (!read_only && !lists(&a->reads, who));
}
