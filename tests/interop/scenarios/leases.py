# SPDX-License-Identifier: Apache-2.0
# quick
"""Leases between two client machines: data written by one is never read stale by the other, a listing neither."""
import struct

import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

R, H, W = 1, 2, 4
LEASE_LEVEL = 0xff
BREAK = (1 << 64) - 1  # the message id of a break
CONTEXT_AT, CONTEXT_LEN = 80, 84  # [MS-SMB2] 2.2.14


def lease(key, state, epoch=0, parent=None):
    """[MS-SMB2] 2.2.13.2.10"""
    return (b'RqLs', bytes([key] * 16) + struct.pack('<IIQ', state, 4 if parent else 0, 0) + bytes([parent or 0] * 16) +
            struct.pack('<HH', epoch, 0))


def granted(r):
    at, size = struct.unpack_from('<II', r.body, CONTEXT_AT)
    check(size and r.body[2] == LEASE_LEVEL, 'no lease in the answer')
    data = r.raw[at + struct.unpack_from('<H', r.raw, at + 10)[0]:]
    return struct.unpack_from('<I', data, 16)[0], struct.unpack_from('<H', data, 48)[0]


def take(c, path, key, state, **how):
    """Opens with a lease: file id, state, epoch."""
    r = c.create(path, oplock=LEASE_LEVEL, contexts=[lease(key, state, **how)], disposition=b.OPEN_IF,
                 options=b.FOLDER if path == 'w' else 0, access=b.LIST if path == 'w' else b.READ_WRITE)
    expect(f'opening {path}', r.name, 'OK')
    return r.file_id, *granted(r)


def broken(c):
    """What the break says: key, from, to, epoch; it is acknowledged."""
    r = c.receive(BREAK, 10)
    check(r and r.command == b.OPLOCK_BREAK, 'no break')
    epoch, flags = struct.unpack_from('<HI', r.body, 2)
    key, (was, now) = r.body[8:24], struct.unpack_from('<II', r.body, 24)
    if flags & 1:
        answer = c.call(b.OPLOCK_BREAK, struct.pack('<HHI16sIQ', 36, 0, 0, key, now, 0))
        expect('the acknowledgement', answer.name, 'OK')
    return key[0], was, now, epoch


@each_share('data')
def data(s, share):
    with connect(s, share) as one, connect(s, share) as two:
        f, state, epoch = take(one, 'f', 1, R | H | W, epoch=7)
        expect('alone', (state, epoch), (R | H | W, 8))
        mid = two.send(b.CREATE, b.create('f', oplock=LEASE_LEVEL, contexts=[lease(2, R | H | W)]))
        two.await_interim(mid)
        # What was only cached is written before the other one sees the file.
        r = one.receive(BREAK, 10)
        check(r and r.command == b.OPLOCK_BREAK, 'no break')
        one.write(f, b'cached')
        one.call(b.OPLOCK_BREAK, struct.pack('<HHI16sIQ', 36, 0, 0, r.body[8:24], R | H, 0))
        r = two.receive(mid)
        expect('beside another', (r.name, *granted(r)), ('OK', R | H, 1))
        expect('its data', two.read(r.file_id, 100), b'cached')
        one.write(f, b'again!')
        expect('the other one hears', broken(two), (2, R | H, 0, 2))
        expect('and reads', two.read(r.file_id, 100), b'again!')


@each_share('listing')
def listing(s, share):
    with connect(s, share) as one, connect(s, share) as two:
        one.make_folder('w')
        _, state, epoch = take(one, 'w', 9, R | H | W)
        expect('a folder', (state, epoch), (R | H, 1))
        f, _, _ = take(one, 'w\\own', 1, R, parent=9)
        one.write(f, b'x')
        one.close(f)
        two.put('w\\other', b'x')
        expect('another made a file', broken(one), (9, R | H, 0, 2))
        take(one, 'w', 9, R | H)
        expect('removing', two.remove('w\\other'), 'OK')
        expect('another removed a file', broken(one), (9, R | H, 0, 4))
        check(one.receive(BREAK, 0.3) is None, 'told twice')


main()
