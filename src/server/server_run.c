/* SPDX-License-Identifier: Apache-2.0 */
/* Start, signals, reload and the end. */
#include "server/server_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"

#define LOG_MODULE LOG_SERVER
#define POLL_MS 20           /* how often the end looks whether connections are gone */
#define TRIM_MS 3000         /* how often it looks whether a load is over ... */
#define END_LOOK_MS 500      /* how often it asks whether the end is there; a divisor of TRIM_MS */
#define TRIM_REQUESTS 100    /* ... which it is with fewer requests than this since */
#define TRIM_LOOKS 5         /* and when it is never over: at the latest after so many looks */
#define EXIT_SECOND_SIGNAL 3 /* as smbkit(1) says */

static void loop_main(void *arg)
{
    struct server_loop *sl = arg;
    loop_run(sl->loop);
}

void server_loops_stop(struct server *s)
{
    if (s->lend) {
        lend_end(s->lend);
    }
    for (unsigned i = 0; i < s->loop_count; i++) {
        loop_stop(s->loops[i].loop);
        if (s->loops[i].thread) {
            os_thread_join(s->loops[i].thread);
            s->loops[i].thread = NULL;
        } else {
            loop_run(s->loops[i].loop); /* never had a thread: only runs what is posted */
        }
    }
}

bool server_start(struct server *s, struct problems *problems)
{
    bool ok = server_listen(s, problems);
    for (unsigned i = 0; ok && i < s->loop_count && !s->config->own_loop; i++) {
        char name[16];
        str_format(name, sizeof(name), "smbkit-loop-%u", i);
        ok = os_thread_start(&s->loops[i].thread, name, loop_main, &s->loops[i]) == 0;
        if (!ok) {
            problems_add(problems, "no thread can be started; look at the limits (ulimit -u)");
        }
    }
    if (!ok) {
        server_listeners_close(s);
        server_loops_stop(s);
    }
    return ok;
}

/* ---- reload ---- */

static void apply_config(struct server *s, const char *file, struct problems *problems)
{
    CLEANUP(config_free) struct config *c = config_load(file, problems);
    if (!c) {
        return;
    }
    if (!c->has_sections) {
        /* As an editor leaves it for a moment, which would end everybody's work. */
        problems_add(problems, "%s: there is nothing in it; everything stays as it was", file);
        return;
    }
    struct smb_config smb;
    server_smb_config(s, c, &smb);
    if (!users_store_groups_set(s->users, &c->groups) || !smb_server_reconfigure(s->smb, &smb)) {
        log_error(NULL, "out of memory, global settings not reloaded");
    }
    server_notes_log(c, s->users);
    /* Who may be here no more is gone before volumes are opened, which may take long. */
    if (!smb_server_enforce(s->smb)) {
        problems_add(problems, "out of memory: who is connected is looked at late");
    }
    shares_apply(s->shares, c, problems);
}

struct reload {
    struct server *server;
    const char *file; /* NULL: none */
    bool is_due;      /* asked for while another goes on */
};

static void reload(void *arg)
{
    const struct reload *r = arg;
    struct server *s = r->server;
    char err[512];
    struct problems problems;
    problems_init(&problems);
    if (s->logging) {
        logging_reopen(s->logging);
    }
    if (!users_store_load(s->users, err, sizeof(err))) {
        problems_add(&problems, "%s", err);
    }
    if (r->file) {
        apply_config(s, r->file, &problems);
    }
    if (!smb_server_enforce(s->smb)) {
        problems_add(&problems, "out of memory: clients may be connected who should not be");
    }
    problems_log(&problems, LOG_ERROR, "reload problem: ");
    log_info(NULL, "reloaded problems=%u shares=%zu", problems.count,
             smb_server_share_count(s->smb));
    problems_fini(&problems);
}

/* Plugins open volumes, and the shares may be another thread's for a while: signals are heard. */
static void reload_start(struct reload *r)
{
    struct aside *a = &r->server->reload;
    if (!aside_is_over(a)) {
        r->is_due = true;
        return;
    }
    r->is_due = false;
    aside_join(a);
    if (aside_start(a, "smbkit-reload", reload, r) != 0) {
        reload(r);
    }
}

/* ---- the end ---- */

static void drain(struct job *job)
{
    conn_home_drain(&CONTAINER_OF(job, struct server_loop, drain_job)->home);
}

static void abort_all(struct job *job)
{
    conn_home_abort(&CONTAINER_OF(job, struct server_loop, abort_job)->home);
}

static void end_at_once(const struct server *s)
{
    if (s->end && s->end->at_once) {
        s->end->at_once(s->end->arg);
    }
    os_exit_now(EXIT_SECOND_SIGNAL);
}

/* Of a program only the loop goes on meanwhile, if it is its own. */
static void wait_a_little(struct server *s)
{
    if (s->config->own_loop) {
        (void)loop_turn(s->loops[0].loop);
    }
    if (s->config->is_embedded) {
        os_sleep_ms(s->config->own_loop ? 1 : POLL_MS);
    } else if (os_signal_wait(POLL_MS) == OS_SIGNAL_STOP) {
        log_warn(NULL, "second signal, ending at once");
        end_at_once(s);
    }
}

/* False: the time was up before the connections were gone. */
static bool wait_for_connections(struct server *s, uint32_t ms)
{
    uint64_t until = os_monotonic_ms() + ms;
    /* Not the connections' own count: one that is on its way from the listener's loop to its own
     * has only its place in the limits. */
    while (net_limits_count(s->limits) > 0) {
        if (os_monotonic_ms() >= until) {
            return false;
        }
        wait_a_little(s);
    }
    return true;
}

static bool close_connections(struct server *s)
{
    for (unsigned i = 0; i < s->loop_count; i++) {
        s->loops[i].drain_job.fn = drain;
        loop_post(s->loops[i].loop, &s->loops[i].drain_job);
    }
    if (wait_for_connections(s, SERVER_DRAIN_MS)) {
        return true;
    }
    log_warn(NULL, "connections cut off count=%u", server_connection_count(s));
    for (unsigned i = 0; i < s->loop_count; i++) {
        s->loops[i].abort_job.fn = abort_all;
        loop_post(s->loops[i].loop, &s->loops[i].abort_job);
    }
    return wait_for_connections(s, SERVER_ABORT_MS);
}

/* Opens that wait for a client whose connection was lost: there will be none. False: their volume
 * is stuck, or there is no memory. */
static bool close_kept(struct server *s)
{
    uint64_t until = os_monotonic_ms() + SERVER_ABORT_MS;
    struct smb_server_stats stats;
    bool ok = smb_server_keep_none(s->smb);
    for (smb_server_stats(s->smb, &stats); ok && stats.kept_now > 0; wait_a_little(s)) {
        ok = os_monotonic_ms() < until;
        smb_server_stats(s->smb, &stats);
    }
    return ok;
}

/* ---- memory after load ---- */

struct idling {
    uint64_t requests; /* when last looked */
    uint64_t trimmed;  /* requests when memory was given back last */
    unsigned looks;    /* since then */
};

/* The C library keeps what a load has freed. Once that is over it goes back to the system: not
 * before, since it would soon be needed again, and taking it back is slow; but what one client's
 * load has left is not kept because others go on. */
static void give_memory_back(struct server *s, struct idling *idle)
{
    struct smb_server_stats stats;
    smb_server_stats(s->smb, &stats);
    bool is_quiet = stats.requests - idle->requests < TRIM_REQUESTS;
    idle->requests = stats.requests;
    bool is_due = is_quiet || ++idle->looks >= TRIM_LOOKS;
    if (is_due && stats.requests != idle->trimmed) {
        idle->trimmed = stats.requests;
        idle->looks = 0;
        os_memory_trim();
    }
}

/* Has the time come? */
static bool is_over(const struct server_end *end, enum os_signal sig, bool *was_asked)
{
    if (sig == OS_SIGNAL_STOP) {
        bool waits = end && !*was_asked && end->is_near(end->arg);
        *was_asked = true;
        return !waits;
    }
    return end && end->is_there(end->arg);
}

static void serve(struct server *s, struct reload *r, const struct server_end *end)
{
    struct idling idle = {0};
    enum os_signal sig = OS_SIGNAL_NONE;
    bool was_asked = false;
    unsigned quiet = 0;
    while (!is_over(end, sig, &was_asked)) {
        sig = os_signal_wait(r->is_due ? POLL_MS : end ? END_LOOK_MS : TRIM_MS);
        if (sig == OS_SIGNAL_NONE && !r->is_due && (!end || ++quiet == TRIM_MS / END_LOOK_MS)) {
            quiet = 0;
            give_memory_back(s, &idle);
        }
        if (sig == OS_SIGNAL_RELOAD || r->is_due) {
            reload_start(r);
        }
    }
}

static bool shares_are_left(const struct server *s)
{
    return control_is_over(s->control) && aside_is_over(&s->reload);
}

/* What changes shares comes to its end. False: a plugin does not come back to it. */
static bool leave_shares(struct server *s)
{
    uint64_t until = os_monotonic_ms() + SERVER_DRAIN_MS;
    control_end(s->control);
    smb_server_move_none(s->smb);
    while (!shares_are_left(s)) {
        if (os_monotonic_ms() >= until) {
            return false;
        }
        wait_a_little(s);
    }
    control_free(s->control);
    s->control = NULL;
    aside_join(&s->reload);
    return true;
}

bool server_stop(struct server *s)
{
    log_info(NULL, "stopping connections=%u", server_connection_count(s));
    bool ok = leave_shares(s);
    server_listeners_close(s);
    if (!close_connections(s)) {
        log_error(NULL, "requests still running, ending without them");
        return false;
    }
    if (!ok) {
        log_error(NULL, "a volume is still being opened or closed, ending without that");
        return false;
    }
    server_durable_save(s);
    if (!close_kept(s)) {
        log_error(NULL, "files that wait for their clients cannot be closed, ending without that");
        return false;
    }
    server_loops_stop(s);
    log_info(NULL, "stopped");
    return true;
}

int server_turn(struct server *s)
{
    return loop_turn(s->loops[0].loop);
}

int64_t server_descriptor(const struct server *s)
{
    return loop_descriptor(s->loops[0].loop);
}

bool server_run(struct server *s, const char *file, const struct server_end *end)
{
    log_info(NULL, "serving shares=%zu loops=%u users=%zu", smb_server_share_count(s->smb),
             s->loop_count, users_store_count(s->users));
    struct reload r = {.server = s, .file = file};
    s->end = end;
    serve(s, &r, end);
    if (!server_stop(s)) {
        /* Freeing under a plugin that does not come back would turn a slow end into a crash. */
        end_at_once(s);
    }
    return true;
}
