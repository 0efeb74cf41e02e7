/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: one line of JSON asks, one line answers.
 *
 *     {"command":"status"}  ->  {"ok":true,"version":...,"sessions":[...],...}
 *     {"command":"ping"}    ->  {"ok":true,"version":...}
 *     {"command":"end session","session":"0x..."}  ->  {"ok":true}
 *     {"command":"control","share":"docs","text":"..."}  ->  {"ok":true,"text":"..."}
 *     anything else         ->  {"ok":false,"error":"..."} */
#pragma once

#include "base/base.h"
#include "smb/smb.h"

struct control;
struct server;

#define CONTROL_REQUEST_MAX 4096   /* bytes of a request */
#define CONTROL_TIMEOUT_MS 5000    /* for a client to ask and to take the answer */
#define CONTROL_SESSIONS_MAX 10000 /* in one answer */
#define CONTROL_OPENS_MAX 10000    /* in one answer */

/* Listen at path and answer on a thread of its own. NULL: a line in err. */
NODISCARD struct control *control_new(struct server *s, const char *path, char err[256]);
/* Why there is no control socket at path, as a sentence. err: of os_local_listen, os_local_check.
 */
void control_error(const char *path, int err, char text[256]);
/* Answer no more but what is being answered; has that come to its end? NULL allowed. */
void control_end(struct control *c);
bool control_is_over(const struct control *c);
void control_free(struct control *c); /* waits for that. NULL allowed */
/* Where smbkit status looks when it is not told: $XDG_RUNTIME_DIR/smbkit/control or
 * /run/smbkit/control; owned. make: make the folder too. */
NODISCARD char *control_default_path(bool make);

/* ---- control_json.c ---- */

/* The answer to one request line; owned, one line without its end. NULL without memory. */
NODISCARD char *control_answer(struct server *s, const char *request);
/* A status answer as text for a terminal; owned. NULL: not an answer; *err_r is then static text.
 */
NODISCARD char *control_status_text(const char *answer, const char **err_r);
