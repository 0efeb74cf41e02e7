# SPDX-License-Identifier: Apache-2.0
"""Quotas: told, set, enforced, for administrators; and a clear answer where there are none (quick)."""
import struct

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, expect, main
from rawclient import connect

QUOTA_FILE = '$Extend\\$Quota:$Q:$INDEX_ALLOCATION'
CONTROL, TRACK, ENFORCE = 6, 1, 2
NONE, DELETE = -1, -2
CONFIG = f'admin users = {USER}\n[mem]\nplugin = mem\nread only = no\n[dir]\npath = @/shared\nread only = no\n' \
    '[logged]\npath = @/shared\nread only = no\nfilter = log\n'


def server():
    s = Server(config=CONFIG)
    s.add_user('bob', PASSWORD)
    s.make_folder('shared')
    return s


def owner_of(c, path):
    f = c.opened(path, access=0x20000)
    sd = c.query(f, 0, kind=b.KIND_SECURITY, which=1).buffer()
    c.close(f)
    return sd[struct.unpack_from('<I', sd, 4)[0]:]


def ask(c, f, sids=(), single=0, restart=1, room=4096):
    """(SID, used, limit) of each, or a status."""
    listed = b''.join(struct.pack('<II', 0 if s is sids[-1] else 8 + (len(s) + 3 & ~3), len(s)) + s.ljust(len(s) + 3 & ~3, b'\0')
                      for s in sids)
    data = struct.pack('<BBHIII', single, restart, 0, len(listed), 0, 0) + listed
    r = c.query(f, 0, kind=b.KIND_QUOTA, room=room, data=data)
    if r.status:
        return r.name
    out, at, data = [], 0, r.buffer()
    while True:
        after, length, _, used, _, limit = struct.unpack_from('<IIQQqq', data, at)
        out.append((data[at + 40:at + 40 + length], used, limit))
        if not after:
            return out
        at += after


def set_limit(c, f, sid, limit):
    return c.set(f, 0, struct.pack('<IIQQqq', 0, len(sid), 0, 0, NONE, limit) + sid, kind=b.KIND_QUOTA)


def control(c, f, flags, limit=NONE):
    return c.set(f, CONTROL, struct.pack('<QQQqqII', 0, 0, 0, NONE, limit, flags, 0), kind=b.KIND_VOLUME)


@case('counted, limited, enforced')
def kept():
    with server() as s, connect(s, 'mem') as c, connect(s, 'mem', user='bob') as other:
        q = c.opened(QUOTA_FILE, access=3)
        other.put('of bob', b'x' * 5000)
        c.put('of alice', b'x')
        alice, bob = owner_of(c, 'of alice'), owner_of(c, 'of bob')
        expect('of bob', ask(c, q, [bob]), [(bob, 8192, NONE)])
        listed = ask(c, q)
        check({(alice, 4096, NONE), (bob, 8192, NONE)} <= set(listed), listed)
        one = ask(c, q, single=1)
        expect('one', one, listed[:1])
        expect('the next', ask(c, q, single=1, restart=0), listed[1:2])
        expect('little room', ask(c, q, room=16), 'BUFFER_TOO_SMALL')
        expect('a limit', set_limit(c, q, bob, 8192), 'OK')
        f = other.opened('of bob')
        expect('not heeded yet', other.write(f, b'x', 9000), 'OK')
        expect('on', control(c, q, TRACK | ENFORCE), 'OK')
        expect('beyond it', other.write(f, b'x', 20000), 'DISK_FULL')
        flags = c.query(q, CONTROL, kind=b.KIND_VOLUME).buffer()[40]
        expect('told', flags, TRACK | ENFORCE)
        expect('no limit', set_limit(c, q, bob, DELETE), 'OK')
        expect('below it', other.write(f, b'x', 20000), 'OK')
        other.close(f)
        c.close(q)


def sizes(c):
    """(total, left to the caller) and (total, left to the caller, free) in bytes."""
    f = c.opened('', access=0x80, options=b.FOLDER)
    total, left, sectors, sector = struct.unpack('<QQII', c.query(f, 3, kind=b.KIND_VOLUME).buffer())
    full = struct.unpack('<QQQII', c.query(f, 7, kind=b.KIND_VOLUME).buffer())
    c.close(f)
    unit = sectors * sector
    return (total * unit, left * unit), tuple(n * unit for n in full[:3])


@case('what is left to whom')
def left():
    with server() as s, connect(s, 'mem') as c, connect(s, 'mem', user='bob') as other:
        q = c.opened(QUOTA_FILE, access=3)
        other.put('of bob', b'x' * 5000)
        c.put('of alice', b'x')
        bob = owner_of(c, 'of bob')
        expect('a limit', set_limit(c, q, bob, 1 << 20), 'OK')
        everything = sizes(c)
        expect('not heeded yet', sizes(other), everything)
        expect('on', control(c, q, TRACK | ENFORCE), 'OK')
        rest = (1 << 20) - 8192
        expect('left to bob', sizes(other), ((1 << 20, rest), (1 << 20, rest, everything[1][2])))
        expect('left to others', sizes(c), everything)
        expect('less than there is', set_limit(c, q, bob, 4096), 'OK')
        expect('nothing is left', sizes(other), ((4096, 0), (4096, 0, everything[1][2])))
        c.close(q)
    with server() as s, connect(s, 'dir') as c, connect(s, 'dir', user='bob') as other:
        expect('where there are none', sizes(other)[0][0], sizes(c)[0][0])


@case('not for everybody')
def rights():
    with server() as s, connect(s, 'mem') as c, connect(s, 'mem', user='bob') as other:
        c.put('of alice')
        other.put('of bob')
        alice, bob = owner_of(c, 'of alice'), owner_of(c, 'of bob')
        expect('the file', other.try_open(QUOTA_FILE), 'ACCESS_DENIED')
        f = other.opened('', access=0x80, options=b.FOLDER)
        expect('the own', ask(other, f, [bob]), [(bob, 0, NONE)])
        expect('another', ask(other, f, [alice]), 'ACCESS_DENIED')
        expect('all', ask(other, f), 'ACCESS_DENIED')
        expect('set', set_limit(other, f, bob, 1 << 40), 'ACCESS_DENIED')
        expect('switch', control(other, f, 0), 'ACCESS_DENIED')
        q = c.opened(QUOTA_FILE)
        expect('listing it', c.query_folder(q).name, 'ACCESS_DENIED')
        expect('marking it', c.mark_deleted(q), 'ACCESS_DENIED', 'CANNOT_DELETE')
        c.close(q)
        for how in (b.CREATE_NEW, b.OVERWRITE_IF):
            expect('making it', c.try_open(QUOTA_FILE, disposition=how), 'ACCESS_DENIED')


def none_on(s, share):
    with connect(s, share) as c:
        expect('the file', c.try_open(QUOTA_FILE), 'OBJECT_NAME_NOT_FOUND')
        f = c.opened('', access=0x80, options=b.FOLDER)
        expect('asked', ask(c, f), 'NOT_SUPPORTED')
        expect('set', set_limit(c, f, bytes(12), 1), 'NOT_SUPPORTED')
        expect('switch', control(c, f, TRACK), 'NOT_SUPPORTED')
        expect('off', c.query(f, CONTROL, kind=b.KIND_VOLUME).buffer()[40], 0)


@case('none in a folder')
def none():
    with server() as s:
        for share in ('dir', 'logged'):
            none_on(s, share)


main()
