/* SPDX-License-Identifier: Apache-2.0 */
#include "server/admin.h"

#include <jansson.h>

#include "base/mem.h"
#include "base/str.h"
#include "server/control.h"
#include "server/logging.h"

static json_t *of_status(struct server *s, const char *what)
{
    CLEANUP_MEM char *status = control_answer(s, "{\"command\":\"status\"}");
    json_t *root = status ? json_loads(status, 0, NULL) : NULL;
    json_t *list = json_incref(json_object_get(root, what));
    json_decref(root);
    return list;
}

static void add_share(void *arg, const char *name, uint32_t trees)
{
    json_array_append_new(arg, json_pack("{s:s, s:I}", "name", name, "trees", (json_int_t)trees));
}

static json_t *shares(struct server *s, const char *what)
{
    json_t *list = json_array();
    (void)what;
    if (list) {
        smb_server_shares_each(server_smb_get(s), add_share, list);
    }
    return list;
}

static void add_line(void *arg, const char *line)
{
    json_array_append_new(arg, json_string(line));
}

static json_t *log_lines(struct server *s, const char *what)
{
    json_t *list = json_array();
    (void)what;
    if (list && server_logging_get(s)) {
        logging_recent_each(server_logging_get(s), add_line, list);
    }
    return list;
}

static const struct {
    const char *what;
    json_t *(*fn)(struct server *s, const char *what);
} queries[] = {{"sessions", of_status},
               {"opens", of_status},
               {"counters", of_status},
               {"shares", shares},
               {"log", log_lines}};

static smbkit_status query(const struct smbkit_admin *a, const char *what, char **text)
{
    *text = NULL;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        if (!str_eq(queries[i].what, what)) {
            continue;
        }
        json_t *list = queries[i].fn(a->core, what);
        *text = list ? json_dumps(list, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
        json_decref(list);
        return *text ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    }
    return SMBKIT_STATUS_NOT_FOUND;
}

static void release(const struct smbkit_admin *a, char *text)
{
    json_free_t free_fn = NULL;
    (void)a;
    json_get_alloc_funcs(NULL, &free_fn);
    free_fn(text);
}

static smbkit_status act(const struct smbkit_admin *a, const char *command,
                         struct smbkit_buffer *answer)
{
    CLEANUP_MEM char *text = control_answer(a->core, command);
    if (!text) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    answer->len = (uint32_t)str_len(text) + 1;
    if (answer->len > answer->cap) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    mem_copy(answer->base, text, answer->len);
    return SMBKIT_STATUS_SUCCESS;
}

void admin_init(struct admin *a, struct server *s)
{
    a->pub = (struct smbkit_admin){.struct_size = sizeof(a->pub),
                                   .version = 1,
                                   .core = s,
                                   .query = query,
                                   .release = release,
                                   .act = act};
}
