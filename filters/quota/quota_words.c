/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments and commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "quota.h"

bool quota_size_parse(const char *text, uint64_t *size_r)
{
    static const char units[] = "KMGT";
    char *end;
    if (strcmp(text, "none") == 0) {
        *size_r = QUOTA_NONE;
        return true;
    }
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 19) {
        return false;
    }
    uint64_t n = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    bool is_good = (unit ? end[1] == '\0' : *end == '\0') && n <= (uint64_t)INT64_MAX >> shift;
    *size_r = n << shift;
    return is_good;
}

bool quota_limit_path(struct quota *q, const char *path, uint64_t limit)
{
    char *own = strdup(path + strspn(path, "/"));
    size_t len = own ? strlen(own) : 0;
    while (len > 0 && own[len - 1] == '/') {
        own[--len] = '\0';
    }
    bool good = own && quota_limit_folder(q, own, limit);
    free(own);
    return good;
}

/* ---- arguments ---- */

struct words {
    const char *text[4];
};
enum { USER, FOLDER, DEFAULT, KEEP };
#define TEXT(name, i)                                                                              \
    {                                                                                              \
        .key = name, .kind = SMBKIT_PARAM_TEXT, .offset = offsetof(struct words, text[i]),         \
        .min = 1, .max = 4096                                                                      \
    }
static const struct smbkit_param params[] = {TEXT("user", USER),
                                             TEXT("folder", FOLDER),
                                             TEXT("default", DEFAULT),
                                             TEXT("keep", KEEP),
                                             {.key = NULL}};

/* NAME:SIZE; the name is owned. false: it is not so. */
static bool split(const char *text, char **name_r, uint64_t *size_r)
{
    const char *colon = strrchr(text, ':');
    *name_r = NULL;
    if (!colon || colon == text || !quota_size_parse(colon + 1, size_r)) {
        return false;
    }
    *name_r = strndup(text, (size_t)(colon - text));
    return *name_r != NULL;
}

static bool take_one(struct quota *q, int32_t row, const char *text)
{
    uint64_t size;
    char *name;
    if (row == KEEP) {
        free(q->keep);
        q->keep = strdup(text);
        return q->keep != NULL;
    }
    if (row == DEFAULT) {
        if (!quota_size_parse(text, &size)) {
            return false;
        }
        quota_limit_default(q, size);
        return true;
    }
    bool good = split(text, &name, &size) &&
                (row == USER ? quota_limit_user(q, name, size) : quota_limit_path(q, name, size));
    free(name);
    return good;
}

smbkit_status quota_args(struct quota *q, const struct smbkit_volume_args *args)
{
    for (uint32_t i = 0; i < args->arg_count; i++) {
        struct words w = {{0}};
        int32_t row = smbkit_arg_take(args, i, params, &w);
        if (row < 0) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        if (!take_one(q, row, w.text[row])) {
            snprintf(args->error, args->error_size,
                     row == DEFAULT ? "%s=%.100s: a size, such as 500M, 20G or none, is needed"
                                    : "%s=%.100s: it is NAME:SIZE, such as x:20G or x:none",
                     params[row].key, w.text[row]);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    q->sets = true;
    return quota_keep_read(q, args) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_PARAMETER;
}

/* ---- commands ---- */

static void put_size(struct answer_text *t, uint64_t size, bool is_json)
{
    if (size == QUOTA_NONE) {
        answer_put(t, is_json ? "null" : "none");
    } else {
        answer_put(t, "%llu", (unsigned long long)size);
    }
}

static void put_account(struct answer_text *t, const struct quota_account *a, bool is_json)
{
    char sid[QUOTA_TEXT_MAX] = "";
    if (a->sid_len > 0) {
        quota_sid_text(a->sid, a->sid_len, sid);
    }
    const char *name = a->name ? a->name : sid;
    if (!is_json) {
        answer_put(t, "\n%s %s%s used=%llu limit=", a->sid_len > 0 ? "user" : "folder",
                   a->sid_len > 0 ? "" : "/", name, (unsigned long long)a->used);
        put_size(t, a->limit, false);
        return;
    }
    answer_put(t, "{\"name\":");
    answer_put_json(t, name);
    if (sid[0]) {
        answer_put(t, ",\"sid\":\"%s\"", sid);
    }
    answer_put(t, ",\"used\":%llu,\"limit\":", (unsigned long long)a->used);
    put_size(t, a->limit, true);
    answer_put(t, "}");
}

/* Users of whom the limit alone is known. */
static void put_unmet(struct answer_text *t, const struct quota *q, bool is_json)
{
    bool is_first = q->user_count == 0;
    for (uint32_t i = 0; i < q->limit_count; i++) {
        const struct quota_limit *l = &q->limits[i];
        if (quota_limit_is_met(q, l)) {
            continue;
        }
        if (is_json) {
            answer_put(t, is_first ? "{\"name\":" : ",{\"name\":");
            answer_put_json(t, l->name);
            answer_put(t, ",\"used\":0,\"limit\":");
        } else {
            answer_put(t, "\nuser %s used=0 limit=", l->name);
        }
        put_size(t, l->limit, is_json);
        answer_put(t, is_json ? "}" : " (has not come yet)");
        is_first = false;
    }
}

static smbkit_status say_status(struct quota *q, struct smbkit_control *a, bool is_json)
{
    struct answer_text t = answer_begin(a);
    pthread_mutex_lock(&q->lock);
    bool is_counted = atomic_load(&q->is_counted);
    answer_put(&t,
               is_json ? "{\"counted\":%s,\"entries\":%llu,\"skipped\":%llu,\"refused\":%llu,"
                         "\"default\":"
                       : "counted=%s entries=%llu skipped=%llu refused=%llu default=",
               is_json ? (is_counted ? "true" : "false") : (is_counted ? "yes" : "not yet"),
               (unsigned long long)q->entries, (unsigned long long)q->skipped,
               (unsigned long long)q->refused);
    put_size(&t, q->default_limit, is_json);
    answer_put(&t, is_json ? ",\"users\":[" : "");
    for (uint32_t i = 0; i < q->user_count; i++) {
        answer_put(&t, is_json && i > 0 ? "," : "");
        put_account(&t, q->users[i], is_json);
    }
    put_unmet(&t, q, is_json);
    answer_put(&t, is_json ? "],\"folders\":[" : "");
    for (uint32_t i = 0; i < q->folder_count; i++) {
        answer_put(&t, is_json && i > 0 ? "," : "");
        put_account(&t, &q->folders[i], is_json);
    }
    answer_put(&t, is_json ? "]}" : "");
    pthread_mutex_unlock(&q->lock);
    return answer_end(&t);
}

/* A limit was set; it is kept, if there is where. */
static smbkit_status say_set(struct quota *q, struct smbkit_control *a)
{
    smbkit_status st = quota_keep_write(q);
    return SMBKIT_OK(st) ? answer(a, "done")
                         : answer_wrong(a, "%s: %s: the limit holds until the server ends", q->keep,
                                        smbkit_status_name(st));
}

/* "NAME SIZE"; names may have blanks. */
static smbkit_status set_named(struct quota *q, struct smbkit_control *a, const char *rest,
                               bool is_user)
{
    uint64_t size;
    const char *blank = strrchr(rest, ' ');
    if (!blank || blank == rest || strpbrk(rest, "\r\n") || !quota_size_parse(blank + 1, &size)) {
        return answer_wrong(a, "it is \"set %s NAME SIZE\"; a size is 500M, 20G or none",
                            is_user ? "user" : "folder");
    }
    char *name = strndup(rest, (size_t)(blank - rest));
    bool good =
        name && (is_user ? quota_limit_user(q, name, size) : quota_limit_path(q, name, size));
    free(name);
    return good ? say_set(q, a) : answer_wrong(a, "there are too many already");
}

static uint32_t folder_count(struct quota *q)
{
    pthread_mutex_lock(&q->lock);
    uint32_t count = q->folder_count;
    pthread_mutex_unlock(&q->lock);
    return count;
}

static smbkit_status set(struct quota *q, struct smbkit_op *op, struct smbkit_control *a)
{
    uint64_t size;
    const char *what = a->command + sizeof("set ") - 1;
    if (strncmp(what, "user ", 5) == 0) {
        return set_named(q, a, what + 5, true);
    }
    if (strncmp(what, "folder ", 7) == 0) {
        uint32_t before = folder_count(q);
        smbkit_status st = set_named(q, a, what + 7, false);
        return SMBKIT_OK(st) && folder_count(q) != before ? quota_recount(q, op) : st;
    }
    if (strncmp(what, "default ", 8) == 0) {
        if (!quota_size_parse(what + 8, &size)) {
            return answer_wrong(a, "it is \"set default SIZE\"; a size is 500M, 20G or none");
        }
        quota_limit_default(q, size);
        return say_set(q, a);
    }
    return answer_wrong(a,
                        "it is \"set user NAME SIZE\", \"set folder PATH SIZE\" or \"set default "
                        "SIZE\"");
}

smbkit_status quota_control(struct quota *q, struct smbkit_op *op, struct smbkit_control *a)
{
    if (strcmp(a->command, "status") == 0 || strcmp(a->command, "status json") == 0) {
        return say_status(q, a, a->command[6] != '\0');
    }
    if (strncmp(a->command, "set ", 4) == 0) {
        return set(q, op, a);
    }
    if (strcmp(a->command, "count") == 0) {
        smbkit_status st = quota_recount(q, op);
        return SMBKIT_OK(st) ? answer(a, "counted") : st;
    }
    if (strcmp(a->command, "help") == 0) {
        return answer(a, "status                what users and folders have, and their limits\n"
                         "set user NAME SIZE    a limit of a user, by name or SID; none: no limit\n"
                         "set folder PATH SIZE  a limit of a folder and all below it\n"
                         "set default SIZE      of users without a limit of their own\n"
                         "count                 count all anew");
    }
    return smbkit_next_control(q->next, op, a);
}
