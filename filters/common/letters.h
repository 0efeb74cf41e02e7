/* SPDX-License-Identifier: Apache-2.0 */
/* Names as the server compares them: character by character, by its own table of capitals. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <smbkit/filter.h>

/* The next character of UTF-8, in which surrogates may stand alone; a wrong byte is itself. Not at
 * the end. */
static inline uint32_t letters_next(const char **p)
{
    const unsigned char *s = (const unsigned char *)*p;
    unsigned more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> more);
    for (unsigned i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *p += 1;
            return s[0];
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    *p += more + 1;
    return c;
}

/* Is path that folder (what is left is "") or below it (what is left begins behind the '/')? NULL:
 * neither. The folder "" has all below it. */
static inline const char *letters_below(const char *path, const char *folder, bool ignores_case)
{
    if (*folder == '\0') {
        return path;
    }
    while (*path && *folder) {
        uint32_t a = letters_next(&path);
        uint32_t b = letters_next(&folder);
        if (a != b && (!ignores_case || smbkit_upcase(a) != smbkit_upcase(b))) {
            return NULL;
        }
    }
    if (*folder || (*path && *path != '/')) {
        return NULL;
    }
    return *path ? path + 1 : path;
}
