/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of directories with and without entries that have attributes of their own: each step is
 * looked at by a server that was just started, which remembers nothing. */
#include "dir_test.h"

static void restart(struct world *w)
{
    pt_close_volume(&w->t);
    (void)world_mount(w, NULL, NULL);
}

/* What a listing says of an entry; 0: it is not there. */
static uint32_t listed(struct world *w, const char *dir_path, const char *name)
{
    static struct pt_page page;
    uint32_t attributes = 0;
    void *dir = pt_any(&w->t, dir_path);
    page.cookie = 0;
    (void)pt_list(&w->t, dir, &page, 60);
    for (uint32_t i = 0; i < page.count; i++) {
        if (strcmp(page.names[i], name) == 0) {
            attributes = page.attrs[i].attributes;
        }
    }
    pt_close(&w->t, dir);
    return attributes;
}

static uint32_t listed_anew(struct world *w, const char *dir, const char *name)
{
    restart(w);
    return listed(w, dir, name);
}

static void hide(struct world *w, const char *path)
{
    const struct smbkit_attr attr = {.attributes = SMBKIT_ATTR_HIDDEN};
    void *file = pt_any(&w->t, path);
    CHECK_INT(pt_setattr(&w->t, file, SMBKIT_HAS_ATTRIBUTES, &attr), SMBKIT_STATUS_SUCCESS);
    pt_close(&w->t, file);
}

static bool is_marked(struct world *w, const char *dir)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", w->share, dir);
    return getxattr(path, "user.smbkit.dos-below", NULL, 0) >= 0;
}

static bool begin(struct world *w)
{
    char path[160];
    if (!world_start(w, "/tmp", NULL)) {
        return false;
    }
    for (const char *dir = "abc"; *dir; dir++) {
        snprintf(path, sizeof(path), "%c", *dir);
        mkdirat(w->fd, path, 0755);
        snprintf(path, sizeof(path), "%c/f", *dir);
        put_file(w->fd, path, "x");
    }
    snprintf(path, sizeof(path), "%s/a/f", w->share);
    if (getxattr(path, "user.DOSATTRIB", NULL, 0) >= 0 || errno == ENODATA) {
        return true;
    }
    printf("# no xattrs here\n");
    world_end(w);
    return false;
}

#define PLAIN SMBKIT_ATTR_ARCHIVE
#define HIDDEN SMBKIT_ATTR_HIDDEN

static void test_set_and_created(void)
{
    struct world w;
    void *file;
    if (!begin(&w)) {
        return;
    }
    CHECK_INT(listed_anew(&w, "a", "f"), PLAIN);
    CHECK(!is_marked(&w, "a"));
    hide(&w, "a/f");
    CHECK_INT(listed(&w, "a", "f"), HIDDEN);
    CHECK_INT(listed_anew(&w, "a", "f"), HIDDEN);
    CHECK(is_marked(&w, "a") && !is_marked(&w, "b"));

    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_CREATE,
                                .path = "b/new",
                                .kind = SMBKIT_KIND_FILE,
                                .access = SMBKIT_READ_DATA,
                                .attributes = HIDDEN};
    CHECK_INT(pt_create(&w.t, &how, &file, &attr), SMBKIT_STATUS_SUCCESS);
    pt_close(&w.t, file);
    CHECK_INT(listed_anew(&w, "b", "new"), HIDDEN | SMBKIT_ATTR_ARCHIVE);

    hide(&w, "c"); /* a directory, in the folder itself */
    CHECK_INT(listed_anew(&w, "", "c"), HIDDEN | SMBKIT_ATTR_DIRECTORY);
    world_end(&w);
}

/* Through the server, into directories that have none yet. */
static void test_moved_and_linked(void)
{
    struct world w;
    if (!begin(&w)) {
        return;
    }
    hide(&w, "a/f");
    restart(&w);
    void *file = pt_any(&w.t, "a/f");
    CHECK_INT(pt_rename_file(&w.t, file, "b/g", 0), SMBKIT_STATUS_SUCCESS);
    pt_close(&w.t, file);
    CHECK_INT(listed_anew(&w, "b", "g"), HIDDEN);
    file = pt_any(&w.t, "b/g");
    CHECK_INT(pt_link_file(&w.t, file, "c/h", 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(pt_remove_file(&w.t, file), SMBKIT_STATUS_SUCCESS);
    pt_close(&w.t, file);
    CHECK_INT(listed_anew(&w, "c", "h"), HIDDEN);
    world_end(&w);
}

/* On the machine: it is marked when the file is opened, or when a listing finds it among the first
 * entries. A file of several names is looked at in any case. */
static void test_moved_on_the_machine(void)
{
    struct world w;
    if (!begin(&w)) {
        return;
    }
    hide(&w, "a/f");
    CHECK_INT(linkat(w.fd, "a/f", w.fd, "c/two", 0), 0);
    CHECK_INT(listed_anew(&w, "c", "two"), HIDDEN);
    CHECK_INT(unlinkat(w.fd, "c/two", 0), 0);
    CHECK_INT(mkdirat(w.fd, "d", 0755), 0);
    CHECK_INT(renameat(w.fd, "a/f", w.fd, "b/g"), 0);
    CHECK_INT(listed_anew(&w, "a", "f"), 0);
    w.t.op.flags |= SMBKIT_OP_NOWAIT; /* marking may block */
    CHECK_INT(pt_try(&w.t, "b/g"), SMBKIT_STATUS_WOULD_BLOCK);
    w.t.op.flags &= ~SMBKIT_OP_NOWAIT;
    void *file = pt_any(&w.t, "b/g");
    CHECK_INT(pt_attr(&w.t, file).attributes, HIDDEN);
    pt_close(&w.t, file);
    CHECK_INT(listed(&w, "b", "g"), HIDDEN);
    CHECK_INT(listed_anew(&w, "b", "g"), HIDDEN);
    CHECK_INT(renameat(w.fd, "b/g", w.fd, "d/g"), 0);
    CHECK_INT(listed_anew(&w, "d", "g"), HIDDEN);
    CHECK(is_marked(&w, "d"));
    world_end(&w);
}

/* The directory that counts is the one that the file is in, not that of a link to it. */
static void test_by_a_link(void)
{
    struct world w;
    if (!begin(&w)) {
        return;
    }
    symlinkat("../b/f", w.fd, "a/link");
    hide(&w, "a/link");
    CHECK_INT(listed_anew(&w, "b", "f"), HIDDEN);
    CHECK_INT(listed(&w, "a", "link"), HIDDEN);
    CHECK(is_marked(&w, "b") && !is_marked(&w, "a"));
    world_end(&w);
}

static const struct test_case cases[] = {
    {"attributes that are set, or created with", test_set_and_created},
    {"moved and linked", test_moved_and_linked},
    {"moved on the machine", test_moved_on_the_machine},
    {"by a link", test_by_a_link},
};
TEST_MAIN(cases)
