/* SPDX-License-Identifier: Apache-2.0 */
#include "recycle_name.h"

#include <stdio.h>
#include <string.h>

#define CHANGED '+'      /* no user's name has it: two users have two folders */
#define EXTENSION_MAX 32 /* bytes, with the dot: more after a dot is no extension but a name */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* '*' and '?'; pattern ends at len. */
static bool matches(const char *pattern, size_t len, const char *name)
{
    const char *star = NULL;
    const char *from = NULL;
    const char *end = pattern + len;
    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            from = name;
        } else if (pattern < end && (*pattern == '?' || lower(*pattern) == lower(*name))) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*') {
        pattern++;
    }
    return pattern == end;
}

bool recycle_is_listed(const char *list, const char *name)
{
    const char *p = list;
    while (p && *p) {
        size_t len = strcspn(p, "/");
        if (len > 0 && matches(p, len, name)) {
            return true;
        }
        p += len + (p[len] == '/');
    }
    return false;
}

bool recycle_is_path(const char *path)
{
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");
        bool is_dots = strncmp(p, "..", len) == 0 && len <= 2;
        if (len == 0 || is_dots || strcspn(p, "\\:*?\"<>|") < len) {
            return false;
        }
        p += len + (p[len] == '/' && p[len + 1] != '\0');
        if (*p == '/') {
            return false;
        }
    }
    return path[0] != '%'; /* of what lies in it, the first name is known */
}

void recycle_user_name(const struct smbkit_identity *who, char out[RECYCLE_USER_SIZE])
{
    const char *user = who && who->user && who->user[0] ? who->user : "nobody";
    snprintf(out, RECYCLE_USER_SIZE, "%s", user);
    for (char *p = out; *p; p++) {
        if ((unsigned char)*p < 0x20 || strchr("\\/:*?\"<>|", *p)) {
            *p = CHANGED;
        }
    }
    size_t len = strlen(out);
    if (out[len - 1] == '.' || out[len - 1] == ' ') { /* also "." and ".." */
        out[len - 1] = CHANGED;
    }
}

/* Bytes of name that stay where there is room for so many. */
static size_t cut(const char *name, size_t len, size_t room)
{
    if (len <= room) {
        return len;
    }
    while (room > 0 && ((unsigned char)name[room] & 0xc0) == 0x80) {
        room--; /* within a character */
    }
    return room;
}

static size_t extension_len(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t len = dot && dot > name ? strlen(dot) : 0;
    return len > EXTENSION_MAX ? 0 : len;
}

bool recycle_copy_name(const char *to, int number, char *out, size_t size)
{
    const char *slash = strrchr(to, '/');
    const char *name = slash ? slash + 1 : to;
    size_t extension = extension_len(name);
    size_t stem = strlen(name) - extension;
    char prefix[32];
    size_t taken = (size_t)snprintf(prefix, sizeof(prefix), "Copy #%d of ", number) + extension;
    size_t kept = cut(name, stem, RECYCLE_NAME_MAX - taken);
    int n = snprintf(out, size, "%.*s%s%.*s%s", (int)(name - to), to, prefix, (int)kept, name,
                     name + stem);
    if (n <= 0 || (size_t)n >= size) {
        return false;
    }
    if (strchr(" .", out[n - 1])) { /* no name ends so */
        out[n - 1] = '_';
    }
    return true;
}
