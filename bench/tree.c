/* SPDX-License-Identifier: Apache-2.0 */
/* What a tree costs in time and room: see bench/tree. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <smbkit/tree.h>

#define TURNS 3
#define LOOKUPS 200000u

static const struct smbkit_identity who = {
    .struct_size = sizeof(who), .user = "bench", .domain = "", .client_address = "192.0.2.1"};
static struct smbkit_op op = {.struct_size = sizeof(op), .who = &who};

static void event_none(struct smbkit_host *host, const struct smbkit_event *event)
{
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Of this process, in memory. */
static double resident_bytes(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu", &total, &resident) != 2) {
        exit(1);
    }
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void must(smbkit_status status, const char *what)
{
    if (!SMBKIT_OK(status)) {
        fprintf(stderr, "%s: %s\n", what, smbkit_status_name(status));
        exit(1);
    }
}

static struct smbkit_tree *open_tree(void)
{
    char error[256];
    struct smbkit_volume_args args = {
        .struct_size = sizeof(args), .error = error, .error_size = sizeof(error)};
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    void *volume;
    must(smbkit_tree_open(&args, &spec, &volume), "open");
    return volume;
}

static smbkit_status read_none(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    return SMBKIT_STATUS_SUCCESS;
}
static const struct smbkit_tree_file file = {
    .struct_size = sizeof(file), .flags = SMBKIT_TREE_NEVER_BLOCKS, .read = read_none};

static void name_of(char name[32], unsigned n)
{
    snprintf(name, 32, "f%u.txt", n);
}

static double add_all(struct smbkit_tree *t, unsigned count)
{
    char name[32];
    double start = now_ns();
    for (unsigned i = 0; i < count; i++) {
        name_of(name, i);
        must(smbkit_tree_add_file(t, SMBKIT_TREE_ROOT, name, &file, NULL), "add");
    }
    return (now_ns() - start) / count;
}

static double look_up(struct smbkit_tree *t, unsigned count)
{
    char name[32];
    double best = 1e18;
    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t seed = 1;
        double start = now_ns();
        for (unsigned i = 0; i < LOOKUPS; i++) {
            struct smbkit_attr attr = {.struct_size = sizeof(attr)};
            struct smbkit_lookup a = {.struct_size = sizeof(a), .path = name, .attr = &attr};
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            name_of(name, (unsigned)((seed >> 33) % count));
            must(smbkit_tree_op_lookup(t, &op, &a), name);
        }
        double took = (now_ns() - start) / LOOKUPS;
        best = took < best ? took : best;
    }
    return best;
}

static int32_t entry_count(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    ++*(unsigned *)sink->core;
    return 1;
}

static double list_all(struct smbkit_tree *t, unsigned count)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = "",
                                .access = SMBKIT_READ_DATA,
                                .attr = &attr};
    must(smbkit_tree_op_create(t, &op, &how), "open the folder");
    double best = 1e18;
    for (int turn = 0; turn < TURNS; turn++) {
        unsigned seen = 0;
        struct smbkit_sink sink = {.struct_size = sizeof(sink),
                                   .want = SMBKIT_WANT_ATTR,
                                   .entry = entry_count,
                                   .core = &seen};
        double start = now_ns();
        must(smbkit_tree_op_enumerate(t, &op, how.file, &sink), "list");
        double took = (now_ns() - start) / count;
        best = took < best ? took : best;
        if (seen != count) {
            fprintf(stderr, "%u entries of %u\n", seen, count);
            exit(1);
        }
    }
    smbkit_tree_op_close(t, &op, how.file);
    return best;
}

static double remove_all(struct smbkit_tree *t, unsigned count)
{
    char name[32];
    double start = now_ns();
    for (unsigned i = 0; i < count; i++) {
        smbkit_tree_id id;
        name_of(name, i);
        must(smbkit_tree_find(t, SMBKIT_TREE_ROOT, name, &id), "find");
        must(smbkit_tree_remove(t, id, 0), "remove");
    }
    return (now_ns() - start) / count;
}

/* One row; the count is the argument. */
int main(int argc, char **argv)
{
    struct smbkit_host_table own = *smbkit_api;
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
    own.event = event_none;
    smbkit_api = &own;
    struct smbkit_tree *t = open_tree();
    double before = resident_bytes();
    double add = add_all(t, count);
    double room = (resident_bytes() - before) / count;
    double found = look_up(t, count);
    double listed = list_all(t, count);
    double gone = remove_all(t, count);
    printf("%u %.0f %.0f %.0f %.0f %.0f\n", count, add, found, listed, gone, room);
    smbkit_tree_op_volume_close(t);
    return 0;
}
