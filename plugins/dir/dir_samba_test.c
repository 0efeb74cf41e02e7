/* SPDX-License-Identifier: Apache-2.0 */
/* Samba's formats: byte for byte what its smbd 4.17 wrote, and what becomes of it when cut or
 * changed. */
#include "dir_priv.h"
#include "dir_test.h"

/* By smbd 4.17.12 for a hidden file; the time is FILETIME 0x01dd7d6545899229. */
static const uint8_t dosattrib[] = {0x00, 0x00, 0x05, 0x00, 0x05, 0x00, 0x00, 0x00,
                                    0x11, 0x00, 0x00, 0x00, 0x22, 0x00, 0x00, 0x00,
                                    0x29, 0x92, 0x89, 0x45, 0x65, 0x7d, 0xdd, 0x01};
#define CREATED 0x01dd7d6545899229ull

static const uint8_t ntacl[] = {
    0x04, 0x00, 0x04, 0x00, 0x00, 0x00, 0x02, 0x00, 0x04, 0x00, 0x02, 0x00, 0x01, 0x00, 0x30, 0x0d,
    0xa6, 0xcf, 0x31, 0x6d, 0x6b, 0x37, 0x3d, 0xf4, 0x65, 0xa5, 0x33, 0x93, 0x77, 0x7e, 0xa9, 0x11,
    0xbf, 0x70, 0x67, 0x42, 0x16, 0xde, 0x9d, 0x68, 0x80, 0x57, 0x14, 0x86, 0x86, 0x31, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x70, 0x6f,
    0x73, 0x69, 0x78, 0x5f, 0x61, 0x63, 0x6c, 0x00, 0xea, 0xbc, 0x8d, 0x45, 0x65, 0x7d, 0xdd, 0x01,
    0xed, 0xc9, 0x87, 0x9c, 0xc4, 0xe1, 0x00, 0x67, 0x09, 0x2d, 0xa7, 0xa4, 0x77, 0xc5, 0x56, 0x5e,
    0x5e, 0xf2, 0xbc, 0xa5, 0xb2, 0x4c, 0x4d, 0x27, 0xbf, 0x57, 0xbc, 0xdf, 0x05, 0x43, 0x3a, 0x5b,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x04, 0x80, 0xb4, 0x00, 0x00, 0x00, 0xd0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xec, 0x00, 0x00, 0x00, 0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x15, 0x00, 0x00, 0x00,
    0xe8, 0xff, 0x35, 0x36, 0xbb, 0x60, 0x83, 0x5e, 0x2c, 0xaa, 0x23, 0xe6, 0xe8, 0x03, 0x00, 0x00,
    0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x15, 0x00, 0x00, 0x00, 0xe8, 0xff, 0x35, 0x36,
    0xbb, 0x60, 0x83, 0x5e, 0x2c, 0xaa, 0x23, 0xe6, 0x01, 0x02, 0x00, 0x00, 0x02, 0x00, 0x64, 0x00,
    0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x24, 0x00, 0xff, 0x01, 0x1f, 0x00, 0x01, 0x05, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x05, 0x15, 0x00, 0x00, 0x00, 0xe8, 0xff, 0x35, 0x36, 0xbb, 0x60, 0x83, 0x5e,
    0x2c, 0xaa, 0x23, 0xe6, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x24, 0x00, 0xff, 0x01, 0x1f, 0x00,
    0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x15, 0x00, 0x00, 0x00, 0xe8, 0xff, 0x35, 0x36,
    0xbb, 0x60, 0x83, 0x5e, 0x2c, 0xaa, 0x23, 0xe6, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00,
    0xff, 0x01, 0x1f, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00};
#define NTACL_SD 160

static void test_dosattrib_golden(void)
{
    struct dirfs_dos dos = {0};
    uint8_t out[DIRFS_DOSATTRIB_LEN];
    CHECK(dirfs_dosattrib_parse(dosattrib, sizeof(dosattrib), &dos));
    CHECK_INT(dos.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
    CHECK_INT(dos.create_time, CREATED);
    dirfs_dosattrib_format(&dos, out);
    CHECK_MEM(out, sizeof(out), dosattrib, sizeof(dosattrib));
}

/* The versions before, made by the rules of NDR: a text, the version twice, then what it has. */
static void test_dosattrib_versions(void)
{
    static const struct {
        const char *name;
        unsigned version;
        uint32_t first; /* before the attributes; 0: nothing */
        unsigned skipped;
        uint64_t want_time;
    } rows[] = {
        {"1", 1, 0, 20, CREATED},      {"2", 2, 1, 20, CREATED},   {"3", 3, 0x11, 20, CREATED},
        {"3 without", 3, 0x01, 20, 0}, {"4", 4, 0x11, 8, CREATED}, {"5", 5, 0x11, 0, CREATED},
        {"5 without", 5, 0x01, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned text_len = 0; text_len < 6; text_len++) {
            uint8_t blob[96] = {0};
            memcpy(blob, "0x222", text_len);
            size_t at = (text_len + 2) & ~(size_t)1;
            dirfs_put_le(blob + at, rows[i].version, 2);
            dirfs_put_le(blob + at + 2, rows[i].version, 2);
            at = (at + 7) & ~(size_t)3;
            if (rows[i].first) {
                dirfs_put_le(blob + at, rows[i].first, 4);
                at += 4;
            }
            dirfs_put_le(blob + at, 0x22, 4);
            at += 4 + rows[i].skipped;
            dirfs_put_le(blob + at, CREATED, 8);
            struct dirfs_dos dos = {0};
            bool ok = dirfs_dosattrib_parse(blob, at + 8, &dos);
            if (!ok || dos.attributes != 0x22 || dos.create_time != rows[i].want_time) {
                test_fail(__FILE__, __LINE__, "version %s, text of %u", rows[i].name, text_len);
            }
            for (size_t len = 0; len < at + 8; len++) {
                CHECK(!dirfs_dosattrib_parse(blob, len, &dos));
            }
        }
    }
}

/* Whatever a byte becomes, nothing beyond the end is read (the sanitizers see it). */
static void test_mutated(void)
{
    for (size_t i = 0; i < sizeof(ntacl); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *blob = malloc(sizeof(ntacl));
            memcpy(blob, ntacl, sizeof(ntacl));
            blob[i] ^= (uint8_t)(1u << bit);
            int64_t n = dirfs_ntacl_parse(blob, sizeof(ntacl));
            CHECK(n == -EBADMSG || (n > 0 && n < (int64_t)sizeof(ntacl)));
            free(blob);
            struct dirfs_dos dos;
            uint8_t attrib[sizeof(dosattrib)];
            memcpy(attrib, dosattrib, sizeof(attrib));
            attrib[i % sizeof(attrib)] ^= (uint8_t)(1u << bit);
            (void)dirfs_dosattrib_parse(attrib, sizeof(attrib), &dos);
        }
    }
    for (size_t len = 0; len < NTACL_SD + 20; len++) {
        uint8_t *blob = malloc(len + 1);
        memcpy(blob, ntacl, len);
        CHECK_INT(dirfs_ntacl_parse(blob, len), -EBADMSG);
        free(blob);
    }
}

static uint32_t sd_offset(const uint8_t *sd, unsigned at)
{
    return (uint32_t)dirfs_get_le(sd + at, 4);
}

static void test_ntacl_golden(void)
{
    uint8_t blob[sizeof(ntacl)];
    memcpy(blob, ntacl, sizeof(ntacl));
    CHECK_INT(dirfs_ntacl_parse(blob, sizeof(ntacl)), sizeof(ntacl) - NTACL_SD);
    CHECK_INT(sd_offset(blob, 4), 20);
    CHECK_INT(sd_offset(blob, 8), 48);
    CHECK_INT(sd_offset(blob, 12), 0);
    CHECK_INT(sd_offset(blob, 16), 76);
    CHECK_MEM(blob + 20, 156, ntacl + NTACL_SD + 20, 156);
    /* The versions before have the same descriptor nearer to the beginning. */
    static const struct {
        unsigned version, at;
    } rows[] = {{1, 8}, {2, 28}, {3, 80}};
    for (size_t i = 0; i < 3; i++) {
        uint8_t old[sizeof(ntacl)];
        size_t len = sizeof(ntacl) - NTACL_SD + rows[i].at;
        memcpy(old, ntacl, sizeof(old));
        memcpy(old + rows[i].at, ntacl + NTACL_SD, sizeof(ntacl) - NTACL_SD);
        dirfs_put_le(old, rows[i].version | rows[i].version << 16, 4);
        for (unsigned at = 4; at < 20; at += 4) {
            uint32_t offset = sd_offset(ntacl + NTACL_SD, at);
            uint64_t moved = offset ? offset - NTACL_SD + rows[i].at : 0;
            dirfs_put_le(old + rows[i].at + at, moved, 4);
        }
        CHECK_INT(dirfs_ntacl_parse(old, len), sizeof(ntacl) - NTACL_SD);
        CHECK_MEM(old, sizeof(ntacl) - NTACL_SD, blob, sizeof(ntacl) - NTACL_SD);
    }
}

/* What is written can be read, and has the descriptor as Samba has it. */
static void test_ntacl_written(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    uint8_t sd[sizeof(ntacl)];
    memcpy(sd, ntacl, sizeof(ntacl));
    uint32_t len = (uint32_t)dirfs_ntacl_parse(sd, sizeof(ntacl));
    put_file(w.fd, "f", "f");
    int fd = openat(w.fd, "f", O_RDONLY);
    const struct dirfs_where where = {.fd = fd};
    uint8_t *blob = NULL;
    CHECK_INT(dirfs_ntacl_format(&where, sd, len, &blob), 0);
    CHECK_MEM(blob + NTACL_SD, len, ntacl + NTACL_SD, len);
    CHECK_MEM(blob, 14, ntacl, 14);
    CHECK_MEM(blob + 78, 10, ntacl + 78, 10);
    uint8_t hash[32];
    memcpy(hash, blob + 96, 32);
    free(blob);
    fchmod(fd, 0600);
    CHECK_INT(dirfs_ntacl_format(&where, sd, len, &blob), 0);
    CHECK(memcmp(hash, blob + 96, 32) != 0);
    CHECK_INT(dirfs_ntacl_parse(blob, DIRFS_NTACL_HEAD + len), len);
    CHECK_MEM(blob, len, sd, len);
    free(blob);
    close(fd);
    world_end(&w);
}

/* An owner's offset that leads out of it. */
static void test_offsets_out_of_it(void)
{
    uint8_t sd[DESCRIPTOR_MAX];
    uint8_t *blob;
    const struct dirfs_where here = {.fd = AT_FDCWD};
    uint32_t len = make_descriptor(sd, "x");
    dirfs_put_le(sd + 4, UINT32_MAX - 50, 4);
    CHECK_INT(dirfs_ntacl_format(&here, sd, len, &blob), -EINVAL);
    CHECK_INT(dirfs_ntacl_format(&here, sd, 19, &blob), -EINVAL);
}

/* ---- on a file ---- */

static bool share_path(struct world *w, const char *name, char *path)
{
    snprintf(path, 128, "%s/%s", w->share, name);
    return setxattr(path, "user.smbkit.try", "", 0, 0) == 0 &&
           removexattr(path, "user.smbkit.try") == 0;
}

/* A file that Samba had, one of ours from before, and both. */
static void test_taken_over(void)
{
    struct world w;
    char path[128];
    static const uint8_t ours[16] = {1, 0, 0, 0, 4, 0, 0, 0, 1};
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "samba", "f");
    put_file(w.fd, "ours", "f");
    if (share_path(&w, "samba", path)) {
        CHECK_INT(setxattr(path, "user.DOSATTRIB", dosattrib, sizeof(dosattrib), 0), 0);
        share_path(&w, "ours", path);
        CHECK_INT(setxattr(path, "user.smbkit.dos", ours, sizeof(ours), 0), 0);
        void *f = pt_any(&w.t, "samba");
        struct smbkit_attr a = pt_attr(&w.t, f);
        CHECK_INT(a.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
        CHECK_INT(a.create_time, CREATED);
        pt_close(&w.t, f);
        f = pt_any(&w.t, "ours");
        a = pt_attr(&w.t, f);
        CHECK_INT(a.attributes, SMBKIT_ATTR_SYSTEM);
        CHECK_INT(a.create_time, 1);
        struct smbkit_attr set = {.attributes = SMBKIT_ATTR_HIDDEN};
        CHECK_INT(pt_setattr(&w.t, f, SMBKIT_HAS_ATTRIBUTES, &set), 0);
        uint8_t blob[32];
        CHECK_INT(getxattr(path, "user.DOSATTRIB", blob, sizeof(blob)), 24);
        CHECK_INT(dirfs_get_le(blob + 12, 4), SMBKIT_ATTR_HIDDEN);
        CHECK_INT(dirfs_get_le(blob + 16, 8), 1);
        CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_HIDDEN);
        pt_close(&w.t, f);
    }
    world_end(&w);
}

/* Kept beside the kernel's, until that moves on. */
static void test_change_time(void)
{
    struct world w;
    char path[128];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "f", "f");
    if (share_path(&w, "f", path)) {
        struct smbkit_attr set = {.change_time = 130000000000000000ull, .attributes = 2};
        void *f = pt_any(&w.t, "f");
        CHECK_INT(pt_setattr(&w.t, f, SMBKIT_HAS_CHANGE_TIME | SMBKIT_HAS_ATTRIBUTES, &set), 0);
        CHECK_INT(pt_attr(&w.t, f).change_time, set.change_time);
        CHECK_INT(pt_attr(&w.t, f).attributes, 2);
        const struct timespec later = {.tv_nsec = 50000000};
        nanosleep(&later, NULL);
        CHECK_INT(pt_attr(&w.t, f).change_time, set.change_time);
        chmod(path, 0640);
        CHECK(pt_attr(&w.t, f).change_time > set.change_time);
        pt_close(&w.t, f);
    }
    world_end(&w);
}

struct listed {
    const char *name;
    uint32_t attributes;
};

static int32_t take_listed(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct listed *l = sink->core;
    l->attributes = strcmp(entry->name, l->name) == 0 ? entry->attr->attributes : l->attributes;
    return 1;
}

static uint32_t listed(struct pt *t, const char *dir, const char *name)
{
    struct listed l = {.name = name};
    struct smbkit_sink sink = {
        .struct_size = sizeof(sink), .want = SMBKIT_WANT_ATTR, .entry = take_listed, .core = &l};
    void *d = pt_file(t, dir, SMBKIT_OPEN, SMBKIT_KIND_DIRECTORY);
    CHECK_INT(t->p->enumerate(t->v, &t->op, d, &sink), 0);
    pt_close(t, d);
    return l.attributes;
}

/* Directories that nobody marked are listed with what Samba has put there. */
static void test_listed(void)
{
    struct world w;
    char path[128];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    mkdirat(w.fd, "d", 0755);
    put_file(w.fd, "d/f", "f");
    mkdirat(w.fd, "e", 0755);
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof(path), "e/f%d", i);
        put_file(w.fd, path, "f");
    }
    if (share_path(&w, "d/f", path)) {
        CHECK_INT(setxattr(path, "user.DOSATTRIB", dosattrib, sizeof(dosattrib), 0), 0);
        share_path(&w, "e/f30", path);
        CHECK_INT(setxattr(path, "user.DOSATTRIB", dosattrib, sizeof(dosattrib), 0), 0);
        CHECK_INT(listed(&w.t, "d", "f"), SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
        /* One among many: Samba is known to have been here. */
        CHECK_INT(listed(&w.t, "e", "f30"), SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
        pt_close_volume(&w.t);
        CHECK(world_mount(&w, NULL, NULL));
        CHECK_INT(listed(&w.t, "e", "f30"), SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
    }
    world_end(&w);
}

static void put_ea(uint8_t *at, uint32_t next, const char *name, const char *value)
{
    dirfs_put_le(at, next, 4);
    at[4] = 0;
    at[5] = (uint8_t)strlen(name);
    dirfs_put_le(at + 6, strlen(value), 2);
    memcpy(at + 8, name, strlen(name) + 1);
    memcpy(at + 9 + strlen(name), value, strlen(value));
}

static smbkit_status set_ea(struct pt *t, void *f, const uint8_t *list, uint32_t len)
{
    const struct smbkit_set_ea a = {.struct_size = sizeof(a), .ea = {.base = list, .len = len}};
    return t->p->set_ea(t->v, &t->op, f, &a);
}

static smbkit_status get_ea(struct pt *t, void *f, uint8_t *buf, uint32_t cap, uint32_t *len_r)
{
    struct smbkit_get_ea a = {.struct_size = sizeof(a), .buffer = {.base = buf, .cap = cap}};
    smbkit_status status = t->p->get_ea(t->v, &t->op, f, &a);
    *len_r = a.buffer.len;
    return status;
}

static void check_eas(struct world *w, const char *path)
{
    uint8_t list[64] = {0};
    uint8_t got[128];
    uint32_t len;
    void *f = pt_any(&w->t, "f");
    CHECK_INT(get_ea(&w->t, f, got, sizeof(got), &len), 0);
    CHECK_INT(len, 0);
    put_ea(list, 16, "one", "1");
    put_ea(list + 16, 0, "TWO", "22");
    CHECK_INT(set_ea(&w->t, f, list, 16 + 14), 0);
    CHECK_INT(get_ea(&w->t, f, got, 29, &len), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    CHECK_INT(get_ea(&w->t, f, got, sizeof(got), &len), 0);
    CHECK_INT(len, pt_attr(&w->t, f).ea_size);
    CHECK_INT(getxattr(path, "user.TWO", got, sizeof(got)), 2);
    /* In other letters it is the same one; an empty value takes it away. */
    put_ea(list, 0, "two", "333");
    CHECK_INT(set_ea(&w->t, f, list, 15), 0);
    CHECK_INT(getxattr(path, "user.TWO", got, sizeof(got)), 3);
    put_ea(list, 0, "Two", "");
    CHECK_INT(set_ea(&w->t, f, list, 12), 0);
    CHECK_INT(getxattr(path, "user.TWO", got, sizeof(got)), -1);
    CHECK_INT(get_ea(&w->t, f, got, sizeof(got), &len), 0);
    CHECK_INT(len, 13);
    static const char *const hidden[] = {"DOSATTRIB", "dosattrib",  "DosStream.x:$DATA",
                                         "NTACL",     "smbkit.dos", "a:b"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        put_ea(list, 0, hidden[i], "x");
        CHECK_INT(set_ea(&w->t, f, list, 10 + (uint32_t)strlen(hidden[i])),
                  SMBKIT_STATUS_ACCESS_DENIED);
    }
    put_ea(list, 0, "one", "1");
    for (uint32_t cut = 1; cut < 13; cut++) {
        CHECK_INT(set_ea(&w->t, f, list, cut), SMBKIT_STATUS_EA_LIST_INCONSISTENT);
    }
    CHECK_INT(get_ea(&w->t, f, got, sizeof(got), &len), 0);
    CHECK_INT(len, 13);
    /* An overwriting create drops them; one whose own are refused takes no data away. */
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    put_ea(list, 0, "NTACL", "x");
    struct smbkit_overwrite how = {
        .struct_size = sizeof(how), .ea = {.base = list, .len = 15}, .attr = &attr};
    CHECK_INT(w->t.p->overwrite(w->t.v, &w->t.op, f, &how), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(w->t.p->getattr(w->t.v, &w->t.op, f, &attr), 0);
    CHECK_INT(attr.size, 1);
    CHECK_INT(pt_overwrite(&w->t, f, 0, 0, &attr), 0);
    CHECK_INT(attr.ea_size, 0);
    pt_close(&w->t, f);
}

static void test_eas(void)
{
    struct world w;
    char path[128];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "f", "f");
    if (share_path(&w, "f", path)) {
        check_eas(&w, path);
    }
    world_end(&w);
}

static const struct test_case cases[] = {
    {"DOS attributes, as smbd writes them", test_dosattrib_golden},
    {"DOS attributes of all versions, cut anywhere", test_dosattrib_versions},
    {"a descriptor, as smbd writes it", test_ntacl_golden},
    {"changed and cut bytes", test_mutated},
    {"a descriptor that is written", test_ntacl_written},
    {"offsets that lead out of a descriptor", test_offsets_out_of_it},
    {"files of Samba's, and of before", test_taken_over},
    {"listings of what Samba left", test_listed},
    {"EAs", test_eas},
    {"a change time that a client sets", test_change_time},
};
TEST_MAIN(cases)
