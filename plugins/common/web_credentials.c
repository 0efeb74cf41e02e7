/* SPDX-License-Identifier: Apache-2.0 */
/* A file with one line: "user:password" or "Bearer token". */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static void wipe_free(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void web_credentials_fini(struct web_credentials *c)
{
    wipe_free(c->user_password);
    wipe_free(c->bearer);
    wipe_free(c->session);
    *c = (struct web_credentials){NULL, NULL, NULL};
}

static smbkit_status take(char *line, struct web_credentials *out)
{
    line[strcspn(line, "\r\n")] = 0;
    bool is_bearer = strncasecmp(line, "bearer ", 7) == 0;
    if (!is_bearer && !strchr(line, ':')) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    char *text = strdup(is_bearer ? line + 7 : line);
    *(is_bearer ? &out->bearer : &out->user_password) = text;
    return text ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status web_secret_read(const char *path, char text[WEB_CREDENTIALS_MAX + 1], char *error,
                              size_t error_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int err = errno;
        snprintf(error, error_size, "%s: %s", path, strerror(err));
        return smbkit_status_from_errno(err);
    }
    ssize_t n = read(fd, text, WEB_CREDENTIALS_MAX);
    bool is_open = fstat(fd, &st) != 0 || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    close(fd);
    text[n > 0 ? n : 0] = 0;
    if (is_open) {
        explicit_bzero(text, WEB_CREDENTIALS_MAX);
        snprintf(error, error_size, "%s can be read by others: chmod 600 it", path);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status web_credentials_read(const char *path, struct web_credentials *out, char *error,
                                   size_t error_size)
{
    char text[WEB_CREDENTIALS_MAX + 1];
    *out = (struct web_credentials){NULL, NULL, NULL};
    smbkit_status status = web_secret_read(path, text, error, error_size);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = take(text, out);
    snprintf(error, error_size, "%s has no line \"user:password\" or \"Bearer token\"", path);
    explicit_bzero(text, sizeof(text));
    return status;
}
