/* SPDX-License-Identifier: Apache-2.0 */
#include "server/identity.h"

#include "base/cur.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "os/os.h"

struct key {
    uint64_t high;
    uint64_t low;
};

static bool half_from_hex(const char *text, uint64_t *out)
{
    char hex[19] = "0x";
    for (size_t i = 0; i < 16; i++) {
        if (text[i] == '\0') {
            return false;
        }
        hex[2 + i] = text[i];
    }
    hex[18] = '\0';
    return str_to_u64(hex, UINT64_MAX, out);
}

static struct key key_from_bytes(const uint8_t *identity)
{
    struct key k = {0};
    if (identity) {
        struct cur c = cur_init(identity, USERS_IDENTITY_LEN);
        k.high = cur_u64(&c);
        k.low = cur_u64(&c);
    }
    return k;
}

static uint64_t derive(uint64_t key, const char *label)
{
    return hash_bytes(key, label, str_len(label));
}

void identity_sid(const uint8_t *users_identity, uint32_t machine_sid[3])
{
    /* Never to be changed: files keep SIDs. */
    const struct key k = key_from_bytes(users_identity);
    uint64_t first = derive(k.high, "smbkit users sid");
    machine_sid[0] = (uint32_t)first;
    machine_sid[1] = (uint32_t)(first >> 32);
    machine_sid[2] = (uint32_t)derive(k.low, "smbkit users sid, the third");
}

void identity_guid(const struct identity_place *place, uint8_t guid[16])
{
    struct key k = {0};
    bool has_id = place->machine_id && half_from_hex(place->machine_id, &k.high) &&
                  half_from_hex(place->machine_id + 16, &k.low);
    if (!has_id) {
        k = key_from_bytes(place->users_identity);
    }
    char label[320];
    str_format(label, sizeof(label), "smbkit server guid %u %s", place->port,
               has_id ? "" : place->host_name);
    struct wr w = wr_init(guid, 16);
    wr_u64(&w, derive(k.high, label));
    wr_u64(&w, derive(~k.low, label)); /* the halves differ without a key, too */
}

void identity_guid_here(const uint8_t *users_identity, uint16_t port, uint8_t guid[16])
{
    CLEANUP_MEM char *text = NULL;
    size_t len = 0;
    char host[256];
    os_hostname(host, sizeof(host));
    if (os_file_read("/etc/machine-id", 256, &text, &len) != 0) {
        text = NULL;
    }
    const struct identity_place place = {
        .machine_id = text, .users_identity = users_identity, .host_name = host, .port = port};
    identity_guid(&place, guid);
}
