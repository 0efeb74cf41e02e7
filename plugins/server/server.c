/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself as files, for its administrators: smbkit-server-plugin(1). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <smbkit/tree.h>

#define ANSWER_MAX 4096u /* bytes of an answer to an action */

struct volume {
    const struct smbkit_admin *admin;
};

/* A file at the root: what is asked for it. */
struct view {
    const char *name;
    const char *what;
};
static const struct view views[] = {{"opens.json", "opens"},
                                    {"shares.json", "shares"},
                                    {"statistics.json", "counters"},
                                    {"log.txt", "log"}};

static int is_admin(const struct smbkit_tree_call *c)
{
    return (c->who->flags & SMBKIT_WHO_ADMIN) != 0;
}

/* ---- what the server says ---- */

static json_t *ask(const struct volume *v, const char *what)
{
    char *text = NULL;
    if (!SMBKIT_OK(v->admin->query(v->admin, what, &text))) {
        return NULL;
    }
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    v->admin->release(v->admin, text);
    return value;
}

/* Lines of text as they are, anything else as JSON to read; malloc, with a line end. */
static char *text_of(json_t *value, size_t *len_r)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len_r);
    if (!f) {
        return NULL;
    }
    size_t i;
    json_t *line;
    if (json_is_array(value) && json_is_string(json_array_get(value, 0))) {
        json_array_foreach(value, i, line)
        {
            fprintf(f, "%s\n", json_string_value(line));
        }
    } else {
        json_dumpf(value, f, JSON_INDENT(2) | JSON_ENCODE_ANY);
        fputc('\n', f);
    }
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static smbkit_status give(json_t *value, struct smbkit_tree_load *load)
{
    size_t len = 0;
    char *text = text_of(value, &len);
    if (!text) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    load->data = text;
    load->size = len;
    load->release = free;
    load->release_arg = text;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the files at the root ---- */

static smbkit_status view_load(struct smbkit_tree_call *c, struct smbkit_tree_load *load)
{
    const struct view *view = c->arg;
    if (!is_admin(c)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    json_t *value = ask(smbkit_tree_data(c->tree), view->what);
    smbkit_status status = value ? give(value, load) : SMBKIT_STATUS_NO_MEMORY;
    json_decref(value);
    return status;
}

static const struct smbkit_tree_file view_ops = {
    .struct_size = sizeof(view_ops), .flags = SMBKIT_TREE_FRESH, .load = view_load};

/* ---- sessions: a file each, which ends it when it is deleted ---- */

static json_t *session_find(const struct volume *v, const char *id)
{
    size_t i;
    json_t *session;
    json_t *found = NULL;
    json_t *list = ask(v, "sessions");
    json_array_foreach(list, i, session)
    {
        const char *its = json_string_value(json_object_get(session, "id"));
        if (its && strcmp(its, id) == 0) {
            found = json_incref(session);
        }
    }
    json_decref(list);
    return found;
}

static smbkit_status session_load(struct smbkit_tree_call *c, struct smbkit_tree_load *load)
{
    if (!is_admin(c)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    json_t *session = session_find(smbkit_tree_data(c->tree), c->arg);
    smbkit_status status = session ? give(session, load) : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    json_decref(session);
    return status;
}

static const struct smbkit_tree_file session_ops = {
    .struct_size = sizeof(session_ops), .flags = SMBKIT_TREE_FRESH, .load = session_load};

/* "USER ID.json" */
static smbkit_status session_add(struct smbkit_tree_call *c, json_t *session)
{
    char name[512];
    const char *id = json_string_value(json_object_get(session, "id"));
    const char *user = json_string_value(json_object_get(session, "user"));
    char *copy = id ? strdup(id) : NULL;
    if (!copy) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(name, sizeof(name), "%s %s.json", user && *user ? user : "guest", id);
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.file = &session_ops;
    e.arg = copy;
    e.release = free;
    return smbkit_tree_add(c->tree, c->id, &e, NULL);
}

static smbkit_status sessions_fill(struct smbkit_tree_call *c)
{
    size_t i;
    json_t *session;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!is_admin(c)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    json_t *list = ask(smbkit_tree_data(c->tree), "sessions");
    if (!list) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    json_array_foreach(list, i, session)
    {
        status = SMBKIT_OK(status) ? session_add(c, session) : status;
    }
    json_decref(list);
    return status;
}

static smbkit_status session_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    char command[256];
    uint8_t answer[ANSWER_MAX];
    struct smbkit_buffer buffer = {answer, sizeof(answer), 0};
    struct volume *v = smbkit_tree_data(c->tree);
    (void)id;
    if (!is_admin(c)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    snprintf(command, sizeof(command), "{\"command\":\"end session\",\"session\":\"%s\"}",
             (const char *)arg);
    smbkit_log(2, "server session ended by=\"%s\" session=%s", c->who->user, (const char *)arg);
    return v->admin->act(v->admin, command, &buffer);
}

static const struct smbkit_tree_folder sessions_ops = {.struct_size = sizeof(sessions_ops),
                                                       .flags = SMBKIT_TREE_FRESH,
                                                       .fill = sessions_fill,
                                                       .remove = session_remove};

/* ---- the volume ---- */

/* Others do not come in: what is filled or loaded for an administrator is for all who wait for it.
 */
static smbkit_status user_root(struct smbkit_tree_call *c, smbkit_tree_id *root_r)
{
    *root_r = SMBKIT_TREE_ROOT;
    return is_admin(c) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

static smbkit_status fill(struct smbkit_tree *tree)
{
    struct smbkit_tree_entry folder = smbkit_tree_entry_new("sessions");
    folder.flags = SMBKIT_TREE_IS_FOLDER | SMBKIT_TREE_FIXED;
    folder.folder = &sessions_ops;
    smbkit_status status = smbkit_tree_add(tree, SMBKIT_TREE_ROOT, &folder, NULL);
    for (size_t i = 0; SMBKIT_OK(status) && i < sizeof(views) / sizeof(views[0]); i++) {
        struct smbkit_tree_entry e = smbkit_tree_entry_new(views[i].name);
        e.flags = SMBKIT_TREE_FIXED;
        e.file = &view_ops;
        e.arg = (void *)(uintptr_t)&views[i];
        status = smbkit_tree_add(tree, SMBKIT_TREE_ROOT, &e, NULL);
    }
    return status;
}

static smbkit_status server_open(struct smbkit_volume_args *args, void **volume_r)
{
    smbkit_status status = smbkit_args_take(args, NULL, NULL);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct volume *v = calloc(1, sizeof(*v));
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    v->admin = smbkit_admin_get(args->host);
    if (!v->admin) {
        free(v);
        snprintf(args->error, args->error_size,
                 "it shows what only administrators may see: write \"plugin may administer = yes\" "
                 "into the section of this share (smbkit.conf(5))");
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.arg = v;
    spec.release = free;
    spec.user_root = user_root;
    status = smbkit_tree_open(args, &spec, volume_r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = fill(*volume_r);
    if (!SMBKIT_OK(status)) {
        smbkit_api->tree->volume_close(*volume_r);
    }
    return status;
}

SMBKIT_TREE_PLUGIN(server, "server", "the server itself as files, for administrators", server_open,
                   NULL)
