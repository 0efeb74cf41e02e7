/* SPDX-License-Identifier: Apache-2.0 */
/* A volume on a tree, through the whole of vfs, and what it told. Included once by each test
 * program. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <smbkit/tree.h>

#include "vfs_fixture.h"

/* ---- what was told ---- */

static struct {
    pthread_mutex_t lock;
    char text[4096]; /* "+name " "-name " "*name " "old>new " "!folder " */
    const struct smbkit_host_table *real;
    struct smbkit_host_table own;
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void heard_event(struct smbkit_host *host, const struct smbkit_event *e)
{
    static const char marks[] = "?+-*>?!";
    pthread_mutex_lock(&heard.lock);
    size_t n = strlen(heard.text);
    snprintf(heard.text + n, sizeof(heard.text) - n, "%s%c%s%s%s ",
             e->flags & SMBKIT_EVENT_QUIET ? "~" : "", marks[MIN(e->what & 0xffu, 6u)], e->path,
             e->new_path ? ">" : "", e->new_path ? e->new_path : "");
    pthread_mutex_unlock(&heard.lock);
    heard.real->event(host, e);
}

static UNUSED void check_heard(const char *want)
{
    pthread_mutex_lock(&heard.lock);
    CHECK_STR(heard.text, want);
    heard.text[0] = 0;
    pthread_mutex_unlock(&heard.lock);
}

/* ---- the volume ---- */

static struct smbkit_tree_spec tree_spec; /* of the next one */
static struct smbkit_tree *tree;
static atomic_int released; /* calls of a release */

static UNUSED void count_release(void *arg)
{
    (void)arg;
    atomic_fetch_add(&released, 1);
}

static smbkit_status tree_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    smbkit_status st = smbkit_tree_open(args, &tree_spec, volume_r);
    tree = *volume_r;
    return st;
}

static UNUSED bool tree_fixture_open(struct fixture *f)
{
    if (!heard.real) {
        heard.real = smbkit_api;
        heard.own = *smbkit_api;
        heard.own.event = heard_event;
        smbkit_api = &heard.own;
    }
    heard.text[0] = 0;
    atomic_store(&released, 0);
    tree_spec.struct_size = sizeof(tree_spec);
    *f = (struct fixture){0};
    const struct smbkit_plugin p = smbkit_tree_plugin("tree", "under test", tree_volume_open, NULL);
    return fixture_open(f, &p, false);
}

static UNUSED void tree_fixture_close(struct fixture *f)
{
    fixture_close(f);
    tree = NULL;
    tree_spec = (struct smbkit_tree_spec){0};
}

/* ---- shorthands ---- */

#define READ (SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES)
#define ROOT SMBKIT_TREE_ROOT

static UNUSED smbkit_status try_path(struct fixture *f, const char *path, uint32_t access,
                                     uint32_t disposition)
{
    struct vfs_create_in in = create_in(f, path);
    in.desired_access = access;
    in.disposition = disposition;
    return try_open(f, &in);
}

static UNUSED void check_content(struct fixture *f, const char *path, const char *want)
{
    char buf[256];
    test_context("%s", path);
    struct vfs_open *o = must_open(f, path, READ, SMBKIT_OPEN, 0);
    if (o) {
        CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
        CHECK_STR(buf, want);
        must_close(f, o);
    }
    test_context("%s", "");
}

struct names {
    char text[4096];
};

static bool name_put(void *arg, const struct vfs_dir_entry *e)
{
    struct names *n = arg;
    size_t len = strlen(n->text);
    if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0) {
        snprintf(n->text + len, sizeof(n->text) - len, "%s ", e->name);
    }
    return true;
}

static UNUSED smbkit_status list_path(struct fixture *f, const char *path, struct names *n)
{
    n->text[0] = 0;
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.desired_access = SMBKIT_READ_DATA;
    in.disposition = SMBKIT_OPEN;
    in.options = VFS_DIRECTORY_FILE;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct vfs_dir_query q = {.entry = name_put, .arg = n, .want_attr = true};
    do { /* an error after the first entries is told by the next call */
        st = vfs_query_directory(&f->call, out.open, &q);
    } while (SMBKIT_OK(st));
    must_close(f, out.open);
    return st == SMBKIT_STATUS_NO_MORE_FILES ? SMBKIT_STATUS_SUCCESS : st;
}

static UNUSED void check_list(struct fixture *f, const char *path, const char *want)
{
    struct names n;
    CHECK_INT(list_path(f, path, &n), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(n.text, want);
}

static UNUSED smbkit_tree_id id_at(const char *path)
{
    smbkit_tree_id id = SMBKIT_TREE_NONE;
    CHECK_INT(smbkit_tree_at(tree, path, &id), SMBKIT_STATUS_SUCCESS);
    return id;
}
