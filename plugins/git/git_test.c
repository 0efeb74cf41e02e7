/* SPDX-License-Identifier: Apache-2.0 */
/* git, through the whole of vfs, and what it keeps by itself. What git says is compared in the
 * scenario "git". */
#include <stdlib.h>
#include <unistd.h>

#include "git_priv.h"
#include "vfs_fixture.h"

const struct smbkit_plugin *smbkit_static_git(const struct smbkit_host_table *api);

/* ---- a repository to read ---- */

struct made {
    char path[64];
    git_repository *repo;
};

static bool made_begin(struct made *m)
{
    snprintf(m->path, sizeof(m->path), "/tmp/smbkit-git-XXXXXX");
    smbkit_static_git(smbkit_api)->load();
    return mkdtemp(m->path) && git_repository_init(&m->repo, m->path, 1) == 0;
}

static void made_end(struct made *m)
{
    char command[128];
    git_repository_free(m->repo);
    snprintf(command, sizeof(command), "rm -rf '%s'", m->path);
    CHECK_INT(system(command), 0);
    smbkit_static_git(smbkit_api)->unload();
}

static git_oid blob_of(struct made *m, const char *text)
{
    git_oid id = {{0}};
    CHECK_INT(git_blob_create_from_buffer(&id, m->repo, text, strlen(text)), 0);
    return id;
}

struct leaf {
    const char *name;
    const char *text;
    git_filemode_t mode;
};

static git_oid tree_of(struct made *m, const struct leaf *leaves, size_t count, const git_oid *sub)
{
    git_treebuilder *builder = NULL;
    git_oid id = {{0}};
    CHECK_INT(git_treebuilder_new(&builder, m->repo, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        git_oid blob = blob_of(m, leaves[i].text);
        CHECK_INT(git_treebuilder_insert(NULL, builder, leaves[i].name, &blob, leaves[i].mode), 0);
    }
    if (sub) {
        CHECK_INT(git_treebuilder_insert(NULL, builder, "sub", sub, GIT_FILEMODE_TREE), 0);
    }
    CHECK_INT(git_treebuilder_write(&id, builder), 0);
    git_treebuilder_free(builder);
    return id;
}

static void commit(struct made *m, const char *ref, const git_oid *tree_id)
{
    git_signature *who = NULL;
    git_tree *tree = NULL;
    git_oid id;
    CHECK_INT(git_signature_new(&who, "a", "a@example.org", 1700000000, 0), 0);
    CHECK_INT(git_tree_lookup(&tree, m->repo, tree_id), 0);
    CHECK_INT(git_commit_create(&id, m->repo, NULL, who, who, NULL, "text", tree, 0, NULL), 0);
    git_reference *made_ref = NULL;
    CHECK_INT(git_reference_create(&made_ref, m->repo, ref, &id, 1, NULL), 0);
    git_reference_free(made_ref);
    git_tree_free(tree);
    git_signature_free(who);
}

static bool begin(struct fixture *f, const struct made *m)
{
    static struct smbkit_arg args[1];
    args[0] = (struct smbkit_arg){"path", m->path};
    *f = (struct fixture){.args = args, .arg_count = 1};
    return fixture_open(f, smbkit_static_git(smbkit_api), false);
}

static void check_content(struct fixture *f, const char *path, const char *want)
{
    char buf[64] = "";
    test_context("%s", path);
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    if (o) {
        CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
        CHECK(strncmp(buf, want, strlen(want)) == 0);
        must_close(f, o);
    }
    test_context("%s", "");
}

static void check_missing(struct fixture *f, const char *path, smbkit_status want)
{
    struct vfs_create_in in = create_in(f, path);
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_DATA;
    test_context("%s", path);
    CHECK_INT(try_open(f, &in), want);
    test_context("%s", "");
}

/* ---- cases ---- */

static void test_look(void)
{
    static const struct leaf inner[] = {{"file", "inner", GIT_FILEMODE_BLOB},
                                        {"up", "../a", GIT_FILEMODE_LINK},
                                        {"out", "../../../a", GIT_FILEMODE_LINK}};
    static const struct leaf outer[] = {{"a", "first", GIT_FILEMODE_BLOB},
                                        {"x:y", "odd", GIT_FILEMODE_BLOB_EXECUTABLE},
                                        {"to", "sub", GIT_FILEMODE_LINK},
                                        {"self", "self", GIT_FILEMODE_LINK}};
    static const struct leaf later[] = {{"a", "second", GIT_FILEMODE_BLOB}};
    struct made m;
    struct fixture f;
    REQUIRE(made_begin(&m));
    git_oid sub = tree_of(&m, inner, 3, NULL);
    git_oid top = tree_of(&m, outer, 4, &sub);
    git_oid next = tree_of(&m, later, 1, NULL);
    commit(&m, "refs/heads/main", &top);
    commit(&m, "refs/heads/feature/one", &top);
    REQUIRE(begin(&f, &m));
    check_content(&f, "branches/main/A", "first");
    check_content(&f, "branches/feature/one/sub/file", "inner");
    check_content(&f, "branches/main/sub/up", "first");
    check_content(&f, "branches/main/to/file", "inner");
    check_content(&f, "branches/main/x\xef\x80\xa2y", "odd");
    check_missing(&f, "branches/main/sub/out", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    check_missing(&f, "branches/main/self", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    check_missing(&f, "branches/none/a", SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    check_missing(&f, "HEAD/none/a", SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    commit(&m, "refs/heads/main", &next);
    check_content(&f, "branches/main/a", "second");
    check_content(&f, "branches/feature/one/a", "first");
    fixture_close(&f);
    made_end(&m);
}

/* Folders within each other, to the deepest that is shown and one more. */
static void test_depth(void)
{
    static const struct leaf leaf[] = {{"a", "deep", GIT_FILEMODE_BLOB}};
    static const struct {
        uint32_t folders;
        smbkit_status want;
    } rows[] = {{GITFS_DEPTH_MAX - 1, SMBKIT_STATUS_SUCCESS},
                {GITFS_DEPTH_MAX, SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND}};
    struct made m;
    REQUIRE(made_begin(&m));
    struct gitfs_spot *spot = malloc(sizeof(*spot));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[32 + 4 * (GITFS_DEPTH_MAX + 2)] = "branches/deep";
        git_oid tree = tree_of(&m, leaf, 1, NULL);
        for (uint32_t k = 0; k < rows[i].folders; k++) {
            tree = tree_of(&m, NULL, 0, &tree);
            strcat(path, "/sub");
        }
        strcat(path, "/a");
        commit(&m, "refs/heads/deep", &tree);
        CHECK_INT(gitfs_look(m.repo, path, spot), rows[i].want);
    }
    free(spot);
    made_end(&m);
}

static smbkit_status read_blob(struct gitfs_blobs *b, git_repository *repo, const git_oid *oid,
                               uint32_t len)
{
    uint8_t buf[4096];
    const struct gitfs_want w = {.oid = oid, .at = 0, .to = buf, .len = len};
    if (!repo) {
        return gitfs_blobs_kept(b, &w) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_WOULD_BLOCK;
    }
    return gitfs_blobs_read(b, repo, &w);
}

/* Bounded by bytes: the one used longest ago goes; one that is larger than all is refused. */
static void test_blobs(void)
{
    char text[2000];
    git_oid ids[4];
    struct made m;
    REQUIRE(made_begin(&m));
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 4; i++) {
        text[i == 3 ? 1999 : 999] = '\0';
        text[0] = (char)('a' + i);
        ids[i] = blob_of(&m, text);
        text[999] = 'x';
    }
    struct gitfs_blobs *b = gitfs_blobs_new(2 * 1100);
    REQUIRE(b);
    CHECK_INT(read_blob(b, NULL, &ids[0], 999), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(read_blob(b, m.repo, &ids[0], 999), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_blob(b, m.repo, &ids[1], 999), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_blob(b, NULL, &ids[0], 999), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_blob(b, m.repo, &ids[2], 999), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_blob(b, NULL, &ids[0], 999), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(read_blob(b, NULL, &ids[1], 999), SMBKIT_STATUS_WOULD_BLOCK);
    gitfs_blobs_free(b);
    b = gitfs_blobs_new(1999);
    CHECK_INT(read_blob(b, m.repo, &ids[3], 1999), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    gitfs_blobs_free(b);
    made_end(&m);
}

static const struct test_case cases[] = {
    {"where paths lead", test_look},
    {"depth", test_depth},
    {"contents that are kept", test_blobs},
};
TEST_MAIN(cases)
