/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a running server, by the control socket. */
#pragma once

#include <jansson.h>

#include "base/base.h"

struct server;

/* {"command":"share add","share":"[NAME=]FOLDER|PLUGIN:[ARGS]","settings":["KEY=VALUE",...],
 * "handles":"move"|"close"|"refuse"} -> {"ok":true,"name":"...","moved":N,"closed":N}; what is left
 * out is none, and "move". New references; NULL without memory. */
NODISCARD json_t *control_share_change(struct server *s, const json_t *request, bool replaces);
/* {"command":"share remove","share":"NAME","handles":"close"|"refuse"} -> {"ok":true,"name":"..."}
 */
NODISCARD json_t *control_share_remove(struct server *s, const json_t *request);
/* -> {"ok":true,"shares":[{"name","layers":[...],"read_only","opens","by_command"},...]} */
NODISCARD json_t *control_share_list(struct server *s);

/* For clients: the request line. command: "share add" and so on; settings: of an array; share,
 * handles: NULL: none. Owned; NULL without memory or where a word is no UTF-8. */
struct control_share_words {
    const char *command;
    const char *share;
    const char *handles;
    const char *const *settings;
    unsigned setting_count;
};
NODISCARD char *control_share_request(const struct control_share_words *w);
/* A list as text for a terminal, owned. NULL: as control_answer_read. */
NODISCARD char *control_share_list_text(const char *answer, char **err_r);
