/* SPDX-License-Identifier: Apache-2.0 */
/* The control protocol with a server made up for it: the functions below take the place of server.c
 * and of src/smb. */
#include "test.h"

#include <smbkit/filter.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "os/local.h"
#include "server/control.h"
#include "server/control_layers.h"
#include "server/server.h"
#include "server/shares.h"

static const struct config fake_config = {.netbios_name = "HALL"};
static const struct net_addr fake_addr = {.text = "127.0.0.1", .port = 4450};
static bool is_busy; /* has sessions and open files */

const struct config *server_config_get(const struct server *s)
{
    (void)s;
    return &fake_config;
}
struct smb_server *server_smb_get(const struct server *s)
{
    (void)s;
    return NULL;
}
uint64_t server_started_at(const struct server *s)
{
    (void)s;
    return FILETIME_UNIX_EPOCH;
}
unsigned server_connection_count(const struct server *s)
{
    (void)s;
    return 3;
}
const struct net_addr *server_listen_addr_get(const struct server *s, unsigned i)
{
    (void)s;
    return i == 0 ? &fake_addr : NULL;
}
size_t smb_server_share_count(struct smb_server *s)
{
    (void)s;
    return 2;
}
struct shares *server_shares_get(const struct server *s)
{
    (void)s;
    return NULL;
}

/* What was asked for last. */
static char changed[256];

bool shares_change(struct shares *s, struct shares_change *how, char err[SHARES_ERR_SIZE])
{
    const struct config_share *c = &how->config->shares[0];
    (void)s;
    snprintf(changed, sizeof(changed), "%s %s %s filters=%u read_only=%d%s",
             how->replaces ? "replace" : "add", c->name, c->plugin.name, c->filter_count,
             c->read_only,
             how->handles == SHARES_REFUSE  ? " refuse"
             : how->handles == SHARES_CLOSE ? " close"
                                            : "");
    how->moved = (struct smb_moved){.moved = how->replaces ? 2 : 0, .closed = 0};
    snprintf(err, SHARES_ERR_SIZE, "no \"luck\"");
    return strcmp(c->name, "bad") != 0;
}

bool shares_remove(struct shares *s, const char *name, enum shares_handles handles,
                   char err[SHARES_ERR_SIZE])
{
    (void)s;
    snprintf(changed, sizeof(changed), "remove %s%s", name,
             handles == SHARES_REFUSE ? " refuse" : "");
    snprintf(err, SHARES_ERR_SIZE, "there is none");
    return strcmp(name, "bad") != 0;
}

void shares_each(struct shares *s, void (*fn)(void *arg, const struct shares_info *i), void *arg)
{
    (void)s;
    (void)fn;
    (void)arg;
}

bool smb_server_session_close(struct smb_server *s, uint64_t session_id)
{
    (void)s;
    return session_id == 0x42;
}
void smb_server_stats(struct smb_server *s, struct smb_server_stats *out)
{
    (void)s;
    *out = (struct smb_server_stats){.conns_total = 9,
                                     .sessions_now = 1,
                                     .sessions_total = 4,
                                     .trees_now = 1,
                                     .opens_now = 1,
                                     .requests = 100,
                                     .bytes_in = 1000,
                                     .bytes_out = 5000000000ull,
                                     .logon_failures = 2,
                                     .waiting_now = 1,
                                     .locks_now = 2,
                                     .leases_now = 3,
                                     .watches_now = 4,
                                     .descriptors_now = 5,
                                     .buffer_bytes = 6};
}
void smb_server_sessions_each(struct smb_server *s,
                              void (*fn)(void *arg, const struct smb_session_info *), void *arg)
{
    struct smb_session_info i = {.session_id = 0x1234,
                                 .conn_id = 7,
                                 .user = "al\"ice",
                                 .client_address = "10.0.0.1",
                                 .dialect = 0x0311,
                                 .signed_ = true,
                                 .connected_at = FILETIME_UNIX_EPOCH,
                                 .idle_since = FILETIME_UNIX_EPOCH,
                                 .tree_count = 1,
                                 .open_count = 1};
    (void)s;
    if (is_busy) {
        fn(arg, &i);
    }
}
void smb_server_opens_each(struct smb_server *s,
                           void (*fn)(void *arg, const struct smb_open_info *), void *arg)
{
    struct smb_open_info i = {.session_id = 0x1234,
                              .user = "ann",
                              .share = "docs",
                              .path = "a\x1b/b\xff",
                              .access = 0x120089,
                              .oplock_level = 9};
    (void)s;
    if (is_busy) {
        fn(arg, &i);
    }
}

/* ---- a share with three layers: two filters of which one understands commands, and mem ---- */

static struct vfs_volume *fake_volume; /* of "docs"; NULL: there is none */

struct vfs_volume *smb_server_volume_get(struct smb_server *s, const char *name)
{
    (void)s;
    return fake_volume && strcmp(name, "docs") == 0 ? vfs_volume_ref(fake_volume) : NULL;
}
void smb_server_shares_each(struct smb_server *s,
                            void (*fn)(void *arg, const char *name, uint32_t trees), void *arg)
{
    (void)s;
    if (fake_volume) {
        fn(arg, "docs", 1);
        fn(arg, "gone meanwhile", 0);
    }
}

const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

static struct smbkit_next *nexts[2];

static smbkit_status talker_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct smbkit_next **next = nexts[0] ? &nexts[1] : &nexts[0];
    *next = args->next;
    *volume_r = next;
    return SMBKIT_STATUS_SUCCESS;
}
static void talker_close(void *volume)
{
    *(struct smbkit_next **)volume = NULL;
}
static smbkit_status say(struct smbkit_control *a, const char *text, smbkit_status st)
{
    a->text.len = (uint32_t)strlen(text) + 1;
    memcpy(a->text.base, text, a->text.len);
    return st;
}
static smbkit_status talker_control(void *volume, struct smbkit_op *op, struct smbkit_control *a)
{
    bool nowait = op->flags & SMBKIT_OP_NOWAIT;
    if (strcmp(a->command, "help") == 0) {
        return say(a, "greet NAME  says hello\nfail", SMBKIT_STATUS_SUCCESS);
    }
    if (strncmp(a->command, "greet ", 6) == 0) {
        return say(a, a->command + 6, SMBKIT_STATUS_SUCCESS);
    }
    if (strcmp(a->command, "status") == 0) {
        return say(a, nowait ? "fine" : "it waits", SMBKIT_STATUS_SUCCESS);
    }
    if (strcmp(a->command, "status json") == 0) {
        return say(a, "{\"fine\":1}", SMBKIT_STATUS_SUCCESS);
    }
    if (strcmp(a->command, "fail") == 0) {
        return say(a, "fail: of what?", SMBKIT_STATUS_INVALID_PARAMETER);
    }
    if (strcmp(a->command, "full") == 0) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    if (strcmp(a->command, "long") == 0) {
        a->text.len = a->text.cap + 1;
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    if (strcmp(a->command, "odd") == 0) {
        return say(a, "\xff", SMBKIT_STATUS_SUCCESS);
    }
    return smbkit_next_control(*(struct smbkit_next **)volume, op, a);
}
static smbkit_status silent_control(void *volume, struct smbkit_op *op, struct smbkit_control *a)
{
    return smbkit_next_control(*(struct smbkit_next **)volume, op, a);
}

#define FILTER_OF(name_, fn)                                                                       \
    {                                                                                              \
        .struct_size = sizeof(struct smbkit_plugin), .api_version = SMBKIT_FILTER_VERSION,         \
        .thread_model = SMBKIT_PARALLEL, .flags = SMBKIT_IS_FILTER, .name = (name_),               \
        .volume_open = talker_open, .volume_close = talker_close, .control = (fn)                  \
    }
static const struct smbkit_plugin silent = FILTER_OF("silent", silent_control);
static const struct smbkit_plugin talker = FILTER_OF("talker", talker_control);

/* Filters, as many as are given, over mem. */
static bool volume_start(const struct smbkit_plugin *outer, const struct smbkit_plugin *inner)
{
    char err[256];
    const struct vfs_layer_spec layers[] = {
        {.plugin = outer}, {.plugin = inner}, {.plugin = smbkit_static_mem(&vfs_api)}};
    const struct vfs_volume_spec spec = {.share_name = "docs", .layers = layers, .layer_count = 3};
    return SMBKIT_OK(vfs_volume_open(&spec, &fake_volume, err, sizeof(err)));
}
static void volume_stop(void)
{
    vfs_volume_unref(fake_volume);
    fake_volume = NULL;
}

static void test_layers(void)
{
    static const struct {
        const char *share, *layer, *text;
        const char *want; /* NULL: the error instead */
        const char *error;
    } rows[] = {
        {"docs", NULL, "greet ann and bob", "ann and bob", NULL},
        {"docs", "talker", "greet ann", "ann", NULL},
        {"docs", NULL, "help", "talker:\n  greet NAME  says hello\n  fail\n", NULL},
        {"docs", "talker", "help", "talker:\n  greet NAME  says hello\n  fail\n", NULL},
        {"docs", NULL, "dance", NULL,
         "share \"docs\": unknown command \"dance\"; there is\n"
         "talker:\n  greet NAME  says hello\n  fail\n"},
        {"docs", NULL, "fail", NULL, "fail: of what?"},
        {"docs", NULL, "full", NULL, "DISK_FULL"},
        {"docs", NULL, "long", NULL, "the answer is longer than 262144 bytes"},
        {"docs", NULL, "odd", NULL, "the answer is no UTF-8"},
        {"docs", "silent", "greet ann", NULL,
         "\"silent\" of share \"docs\" understands no commands"},
        {"docs", "silent", "help", NULL, "\"silent\" of share \"docs\" understands no commands"},
        {"docs", "mem", "greet ann", NULL, "\"mem\" of share \"docs\" understands no commands"},
        {"docs", "stats", "x", NULL,
         "share \"docs\" has no layer \"stats\"; it has silent, talker, mem"},
        {"docs", NULL, "", NULL, "the request names no \"share\", or no \"text\" for it"},
        {"music", NULL, "help", NULL, "there is no share \"music\""},
    };
    REQUIRE(volume_start(&silent, &talker));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *err = NULL;
        char *request = control_layers_request(rows[i].share, rows[i].layer, rows[i].text);
        REQUIRE(request);
        test_context("%s", request);
        char *answer = control_answer(NULL, request);
        REQUIRE(answer);
        char *text = control_layers_text(answer, &err);
        CHECK_STR(text, rows[i].want);
        CHECK_STR(err, rows[i].error);
        mem_free(text);
        mem_free(err);
        mem_free(answer);
        mem_free(request);
    }
    volume_stop();
}

static void test_no_layer_talks(void)
{
    char *err = NULL;
    REQUIRE(volume_start(&silent, &silent));
    char *answer =
        control_answer(NULL, "{\"command\":\"control\",\"share\":\"docs\",\"text\":\"greet\"}");
    REQUIRE(answer);
    CHECK(control_layers_text(answer, &err) == NULL);
    CHECK_STR(err, "share \"docs\": neither its plugin nor a filter of it understands commands");
    mem_free(err);
    mem_free(answer);
    volume_stop();
}

/* The status asks without waiting. */
static void test_layers_status(void)
{
    const char *err = NULL;
    REQUIRE(volume_start(&silent, &talker));
    char *a = control_answer(NULL, "{\"command\":\"status\"}");
    REQUIRE(a);
    CHECK(strstr(a, "\"layers\":[{\"share\":\"docs\",\"layer\":\"talker\",\"text\":\"fine\","
                    "\"data\":{\"fine\":1}}]}") != NULL);
    char *t = control_status_text(a, &err);
    REQUIRE(t);
    CHECK(strstr(t, "Filters and plugins, by share:\n  \"docs\" talker:\n    fine\n") != NULL);
    mem_free(t);
    mem_free(a);
    volume_stop();
}

#define COUNTERS                                                                                   \
    "\"counters\":{\"connections\":3,\"connections_total\":9,\"sessions\":1,\"sessions_total\":4," \
    "\"trees\":1,\"opens\":1,\"kept\":0,\"waiting\":1,\"locks\":2,\"leases\":3,"                   \
    "\"notifies\":4,\"descriptors\":5,\"buffer_bytes\":6,\"requests_total\":100,"                  \
    "\"bytes_in_total\":1000,\"bytes_out_total\":5000000000,\"logon_failures_total\":2}"

static void test_answers(void)
{
    static const struct {
        const char *request;
        const char *want;
    } rows[] = {
        {"{\"command\":\"ping\"}", "{\"ok\":true,\"version\":\"0.1.0\"}"},
        {"{\"command\":\"end session\",\"session\":\"0x42\"}", "{\"ok\":true}"},
        {"{\"command\":\"end session\",\"session\":\"0x43\"}",
         "{\"ok\":false,\"error\":\"there is no such session\"}"},
        {"{\"command\":\"end session\"}", "{\"ok\":false,\"error\":\"the request names no "
                                          "\\\"session\\\", such as \\\"0x0000000012345678\\\"\"}"},
        {"{\"command\":\"dance\"}", "{\"ok\":false,\"error\":\"unknown command; status, ping, end "
                                    "session, control, share add, "
                                    "share replace, share remove and share list are known\"}"},
        {"{}", "{\"ok\":false,\"error\":\"the request names no \\\"command\\\"\"}"},
        {"{\"command\":1}", "{\"ok\":false,\"error\":\"the request names no \\\"command\\\"\"}"},
        {"[]", "{\"ok\":false,\"error\":\"the request names no \\\"command\\\"\"}"},
        {"", "{\"ok\":false,\"error\":\"the request is not JSON\"}"},
        {"{\"command\":", "{\"ok\":false,\"error\":\"the request is not JSON\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].request);
        char *a = control_answer(NULL, rows[i].request);
        CHECK_STR(a, rows[i].want);
        mem_free(a);
    }
}

/* The process id is the only thing that differs from run to run. */
static char *without_pid(char *answer)
{
    char *pid = answer ? strstr(answer, "\"pid\":") : NULL;
    if (pid) {
        char *end = strchr(pid, ',');
        memmove(pid, end + 1, strlen(end + 1) + 1);
    }
    return answer;
}

static void test_shares(void)
{
    static const struct {
        const char *request, *answer, *changed;
    } rows[] = {
        {"{\"command\":\"share add\",\"share\":\"a=mem:\"}",
         "{\"ok\":true,\"name\":\"a\",\"moved\":0,\"closed\":0}",
         "add a mem filters=0 read_only=0"},
        {"{\"command\":\"share replace\",\"share\":\"a=mem:\",\"handles\":\"refuse\",\"settings\":["
         "\"read only = yes\",\"filter=log\",\"filter=pause\"]}",
         "{\"ok\":true,\"name\":\"a\",\"moved\":2,\"closed\":0}",
         "replace a mem filters=2 read_only=1 refuse"},
        {"{\"command\":\"share replace\",\"share\":\"a=mem:\",\"handles\":\"close\"}",
         "{\"ok\":true,\"name\":\"a\",\"moved\":2,\"closed\":0}",
         "replace a mem filters=0 read_only=0 close"},
        {"{\"command\":\"share replace\",\"share\":\"a=mem:\",\"handles\":\"keep\"}",
         "{\"ok\":false,\"error\":\"\\\"handles\\\" is move, close or refuse\"}", ""},
        {"{\"command\":\"share add\",\"share\":\"bad=mem:\"}",
         "{\"ok\":false,\"error\":\"share \\\"bad\\\": no \\\"luck\\\"\"}",
         "add bad mem filters=0 read_only=0"},
        {"{\"command\":\"share add\"}",
         "{\"ok\":false,\"error\":\"the request names no \\\"share\\\"\"}", ""},
        {"{\"command\":\"share add\",\"share\":\"a=mem:\",\"settings\":[\"colour=red\"]}",
         "{\"ok\":false,\"error\":\"a share has no key \\\"colour\\\": see smbkit.conf(5)\"}", ""},
        {"{\"command\":\"share add\",\"share\":\"a=mem:\",\"settings\":[7]}",
         "{\"ok\":false,\"error\":\"\\\"\\\" is not KEY=VALUE, such as \\\"read only=yes\\\"\"}",
         ""},
        {"{\"command\":\"share add\",\"share\":\"a=mem:\",\"settings\":[\"read only=maybe\"]}",
         "{\"ok\":false,\"error\":\"read only: maybe: expected yes or no\"}", ""},
        {"{\"command\":\"share remove\",\"share\":\"a\"}", "{\"ok\":true,\"name\":\"a\"}",
         "remove a"},
        {"{\"command\":\"share remove\",\"share\":\"bad\",\"handles\":\"refuse\"}",
         "{\"ok\":false,\"error\":\"share \\\"bad\\\": there is none\"}", "remove bad refuse"},
        {"{\"command\":\"share remove\",\"share\":\"a\",\"handles\":\"keep\"}",
         "{\"ok\":false,\"error\":\"\\\"handles\\\" is close or refuse\"}", ""},
        {"{\"command\":\"share list\"}", "{\"ok\":true,\"shares\":[]}", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("%s", rows[i].request);
        changed[0] = '\0';
        char *answer = control_answer(NULL, rows[i].request);
        CHECK_STR(answer, rows[i].answer);
        CHECK_STR(changed, rows[i].changed);
        mem_free(answer);
    }
}

static void test_status_json(void)
{
    is_busy = true;
    char *a = without_pid(control_answer(NULL, "{\"command\":\"status\"}"));
    CHECK_STR(a,
              "{\"ok\":true,\"version\":\"0.1.0\",\"server\":\"HALL\",\"since\":\"1970-01-01T00:00:"
              "00.000Z\","
              "\"listen\":[\"127.0.0.1:4450\"],\"shares\":2," COUNTERS ",\"sessions\":[{"
              "\"id\":\"0x0000000000001234\",\"connection\":7,\"user\":\"al\\\"ice\",\"address\":"
              "\"10.0.0.1\","
              "\"dialect\":\"0x0311\",\"signed\":true,\"encrypted\":false,\"guest\":false,"
              "\"since\":\"1970-01-01T00:00:00.000Z\",\"idle_since\":\"1970-01-01T00:00:00.000Z\","
              "\"trees\":1,\"opens\":1}],\"opens\":[{\"session\":\"0x0000000000001234\","
              "\"user\":\"ann\",\"share\":\"docs\",\"path\":\"a?/b?\",\"access\":\"0x00120089\","
              "\"rights\":[\"read\",\"read attributes\",\"read permissions\"],\"oplock\":9,"
              "\"caching\":\"batch\"}],\"layers\":[]}");
    mem_free(a);
}

static void test_status_text(void)
{
    const char *err = NULL;
    is_busy = true;
    char *a = control_answer(NULL, "{\"command\":\"status\"}");
    REQUIRE(a);
    char *t = control_status_text(a, &err);
    REQUIRE(t);
    CHECK(strstr(t, "smbkit 0.1.0 on HALL, process ") == t);
    CHECK(strstr(
        t, "\nListening on 127.0.0.1:4450\n"
           "Shares 2, connections 3, sessions 1, open files 1 (0 wait for a lost client), waiting "
           "requests 1\n"
           "Byte-range locks 2, leases 3, watched folders 4, descriptors 5\n"
           "Requests 100, bytes in 1000, bytes out 5000000000, failed log-ins 2\n"
           "Sessions:\n"
           "  al\\\"ice  10.0.0.1  dialect 0x0311  signed  1 open  since 1970-01-01T00:00:00.000Z\n"
           "Open files, by whom, share, path and what for:\n"
           "  ann  \"docs\" \"a?/b?\"  read, read attributes, read permissions\n"));
    mem_free(t);
    mem_free(a);
    CHECK(control_status_text("x", &err) == NULL);
    CHECK_STR(err, "the answer is not JSON");
    CHECK(control_status_text("{\"ok\":false}", &err) == NULL);
    CHECK_STR(err, "the server refused");
}

static void test_socket(void)
{
    char folder[] = "/tmp/smbkit-control-XXXXXX";
    char path[64];
    char err[256] = "";
    struct stat st;
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/control", folder);
    struct control *c = control_new(NULL, path, err);
    REQUIRE(c);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    CHECK(control_new(NULL, path, err) == NULL);
    CHECK(strstr(err, "another smbkit uses it") != NULL);
    for (int i = 0; i < 3; i++) {
        struct os_local *l = NULL;
        char *answer = NULL;
        CHECK_INT(os_local_connect(path, &l), 0);
        CHECK_INT(os_local_write_line(l, "{\"command\":\"ping\"}", 1000), 0);
        CHECK_INT(os_local_read_line(l, 1000, 1000, &answer), 0);
        CHECK_STR(answer, "{\"ok\":true,\"version\":\"0.1.0\"}");
        mem_free(answer);
        os_local_free(l);
    }
    control_free(c);
    CHECK(stat(path, &st) != 0);
    rmdir(folder);
}

static const struct test_case cases[] = {
    {"requests and answers", test_answers},     {"shares", test_shares},
    {"the status as JSON", test_status_json},   {"the status as text", test_status_text},
    {"commands to layers", test_layers},        {"no layer understands any", test_no_layer_talks},
    {"layers in a status", test_layers_status}, {"the socket", test_socket},
};
TEST_MAIN(cases)
