/* SPDX-License-Identifier: Apache-2.0 */
#include "server/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/child.h"
#include "os/os.h"
#include "os/process.h"

#define LINE_BYTES_MAX 8192 /* of one line on a terminal; a longer one is cut */

static void put_format(FILE *to, const char *before, const char *fmt, va_list ap)
{
    char line[LINE_BYTES_MAX];
    CLEANUP(wr_fini) struct wr w = wr_new(LINE_BYTES_MAX);
    str_vformat(line, sizeof(line), fmt, ap);
    wr_plain(&w, line);
    fprintf(to, "%s%.*s\n", before, wr_ok(&w) ? (int)wr_pos(&w) : 0, (const char *)w.base);
}

void cmd_line(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_format(stdout, "", fmt, ap);
    va_end(ap);
}

static void put_lines(FILE *to, const char *text)
{
    while (*text) {
        size_t len = 0;
        while (text[len] && text[len] != '\n') {
            len++;
        }
        CLEANUP_MEM char *line = str_ndup(text, len);
        CLEANUP(wr_fini) struct wr w = wr_new(len + 1); /* no character grows */
        wr_plain(&w, line ? line : "");
        if (wr_ok(&w) && wr_pos(&w) > 0) {
            fwrite(w.base, 1, wr_pos(&w), to);
        }
        fputc('\n', to);
        text += len + (text[len] == '\n');
    }
}

void cmd_lines(const char *text)
{
    put_lines(stdout, text);
}

void cmd_error_lines(const char *text)
{
    fputs("smbkit: ", stderr);
    put_lines(stderr, text);
}

void cmd_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_format(stderr, "smbkit: ", fmt, ap);
    va_end(ap);
}

int cmd_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_format(stderr, "smbkit: ", fmt, ap);
    fprintf(stderr, "Try: smbkit help%s%s\n", *command ? " " : "", command);
    va_end(ap);
    return EXIT_USAGE;
}

void cmd_problems(struct problems *p, const char *file)
{
    const char *line = problems_text_get(p);
    while (*line) {
        size_t len = 0;
        while (line[len] && line[len] != '\n') {
            len++;
        }
        bool is_of_file = file && str_has_prefix(line, file) && line[str_len(file)] == ':';
        fprintf(stderr, "%s%.*s\n", is_of_file ? "" : "smbkit: ", (int)len, line);
        line += len + (line[len] == '\n');
    }
    if (p->count > PROBLEMS_MAX) {
        fprintf(stderr, "... and %u more\n", p->count - PROBLEMS_MAX);
    }
}

bool cmd_take_sockets(struct config *c)
{
    int count = os_sockets_taken(c->ready, ARRAY_LEN(c->ready));
    if (count < 0) {
        cmd_error("LISTEN_FDS: more than %u sockets were handed over", CONFIG_LISTEN_MAX);
        return false;
    }
    c->ready_count = (unsigned)count;
    return true;
}

/* ---- passwords ---- */

/* The first line of a stream. */
static bool read_line(FILE *f, const char *name, char buf[CMD_PASSWORD_SIZE])
{
    if (!fgets(buf, CMD_PASSWORD_SIZE, f)) {
        cmd_error("%s holds no password", name);
        return false;
    }
    size_t n = str_len(buf);
    bool whole = n > 0 && buf[n - 1] == '\n';
    if (!whole && !feof(f)) {
        cmd_error("%s: the password is too long", name);
        return false;
    }
    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r')) {
        buf[--n] = '\0';
    }
    return true;
}

/* A pipe is as good: a shell gives one for <(command). Who is at the command line waits for it. */
static bool read_file(const char *file, char buf[CMD_PASSWORD_SIZE])
{
    FILE *f = fopen(file, "re");
    if (!f) {
        char why[128];
        os_error_text(errno, why, sizeof(why));
        cmd_error("password file %s cannot be read: %s", file, why);
        return false;
    }
    setvbuf(f, NULL, _IONBF, 0); /* no copy of the password in a buffer of stdio */
    bool ok = read_line(f, file, buf);
    fclose(f);
    return ok;
}

static bool ask(const char *user, bool confirm, char buf[CMD_PASSWORD_SIZE])
{
    char prompt[128];
    char again[CMD_PASSWORD_SIZE];
    struct wr w = wr_init(prompt, sizeof(prompt) - 1);
    wr_printf(&w, "Password for ");
    wr_plain(&w, user);
    wr_printf(&w, ": ");
    prompt[wr_pos(&w)] = '\0';
    int err = os_password_read(prompt, buf, CMD_PASSWORD_SIZE);
    if (err == 0 && confirm) {
        err = os_password_read("Once more: ", again, sizeof(again));
        bool same = err == 0 && str_eq(again, buf);
        mem_wipe(again, sizeof(again));
        if (err == 0 && !same) {
            cmd_error("the two passwords differ; nothing was changed");
            return false;
        }
    }
    if (err != 0) {
        cmd_error("no password was given; use --password-file FILE where there is no terminal");
        return false;
    }
    return true;
}

bool cmd_password(const char *file, const char *user, bool confirm, char buf[CMD_PASSWORD_SIZE])
{
    bool ok;
    if (file && !str_eq(file, "-")) {
        ok = read_file(file, buf);
    } else if (file || !os_stdin_is_terminal()) {
        ok = read_line(stdin, "standard input", buf);
    } else {
        ok = ask(user, confirm, buf);
    }
    if (ok && buf[0] == '\0') {
        cmd_error("the password is empty; nothing was changed");
        ok = false;
    }
    if (!ok) {
        mem_wipe(buf, CMD_PASSWORD_SIZE);
    }
    return ok;
}

char *cmd_users_path(bool make_folder)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    CLEANUP_MEM char *folder = NULL;
    if (os_user_is_root() || ((!config || !*config) && !home)) {
        folder = str_dup("/etc/smbkit");
    } else if (config && *config) {
        folder = str_printf("%s/smbkit", config);
    } else {
        CLEANUP_MEM char *dot = str_printf("%s/.config", home);
        if (dot && make_folder && os_folder_make(dot, 0700) != 0) {
            cmd_error("%s cannot be made", dot);
        }
        folder = dot ? str_printf("%s/smbkit", dot) : NULL;
    }
    if (folder && make_folder && os_folder_make(folder, 0755) != 0) {
        cmd_error("%s cannot be made", folder);
    }
    return folder ? str_printf("%s/users", folder) : NULL;
}
