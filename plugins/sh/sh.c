/* SPDX-License-Identifier: Apache-2.0 */
/* A share that a program makes: smbkit-sh-plugin(1). A tree whose callbacks run the program. */
#include "sh_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    const char *script;
    uint64_t timeout_ms;
};
static const struct smbkit_param params[] = {{.key = "script",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct arguments, script),
                                              .min = 1,
                                              .max = 4096},
                                             {.key = "timeout",
                                              .kind = SMBKIT_PARAM_MS,
                                              .offset = offsetof(struct arguments, timeout_ms),
                                              .min = 1},
                                             {.key = NULL}};

static const struct smbkit_tree_folder folder_ops;
static const struct smbkit_tree_file file_ops;

/* ---- calls ---- */

/* Does it lead out of the folder that it is in? The tree asks for no such name; nor does a listing
 * make one. */
static int leads_out(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL;
}

static smbkit_status path_of(struct sh_volume *v, smbkit_tree_id id, char path[SH_PATH_MAX])
{
    return smbkit_tree_path(v->tree, id, path, SH_PATH_MAX);
}

static smbkit_status path_in(struct sh_volume *v, smbkit_tree_id folder, const char *name,
                             char path[SH_PATH_MAX])
{
    smbkit_status status =
        leads_out(name) ? SMBKIT_STATUS_OBJECT_NAME_INVALID : path_of(v, folder, path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    size_t len = strlen(path);
    int n = snprintf(path + len, SH_PATH_MAX - len, "%s%s", len ? "/" : "", name);
    return n < 0 || (size_t)n >= SH_PATH_MAX - len ? SMBKIT_STATUS_OBJECT_NAME_INVALID
                                                   : SMBKIT_STATUS_SUCCESS;
}

/* For words whose output is not looked at. */
static smbkit_status ask(struct sh_job *job, const char *word, const char *path, const char *other)
{
    struct sh_run r = {.job = job,
                       .word = word,
                       .path = path,
                       .other = other,
                       .changes = 1,
                       .out_max = SH_TEXT_MAX};
    smbkit_status status = sh_run(job->volume, &r);
    free(r.out);
    return status;
}

/* ---- folders ---- */

/* Seconds since 1970 as a FILETIME. */
static uint64_t filetime(unsigned long long seconds)
{
    return (seconds + 11644473600ull) * 10000000u;
}

/* 0: none, or less than that. */
static unsigned long long number(const char *text)
{
    return *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10) : 0;
}

/* NAME, or NAME/ of a folder; then, if it likes, a tab and the size, a tab and the time. */
static smbkit_status add_line(struct smbkit_tree_call *c, char *line)
{
    struct sh_volume *v = smbkit_tree_data(c->tree);
    char *size = strchr(line, '\t');
    char *time = size ? strchr(size + 1, '\t') : NULL;
    if (size) {
        *size++ = '\0';
    }
    if (time) {
        *time++ = '\0';
    }
    size_t len = strlen(line);
    int is_folder = len > 0 && line[len - 1] == '/';
    if (is_folder) {
        line[len - 1] = '\0';
    }
    if (strcmp(line, ".") == 0 || strcmp(line, "..") == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_tree_entry e = smbkit_tree_entry_new(line);
    e.folder = is_folder ? &folder_ops : NULL;
    e.file = is_folder ? NULL : &file_ops;
    e.flags = is_folder ? SMBKIT_TREE_IS_FOLDER : v->can_write ? SMBKIT_TREE_WRITABLE : 0;
    e.size = size && !is_folder ? number(size) : 0;
    e.write_time = time ? filetime(number(time)) : 0;
    smbkit_status status = leads_out(line) ? SMBKIT_STATUS_OBJECT_NAME_INVALID
                                           : smbkit_tree_add(c->tree, c->id, &e, NULL);
    if (!SMBKIT_OK(status)) {
        char text[600];
        smbkit_log(1, "sh entry left out name=%s status=%s", smbkit_quote(line, text, sizeof(text)),
                   smbkit_status_name(status));
    }
    return status == SMBKIT_STATUS_NO_MEMORY ? status : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status fill(struct sh_job *job)
{
    char path[SH_PATH_MAX];
    struct smbkit_tree_call *c = job->call;
    smbkit_status status = path_of(job->volume, c->id, path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct sh_run r = {.job = job, .word = "list", .path = path, .out_max = SH_LIST_MAX};
    status = sh_run(job->volume, &r);
    if (SMBKIT_OK(status) && r.out && strlen(r.out) < r.out_size) {
        smbkit_log(1, "sh list with a NUL byte script=%s", job->volume->script);
        status = SMBKIT_STATUS_IO_DEVICE_ERROR;
    }
    for (char *line = r.out; SMBKIT_OK(status) && line && *line;) {
        char *end = strchr(line, '\n');
        if (end) {
            *end = '\0';
        }
        line[strcspn(line, "\r")] = '\0'; /* lines may end in CR LF */
        status = *line ? add_line(c, line) : SMBKIT_STATUS_SUCCESS;
        line = end ? end + 1 : NULL;
    }
    free(r.out);
    return status;
}

static smbkit_status create(struct sh_job *job)
{
    char path[SH_PATH_MAX];
    struct smbkit_tree_create *how = job->args;
    smbkit_status status = path_in(job->volume, job->call->id, how->name, path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (how->kind == SMBKIT_KIND_DIRECTORY) {
        return ask(job, "mkdir", path, NULL);
    }
    how->entry->file = &file_ops;
    how->entry->flags |= SMBKIT_TREE_WRITABLE;
    return ask(job, "write", path, NULL); /* an empty file */
}

static smbkit_status move(struct sh_job *job)
{
    char from[SH_PATH_MAX];
    char to[SH_PATH_MAX];
    const struct smbkit_tree_move *how = job->args;
    smbkit_status status = path_in(job->volume, how->from, how->from_name, from);
    if (SMBKIT_OK(status)) {
        status = path_in(job->volume, job->call->id, how->to_name, to);
    }
    return SMBKIT_OK(status) ? ask(job, "rename", from, to) : status;
}

static smbkit_status erase(struct sh_job *job)
{
    char path[SH_PATH_MAX];
    smbkit_status status = path_of(job->volume, job->id, path);
    return SMBKIT_OK(status) ? ask(job, "remove", path, NULL) : status;
}

static smbkit_status sh_fill(struct smbkit_tree_call *c)
{
    return sh_later(c, fill, NULL, 0);
}

static smbkit_status sh_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    return sh_later(c, create, how, 0);
}

static smbkit_status sh_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    return sh_later(c, move, how, 0);
}

static smbkit_status sh_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    (void)arg;
    return sh_later(c, erase, NULL, id);
}

static const struct smbkit_tree_folder folder_ops = {
    .struct_size = sizeof(folder_ops),
    .flags = SMBKIT_TREE_FRESH,
    .fill = sh_fill,
    .create = sh_create,
    .rename = sh_rename,
    .remove = sh_remove,
};

/* ---- files ---- */

static smbkit_status load(struct sh_job *job)
{
    char path[SH_PATH_MAX];
    struct smbkit_tree_load *to = job->args;
    smbkit_status status = path_of(job->volume, job->call->id, path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct sh_run r = {.job = job, .word = "read", .path = path, .out_max = SMBKIT_TREE_FILE_MAX};
    status = sh_run(job->volume, &r);
    if (!SMBKIT_OK(status)) {
        free(r.out);
        return status;
    }
    to->data = r.out;
    to->size = r.out_size;
    to->release = free;
    to->release_arg = r.out;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status commit(struct sh_job *job)
{
    char path[SH_PATH_MAX];
    const struct smbkit_tree_commit *what = job->args;
    smbkit_status status = path_of(job->volume, job->call->id, path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct sh_run r = {.job = job,
                       .word = "write",
                       .path = path,
                       .in = what->data,
                       .in_size = (size_t)what->size,
                       .changes = 1,
                       .out_max = SH_TEXT_MAX};
    status = sh_run(job->volume, &r);
    free(r.out);
    return status;
}

static smbkit_status sh_load(struct smbkit_tree_call *c, struct smbkit_tree_load *to)
{
    return sh_later(c, load, to, 0);
}

static smbkit_status sh_commit(struct smbkit_tree_call *c, void *handle,
                               const struct smbkit_tree_commit *what)
{
    (void)handle;
    return sh_later(c, commit, what, 0);
}

static const struct smbkit_tree_file file_ops = {
    .struct_size = sizeof(file_ops),
    .flags = SMBKIT_TREE_FRESH,
    .load = sh_load,
    .commit = sh_commit,
};

/* ---- the volume ---- */

static void stop(void *arg)
{
    sh_stop(arg);
}

static void release(void *arg)
{
    struct sh_volume *v = arg;
    for (char **e = v->variables; e && *e; e++) {
        free(*e);
    }
    pthread_cond_destroy(&v->more);
    pthread_mutex_destroy(&v->lock);
    free(v->variables);
    free(v->script);
    free(v->share);
    free(v);
}

static int is_ours(const char *key)
{
    for (const struct smbkit_param *p = params; p->key; p++) {
        if (strcmp(p->key, key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Does the program speak of a name? One that is too long to be looked through may do. */
static int speaks_of(const char *script, const char *name)
{
    char *text = malloc(SH_LOOK_MAX);
    FILE *f = text ? fopen(script, "re") : NULL;
    size_t len = f ? fread(text, 1, SH_LOOK_MAX, f) : SH_LOOK_MAX;
    int does = len == SH_LOOK_MAX || memmem(text, len, name, strlen(name)) != NULL;
    if (f) {
        fclose(f);
    }
    free(text);
    return does;
}

/* An argument of which it does not speak is a slip. */
static smbkit_status check_variable(const struct sh_volume *v, const char *variable,
                                    const struct smbkit_volume_args *args)
{
    char name[300];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(variable, "="), variable);
    if (speaks_of(v->script, name)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    snprintf(args->error, args->error_size,
             "there is no argument \"%s\": the program does not speak of %s",
             name + strlen("SMBKIT_ARG_"), name);
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

/* What is not ours is the script's: SMBKIT_ARG_key. */
static int add_variable(struct sh_volume *v, size_t n, const struct smbkit_arg *arg)
{
    size_t size = strlen("SMBKIT_ARG_=") + strlen(arg->key) + strlen(arg->value) + 1;
    v->variables[n] = malloc(size);
    if (v->variables[n]) {
        snprintf(v->variables[n], size, "SMBKIT_ARG_%s=%s", arg->key, arg->value);
    }
    return v->variables[n] != NULL;
}

static smbkit_status take(struct sh_volume *v, const struct smbkit_volume_args *args)
{
    struct arguments given = {.timeout_ms = 30000};
    size_t n = 0;
    v->variables = calloc(args->arg_count + 1u, sizeof(*v->variables));
    for (uint32_t i = 0; v->variables && i < args->arg_count; i++) {
        int32_t row = is_ours(args->args[i].key) ? smbkit_arg_take(args, i, params, &given) : 0;
        if (row < 0) {
            return row;
        }
        if (!is_ours(args->args[i].key) && !add_variable(v, n++, &args->args[i])) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
    }
    if (!given.script) {
        snprintf(args->error, args->error_size,
                 "script=FILE is missing: the program that makes the files");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    v->timeout_ms = given.timeout_ms;
    v->script = realpath(given.script, NULL); /* the server may change its folder */
    v->share = strdup(args->share_name);
    if (!v->script || access(v->script, X_OK) != 0) {
        snprintf(args->error, args->error_size, "%s: %s", given.script,
                 v->script ? "it cannot be run: chmod +x" : "there is no such file");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!v->variables || !v->share) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    for (char **e = v->variables; SMBKIT_OK(status) && *e; e++) {
        status = check_variable(v, *e, args);
    }
    return status;
}

static int has_word(const char *text, const char *word)
{
    static const char blanks[] = " \t\r\n";
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        size_t len = strcspn(text, blanks);
        if (len == strlen(word) && memcmp(text, word, len) == 0) {
            return 1;
        }
        text += len;
    }
    return 0;
}

/* Does it let clients write? It says so in answer to "config"; if it does not know the word it does
 * not. */
static smbkit_status configure(struct sh_volume *v, const struct smbkit_volume_args *args)
{
    struct sh_run r = {.word = "config", .out_max = SH_TEXT_MAX};
    smbkit_status status = sh_run(v, &r);
    if (r.code == SH_UNKNOWN) {
        status = SMBKIT_STATUS_SUCCESS;
    } else if (SMBKIT_OK(status)) {
        v->can_write = r.out && has_word(r.out, "write");
    } else {
        r.text[strcspn(r.text, "\n")] = '\0';
        snprintf(args->error, args->error_size, "\"%.100s config\" failed: %.120s", v->script,
                 r.text[0] ? r.text : smbkit_status_name(status));
    }
    free(r.out);
    return status;
}

static smbkit_status sh_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct sh_volume *v = calloc(1, sizeof(*v));
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->more, NULL);
    v->last = &v->first;
    smbkit_status status = take(v, args);
    if (SMBKIT_OK(status)) {
        status = configure(v, args);
    }
    if (!SMBKIT_OK(status)) {
        release(v);
        return status;
    }
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.flags = v->can_write ? 0 : SMBKIT_TREE_READ_ONLY;
    spec.root = &folder_ops;
    spec.arg = v;
    spec.stop = stop;
    spec.release = release;
    status = smbkit_tree_open(args, &spec, volume_r);
    if (SMBKIT_OK(status)) {
        v->tree = *volume_r;
    }
    return status;
}

SMBKIT_TREE_PLUGIN(sh, "sh", "a file system that a program makes, run for each thing asked",
                   sh_open,
                   "script=FILE    the program: FILE list|read|write|... PATH (required)\n"
                   "timeout=TIME   how long a run may take (30s)\n"
                   "anything=TEXT  for the program: SMBKIT_ARG_anything in its environment\n")
