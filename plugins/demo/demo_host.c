/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host: the server opens them when a client does. A folder is filled each time when
 * somebody looks. */
#include "demo_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static smbkit_status host_fill(struct smbkit_tree_call *c);
static const struct smbkit_tree_folder host_folder = {
    .struct_size = sizeof(host_folder), .flags = SMBKIT_TREE_FRESH, .fill = host_fill};

/* A folder below is again one of these: its arg is its path, which is freed with it. */
static smbkit_status add_one(struct smbkit_tree_call *c, const char *folder, const char *name)
{
    struct stat st;
    size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(path, n, "%s/%s", folder, name);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
        e.folder = &host_folder;
        e.arg = path;
        e.release = free;
        return smbkit_tree_add(c->tree, c->id, &e, NULL);
    }
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        status = smbkit_tree_add_host(c->tree, c->id, name, path);
    }
    free(path);
    return status;
}

static smbkit_status host_fill(struct smbkit_tree_call *c)
{
    const char *path = c->arg;
    DIR *dir = opendir(path);
    if (!dir) {
        return smbkit_status_from_errno(errno);
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (struct dirent *e = readdir(dir); e && SMBKIT_OK(status); e = readdir(dir)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            status = add_one(c, path, e->d_name);
            /* Two names that are one in SMB: the first is shown. */
            bool is_odd = status == SMBKIT_STATUS_OBJECT_NAME_COLLISION ||
                          status == SMBKIT_STATUS_OBJECT_NAME_INVALID;
            status = is_odd ? SMBKIT_STATUS_SUCCESS : status;
        }
    }
    closedir(dir);
    return status;
}

smbkit_status demo_host_add(struct demo *d)
{
    struct stat st;
    if (!d->host) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (stat(d->host, &st) != 0) {
        return smbkit_status_from_errno(errno);
    }
    if (!S_ISDIR(st.st_mode)) {
        return smbkit_tree_add_host(d->tree, SMBKIT_TREE_ROOT, "host", d->host);
    }
    smbkit_tree_id id =
        smbkit_tree_add_folder(d->tree, SMBKIT_TREE_ROOT, "host", &host_folder, d->host);
    return id == SMBKIT_TREE_NONE ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
}
