/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for each user, made when he first comes. With roots=yes it is all that he sees. */
#include "demo_priv.h"

#include <stdio.h>

static smbkit_status user_add(struct smbkit_tree *tree, smbkit_tree_id users, const char *name,
                              smbkit_tree_id *id_r)
{
    char text[256];
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.flags = SMBKIT_TREE_IS_FOLDER;
    smbkit_status status = smbkit_tree_add(tree, users, &e, id_r);
    if (status == SMBKIT_STATUS_OBJECT_NAME_COLLISION) {
        return smbkit_tree_find(tree, users, name, id_r); /* he is here already */
    }
    if (SMBKIT_OK(status)) {
        snprintf(text, sizeof(text), "Hello, %s!\n", name);
        smbkit_tree_add_text(tree, *id_r, "hello.txt", text);
    }
    return status;
}

/* Whatever is asked for, who asks has a folder of his name then, and none else. */
static smbkit_status users_lookup(struct smbkit_tree_call *c, const char *name)
{
    smbkit_tree_id id;
    (void)name;
    return user_add(c->tree, c->id, c->who->user[0] ? c->who->user : "guest", &id);
}

static const struct smbkit_tree_folder users = {
    .struct_size = sizeof(users), .flags = SMBKIT_TREE_NEVER_BLOCKS, .lookup = users_lookup};

smbkit_status demo_user_root(struct smbkit_tree_call *c, smbkit_tree_id *root_r)
{
    const struct demo *d = smbkit_tree_data(c->tree);
    return user_add(c->tree, d->users, c->who->user[0] ? c->who->user : "guest", root_r);
}

smbkit_status demo_users_add(struct demo *d)
{
    d->users = smbkit_tree_add_folder(d->tree, SMBKIT_TREE_ROOT, "users", &users, NULL);
    return d->users == SMBKIT_TREE_NONE ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
}
