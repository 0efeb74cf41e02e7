/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the host's addresses clients are told, to make further channels to. */
#include "base/mem.h"
#include "base/str.h"
#include "os/process.h"
#include "server/config.h"

#define SPEED_UNKNOWN_BPS 1000000000u /* of a link that does not say, as virtual ones */

static bool parse_speed(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9' && value < UINT64_MAX / 100; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
    }
    *out = value;
    return p > text && *p == '\0' && value > 0;
}

static bool parse_option(const char *option, struct config_channel *out)
{
    static const char speed[] = "speed=";
    if (str_ieq(option, "rss")) {
        out->has_rss = true;
        return true;
    }
    char head[sizeof(speed)];
    return !str_copy(head, sizeof(head), option) && str_ieq(head, speed)
               ? parse_speed(option + sizeof(speed) - 1, &out->speed_bps)
               : false;
}

bool config_channel_parse(const char *word, struct config_channel *out)
{
    CLEANUP_MEM char *copy = str_dup(word);
    *out = (struct config_channel){0};
    bool ok = copy != NULL;
    bool is_name = true;
    for (char *p = copy; ok && p;) {
        char *next = p;
        while (*next && *next != ';') {
            next++;
        }
        char *rest = *next ? next + 1 : NULL;
        *next = '\0';
        ok = is_name ? *p && str_copy(out->name, sizeof(out->name), p) : parse_option(p, out);
        is_name = false;
        p = rest;
    }
    return ok;
}

static bool is_listened_on(const struct config *c, const struct os_interface *i)
{
    for (unsigned k = 0; k < c->listen_count; k++) {
        if (str_eq(c->listen[k].text, "*") || str_ieq(c->listen[k].text, i->text)) {
            return true;
        }
    }
    return c->listen_count == 0;
}

/* The word that it is named by; NULL: none, or none is needed. */
static const struct config_channel *word_of(const struct config *c, const struct os_interface *i)
{
    for (unsigned k = 0; k < c->channel_count; k++) {
        if (str_eq(c->channels[k].name, i->name) || str_ieq(c->channels[k].name, i->text)) {
            return &c->channels[k];
        }
    }
    return NULL;
}

static bool is_told(const struct config *c, const struct os_interface *i, bool loopback)
{
    return i->is_loopback == loopback && is_listened_on(c, i) &&
           (c->channel_count == 0 || word_of(c, i));
}

static struct smb_interface to_tell(const struct config *c, const struct os_interface *i)
{
    const struct config_channel *word = word_of(c, i);
    uint64_t speed = word && word->speed_bps ? word->speed_bps : i->speed_bps;
    struct smb_interface out = {.index = i->index,
                                .is_ipv6 = i->is_ipv6,
                                .speed_bps = speed ? speed : SPEED_UNKNOWN_BPS,
                                .has_rss = i->has_rss || (word && word->has_rss)};
    mem_copy(out.address, i->address, sizeof(out.address));
    return out;
}

size_t config_channels(const struct config *c, const struct os_interface *list, size_t count,
                       struct smb_interface *out)
{
    size_t n = 0;
    /* Nobody elsewhere gets to the loopback; who is here gets to all of them. */
    for (unsigned loopback = 0; loopback < 2 && n == 0; loopback++) {
        for (size_t i = 0; i < count; i++) {
            if (is_told(c, &list[i], loopback)) {
                out[n++] = to_tell(c, &list[i]);
            }
        }
    }
    return n;
}

size_t config_channels_now(void *arg, struct smb_interface *out, size_t max)
{
    struct os_interface list[CONFIG_INTERFACES_MAX];
    size_t count = os_interfaces(list, MIN(max, (size_t)CONFIG_INTERFACES_MAX));
    return config_channels(arg, list, count, out);
}
