/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders in memory that clients make, rename and delete. The tree does all of it; the
 * callbacks only allow it, and see to it that no name ends in ".refused". */
#include "demo_priv.h"

#include <string.h>

static smbkit_status check(const char *name)
{
    static const char refused[] = ".refused";
    size_t len = strlen(name);
    size_t n = sizeof(refused) - 1;
    return len >= n && strcmp(name + len - n, refused) == 0 ? SMBKIT_STATUS_ACCESS_DENIED
                                                            : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status ram_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    (void)c;
    return check(how->name); /* how->entry is what we want: a writable file, or such a folder */
}

static smbkit_status ram_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    (void)c;
    return check(how->to_name);
}

static smbkit_status ram_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    (void)c;
    (void)id;
    (void)arg;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_tree_folder ram = {.struct_size = sizeof(ram),
                                              .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                              .create = ram_create,
                                              .rename = ram_rename,
                                              .remove = ram_remove};

smbkit_status demo_ram_add(struct demo *d)
{
    smbkit_tree_id id = smbkit_tree_add_folder(d->tree, SMBKIT_TREE_ROOT, "ram", &ram, NULL);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("stays.txt");
    e.data = "This one cannot be deleted.\n";
    e.size = strlen(e.data);
    e.flags = SMBKIT_TREE_FIXED;
    return smbkit_tree_add(d->tree, id, &e, NULL);
}
