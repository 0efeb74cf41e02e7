/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_file.h"
#include "base/log.h"

const struct smbkit_plugin *smbkit_static_audit(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_error(const struct smbkit_host_table *api);

static char folder[] = "/tmp/smbkit-audit-XXXXXX";
static char path[128];

/* The whole file; "" when it is not there. */
static const char *content(void)
{
    static char text[65536];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f) {
        fclose(f);
    }
    return text;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

static void wait_for(const char *what)
{
    for (int i = 0; i < 5000 && !strstr(content(), what); i++) {
        usleep(2000);
    }
    if (!strstr(content(), what)) {
        test_fail(__FILE__, __LINE__, "no %s in:\n%s", what, content());
    }
}

static bool start(struct fixture *f, const char *events, const char *rule)
{
    char file[160];
    snprintf(file, sizeof(file), "file=%s", path);
    unlink(path);
    const struct stack_layer layers[] = {
        {smbkit_static_audit(&vfs_api), {file, events}},
        {smbkit_static_error(&vfs_api), {rule, "status=ACCESS_DENIED", "count=0"}},
        {smbkit_static_mem(&vfs_api), {NULL}}};
    struct stack_layer good[3];
    memcpy(good, layers, sizeof(good));
    if (!rule) {
        good[1].args[0] = NULL;
    }
    return stack_open(f, good, 3);
}

/* Is there a line with both? */
static void check_line(const char *a, const char *b)
{
    const char *text = content();
    bool found = false;
    for (const char *line = text; *line && !found;) {
        size_t len = strcspn(line, "\n");
        const char *x = strstr(line, a);
        const char *y = strstr(line, b);
        found = x && x < line + len && y && y < line + len;
        line += len + (line[len] == '\n');
    }
    if (!found) {
        test_fail(__FILE__, __LINE__, "no line with %s and %s in:\n%s", a, b, text);
    }
}

static void test_events(void)
{
    char buf[8];
    struct fixture f;
    REQUIRE(start(&f, "events=open|make|empty|delete|rename|transfer", NULL));
    struct vfs_open *o = must_open(&f, "a\xc3\xa4", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abc"), 0);
    CHECK_INT(write_at(&f, o, 3, "de"), 0);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    CHECK_INT(vfs_rename(&f.call, o, "b", false), 0);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "b", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
    CHECK_INT(try_access(&f, "b", SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN), 0); /* a look-up */
    CHECK_INT(try_access(&f, "none", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_access(&f, "b", RW, SMBKIT_OVERWRITE), 0);
    o = must_open(&f, "b", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    must_close(&f, o);
    make(&f, "d", true);
    fixture_close(&f); /* all is written then */
    check_line("\"op\":\"make\",\"result\":\"SUCCESS\",\"user\":\"anna\",\"domain\":\"WG\","
               "\"address\":\"192.0.2.1\",\"session\":\"0x0000000000000007\",\"share\":\"test\","
               "\"path\":\"a\xc3\xa4\",\"access\":[\"read\",\"write\",\"delete\","
               "\"write attributes\"]}",
               "{\"time\":\"20");
    check_line("\"op\":\"rename\"", "\"path\":\"a\xc3\xa4\",\"to\":\"b\"}");
    check_line("\"op\":\"transfer\"", "\"path\":\"b\",\"read\":5,\"written\":5}");
    check_line("\"op\":\"empty\"", "\"path\":\"b\"}");
    check_line("\"op\":\"delete\"", "\"path\":\"b\"}");
    check_line("\"op\":\"make\"", "\"path\":\"d\",\"access\":[],\"folder\":true}");
    CHECK_INT(count_of(content(), "\"none\""), 0);
    CHECK_INT(count_of(content(), "\"op\":\"transfer\""), 1);
}

static void test_refused(void)
{
    struct fixture f;
    REQUIRE(start(&f, "events=open|delete", "op=remove"));
    make(&f, "a", false);
    struct vfs_open *o = must_open(&f, "a", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    (void)!vfs_close(&f.call, o, NULL);
    fixture_close(&f);
    check_line("\"op\":\"delete\",\"result\":\"ACCESS_DENIED\"", "\"path\":\"a\"}");
    CHECK_INT(count_of(content(), "\"op\":\"make\""), 0);
}

/* By the server, which tells of it. */
static void test_refused_by_descriptor(void)
{
    struct fixture f;
    REQUIRE(start(&f, "events=refused|open", NULL));
    struct vfs_open *o = must_open(&f, "a", RW | SMBKIT_WRITE_DAC, SMBKIT_CREATE, 0);
    struct wr w = wr_new(65536);
    CHECK_INT(sd_read_only(&w), 0);
    CHECK_INT(vfs_set_security(&f.call, o, SD_DACL, w.base, w.len), 0);
    wr_fini(&w);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "a", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
    CHECK_INT(try_access(&f, "a", SMBKIT_READ_DATA | SMBKIT_WRITE_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_ACCESS_DENIED);
    fixture_close(&f);
    check_line("\"op\":\"refused\",\"result\":\"ACCESS_DENIED\",\"user\":\"anna\"",
               "\"path\":\"a\",\"access\":[\"read\",\"write\"]}");
    CHECK_INT(count_of(content(), "\"op\":\"refused\""), 1);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"events=open|transfer", "folders=yes"}, NULL},
        {{"events=open|opens"}, "events=: \"opens\" is none; there is open, make,"},
        {{"events=|"}, "is none"},
        {{"file=/nowhere/at/all/audit"},
         "file=/nowhere/at/all/audit cannot be written: its folder is not there"},
        {{"file=/dev/null"}, "it is no regular file"},
        {{"file=/tmp"}, "file=/tmp cannot be written"},
        {{"queue=1"}, "queue=1"},
    };
    check_args(smbkit_static_audit(&vfs_api), rows, ARRAY_LEN(rows));
}

/* ---- the file ---- */

static void add(struct audit_file *f, const char *line)
{
    audit_file_add(f, line, strlen(line));
}

static void test_file(void)
{
    struct audit_file_stats s;
    unlink(path);
    CHECK_INT(audit_file_check(path), 0);
    CHECK_INT(access(path, F_OK), -1); /* looking makes nothing */
    struct audit_file *f = audit_file_new(path, 4096);
    REQUIRE(f);
    add(f, "one");
    add(f, "two");
    audit_file_free(f);
    CHECK_STR(content(), "one\ntwo\n");
    f = audit_file_new(path, 4096);
    REQUIRE(f);
    add(f, "three");
    wait_for("three\n");
    char moved[160];
    snprintf(moved, sizeof(moved), "%s.1", path);
    CHECK_INT(rename(path, moved), 0);
    audit_file_reopen(f);
    add(f, "four");
    wait_for("four\n");
    CHECK_STR(content(), "four\n");
    audit_file_stats(f, &s);
    CHECK(s.written >= 2);
    CHECK_INT(s.lost, 0);
    audit_file_free(f);
    unlink(moved);
}

/* More than waits: what is lost is counted, and said before the next line. */
/* The system delivers no signal of the process to the file's thread. */
static void test_signals(void)
{
    char name[300];
    sigset_t before;
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    unlink(path);
    struct audit_file *f = audit_file_new(path, 4096);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    REQUIRE(f);
    add(f, "one");
    for (int i = 0; i < 10000 && !*content(); i++) {
        usleep(1000); /* until it runs: threads begin with all blocked */
    }
    unsigned others = 0;
    DIR *tasks = opendir("/proc/self/task");
    REQUIRE(tasks);
    for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
        snprintf(name, sizeof(name), "/proc/self/task/%s/status", e->d_name);
        FILE *status =
            e->d_name[0] != '.' && atoi(e->d_name) != getpid() ? fopen(name, "re") : NULL;
        unsigned long long blocked = 0;
        while (status && fgets(name, sizeof(name), status)) {
            (void)sscanf(name, "SigBlk: %llx", &blocked);
        }
        if (status) {
            others++;
            CHECK(blocked & (1ull << (SIGTERM - 1)));
            fclose(status);
        }
    }
    closedir(tasks);
    CHECK(others > 0);
    audit_file_free(f);
}

static void test_lost(void)
{
    struct audit_file_stats s;
    char nowhere[160];
    snprintf(nowhere, sizeof(nowhere), "%s/later", folder);
    snprintf(path, sizeof(path), "%s/later/audit", folder);
    struct audit_file *f = audit_file_new(path, 4096);
    REQUIRE(f);
    add(f, "lost");
    do {
        usleep(1000);
        audit_file_stats(f, &s);
    } while (s.lost == 0);
    char big[5000];
    memset(big, 'x', sizeof(big));
    audit_file_add(f, big, sizeof(big));
    audit_file_stats(f, &s);
    CHECK_INT(s.lost, 2);
    CHECK_INT(mkdir(nowhere, 0700), 0);
    add(f, "found");
    audit_file_free(f);
    CHECK_STR(content(), "{\"op\":\"lost\",\"lines\":2}\nfound\n");
    unlink(path);
    rmdir(nowhere);
    snprintf(path, sizeof(path), "%s/audit", folder);
}

/* A disk that is full amid a line: the next one begins anew. */
static void test_cut(void)
{
    struct rlimit was;
    struct audit_file_stats s = {0};
    unlink(path);
    struct audit_file *f = audit_file_new(path, 4096);
    REQUIRE(f && getrlimit(RLIMIT_FSIZE, &was) == 0);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {.rlim_cur = 6, .rlim_max = was.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    add(f, "one");
    add(f, "twenty");
    while (s.written + s.lost < 2) {
        usleep(1000);
        audit_file_stats(f, &s);
    }
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &was), 0);
    CHECK_INT(s.lost, 1);
    add(f, "three");
    audit_file_free(f);
    CHECK_STR(content(), "one\ntw\n{\"op\":\"lost\",\"lines\":1}\nthree\n");
    unlink(path);
}

/* ---- the log ---- */

static unsigned lines_whole, lines_cut;

static void note_log(void *arg, enum log_level level, enum log_module module,
                     const struct log_ctx *ctx, const char *text)
{
    (void)arg;
    (void)level;
    (void)module;
    (void)ctx;
    size_t len = strlen(text);
    if (strncmp(text, "audit {", 7) == 0) {
        lines_whole += text[len - 1] == '}';
        lines_cut += text[len - 1] != '}';
    }
}

/* The longest names, and all rights: the line keeps its end. */
static void test_log_line(void)
{
    char name[250];
    char long_path[1300];
    struct fixture f;
    const struct stack_layer layers[] = {{smbkit_static_audit(&vfs_api), {NULL}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    log_set_sink(note_log, NULL);
    log_set_level(LOG_MODULES, LOG_INFO);
    REQUIRE(stack_open(&f, layers, 2));
    make(&f, name, true);
    snprintf(long_path, sizeof(long_path), "%s/%s", name, name);
    struct vfs_create_in in = create_in(&f, long_path);
    struct vfs_create_out out;
    in.stream = name;
    in.desired_access = SMBKIT_ALL_ACCESS;
    in.disposition = SMBKIT_OPEN_IF;
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    must_close(&f, out.open);
    struct vfs_open *o = must_open(&f, long_path, SMBKIT_ALL_ACCESS, SMBKIT_OPEN, 0);
    name[0] = 'm';
    CHECK_INT(vfs_rename(&f.call, o, name, false), 0);
    must_close(&f, o);
    fixture_close(&f);
    log_set_level(LOG_MODULES, LOG_WARN);
    log_set_sink(NULL, NULL);
    CHECK(lines_whole >= 4);
    CHECK_INT(lines_cut, 0);
}

/* A handle that was opened in other letters knows of a rename, too. */
static void test_letters(void)
{
    struct fixture f;
    REQUIRE(start(&f, "events=transfer", NULL));
    make(&f, "a", false);
    struct vfs_open *one = must_open(&f, "a", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    struct vfs_open *two = must_open(&f, "A", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, one, "b", false), 0);
    CHECK_INT(write_at(&f, two, 0, "abc"), 0);
    must_close(&f, two);
    must_close(&f, one);
    fixture_close(&f);
    check_line("\"op\":\"transfer\"", "\"path\":\"b\",\"read\":0,\"written\":3}");
}

static const struct test_case cases[] = {
    {"a line of the log", test_log_line},
    {"in other letters", test_letters},
    {"events", test_events},
    {"what is refused", test_refused},
    {"what the server refuses", test_refused_by_descriptor},
    {"the file", test_file},
    {"signals are for others", test_signals},
    {"lines that are lost", test_lost},
    {"a line that is cut", test_cut},
    {"arguments", test_args},
};

int main(int argc, char **argv)
{
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/audit", folder);
    int code = test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
    unlink(path);
    rmdir(folder);
    return code;
}
