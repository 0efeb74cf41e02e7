/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the host's own accounts. Its files are read as they are: what the system's functions ask
 * besides (a directory on the network) may not answer for minutes. Each is kept in memory until it
 * changes, since thousands may be asked for at once. */
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

#define LINE_BYTES 1024     /* name and number stand before; members of groups may go on and on */
#define ACCOUNTS_MAX 65536u /* of one file that are known by name */

struct entry {
    uint32_t id;
    char *name; /* owned */
};

/* What a file said. */
struct table {
    const char *path;
    struct timespec changed; /* as the next two, of the file that was read */
    off_t size;
    ino_t ino;
    struct entry *entries; /* in the file's order */
    size_t count, room;
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static struct table tables[2] = {{.path = "/etc/passwd"}, {.path = "/etc/group"}};

/* Of "name:password:number:...". false: it is no such line. */
static bool line_split(char *line, char **name_r, uint32_t *id_r)
{
    unsigned field = 0;
    char *at[3] = {line, NULL, NULL};
    char *p = line;
    for (; *p && field < 3; p++) {
        if (*p == ':') {
            *p = '\0';
            field++;
            if (field < 3) {
                at[field] = p + 1;
            }
        }
    }
    uint64_t id = 0;
    *name_r = line;
    if (field < 3 || !*line || !str_to_u64(at[2], UINT32_MAX, &id)) {
        return false;
    }
    *id_r = (uint32_t)id;
    return true;
}

/* The next whole line that is an account. false: the end. */
static bool next_account(FILE *f, char line[LINE_BYTES], char **name_r, uint32_t *id_r)
{
    bool is_rest = false; /* of a line that was longer */
    while (fgets(line, LINE_BYTES, f)) {
        size_t len = str_len(line);
        bool was_rest = is_rest;
        is_rest = len > 0 && line[len - 1] != '\n';
        if (!was_rest && line_split(line, name_r, id_r)) {
            return true;
        }
    }
    return false;
}

/* false: no memory. */
static bool add(struct table *t, uint32_t id, const char *name)
{
    if (t->count == t->room) {
        size_t room = t->room ? t->room * 2 : 64;
        struct entry *more = mem_realloc(t->entries, room * sizeof(*more));
        if (!more) {
            return false;
        }
        t->entries = more;
        t->room = room;
    }
    char *copy = str_dup(name);
    if (copy) {
        t->entries[t->count++] = (struct entry){.id = id, .name = copy};
    }
    return copy != NULL;
}

static void forget(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        mem_free(t->entries[i].name);
    }
    mem_free(t->entries);
    t->entries = NULL;
    t->count = t->room = 0;
}

/* As the file is now. Without it, or without memory, what is known is what could be read. */
static void refresh(struct table *t)
{
    char line[LINE_BYTES];
    char *name;
    uint32_t id;
    struct stat is = {0};
    bool is_there = stat(t->path, &is) == 0;
    if (is_there && t->ino == is.st_ino && t->size == is.st_size &&
        t->changed.tv_sec == is.st_mtim.tv_sec && t->changed.tv_nsec == is.st_mtim.tv_nsec) {
        return;
    }
    forget(t);
    FILE *f = is_there ? fopen(t->path, "re") : NULL;
    while (f && t->count < ACCOUNTS_MAX && next_account(f, line, &name, &id) && add(t, id, name)) {
    }
    if (f) {
        (void)fclose(f);
    }
    t->ino = is.st_ino;
    t->size = is.st_size;
    t->changed = is.st_mtim;
}

bool os_account_of_id(bool is_group, uint32_t id, char *name, size_t size)
{
    struct table *t = &tables[is_group];
    bool is_it = false;
    pthread_mutex_lock(&tables_lock);
    refresh(t);
    for (size_t i = 0; i < t->count && !is_it; i++) {
        is_it = t->entries[i].id == id && str_copy(name, size, t->entries[i].name);
    }
    pthread_mutex_unlock(&tables_lock);
    return is_it;
}

bool os_account_of_name(bool is_group, const char *name, uint32_t *id_r)
{
    struct table *t = &tables[is_group];
    bool is_it = false;
    pthread_mutex_lock(&tables_lock);
    refresh(t);
    for (size_t i = 0; i < t->count && !is_it; i++) {
        is_it = str_eq(t->entries[i].name, name);
        *id_r = is_it ? t->entries[i].id : *id_r;
    }
    pthread_mutex_unlock(&tables_lock);
    return is_it;
}
