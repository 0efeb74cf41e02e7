/* SPDX-License-Identifier: Apache-2.0 */
/* bad: a filter that breaks the contract in one way, which breaks= names, so that the test kit can
 * be held against each. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bad.h"

#define FAULT_NAME(name) #name,
static const char *const names[] = {FAULTS(FAULT_NAME) NULL};

/* Of what nothing may be known: a thread that nobody joins, a call that never ends. */
static void wait_for_ever(void)
{
    for (;;) {
        pause();
    }
}

/* ---- names ---- */

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t e = strlen(end);
    return n >= e && strcmp(text + n - e, end) == 0;
}

static smbkit_status spoil_error(const struct bad *b, smbkit_status st)
{
    if (is(b, BREAKS_wrong_error) && st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (is(b, BREAKS_wrong_path_error) && st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return st;
}

static smbkit_status bad_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    struct bad *b = volume;
    struct smbkit_create how = *a;
    if (is(b, BREAKS_wrong_kind)) {
        how.kind = how.disposition == SMBKIT_OPEN ? SMBKIT_KIND_ANY : how.kind;
    }
    if (is(b, BREAKS_opens_makes) && how.disposition == SMBKIT_OPEN && ends_in(a->path, "/none")) {
        how.disposition = SMBKIT_CREATE;
        how.kind = SMBKIT_KIND_FILE;
    }
    if (is(b, BREAKS_id_forgotten)) {
        how.flags &= ~SMBKIT_CREATE_BY_ID;
    }
    if (is(b, BREAKS_few_opens) && atomic_load(&b->opens) > 100) {
        return SMBKIT_STATUS_TOO_MANY_OPENED_FILES;
    }
    if (is(b, BREAKS_shallow) && strlen(a->path) > 150 && strstr(a->path, "/deeper/deeper/")) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    if (is(b, BREAKS_attributes_lost)) {
        how.attributes &= ~SMBKIT_ATTR_HIDDEN;
    }
    if (is(b, BREAKS_created_bare)) {
        how.ea = (struct smbkit_bytes){.base = NULL};
    }
    if (is(b, BREAKS_created_plain)) {
        how.security = (struct smbkit_bytes){.base = NULL};
    }
    smbkit_status st = smbkit_next_create(b->next, op, &how);
    if (st == SMBKIT_STATUS_OBJECT_NAME_COLLISION && is(b, BREAKS_no_collision)) {
        how.disposition = SMBKIT_OPEN;
        how.kind = SMBKIT_KIND_ANY;
        st = smbkit_next_create(b->next, op, &how);
    }
    a->file = how.file;
    atomic_fetch_add(&b->opens, SMBKIT_OK(st));
    if (SMBKIT_OK(st) && is(b, BREAKS_leaks_files) && ends_in(a->path, "/life.opens") &&
        open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) {
        st = SMBKIT_STATUS_TOO_MANY_OPENED_FILES;
    }
    if (SMBKIT_OK(st) && is(b, BREAKS_directory_bit)) {
        bad_spoil(b, a->attr);
    }
    if (SMBKIT_OK(st) && is(b, BREAKS_stream_id) && a->stream) {
        a->attr->file_id += 1;
    }
    return spoil_error(b, st);
}

static smbkit_status bad_remove(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_remove *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_remove(b->next, op, file, a);
    return st == SMBKIT_STATUS_DIRECTORY_NOT_EMPTY && is(b, BREAKS_removes_full)
               ? SMBKIT_STATUS_SUCCESS
               : st;
}

static smbkit_status bad_rename(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_rename *a)
{
    struct bad *b = volume;
    struct smbkit_rename how = *a;
    if (is(b, BREAKS_case_collides) && ends_in(a->new_path, "/NAME")) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (is(b, BREAKS_stream_stays) && a->new_stream) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (is(b, BREAKS_rename_replaces)) {
        how.flags |= SMBKIT_RENAME_REPLACE;
    }
    return smbkit_next_rename(b->next, op, file, &how);
}

static smbkit_status bad_check_remove(void *volume, struct smbkit_op *op, void *file,
                                      const struct smbkit_remove *a)
{
    struct bad *b = volume;
    op->flags |= is(b, BREAKS_check_removes) ? SMBKIT_OP_SYNC : 0;
    return is(b, BREAKS_check_removes) ? smbkit_next_remove(b->next, op, file, a)
                                       : smbkit_next_check_remove(b->next, op, file, a);
}

static smbkit_status bad_get_path(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_buffer *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_get_path(b->next, op, file, a);
    if (SMBKIT_OK(st) && is(b, BREAKS_wrong_path) && a->len > 0) {
        a->base[a->len - 1] = 'E';
    }
    return st;
}

static smbkit_status bad_volume_info(void *volume, struct smbkit_op *op,
                                     struct smbkit_volume_info *a)
{
    struct bad *b = volume;
    if (is(b, BREAKS_ignores_nowait) && (op->flags & SMBKIT_OP_NOWAIT)) {
        nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    }
    smbkit_status st = smbkit_next_volume_info(b->next, op, a);
    if (is(b, BREAKS_wrong_info)) {
        a->free_bytes = a->total_bytes + 1;
    }
    return st;
}

/* ---- listings ---- */

struct bad_sink {
    struct smbkit_sink sink; /* first */
    struct smbkit_sink *up;
    struct bad *b;
    unsigned count;
    bool is_full;
};

static int32_t give(struct bad_sink *s, const struct smbkit_entry *e)
{
    if (s->is_full && is(s->b, BREAKS_ignores_full)) {
        (void)s->up->entry(s->up, e);
        return 1;
    }
    if (s->up->entry(s->up, e)) {
        return 1;
    }
    s->is_full = true;
    return is(s->b, BREAKS_ignores_full);
}

static int32_t bad_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct bad_sink *s = (struct bad_sink *)sink;
    struct smbkit_entry e = *entry;
    unsigned n = s->count++;
    if (is(s->b, BREAKS_lost_name) && n == 20) {
        return 1;
    }
    if (is(s->b, BREAKS_twice_name) && n == 20 && !give(s, &e)) {
        return 0;
    }
    if (is(s->b, BREAKS_cookie_zero) && n == 1) {
        e.cookie = 0;
    }
    return give(s, &e);
}

static smbkit_status bad_enumerate(void *volume, struct smbkit_op *op, void *file,
                                   struct smbkit_sink *a)
{
    struct bad *b = volume;
    struct bad_sink s = {.sink = *a, .up = a, .b = b};
    s.sink.entry = bad_entry;
    if (is(b, BREAKS_cookie_off) && s.sink.cookie > 1) {
        s.sink.cookie -= 1;
    }
    if (is(b, BREAKS_stale_list) && a->cookie == 0 && atomic_fetch_add(&b->calls, 1) % 2 == 1) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if ((is(b, BREAKS_pattern_loses) && a->pattern) ||
        (is(b, BREAKS_wants_attributes) && !(a->want & SMBKIT_WANT_ATTR))) {
        return SMBKIT_STATUS_SUCCESS;
    }
    op->flags |= SMBKIT_OP_SYNC; /* the sink is on this stack */
    return smbkit_next_enumerate(b->next, op, file, &s.sink);
}

/* ---- the end of a call ---- */

static smbkit_status bad_flush(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_flush *a)
{
    struct bad *b = volume;
    if (is(b, BREAKS_never_returns)) {
        wait_for_ever();
    }
    while (is(b, BREAKS_ends_cancelled) && !(op->flags & SMBKIT_OP_NOWAIT)) {
        if (smbkit_op_is_cancelled(op)) {
            return SMBKIT_STATUS_CANCELLED;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    if (is(b, BREAKS_cancel_error) && smbkit_op_is_cancelled(op)) {
        return SMBKIT_STATUS_UNSUCCESSFUL;
    }
    if (is(b, BREAKS_ignores_sync)) {
        smbkit_complete(op, SMBKIT_STATUS_SUCCESS);
        return SMBKIT_STATUS_PENDING;
    }
    if (op->flags & SMBKIT_OP_SYNC) {
        return smbkit_next_flush(b->next, op, file, a);
    }
    if (is(b, BREAKS_never_completes)) {
        return SMBKIT_STATUS_PENDING;
    }
    if (is(b, BREAKS_double_complete)) {
        smbkit_complete(op, SMBKIT_STATUS_SUCCESS);
        smbkit_complete(op, SMBKIT_STATUS_SUCCESS);
        return SMBKIT_STATUS_PENDING;
    }
    return smbkit_next_flush(b->next, op, file, a);
}

/* ---- the volume ---- */

static const struct smbkit_param params[] = {{.key = "breaks",
                                              .kind = SMBKIT_PARAM_CHOICE,
                                              .offset = offsetof(struct bad, breaks),
                                              .words = names},
                                             {.key = NULL}};

static atomic_uint volumes;

static void *sleep_long(void *arg)
{
    (void)arg;
    wait_for_ever();
    return NULL;
}

static smbkit_status bad_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct bad *b = calloc(1, sizeof(*b));
    pthread_t thread;
    if (!b) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    b->next = args->next;
    b->null = -1;
    smbkit_status st = smbkit_args_take(args, params, b);
    unsigned n = atomic_fetch_add(&volumes, 1);
    if (!SMBKIT_OK(st) && is(b, BREAKS_takes_all_arguments)) {
        st = SMBKIT_STATUS_SUCCESS;
    }
    if (!SMBKIT_OK(st) && is(b, BREAKS_says_nothing)) {
        args->error[0] = '\0';
    }
    if (SMBKIT_OK(st) && is(b, BREAKS_once_only) && n > 0) {
        snprintf(args->error, args->error_size, "there can be only one");
        st = SMBKIT_STATUS_SHARING_VIOLATION;
    }
    if (!SMBKIT_OK(st)) {
        free(b);
        return st;
    }
    if (is(b, BREAKS_minds_case)) {
        args->features &= ~SMBKIT_FEATURE_IGNORES_CASE;
    }
    if (is(b, BREAKS_leaks_descriptor)) {
        st = open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? SMBKIT_STATUS_UNSUCCESSFUL : st;
    }
    if (is(b, BREAKS_forgets_thread) && pthread_create(&thread, NULL, sleep_long, NULL) == 0) {
        pthread_detach(thread);
    }
    b->null = is(b, BREAKS_wrong_fd) ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    *volume_r = b;
    return st;
}

static void bad_volume_close(void *volume)
{
    struct bad *b = volume;
    if (b->null >= 0) {
        close(b->null);
    }
    free(volume);
}

static void bad_close(void *volume, struct smbkit_op *op, void *file)
{
    struct bad *b = volume;
    atomic_fetch_sub(&b->opens, 1);
    smbkit_next_close(b->next, op, file);
}

#define BAD_MEMBER(name, type) .name = bad_##name,
static const struct smbkit_plugin bad_filter = {.struct_size = sizeof(struct smbkit_plugin),
                                                .api_version = SMBKIT_FILTER_VERSION,
                                                .thread_model = SMBKIT_PARALLEL,
                                                .flags = SMBKIT_IS_FILTER,
                                                .name = "bad",
                                                .description =
                                                    "breaks the contract in one way, for tests",
                                                .version = "1",
                                                .config_help = "breaks=WORD  how\n",
                                                .volume_open = bad_volume_open,
                                                .volume_close = bad_volume_close,
                                                .volume_info = bad_volume_info,
                                                .create = bad_create,
                                                .close = bad_close,
                                                .lookup = bad_lookup,
                                                .enumerate = bad_enumerate,
                                                .rename = bad_rename,
                                                .remove = bad_remove,
                                                .check_remove = bad_check_remove,
                                                .get_path = bad_get_path,
                                                .flush = bad_flush,

                                                BAD_DATA(BAD_MEMBER) BAD_VOLUME(BAD_MEMBER)};

SMBKIT_REGISTER(bad_filter)
