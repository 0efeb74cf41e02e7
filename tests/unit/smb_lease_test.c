/* SPDX-License-Identifier: Apache-2.0 */
/* Leases on the wire: what is granted and with which epoch, breaks to another client machine,
 * acknowledgements good and bad, time-out, the end by CLOSE, and a connection that ends before the
 * answer. [MS-SMB2] 3.3.5.9.8, 3.3.5.9.11, 3.3.4.7, 3.3.5.22.2, 3.3.6.5 */
#include "smb_pair.h"

#include "wire/set_info.h"

/* ---- cases ---- */

static void test_grant(void)
{
    static const struct {
        uint16_t dialect;
        bool is_v2, granted;
    } rows[] = {
        {SMB2_DIALECT_202, false, false}, {SMB2_DIALECT_210, false, true},
        {SMB2_DIALECT_210, true, false},  {SMB2_DIALECT_300, false, true},
        {SMB2_DIALECT_300, true, true},   {SMB2_DIALECT_311, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pair p;
        struct smb2_create_rsp rsp;
        struct smb2_lease l = lease_of(1, RWH, 40);
        test_context("row %zu", i);
        begin(&p, rows[i].dialect);
        l.is_v2 = rows[i].is_v2;
        CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
        if (rows[i].granted) {
            check_lease(&rsp, RWH, 0, l.is_v2 ? 41 : 0);
            CHECK_INT(rsp.ctxs.lease.is_v2, l.is_v2);
        } else {
            CHECK_INT(rsp.oplock_level, SMB2_OPLOCK_LEVEL_NONE);
            CHECK(!(rsp.ctxs.present & SMB2_CTX_RQLS));
        }
        /* A key names one file, also one that is to be made. */
        smbkit_status other = open_leased(&p.f, "other", &l, &rsp);
        CHECK_INT(other, rows[i].granted ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS);
        CHECK_INT(open_leased(&p.f, "other", NULL, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.create_action, rows[i].granted ? SMB2_FILE_CREATED : SMB2_FILE_OPENED);
        CHECK_INT(open_leased(&p.g, "other", &l, &rsp), SMBKIT_STATUS_SUCCESS); /* its own key 1 */
        end(&p);
    }
}

static void test_break_and_acks(void)
{
    struct pair p;
    struct smb2_create_rsp rsp;
    const struct smb2_lease l = lease_of(1, RWH, 10);
    const struct smb2_lease other = lease_of(2, RWH, 20);
    begin(&p, SMB2_DIALECT_311);
    CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_UNSUCCESSFUL); /* nothing breaks */
    struct wr w = create_with(&p.g, "f", &other);
    fake_submit(&p.g, &w);
    expect_waits(&p.g);
    check_break(&p.f, 1, RWH, RH, 12);
    /* Its own client goes on, and hears of the break. */
    CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, RWH, SMB2_LEASE_FLAG_BREAK_IN_PROGRESS, 12);
    CHECK_INT(ack(&p.f, 1, RWH), SMBKIT_STATUS_REQUEST_NOT_ACCEPTED);
    CHECK_INT(ack(&p.f, 1, 0x100), SMBKIT_STATUS_REQUEST_NOT_ACCEPTED);
    CHECK_INT(ack(&p.g, 1, RH), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND); /* not that client's */
    CHECK_INT(ack(&p.f, 1, RH), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(ack(&p.f, 1, RH), SMBKIT_STATUS_UNSUCCESSFUL);
    rsp = finish(&p.g);
    check_lease(&rsp, RH, 0, 21);
    /* What it writes takes the reads of the first, who is not waited for. */
    CHECK_INT(fake_write(&p.g, rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    check_break(&p.f, 1, RH, 0, 13);
    CHECK_INT(ack(&p.f, 1, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, RH, 0, 14); /* and again */
    end(&p);
}

/* Who does not answer loses all of it after 35 seconds. */
static void test_timeout(void)
{
    struct pair p;
    struct smb2_create_rsp rsp;
    const struct smb2_lease l = lease_of(1, RWH, 0);
    begin(&p, SMB2_DIALECT_311);
    CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = create_with(&p.g, "f", NULL);
    fake_submit(&p.g, &w);
    expect_waits(&p.g);
    check_break(&p.f, 1, RWH, RH, 2);
    fake_pass(&p.f, 34000);
    CHECK_INT(p.g.sent_count, p.g.taken);
    fake_pass(&p.f, 2000);
    (void)finish(&p.g);
    CHECK_INT(ack(&p.f, 1, RH), SMBKIT_STATUS_UNSUCCESSFUL);
    const struct smb2_lease none = lease_of(1, 0, 0);
    CHECK_INT(open_leased(&p.f, "f", &none, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, 0, 0, 2);
    end(&p);
}

/* The last CLOSE of the lease answers its break, an earlier one does not. */
static void test_close_answers(void)
{
    struct pair p;
    struct smb2_create_rsp first, second;
    const struct smb2_lease l = lease_of(1, RWH, 0);
    begin(&p, SMB2_DIALECT_210);
    CHECK_INT(open_leased(&p.f, "f", &(struct smb2_lease){.state = RWH, .key = {1}}, &first),
              SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_leased(&p.f, "f", &(struct smb2_lease){.state = RWH, .key = {1}}, &second),
              SMBKIT_STATUS_SUCCESS);
    struct wr w = create_with(&p.g, "f", &l);
    fake_submit(&p.g, &w);
    expect_waits(&p.g);
    check_break(&p.f, 1, RWH, RH, 0);
    CHECK_INT(fake_close_file(&p.f, first.file_id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(p.g.sent_count, p.g.taken);
    CHECK_INT(fake_close_file(&p.f, second.file_id), SMBKIT_STATUS_SUCCESS);
    struct smb2_create_rsp rsp = finish(&p.g);
    check_lease(&rsp, RWH, 0, 1);
    end(&p);
}

/* A write asks for nothing that an overwriting open waited for: one break follows the other, and
 * who came meanwhile waits for the last. */
static void test_chain(void)
{
    struct pair p;
    struct smb2_create_rsp rsp;
    const struct smb2_lease l = lease_of(1, RWH, 0);
    begin(&p, SMB2_DIALECT_311);
    CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = create_with(&p.g, "f", NULL);
    fake_submit(&p.g, &w);
    expect_waits(&p.g);
    check_break(&p.f, 1, RWH, RH, 2);
    w = fake_request(&p.g, SMB2_CREATE);
    fake_create_format(&w, "f", SMBKIT_OVERWRITE, 0, 7);
    fake_submit(&p.g, &w);
    expect_waits(&p.g);
    CHECK_INT(ack(&p.f, 1, RH), SMBKIT_STATUS_SUCCESS);
    check_break(&p.f, 1, RH, R, 3);
    CHECK_INT(p.g.sent_count, p.g.taken);
    CHECK_INT(ack(&p.f, 1, R), SMBKIT_STATUS_SUCCESS);
    check_break(&p.f, 1, R, 0, 4);
    (void)finish(&p.g);
    (void)finish(&p.g);
    end(&p);
}

/* Two connections of one machine: the break goes to the older one; when that ends unanswered, to
 * the other, on which the lease lives on with an open of its own. */
static void test_other_connection(void)
{
    struct pair p;
    struct fake h;
    struct smb2_create_rsp rsp;
    const struct smb2_lease l = lease_of(1, RWH, 0);
    begin(&p, SMB2_DIALECT_311);
    fake_init(&h);
    h.server = p.f.server;
    h.peer = &p.g;
    p.g.peer = &h;
    p.f.peer = NULL; /* its jobs are run by it alone from here on */
    fake_enter(&h, SMB2_DIALECT_311);
    CHECK_INT(open_leased(&p.f, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_leased(&h, "f", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, RWH, 0, 1);
    struct wr w = create_with(&p.g, "f", NULL);
    fake_submit(&p.g, &w);
    expect_waits(&p.g);
    fake_pump(&p.f);
    check_break(&p.f, 1, RWH, RH, 2);
    fake_disconnect(&p.f);
    fake_pump(&h);
    check_break(&h, 1, RWH, RH, 2);
    CHECK_INT(ack(&h, 1, RH), SMBKIT_STATUS_SUCCESS);
    fake_pump(&p.g);
    (void)finish(&p.g);
    fake_disconnect(&h);
    p.g.peer = NULL;
    fake_disconnect(&p.g);
    fake_stop(&p.f);
}

/* ---- directories ---- */

/* A lease on the share's root; what it has is taken anew. */
static void lease_root(struct pair *p, uint16_t *epoch)
{
    struct smb2_create_rsp rsp;
    struct smb2_lease l = lease_of(9, RWH, 0);
    CHECK_INT(open_leased(&p->f, "", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, RH, 0, ++*epoch);
}

static void root_broken(struct pair *p, uint16_t *epoch)
{
    check_break(&p->f, 9, RH, 0, ++*epoch);
    CHECK_INT(ack(&p->f, 9, 0), SMBKIT_STATUS_SUCCESS);
    lease_root(p, epoch);
}

static void no_break(struct pair *p)
{
    CHECK_INT(p->f.sent_count, p->f.taken);
}

static smbkit_status set_info(struct fake *f, struct smb2_file_id id, uint8_t info_class,
                              const void *data, size_t len)
{
    const struct smb2_set_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                          .info_class = info_class,
                                          .file_id = id,
                                          .buffer = {data, len}};
    struct wr w = fake_request(f, SMB2_SET_INFO);
    smb2_set_info_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

static smbkit_status rename_to(struct fake *f, struct smb2_file_id id, char to)
{
    uint8_t info[22] = {0};
    info[16] = 2; /* [MS-FSCC] 2.4.42.2: the length, then the name */
    info[20] = (uint8_t)to;
    return set_info(f, id, SMB2_FILE_RENAME_INFO, info, sizeof(info));
}

/* [MS-SMB2] 3.3.1.4: who caches a listing hears of entries that come, go or are listed with other
 * data; of written data when the handle is closed. Who names the lease as his directory's does not
 * break it. */
static void test_directory(void)
{
    for (unsigned by_own = 0; by_own < 2; by_own++) {
        struct pair p;
        struct smb2_create_rsp rsp;
        uint16_t epoch = 0;
        struct smb2_lease l = lease_of(1, R, 0);
        begin(&p, SMB2_DIALECT_311);
        test_context("by its own client: %u", by_own);
        struct fake *who = by_own ? &p.f : &p.g;
        lease_root(&p, &epoch);
        CHECK_INT(open_leased(who, "a", &l, &rsp), SMBKIT_STATUS_SUCCESS);
        root_broken(&p, &epoch);
        CHECK_INT(fake_write(who, rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
        no_break(&p);
        CHECK_INT(fake_close_file(who, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        root_broken(&p, &epoch);
        CHECK_INT(open_leased(who, "a", &l, &rsp), SMBKIT_STATUS_SUCCESS);
        no_break(&p); /* to open is no change */
        CHECK_INT(set_info(who, rsp.file_id, SMB2_FILE_END_OF_FILE_INFO, (uint8_t[8]){5}, 8),
                  SMBKIT_STATUS_SUCCESS);
        root_broken(&p, &epoch);
        CHECK_INT(rename_to(who, rsp.file_id, 'b'), SMBKIT_STATUS_SUCCESS);
        root_broken(&p, &epoch);
        CHECK_INT(set_info(who, rsp.file_id, SMB2_FILE_DISPOSITION_INFO, (uint8_t[1]){1}, 1),
                  SMBKIT_STATUS_SUCCESS);
        no_break(&p);
        CHECK_INT(fake_close_file(who, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        root_broken(&p, &epoch);
        end(&p);
    }
}

/* The file goes with the last open of its stream. */
static void test_directory_stream(void)
{
    struct pair p;
    struct smb2_create_rsp stream;
    struct smb2_create_rsp file;
    uint16_t epoch = 0;
    begin(&p, SMB2_DIALECT_311);
    CHECK_INT(open_leased(&p.g, "a:s", NULL, &stream), SMBKIT_STATUS_SUCCESS);
    lease_root(&p, &epoch);
    CHECK_INT(open_leased(&p.g, "a", NULL, &file), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(set_info(&p.g, file.file_id, SMB2_FILE_DISPOSITION_INFO, (uint8_t[1]){1}, 1),
              SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&p.g, file.file_id), SMBKIT_STATUS_SUCCESS);
    no_break(&p);
    CHECK_INT(fake_close_file(&p.g, stream.file_id), SMBKIT_STATUS_SUCCESS);
    root_broken(&p, &epoch);
    end(&p);
}

static void test_directory_parent_key(void)
{
    struct pair p;
    struct smb2_create_rsp rsp;
    uint16_t epoch = 0;
    struct smb2_lease l = lease_of(1, RWH, 0);
    l.flags = SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET;
    memset(l.parent_key, 9, sizeof(l.parent_key));
    begin(&p, SMB2_DIALECT_311);
    lease_root(&p, &epoch);
    CHECK_INT(open_leased(&p.f, "a", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    check_lease(&rsp, RWH, SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET, 1);
    CHECK_INT(rsp.ctxs.lease.parent_key[15], 9);
    CHECK_INT(fake_write(&p.f, rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rename_to(&p.f, rsp.file_id, 'b'), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(set_info(&p.f, rsp.file_id, SMB2_FILE_DISPOSITION_INFO, (uint8_t[1]){1}, 1),
              SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    no_break(&p);
    /* The key alone counts, by whichever machine: [MS-FSA] 2.1.4.12, and so Windows. */
    CHECK_INT(open_leased(&p.g, "c", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    no_break(&p);
    l = lease_of(2, RWH, 0);
    l.flags = SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET;
    memset(l.parent_key, 8, sizeof(l.parent_key));
    CHECK_INT(open_leased(&p.g, "d", &l, &rsp), SMBKIT_STATUS_SUCCESS);
    root_broken(&p, &epoch);
    end(&p);
}

static const struct test_case cases[] = {
    {"what is granted", test_grant},
    {"a break and its answers", test_break_and_acks},
    {"no answer", test_timeout},
    {"closing answers", test_close_answers},
    {"one break after the other", test_chain},
    {"another connection", test_other_connection},
    {"a directory", test_directory},
    {"the file of a stream", test_directory_stream},
    {"a directory's own children", test_directory_parent_key},
};
TEST_MAIN(cases)
