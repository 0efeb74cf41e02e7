/* SPDX-License-Identifier: Apache-2.0 */
#include "server/problems.h"

#include "base/escape.h"
#include "base/str.h"

void problems_init(struct problems *p)
{
    p->text = wr_new(PROBLEMS_TEXT_MAX);
    p->count = 0;
}

void problems_fini(struct problems *p)
{
    wr_fini(&p->text);
    p->count = 0;
}

void problems_add(struct problems *p, const char *fmt, ...)
{
    char line[1024];
    if (p->count++ >= PROBLEMS_MAX) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    str_vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    wr_plain(&p->text, line); /* names of others end no line and steer no terminal */
    wr_u8(&p->text, '\n');
    wr_u8(&p->text, 0); /* the next line takes its place */
    if (wr_ok(&p->text)) {
        wr_cut(&p->text, wr_pos(&p->text) - 1);
    }
}

const char *problems_text_get(const struct problems *p)
{
    if (p->count == 0) {
        return "";
    }
    return wr_ok(&p->text) ? (const char *)p->text.base : "out of memory\n";
}

void problems_add_all(struct problems *p, const struct problems *from)
{
    const char *line = problems_text_get(from);
    while (*line) {
        int len = 0;
        while (line[len] && line[len] != '\n') {
            len++;
        }
        problems_add(p, "%.*s", len, line);
        line += len + (line[len] == '\n');
    }
}

void problems_log(const struct problems *p, enum log_level level, const char *before)
{
    const char *line = problems_text_get(p);
    while (*line) {
        int len = 0;
        while (line[len] && line[len] != '\n') {
            len++;
        }
        if (log_is_on(LOG_SERVER, level)) {
            log_write(level, LOG_SERVER, NULL, "%s%.*s", before, len, line);
        }
        line += len + (line[len] == '\n');
    }
}
