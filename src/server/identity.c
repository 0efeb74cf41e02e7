/* SPDX-License-Identifier: Apache-2.0 */
#include "server/identity.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"
#include "os/os.h"

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

static uint64_t derive(uint64_t key, const char *what, uint16_t port)
{
    char label[64];
    str_format(label, sizeof(label), "smbkit %s %u", what, port);
    return hash_bytes(key, label, str_len(label));
}

bool identity_from_text(const char *machine_id, uint16_t port, uint32_t machine_sid[3],
                        uint8_t guid[16])
{
    uint64_t high = 0;
    uint64_t low = 0;
    if (!half_from_hex(machine_id, &high) || !half_from_hex(machine_id + 16, &low)) {
        return false;
    }
    uint64_t sid = derive(high, "machine sid", 0);
    machine_sid[0] = (uint32_t)sid;
    machine_sid[1] = (uint32_t)(sid >> 32);
    machine_sid[2] = (uint32_t)derive(low, "machine sid", 0);
    struct wr w = wr_init(guid, 16);
    wr_u64(&w, derive(high, "server guid", port));
    wr_u64(&w, derive(low, "server guid", port));
    return true;
}

void identity_get(uint16_t port, uint32_t machine_sid[3], uint8_t guid[16])
{
    CLEANUP_MEM char *text = NULL;
    size_t len = 0;
    if (os_file_read("/etc/machine-id", 256, &text, &len) == 0 &&
        identity_from_text(text, port, machine_sid, guid)) {
        return;
    }
    os_random(machine_sid, 3 * sizeof(*machine_sid));
    os_random(guid, 16);
}
