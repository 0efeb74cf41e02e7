/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of paths.
 *
 * "*" is any characters but '/', "**" any at all, "?" one but '/'; letters of all languages
 * are alike in upper and lower case, as the server has them, whatever the locale. A pattern without
 * '/' is about names: it matches a path of which some component is so called. One with '/' is about
 * places, from the root of the share (a '/' in front says no more than that; "/" is the whole
 * share). Either matches what lies below what it matches, too: "a/b" matches "a/b/c". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOBS_MAX 256         /* patterns of one list */
#define GLOBS_PATTERN_MAX 256 /* characters of one */

struct glob {
    uint32_t *text; /* characters in capitals, ended by 0; owned */
    bool is_place;
    char *word; /* as it was given; owned */
};
struct globs {
    struct glob *list; /* owned */
    uint32_t count;
};

enum globs_result { GLOBS_GOOD, GLOBS_TOO_MANY, GLOBS_TOO_LONG, GLOBS_NO_MEMORY };

/* Patterns with sep between them, which no name has; empty ones say nothing. Beside those that it
 * has; on failure some may have been added. sep '\0': text is one. */
enum globs_result globs_add(struct globs *g, const char *text, char sep);
/* Why not, for people. */
const char *globs_result_text(enum globs_result r);
void globs_fini(struct globs *g); /* may be used again, as empty */
bool globs_match(const struct globs *g, const char *path);
/* One component, by patterns about names. */
bool globs_match_name(const struct globs *g, const char *name);
/* Does a pattern with '/' mean something below that folder? A move of the folder would take it
 * away.
 */
bool globs_match_below(const struct globs *g, const char *folder);
/* Is that one of its patterns, as it was given? It is taken away. */
bool globs_remove(struct globs *g, const char *word);
