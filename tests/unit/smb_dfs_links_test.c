/* SPDX-License-Identifier: Apache-2.0 */
/* What is a DFS name, and what a DFS link. */
#include "smb_dfs.h"

#include "base/mem.h"
#include "test.h"

/* ---- names ---- */

static void test_names(void)
{
    static const struct {
        const char *name, *below;
    } rows[] = {
        {"server\\root\\a\\b", "a\\b"},
        {"server\\ROOT\\a", "a"},
        {"server\\root", ""},
        {"server\\root\\", ""},
        {"\\server\\root\\a", "a"},
        {"\\\\192.0.2.1\\root\\a", "a"},
        {"server\\root\\root\\a", "root\\a"},
        {"server\\root:s", "server\\root:s"},
        {"server\\other\\a", "server\\other\\a"},
        {"server\\rootless\\a", "server\\rootless\\a"},
        {"server", "server"},
        {"root\\a", "root\\a"},
        {"\\a", "\\a"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].name);
        CHECK_STR(smb_dfs_name_below(rows[i].name, "Root"), rows[i].below);
    }
}

/* ---- links ---- */

static void test_links(void)
{
    static const struct {
        const char *text;
        size_t count;
        const char *first, *last;
    } rows[] = {
        {"msdfs:a\\b", 1, "\\a\\b", "\\a\\b"},
        {"MsDfs:a\\b\\c d", 1, "\\a\\b\\c d", "\\a\\b\\c d"},
        {"msdfs:a/b/c,d\\e", 2, "\\a\\b\\c", "\\d\\e"},
        {"msdfs:\\\\a\\b,//c/d", 2, "\\a\\b", "\\c\\d"},
        {"msdfs: a\\b , c\\d e\t", 2, "\\a\\b", "\\c\\d e"},
        {"msdfs:a\\\\b//c\\\\,d//e\\/", 2, "\\a\\b\\c", "\\d\\e"},
        {"msdfs: , \\ ,a\\ , a \\b", 1, "\\a \\b", "\\a \\b"},
        {"msdfs:,a\\b,,c\\d,", 2, "\\a\\b", "\\c\\d"},
        {"msdfs:a,b\\c", 1, "\\b\\c", "\\b\\c"},
        {"msdfs\uf022a\uf026b", 1, "\\a\\b", "\\a\\b"},
        {"msdfs:", 0, NULL, NULL},
        {"msdfs:a", 0, NULL, NULL},
        {"msdfs:a\\", 0, NULL, NULL},
        {"msdfs:a\\\\", 0, NULL, NULL},
        {"msdfs:\\,/", 0, NULL, NULL},
        {"msdfs", 0, NULL, NULL},
        {"a\\msdfs:b\\c", 0, NULL, NULL},
        {"", 0, NULL, NULL},
    };
    static struct smb_dfs_link link;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wr w = wr_new(FSCTL_REPARSE_DATA_MAX);
        link_format(&w, rows[i].text);
        test_context("%s", rows[i].text);
        smbkit_status status = rows[i].count ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_FOUND;
        CHECK_INT(smb_dfs_link_parse(&w, &link), status);
        CHECK_INT(smb_dfs_is_link(&w), status);
        REQUIRE(link.count == rows[i].count);
        if (link.count > 0) {
            CHECK_STR(link.targets[0], rows[i].first);
            CHECK_STR(link.targets[link.count - 1], rows[i].last);
            smb_dfs_link_fini(&link);
        }
        wr_fini(&w);
    }
}

/* Targets up to the bound are told, and as long as the text has room for. */
static void test_many_targets(void)
{
    static struct smb_dfs_link link;
    for (size_t n = SMB_DFS_TARGETS_MAX - 1; n <= SMB_DFS_TARGETS_MAX + 1; n++) {
        struct wr text = wr_new(8192);
        wr_bytes(&text, "msdfs:", 6);
        for (size_t i = 0; i < n; i++) {
            wr_bytes(&text, "a\\b,", 4);
        }
        wr_u8(&text, 0);
        struct wr w = wr_new(FSCTL_REPARSE_DATA_MAX);
        link_format(&w, (const char *)text.base);
        REQUIRE(SMBKIT_OK(smb_dfs_link_parse(&w, &link)));
        CHECK_INT(link.count, MIN(n, SMB_DFS_TARGETS_MAX));
        CHECK_STR(link.targets[link.count - 1], "\\a\\b");
        smb_dfs_link_fini(&link);
        wr_fini(&w);
        wr_fini(&text);
    }
}

/* The nth allocation fails: that is told, and nothing is left behind. */
static void test_without_memory(void)
{
    static struct smb_dfs_link link;
    struct wr w = wr_new(FSCTL_REPARSE_DATA_MAX);
    link_format(&w, "msdfs\uf022a\uf026b,c\\d");
    uint64_t nth = 0;
    for (bool failed = true; failed && nth < 20;) {
        mem_fail_nth(++nth);
        smbkit_status status = smb_dfs_link_parse(&w, &link);
        failed = mem_fail_happened();
        mem_fail_nth(0);
        CHECK_INT(status, failed ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_SUCCESS);
        CHECK_INT(link.count, failed ? 0 : 2);
        CHECK_INT(failed, link.text == NULL);
        smb_dfs_link_fini(&link);
    }
    CHECK(nth > 3);
    wr_fini(&w);
}

static const struct test_case cases[] = {{"names", test_names},
                                         {"links", test_links},
                                         {"many targets", test_many_targets},
                                         {"without memory", test_without_memory}};
TEST_MAIN(cases)
