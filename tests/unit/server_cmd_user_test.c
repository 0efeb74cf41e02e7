/* SPDX-License-Identifier: Apache-2.0 */
/* The command "user" on a file of its own, with its output caught. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/cmd.h"
#include "server/users_store.h"

static char folder[] = "/tmp/smbkit-user-XXXXXX";
static char users_file[64];
static char password_file[64];
static char out_file[64];
static char output[8192]; /* of the last command, both streams */

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

/* words: separated by blanks, "F" stands for the users file, "P" for the password file. */
static int run(const char *words)
{
    char text[256];
    char *argv[16];
    int argc = 0;
    snprintf(text, sizeof(text), "user %s", words);
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " ")) {
        argv[argc++] = strcmp(w, "F") == 0 ? users_file : strcmp(w, "P") == 0 ? password_file : w;
    }
    fflush(stdout);
    int saved[2] = {dup(1), dup(2)};
    int fd = open(out_file, O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    int code = cmd_user(argc, argv);
    fflush(stdout);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    ssize_t n = pread(fd, output, sizeof(output) - 1, 0);
    output[n > 0 ? n : 0] = '\0';
    close(fd);
    return code;
}

static void test_life_of_a_user(void)
{
    struct stat st;
    char before[4096] = "";
    write_file(password_file, "secret\n", 0600);
    unlink(users_file);
    CHECK_INT(run("add alice --file F --password-file P"), EXIT_OK);
    CHECK_STR(output, "");
    CHECK_INT(stat(users_file, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    CHECK_INT(run("add bob --file F --password-file P"), EXIT_OK);
    CHECK_INT(run("list --file F"), EXIT_OK);
    CHECK_STR(output, "alice  799454550\nbob  273166020\n");
    CHECK_INT(run("add ALICE --file F --password-file P"), EXIT_FAILED);
    CHECK(strstr(output, "there is a user \"ALICE\" already"));

    struct users_store *s = users_store_new(users_file);
    char err[512];
    struct auth_user u;
    struct auth_user changed;
    REQUIRE(s && users_store_load(s, err, sizeof(err)));
    CHECK(users_store_lookup(s, "Alice", &u));
    CHECK_STR(u.name, "alice");
    /* A change is seen by the next log-in. */
    write_file(password_file, "other", 0600);
    CHECK_INT(run("passwd alice --file F --password-file P"), EXIT_OK);
    CHECK(users_store_lookup(s, "alice", &changed));
    CHECK(memcmp(u.nt_hash, changed.nt_hash, 16) != 0);
    CHECK_INT(changed.rid, u.rid);
    CHECK_INT(run("del alice --file F"), EXIT_OK);
    CHECK(!users_store_lookup(s, "alice", &u));
    CHECK(!users_store_has(s, "alice"));
    CHECK(users_store_has(s, "bob"));
    /* A file that has become bad changes nothing. */
    write_file(users_file, "nonsense", 0600);
    CHECK(users_store_lookup(s, "bob", &u));
    CHECK(!users_store_load(s, err, sizeof(err)));
    /* Nor does one that somebody empties to write it anew; one that never had users is fine. */
    write_file(users_file, "", 0600);
    CHECK(users_store_lookup(s, "bob", &u));
    CHECK(!users_store_load(s, err, sizeof(err)));
    CHECK(strstr(err, "there is nothing in it; the users stay as they were"));
    CHECK(users_store_has(s, "bob"));
    write_file(users_file, "# nobody\n", 0600);
    CHECK(users_store_load(s, err, sizeof(err)));
    CHECK(!users_store_has(s, "bob"));
    write_file(users_file, "", 0600);
    CHECK(users_store_load(s, err, sizeof(err)));
    users_store_free(s);
    (void)before;
}

static void test_errors(void)
{
    static const struct {
        const char *words;
        int code;
        const char *want; /* a part of what is said */
    } rows[] = {
        {"", EXIT_USAGE, "add, passwd, groups, del or list?"},
        {"ad x", EXIT_USAGE, "user knows no \"ad\"; did you mean \"add\"?"},
        {"add", EXIT_USAGE, "user add wants one NAME"},
        {"list x", EXIT_USAGE, "user list takes no NAME"},
        {"add x y", EXIT_USAGE, "user add wants one NAME"},
        {"groups x", EXIT_USAGE, "user groups wants a NAME and its groups, as staff,office"},
        {"groups x a b", EXIT_USAGE, "one NAME only"},
        {"groups alice a/b --file F", EXIT_FAILED, "groups \"a/b\": a group's name has 1 to 64"},
        {"groups alicf a --file F", EXIT_FAILED, "did you mean \"alice\"?"},
        {"add x --fil F", EXIT_USAGE, "unknown option --fil; did you mean --file?"},
        {"add x --file", EXIT_USAGE, "--file needs a value"},
        {"add a/b --file F --password-file P", EXIT_USAGE, "\"a/b\" cannot be a user's name"},
        {"add everyone --file F --password-file P", EXIT_USAGE,
         "\"everyone\" cannot be a user's name: every Windows knows somebody else by it"},
        {"add S-1-5-32-544 --file F --password-file P", EXIT_USAGE,
         "\"S-1-5-32-544\" cannot be a user's name: it looks like a SID"},
        {"add SYSTEM --file F --password-file P", EXIT_USAGE, "choose another name"},
        {"add Guest --file F --password-file P", EXIT_USAGE, "choose another name"},
        {"groups alice staff,administrators --file F", EXIT_USAGE,
         "\"administrators\" cannot be a group's name: every"},
        {"add x --file F --password-file /nonexistent", EXIT_FAILED,
         "password file /nonexistent cannot be read"},
        {"del alicf --file F", EXIT_FAILED, "did you mean \"alice\"?"},
        {"passwd zzzzzzzz --file F --password-file P", EXIT_FAILED,
         "there is no user \"zzzzzzzz\""},
        {"list --file /nonexistent/users", EXIT_FAILED,
         "make it with: smbkit user add --file /nonexistent/users NAME"},
    };
    write_file(password_file, "secret\n", 0600);
    unlink(users_file);
    CHECK_INT(run("add alice --file F --password-file P"), EXIT_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].words);
        CHECK_INT(run(rows[i].words), rows[i].code);
        if (!strstr(output, rows[i].want)) {
            test_fail(__FILE__, __LINE__, "said: %s", output);
        }
    }
}

static void test_bad_files(void)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *want;
    } rows[] = {
        {"", 0644, "may be read by others (mode 0644); run: chmod 600 "},
        {"", 0640, "may be read by others"},
        {"x\n", 0600, "line 1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].want);
        write_file(users_file, rows[i].text, rows[i].mode);
        CHECK_INT(run("add alice --file F --password-file P"), EXIT_FAILED);
        CHECK(strstr(output, rows[i].want) != NULL);
    }
}

static void test_passwords(void)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {{"x", EXIT_OK},
                {"x\r\n", EXIT_OK},
                {"", EXIT_FAILED},
                {"\nsecond", EXIT_FAILED},
                {"\xff\n", EXIT_FAILED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("row %zu", i);
        unlink(users_file);
        write_file(password_file, rows[i].text, 0600);
        CHECK_INT(run("add alice --file F --password-file P"), rows[i].code);
    }
    char longer[2000];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    write_file(password_file, longer, 0600);
    CHECK_INT(run("add alice --file F --password-file P"), EXIT_FAILED);
    CHECK(strstr(output, "too long") != NULL);
}

static const struct test_case cases[] = {
    {"a user comes, changes and goes", test_life_of_a_user},
    {"errors and what they say", test_errors},
    {"users files that are no good", test_bad_files},
    {"passwords from a file", test_passwords},
};

int main(int argc, char **argv)
{
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(users_file, sizeof(users_file), "%s/users", folder);
    snprintf(password_file, sizeof(password_file), "%s/password", folder);
    snprintf(out_file, sizeof(out_file), "%s/out", folder);
    int code = test_main(argc, argv, cases, ARRAY_LEN(cases));
    unlink(users_file);
    unlink(password_file);
    unlink(out_file);
    rmdir(folder);
    return code;
}
