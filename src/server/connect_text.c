/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "base/strbuf.h"
#include "os/os.h"
#include "server/cmd.h"

#define GROUPS 5 /* of two syllables, each of 80: 63 bits in all */

void connect_password(char *buf, size_t size)
{
    static const char consonants[] = "bdfghjklmnprstvz";
    static const char vowels[] = "aeiou";
    struct wr w = wr_init(buf, size - 1);
    for (unsigned i = 0; i < GROUPS * 2; i++) {
        uint8_t r[2];
        do {
            os_random(r, sizeof(r));
        } while (r[1] >= 255); /* 255 is a multiple of 5: every vowel is as likely */
        if (i > 0 && i % 2 == 0) {
            wr_u8(&w, '-');
        }
        wr_u8(&w, (uint8_t)consonants[r[0] % 16]);
        wr_u8(&w, (uint8_t)vowels[r[1] % 5]);
    }
    wr_u8(&w, 0);
    ASSERT(wr_ok(&w));
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

/* A part of a URL, [RFC 3986] 2.1 */
static void put_url(struct wr *w, const char *s)
{
    for (; *s; s++) {
        if (is_plain(*s)) {
            wr_u8(w, (uint8_t)*s);
        } else {
            wr_printf(w, "%%%02X", (unsigned char)*s);
        }
    }
}

/* Between single quotes of a shell; they are the caller's. */
static void put_quoted(struct wr *w, const char *s)
{
    for (; *s; s++) {
        if (*s == '\'') {
            wr_printf(w, "'\\''");
        } else {
            wr_u8(w, (uint8_t)*s);
        }
    }
}

static bool is_v6(const char *address)
{
    for (; *address; address++) {
        if (*address == ':') {
            return true;
        }
    }
    return false;
}

/* Windows has no colons in a server's name: 2001-db8--1.ipv6-literal.net stands for 2001:db8::1. */
static void put_unc_host(struct wr *w, const char *address)
{
    if (!is_v6(address)) {
        wr_printf(w, "%s", address);
        return;
    }
    for (; *address; address++) {
        wr_u8(w, *address == ':' ? '-' : (uint8_t)*address);
    }
    wr_printf(w, ".ipv6-literal.net");
}

static void put_windows(struct wr *w, const struct connect_info *i)
{
    wr_printf(w, "  Windows   net use Z: \"\\\\");
    put_unc_host(w, i->address);
    wr_printf(w, "\\%s\"", i->share);
    if (i->user) {
        wr_printf(w, " /user:%s%s%s", i->user, i->password ? " " : "",
                  i->password ? i->password : "");
    }
    if (i->port != CONFIG_PORT_DEFAULT) {
        wr_printf(w,
                  " /tcpport:%u\n"
                  "            (Windows 11 24H2 or Server 2025; older ones need port 445)",
                  i->port);
    }
    wr_u8(w, '\n');
    if (!i->user) {
        wr_printf(w,
                  "            (Windows 11 24H2 and Server 2025 refuse guests at first: GUESTS in\n"
                  "            smbkit(1) tells what to set there; or serve with --user NAME)\n");
    }
}

static void put_location(struct wr *w, const struct connect_info *i)
{
    wr_printf(w, "//");
    put_url(w, i->user ? i->user : "guest");
    if (i->user && i->password) {
        wr_u8(w, ':');
        put_url(w, i->password);
    }
    wr_printf(w, is_v6(i->address) ? "@[%s]" : "@%s", i->address);
    if (i->port != CONFIG_PORT_DEFAULT) {
        wr_printf(w, ":%u", i->port);
    }
    wr_u8(w, '/');
    put_url(w, i->share);
}

static void put_mac(struct wr *w, const struct connect_info *i)
{
    wr_printf(w, "  macOS     open 'smb:");
    put_location(w, i);
    wr_printf(w, "'\n            mkdir -p ~/mnt && mount_smbfs '");
    put_location(w, i);
    wr_printf(w, "' ~/mnt\n");
}

static void put_smbclient(struct wr *w, const struct connect_info *i)
{
    wr_printf(w, "  Linux     smbclient '//%s/", i->address);
    put_quoted(w, i->share);
    wr_u8(w, '\'');
    if (i->port != CONFIG_PORT_DEFAULT) {
        wr_printf(w, " -p %u", i->port);
    }
    if (!i->user) {
        wr_printf(w, " -N\n");
        return;
    }
    wr_printf(w, " -U '");
    put_quoted(w, i->user);
    if (i->password) {
        wr_u8(w, '%');
        put_quoted(w, i->password);
    }
    wr_printf(w, "'\n");
}

static void put_cifs(struct wr *w, const struct connect_info *i)
{
    wr_printf(w, "            sudo mount -t cifs '//%s/", i->address);
    put_quoted(w, i->share);
    wr_printf(w, "' /mnt -o '");
    if (i->user) {
        wr_printf(w, "username=");
        put_quoted(w, i->user);
    } else {
        wr_printf(w, "guest");
    }
    if (i->user && i->password) {
        wr_printf(w, ",password=");
        put_quoted(w, i->password);
    }
    if (i->port != CONFIG_PORT_DEFAULT) {
        wr_printf(w, ",port=%u", i->port);
    }
    wr_printf(w, "'\n");
}

void connect_uri(struct wr *w, const struct connect_info *info)
{
    wr_printf(w, "smb:");
    put_location(w, info);
}

void connect_text(struct wr *w, const struct connect_info *info)
{
    put_windows(w, info);
    put_mac(w, info);
    put_smbclient(w, info);
    put_cifs(w, info);
}
