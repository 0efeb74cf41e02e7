/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control_reply.h"

#include "base/mem.h"
#include "base/str.h"

json_t *control_refusal(const char *fmt, ...)
{
    char *text = mem_alloc(CONTROL_TEXT_MAX);
    va_list ap;
    va_start(ap, fmt);
    if (text) {
        str_vformat(text, CONTROL_TEXT_MAX, fmt, ap);
    }
    va_end(ap);
    json_t *out = text ? json_pack("{s:b, s:s}", "ok", 0, "error", text) : NULL;
    mem_free(text);
    return out ? out : json_pack("{s:b, s:s}", "ok", 0, "error", "no text that can be shown");
}

char *control_line(json_t *o)
{
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    char *copy = str_dup(text);
    if (text) { /* jansson's own memory */
        json_free_t free_fn = NULL;
        json_get_alloc_funcs(NULL, &free_fn);
        free_fn(text);
    }
    json_decref(o);
    return copy;
}

json_t *control_answer_read(const char *answer, char **err_r)
{
    json_t *root = json_loads(answer, 0, NULL);
    *err_r = NULL;
    if (json_is_true(json_object_get(root, "ok"))) {
        return root;
    }
    const char *error = json_string_value(json_object_get(root, "error"));
    *err_r = str_dup(error ? error : "the answer is not one to a command");
    json_decref(root);
    return NULL;
}
