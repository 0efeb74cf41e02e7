/* SPDX-License-Identifier: Apache-2.0 */
/* The server inside a program (libsmbkit): smbkit-server(3).
 *
 *     struct smbkit_server *s = smbkit_server_new();
 *     if (!s || smbkit_server_set(s, "listen", "127.0.0.1:4450") || smbkit_server_user(s, "ann",
 * "secret") || smbkit_server_share(s, "docs=/srv/docs") || smbkit_server_start(s)) {
 *         fprintf(stderr, "%s\n", smbkit_server_error(s));
 *     }
 *     ...
 *     smbkit_server_free(s);
 *
 * It runs on threads of its own, to which no signal is delivered; or, but for calls that wait, on a
 * loop of the program (smbkit_server_descriptor). One thread at a time calls the functions of a
 * server. There is one server in a process at a time. Statuses are 0 for success, else negative,
 * and smbkit_server_error() says what is wrong and what to do. */
#pragma once

#include <smbkit/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(SMBKIT_SERVER_BUILD)
#define SMBKIT_SERVER_API SMBKIT_EXPORT
#else
#define SMBKIT_SERVER_API
#endif

struct smbkit_server;

/* NULL: no memory, or there is a server in the process already. */
SMBKIT_SERVER_API struct smbkit_server *smbkit_server_new(void);
/* Stops it first, if it runs. NULL allowed. */
SMBKIT_SERVER_API void smbkit_server_free(struct smbkit_server *s);
/* What the last function that failed found, as lines of text; "" before. */
SMBKIT_SERVER_API const char *smbkit_server_error(const struct smbkit_server *s);

/* ---- before it starts ---- */

/* A key of [global] in smbkit.conf(5). Unless "listen" is set it is reached at 127.0.0.1, at a port
 * that the system chooses; unless "control socket" is, smbkit status does not reach it. */
SMBKIT_SERVER_API smbkit_status smbkit_server_set(struct smbkit_server *s, const char *key,
                                                  const char *value);
/* Who may log in, besides those of "users file". */
SMBKIT_SERVER_API smbkit_status smbkit_server_user(struct smbkit_server *s, const char *name,
                                                   const char *password);
/* A plugin of the program: init is what SMBKIT_REGISTER defines, smbkit_plugin_init; with
 * SMBKIT_STATIC_NAME set to N, smbkit_static_N. Filters likewise. */
SMBKIT_SERVER_API smbkit_status
smbkit_server_plugin(struct smbkit_server *s,
                     const struct smbkit_plugin *(*init)(const struct smbkit_host_table *api));
/* As the words of smbkit serve: "/srv/docs", "docs=/srv/docs", "scratch=mem:size=1G". */
SMBKIT_SERVER_API smbkit_status smbkit_server_share(struct smbkit_server *s, const char *spec);
/* A key of a share in smbkit.conf(5), as "read only" or "filter", of the share that was added last.
 * A share lets clients write unless it is told otherwise. */
SMBKIT_SERVER_API smbkit_status smbkit_server_share_set(struct smbkit_server *s, const char *key,
                                                        const char *value);
/* Its log goes to fn(arg, level, line) instead of to "log file": level 0 is an error, 1 a warning,
 * 2 information. From one thread at a time, which must not be held up for long. */
SMBKIT_SERVER_API smbkit_status smbkit_server_log(
    struct smbkit_server *s, void (*fn)(void *arg, uint32_t level, const char *line), void *arg);
/* The program will call smbkit_server_turn(). */
SMBKIT_SERVER_API smbkit_status smbkit_server_own_loop(struct smbkit_server *s);

/* ---- while it runs ---- */

/* Clients may come when this has returned. */
SMBKIT_SERVER_API smbkit_status smbkit_server_start(struct smbkit_server *s);
/* Of the first address that it listens on; 0: it does not run. */
SMBKIT_SERVER_API uint16_t smbkit_server_port(const struct smbkit_server *s);
/* With smbkit_server_own_loop: readable when smbkit_server_turn() has something to do; -1: it does
 * not run. */
SMBKIT_SERVER_API int64_t smbkit_server_descriptor(const struct smbkit_server *s);
/* Do what there is to do, without waiting. How many milliseconds may pass until the next call if
 * the descriptor does not become readable before; -1: any number. */
SMBKIT_SERVER_API int32_t smbkit_server_turn(struct smbkit_server *s);
/* What becomes of files that are open in a share that is replaced or removed. */
#define SMBKIT_HANDLES_CLOSE 0u /* they are closed, and its clients have to connect to it anew */
#define SMBKIT_HANDLES_REFUSE                                                                      \
    1u /* replaced: as MOVE if all can, else nothing; removed: only if there are none */
#define SMBKIT_HANDLES_MOVE 2u /* replaced: those whose path is there go on, others are closed */
/* One more share: spec as that of smbkit_server_share; settings: "key=value", with keys of a share,
 * up to a NULL; NULL: none. It may take as long as the plugin takes to open. */
SMBKIT_SERVER_API smbkit_status smbkit_server_share_add(struct smbkit_server *s, const char *spec,
                                                        const char *const *settings);
/* In the place of the share of that name. With the same plugin, arguments and filters as before
 * only its settings change, and nobody loses a file. */
SMBKIT_SERVER_API smbkit_status smbkit_server_share_replace(struct smbkit_server *s,
                                                            const char *spec,
                                                            const char *const *settings,
                                                            uint32_t handles);
SMBKIT_SERVER_API smbkit_status smbkit_server_share_remove(struct smbkit_server *s,
                                                           const char *name, uint32_t handles);
/* No new clients; those there are have 10 seconds to come to an end. Then it can be freed.
 * IO_TIMEOUT: a plugin does not come back; the server goes on holding what it has, and is not freed
 * any more. */
SMBKIT_SERVER_API smbkit_status smbkit_server_stop(struct smbkit_server *s);

#ifdef __cplusplus
}
#endif
