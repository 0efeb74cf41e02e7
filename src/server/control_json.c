/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over the control socket, as JSON and as text. */
#include <jansson.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/os.h"
#include "os/process.h"
#include "server/control.h"
#include "server/control_layers.h"
#include "server/control_reply.h"
#include "server/control_shares.h"
#include "server/server.h"
#include "static_plugins.h"

#define TEXT_MAX (8u << 20) /* bytes of a status as text */

static char *refuse(const char *why)
{
    return control_line(control_refusal("%s", why));
}

/* Names come from clients; what JSON cannot carry (a lone surrogate) is a question mark. */
static json_t *text_json(const char *s)
{
    json_t *j = json_string(s);
    if (j) {
        return j;
    }
    CLEANUP(wr_fini) struct wr w = wr_new(TEXT_MAX);
    wr_plain(&w, s);
    wr_u8(&w, 0);
    return json_string(wr_ok(&w) ? (const char *)w.base : "?");
}

static json_t *time_json(uint64_t filetime)
{
    char buf[32];
    os_time_format(filetime, buf, sizeof(buf));
    return json_string(buf);
}

static void add_session(void *arg, const struct smb_session_info *i)
{
    json_t *list = arg;
    if (json_array_size(list) >= CONTROL_SESSIONS_MAX) {
        return;
    }
    char id[24];
    char dialect[8];
    str_format(id, sizeof(id), "0x%016llx", (unsigned long long)i->session_id);
    str_format(dialect, sizeof(dialect), "0x%04x", i->dialect);
    json_array_append_new(
        list, json_pack("{s:s, s:I, s:o, s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:I, s:I}", "id", id,
                        "connection", (json_int_t)i->conn_id, "user", text_json(i->user), "address",
                        i->client_address, "dialect", dialect, "signed", i->signed_, "encrypted",
                        i->encrypted, "guest", i->guest, "since", time_json(i->connected_at),
                        "idle_since", time_json(i->idle_since), "trees", (json_int_t)i->tree_count,
                        "opens", (json_int_t)i->open_count));
}

static const struct {
    uint32_t right;
    const char *word;
} rights[] = {
    {SMBKIT_READ_DATA, "read"},
    {SMBKIT_WRITE_DATA, "write"},
    {SMBKIT_APPEND_DATA, "append"},
    {SMBKIT_EXECUTE, "execute"},
    {SMBKIT_DELETE, "delete"},
    {SMBKIT_DELETE_CHILD, "delete below"},
    {SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_EA, "read attributes"},
    {SMBKIT_WRITE_ATTRIBUTES | SMBKIT_WRITE_EA, "write attributes"},
    {SMBKIT_READ_CONTROL, "read permissions"},
    {SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER, "write permissions"},
    {SMBKIT_ACCESS_SYSTEM_SECURITY, "audit"},
};

static json_t *rights_json(uint32_t access)
{
    json_t *out = json_array();
    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        if (access & rights[i].right) {
            json_array_append_new(out, json_string(rights[i].word));
        }
    }
    return out;
}

/* [MS-SMB2] 2.2.13 RequestedOplockLevel */
static const char *oplock_word(uint8_t level)
{
    return level == 0x01 ? "II" : level == 0x08 ? "exclusive" : level == 0x09 ? "batch" : "none";
}

static void add_open(void *arg, const struct smb_open_info *i)
{
    json_t *list = arg;
    if (json_array_size(list) >= CONTROL_OPENS_MAX) {
        return;
    }
    char id[24];
    char access[16];
    str_format(id, sizeof(id), "0x%016llx", (unsigned long long)i->session_id);
    str_format(access, sizeof(access), "0x%08x", i->access);
    json_array_append_new(list,
                          json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:I, s:s}", "session", id,
                                    "user", text_json(i->user), "share", text_json(i->share),
                                    "path", text_json(i->path), "access", access, "rights",
                                    rights_json(i->access), "oplock", (json_int_t)i->oplock_level,
                                    "caching", oplock_word(i->oplock_level)));
}

static json_t *counters_json(struct server *s)
{
    struct smb_server_stats t;
    smb_server_stats(server_smb_get(s), &t);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"connections", server_connection_count(s)},
        {"connections_total", t.conns_total},
        {"sessions", t.sessions_now},
        {"sessions_total", t.sessions_total},
        {"trees", t.trees_now},
        {"opens", t.opens_now},
        {"kept", t.kept_now},
        {"waiting", t.waiting_now},
        {"locks", t.locks_now},
        {"leases", t.leases_now},
        {"notifies", t.watches_now},
        {"descriptors", t.descriptors_now},
        {"buffer_bytes", t.buffer_bytes},
        {"requests_total", t.requests},
        {"bytes_in_total", t.bytes_in},
        {"bytes_out_total", t.bytes_out},
        {"logon_failures_total", t.logon_failures},
    };
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_object_set_new(out, rows[i].name, json_integer((json_int_t)rows[i].value));
    }
    return out;
}

static json_t *listen_json(const struct server *s)
{
    json_t *out = json_array();
    for (unsigned i = 0; server_listen_addr_get(s, i); i++) {
        char text[NET_ADDR_TEXT_SIZE + 16];
        net_addr_format(server_listen_addr_get(s, i), text, sizeof(text));
        json_array_append_new(out, json_string(text));
    }
    return out;
}

static char *answer_status(struct server *s, const json_t *request)
{
    (void)request;
    json_t *sessions = json_array();
    json_t *opens = json_array();
    smb_server_sessions_each(server_smb_get(s), add_session, sessions);
    smb_server_opens_each(server_smb_get(s), add_open, opens);
    return control_line(json_pack("{s:b, s:s, s:I, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "ok",
                                  1, "version", SMBKIT_VERSION, "pid", (json_int_t)os_process_id(),
                                  "server", server_config_get(s)->netbios_name, "since",
                                  time_json(server_started_at(s)), "listen", listen_json(s),
                                  "shares", (json_int_t)smb_server_share_count(server_smb_get(s)),
                                  "counters", counters_json(s), "sessions", sessions, "opens",
                                  opens, "layers", control_layers_status(s)));
}

static char *answer_ping(struct server *s, const json_t *request)
{
    (void)s;
    (void)request;
    return control_line(json_pack("{s:b, s:s}", "ok", 1, "version", SMBKIT_VERSION));
}

/* As a status names it. */
static char *answer_end_session(struct server *s, const json_t *request)
{
    const char *text = json_string_value(json_object_get(request, "session"));
    uint64_t id = 0;
    if (!text || !str_to_u64(text, UINT64_MAX, &id)) {
        return refuse("the request names no \"session\", such as \"0x0000000012345678\"");
    }
    if (!smb_server_session_close(server_smb_get(s), id)) {
        return refuse("there is no such session");
    }
    return control_line(json_pack("{s:b}", "ok", 1));
}

static char *answer_control(struct server *s, const json_t *request)
{
    return control_line(control_layers_answer(s, request));
}

static char *answer_share_add(struct server *s, const json_t *request)
{
    return control_line(control_share_change(s, request, false));
}

static char *answer_share_replace(struct server *s, const json_t *request)
{
    return control_line(control_share_change(s, request, true));
}

static char *answer_share_remove(struct server *s, const json_t *request)
{
    return control_line(control_share_remove(s, request));
}

static char *answer_share_list(struct server *s, const json_t *request)
{
    (void)request;
    return control_line(control_share_list(s));
}

static const struct {
    const char *name;
    char *(*fn)(struct server *s, const json_t *request);
} commands[] = {
    {"status", answer_status},
    {"ping", answer_ping},
    {"end session", answer_end_session},
    {"control", answer_control},
    {"share add", answer_share_add},
    {"share replace", answer_share_replace},
    {"share remove", answer_share_remove},
    {"share list", answer_share_list},
};

char *control_answer(struct server *s, const char *request)
{
    json_error_t err;
    json_t *root = json_loads(request, 0, &err);
    const char *name = root ? json_string_value(json_object_get(root, "command")) : NULL;
    char *answer = NULL;
    bool found = false;
    for (size_t i = 0; name && i < ARRAY_LEN(commands); i++) {
        if (str_eq(commands[i].name, name)) {
            found = true;
            answer = commands[i].fn(s, root);
        }
    }
    if (!found) {
        answer =
            refuse(!root  ? "the request is not JSON"
                   : name ? "unknown command; status, ping, end session, control, share add, share "
                            "replace, share remove and share list are known"
                          : "the request names no \"command\"");
    }
    json_decref(root);
    return answer;
}

/* ---- text ---- */

static const char *get_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static long long get_int(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

/* Between quotes: what a client named cannot look like another column. */
static void put_name(struct wr *w, const char *s)
{
    wr_u8(w, '"');
    wr_escaped(w, s);
    wr_u8(w, '"');
}

static void put_user(struct wr *w, const char *user)
{
    if (*user) {
        wr_escaped(w, user);
    } else {
        wr_printf(w, "(anonymous)");
    }
}

static void put_session(struct wr *w, const json_t *o)
{
    const char *user = get_text(o, "user");
    wr_printf(w, "  ");
    put_user(w, user);
    wr_printf(w, "%s  %s  dialect %s%s%s  %lld open  since %s\n",
              json_is_true(json_object_get(o, "guest")) ? " (guest)" : "", get_text(o, "address"),
              get_text(o, "dialect"), json_is_true(json_object_get(o, "signed")) ? "  signed" : "",
              json_is_true(json_object_get(o, "encrypted")) ? "  encrypted" : "",
              get_int(o, "opens"), get_text(o, "since"));
}

static void put_open(struct wr *w, const json_t *o)
{
    const json_t *words = json_object_get(o, "rights");
    wr_printf(w, "  ");
    put_user(w, get_text(o, "user"));
    wr_printf(w, "  ");
    put_name(w, get_text(o, "share"));
    wr_u8(w, ' ');
    put_name(w, get_text(o, "path"));
    wr_u8(w, ' ');
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        wr_printf(w, "%s %s", i ? "," : "", word ? word : "?");
    }
    wr_u8(w, '\n');
}

/* What a filter or plugin says of itself, in lines. */
static void put_layer(struct wr *w, const json_t *o)
{
    wr_printf(w, "  ");
    put_name(w, get_text(o, "share"));
    wr_printf(w, " %s:\n", get_text(o, "layer"));
    for (const char *line = get_text(o, "text"); *line;) {
        size_t len = 0;
        while (line[len] && line[len] != '\n') {
            len++;
        }
        wr_printf(w, "    %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

/* Of `counters`' number of the same name, an answer has only so many. */
static void put_rest(struct wr *w, const json_t *root, const char *key, size_t listed)
{
    long long all = get_int(json_object_get(root, "counters"), key);
    if (all > (long long)listed && listed > 0) {
        wr_printf(w, "  ... and %lld more\n", all - (long long)listed);
    }
}

static void put_list(struct wr *w, const json_t *root, const char *key, const char *title,
                     void (*put)(struct wr *w, const json_t *o))
{
    const json_t *list = json_object_get(root, key);
    if (json_array_size(list) > 0) {
        wr_printf(w, "%s\n", title);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        put(w, json_array_get(list, i));
    }
    put_rest(w, root, key, json_array_size(list));
}

static void put_status(struct wr *w, const json_t *root)
{
    const json_t *c = json_object_get(root, "counters");
    const json_t *listen = json_object_get(root, "listen");
    wr_printf(w, "smbkit %s on %s, process %lld, since %s\n", get_text(root, "version"),
              get_text(root, "server"), get_int(root, "pid"), get_text(root, "since"));
    wr_printf(w, "Listening on");
    for (size_t i = 0; i < json_array_size(listen); i++) {
        wr_printf(w, " %s", json_string_value(json_array_get(listen, i)));
    }
    wr_printf(w,
              "\nShares %lld, connections %lld, sessions %lld, open files %lld (%lld wait for a "
              "lost client), "
              "waiting requests %lld\n",
              get_int(root, "shares"), get_int(c, "connections"), get_int(c, "sessions"),
              get_int(c, "opens"), get_int(c, "kept"), get_int(c, "waiting"));
    wr_printf(w, "Byte-range locks %lld, leases %lld, watched folders %lld, descriptors %lld\n",
              get_int(c, "locks"), get_int(c, "leases"), get_int(c, "notifies"),
              get_int(c, "descriptors"));
    wr_printf(w, "Requests %lld, bytes in %lld, bytes out %lld, failed log-ins %lld\n",
              get_int(c, "requests_total"), get_int(c, "bytes_in_total"),
              get_int(c, "bytes_out_total"), get_int(c, "logon_failures_total"));
    put_list(w, root, "sessions", "Sessions:", put_session);
    put_list(w, root, "opens", "Open files, by whom, share, path and what for:", put_open);
    put_list(w, root, "layers", "Filters and plugins, by share:", put_layer);
    wr_u8(w, 0);
}

char *control_status_text(const char *answer, const char **err_r)
{
    json_error_t err;
    json_t *root = json_loads(answer, 0, &err);
    if (!root || !json_is_true(json_object_get(root, "ok"))) {
        *err_r = root ? "the server refused" : "the answer is not JSON";
        json_decref(root);
        return NULL;
    }
    CLEANUP(wr_fini) struct wr w = wr_new(TEXT_MAX);
    put_status(&w, root);
    json_decref(root);
    size_t len;
    *err_r = "out of memory";
    return (char *)wr_take(&w, &len);
}
