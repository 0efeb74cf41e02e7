# SPDX-License-Identifier: Apache-2.0
"""The quota filter: users and folders may have so much, and are told so (quick)."""
import json
import os
import struct

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, expect, main, smbkit
from rawclient import connect

FULL = 'DISK_FULL'


def server(args, plugin='path = @/share', settings=''):
    s = Server(config=f'{settings}[docs]\n{plugin}\nread only = no\nfilter = quota:{args}\n')
    s.add_user('bob', PASSWORD)
    return s


def control(s, *words):
    r = smbkit('control', '--socket', s.control, 'docs', *words)
    expect(' '.join(words), r.code, 0)
    return r.text


def account(s, kind, name):
    """(used, limit) of a user or folder."""
    found = [a for a in json.loads(control(s, 'status', 'json'))[kind] if a['name'] == name]
    return (found[0]['used'], found[0]['limit']) if found else None


def left(c, path=''):
    """(total, left to the caller) in bytes."""
    f = c.opened(path, access=0x80, options=b.FOLDER)
    total, rest, sectors, sector = struct.unpack('<QQII', c.query(f, 3, kind=b.KIND_VOLUME).buffer())
    c.close(f)
    return total * sectors * sector, rest * sectors * sector


def users(plugin):
    with server('user=bob:100000', plugin) as s, connect(s, 'docs') as c, connect(s, 'docs', user='bob') as bob:
        c.put('of alice', b'x' * 200000)
        bob.put('of bob', b'x' * 60000)
        f = bob.opened('of bob')
        expect('beyond it', bob.write(f, b'x' * 40001, 60000), FULL)
        expect('up to it', bob.write(f, b'x' * 40000, 60000), 'OK')
        expect('within the file', bob.write(f, b'y' * 1000, 99000), 'OK')
        expect('size', bob.set(f, 20, struct.pack('<Q', 100001)), FULL)
        bob.close(f)
        expect('of bob', account(s, 'users', 'bob'), (100000, 100000))
        expect('of alice', account(s, 'users', USER), (200000, None))
        expect('nothing is left', left(bob)[1], 0)
        check(left(c)[1] > 1 << 20, 'much is left to others')
        control(s, 'set', 'user', 'bob', '1M')
        check(800000 < left(bob)[1] < 1 << 20, left(bob))
        g = c.opened('of bob', access=0x10000)
        c.mark_deleted(g)
        c.close(g)
        expect('it has gone', account(s, 'users', 'bob'), (0, 1 << 20))


@case('users, in memory')
def in_memory():
    users('plugin = mem')


@case('users, in a folder')
def in_folder():
    users('path = @/share')


@case('what was there is counted, by folder')
def folders():
    with server('folder=/a:10000') as s:
        os.makedirs(s.path('share', 'a', 'b'))
        with open(s.path('share', 'a', 'b', 'old'), 'wb') as f:
            f.write(b'x' * 9000)
        os.link(s.path('share', 'a', 'b', 'old'), s.path('share', 'a', 'again'))
        with connect(s, 'docs') as c:
            c.put('outside', b'x' * 20000)
            expect('counted', account(s, 'folders', 'a'), (9000, 10000))
            f = c.opened('a\\new', access=3, disposition=b.CREATE_NEW)
            expect('beyond it', c.write(f, b'x' * 1001), FULL)
            expect('up to it', c.write(f, b'x' * 1000), 'OK')
            c.close(f)
            check(left(c)[0] > 1 << 20, 'the share')
            expect('the folder', left(c, 'a')[1], 0)
            expect('into it', c.move('outside', 'a\\in'), 'NOT_SAME_DEVICE', '0xc00000d4')
            with open(s.path('share', 'a', 'b', 'more'), 'wb') as f:
                f.write(b'x' * 500)
            control(s, 'count')
            expect('counted anew', account(s, 'folders', 'a'), (10500, 10000))


@case('limits that were set are kept')
def kept():
    with server('keep=@/kept/limits') as s:
        control(s, 'set', 'user', 'bob', '1000')
        s.stop()
        s.start()
        with connect(s, 'docs', user='bob') as bob:
            f = bob.opened('of bob', access=3, disposition=b.CREATE_NEW)
            expect('beyond it', bob.write(f, b'x' * 1001), FULL)
            expect('up to it', bob.write(f, b'x' * 1000), 'OK')
            bob.close(f)


@case('smbclient is told')
def with_smbclient():
    with server('folder=/:50000') as s:
        path = s.path('up')
        with open(path, 'wb') as f:
            f.write(b'x' * 60000)
        r = s.smbclient('docs', f'put {path} up')
        check('DISK_FULL' in r.text, r.text)
        with open(path, 'wb') as f:
            f.write(b'x' * 40000)
        r = s.smbclient('docs', f'put {path} up2')
        check('DISK_FULL' not in r.text, r.text)


main()
