/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, of a file as the programs of Amazon have it or of the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_priv.h"

struct found {
    char *key;
    char *secret;
    char *session;
};

static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r", text[n - 1])) {
        text[--n] = 0;
    }
    return text;
}

/* Slices of text. */
static struct found look(char *text, const char *profile)
{
    struct found f = {NULL, NULL, NULL};
    bool is_ours = false;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        line = trimmed(line);
        size_t n = strlen(line);
        if (line[0] == '[' && line[n - 1] == ']') {
            line[n - 1] = 0;
            is_ours = strcmp(trimmed(line + 1), profile) == 0;
            continue;
        }
        char *value = strchr(line, '=');
        if (!is_ours || !value || line[0] == '#' || line[0] == ';') {
            continue;
        }
        *value++ = 0;
        line = trimmed(line);
        value = trimmed(value);
        f.key = strcmp(line, "aws_access_key_id") == 0 ? value : f.key;
        f.secret = strcmp(line, "aws_secret_access_key") == 0 ? value : f.secret;
        f.session = strcmp(line, "aws_session_token") == 0 ? value : f.session;
    }
    return f;
}

static bool is_good(const char *text)
{
    return text && text[0] && !strpbrk(text, "\r\n");
}

static smbkit_status take(const struct found *f, struct web_credentials *out)
{
    if (!is_good(f->key) || !is_good(f->secret) || strchr(f->key, ':') ||
        (f->session && f->session[0] && !is_good(f->session))) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    size_t room = strlen(f->key) + strlen(f->secret) + 2;
    out->user_password = malloc(room);
    out->session = f->session && f->session[0] ? strdup(f->session) : NULL;
    if (!out->user_password || (f->session && f->session[0] && !out->session)) {
        web_credentials_fini(out);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(out->user_password, room, "%s:%s", f->key, f->secret);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status s3_credentials_read(const char *path, const char *profile,
                                  struct web_credentials *out, char *error, size_t error_size)
{
    char text[WEB_CREDENTIALS_MAX + 1];
    *out = (struct web_credentials){NULL, NULL, NULL};
    smbkit_status status = web_secret_read(path, text, error, error_size);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct found f = look(text, profile);
    status = take(&f, out);
    snprintf(error, error_size,
             "%s has no aws_access_key_id and aws_secret_access_key in a section [%s]", path,
             profile);
    explicit_bzero(text, sizeof(text));
    return status;
}

smbkit_status s3_credentials_environment(struct web_credentials *out, char *error,
                                         size_t error_size)
{
    const struct found f = {getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
                            getenv("AWS_SESSION_TOKEN")};
    *out = (struct web_credentials){NULL, NULL, NULL};
    snprintf(error, error_size,
             "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment");
    return take(&f, out);
}
