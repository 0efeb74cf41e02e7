/* SPDX-License-Identifier: Apache-2.0 */
/* What "durable handles file" may name: found out without changing anything. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/server.h"

static char folder[] = "/tmp/smbkit-durable-XXXXXX";

static char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *f = fopen(in_folder(name), "w");
    fputs(text, f);
    fclose(f);
    chmod(in_folder(name), mode);
}

/* What is said of the file: one problem, one note, or neither (NULL). */
static void check_one(const char *name, const char *problem, const char *note)
{
    char text[1024];
    struct problems problems;
    struct problems notes;
    test_context("%s", name);
    problems_init(&problems);
    problems_init(&notes);
    snprintf(text, sizeof(text),
             "[global]\nlog file = %s/log\ncontrol socket = %s/control\nusers file = %s/users\n"
             "durable handles file = %s/%s\n",
             folder, folder, folder, folder, name);
    struct config *c = config_parse(in_folder("conf"), text, &problems);
    REQUIRE(c != NULL);
    server_durable_check(c, NULL, &problems, &notes);
    CHECK_INT(problems.count, problem != NULL);
    CHECK_INT(notes.count, note != NULL);
    CHECK(!problem || strstr(problems_text_get(&problems), problem));
    CHECK(!problem || strstr(problems_text_get(&problems), folder));
    CHECK(!note || strstr(problems_text_get(&notes), note));
    config_free(c);
    problems_fini(&problems);
    problems_fini(&notes);
}

static void test_what_it_names(void)
{
    struct stat st;
    write_file("conf", "[global]\n", 0600);
    write_file("users", "# users\n", 0600);
    write_file("text", "Dear Ann,\n", 0600);
    write_file("records", "SKDO...", 0600);
    write_file("open", "SKDO...", 0660);
    write_file("none-yet", "", 0600);
    CHECK_INT(mkfifo(in_folder("pipe"), 0600), 0);
    check_one("users", "is the users file; name a file of its own", NULL);
    check_one("./conf", "is the configuration;", NULL);
    check_one("log", "is the log file;", NULL); /* that is not there yet */
    check_one("control", "is the control socket;", NULL);
    check_one("text", "what is in it is not smbkit's, and is left alone;", NULL);
    check_one("no/file", "its folder is not there; make it first", NULL);
    check_one(".", "cannot be used: Is a directory", NULL);
    check_one("pipe", "cannot be used: ", NULL);
    check_one("records", NULL, NULL);
    check_one("none-yet", NULL, NULL);
    check_one("new", NULL, NULL);
    check_one("open", NULL, "it is not read");
    CHECK_INT(stat(in_folder("text"), &st), 0);
    CHECK_INT(st.st_size, 10);
    CHECK(access(in_folder("new"), F_OK) != 0);
    static const char *const made[] = {"conf", "users",    "text", "records",
                                       "open", "none-yet", "pipe"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        CHECK_INT(unlink(in_folder(made[i])), 0);
    }
}

static void test_all(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    test_what_it_names();
    CHECK_INT(rmdir(folder), 0);
}

static const struct test_case cases[] = {{"what it names", test_all}};
TEST_MAIN(cases)
