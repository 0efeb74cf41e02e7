# SPDX-License-Identifier: Apache-2.0
# quick
"""Copies on the server: over the wire, across shares, up to the bounds, by smbclient's scopy."""
import os
import struct
import time

import rawbodies as b
from harness import Server, case, check, each_share, expect, main, write_file
from rawclient import connect

OFFLOAD_READ, OFFLOAD_WRITE = 0x94264, 0x98268
ZERO_TOKEN = b'\xff\xff\0\1\0\0\1\xf8' + bytes(504)
RESUME_KEY, COPYCHUNK, COPYCHUNK_WRITE = 0x140078, 0x1440f2, 0x1480f2
MIB = 1 << 20
CONFIG = '[dir]\npath = @/shared\nread only = no\n[ro]\npath = @/shared\nread only = yes\n[mem]\nplugin = mem\nread only = no\n'


def key_of(c, f):
    r = c.call(b.IOCTL, b.ioctl(f, RESUME_KEY))
    expect('resume key', (r.name, len(r.buffer())), ('OK', 32))
    return r.buffer()[:24]


def copied(c, target, key, *chunks, code=COPYCHUNK, room=12):
    """The status, and the three numbers of the answer if there are any."""
    data = key + struct.pack('<II', len(chunks), 0) + b''.join(struct.pack('<QQII', *chunk, 0) for chunk in chunks)
    r = c.call(b.IOCTL, b.ioctl(target, code, data, room=room))
    at, size = struct.unpack_from('<II', r.body, 32) if len(r.body) >= 48 else (0, 0)
    return (r.name, *struct.unpack_from('<III', r.raw, at)) if size == 12 else (r.name,)


def two_files(c, size=3 * MIB):
    data = os.urandom(size)
    c.put('from', data)
    return data, c.opened('from'), c.opened('to', disposition=b.OPEN_IF)


def whole(c, f, size):
    return b''.join(c.read(f, min(MIB, size - at), at) for at in range(0, size, MIB))


def each(share):
    with Server(config=CONFIG) as s, connect(s, share) as c:
        c.grow(64)
        data, source, target = two_files(c)
        key = key_of(c, source)
        expect('three chunks', copied(c, target, key, *((at, at, MIB) for at in range(0, 3 * MIB, MIB))), ('OK', 3, 0, 3 * MIB))
        check(whole(c, target, 3 * MIB) == data, 'other bytes arrived')
        expect('one too long', copied(c, target, key, (0, 0, MIB + 1)), ('INVALID_PARAMETER', 256, MIB, 16 * MIB))
        expect('too many', copied(c, target, key, *[(0, 0, 1)] * 257), ('INVALID_PARAMETER', 256, MIB, 16 * MIB))
        expect('as many as may be', copied(c, target, key, *[(0, 0, 1)] * 256), ('OK', 256, 0, 256))
        expect('too much', copied(c, target, key, *[(0, 0, MIB)] * 17), ('INVALID_PARAMETER', 256, MIB, 16 * MIB))
        expect('as much as may be', copied(c, target, key, *[(0, 0, MIB)] * 16), ('OK', 16, 0, 16 * MIB))
        expect('no room to answer', copied(c, target, key, (0, 0, 1), room=11), ('INVALID_PARAMETER',))
        expect('another key', copied(c, target, bytes(24), (0, 0, 1)), ('OBJECT_NAME_NOT_FOUND',))
        expect('into the folder', copied(c, c.opened('', access=b.LIST, options=b.FOLDER), key, (0, 0, 1))[0], 'INVALID_DEVICE_REQUEST')
        with connect(s, share) as other:
            expect("another session's key", copied(other, other.opened('to'), key, (0, 0, 1)), ('OBJECT_NAME_NOT_FOUND',))
        c.close(source)
        expect('after its close', copied(c, target, key, (0, 0, 1)), ('OBJECT_NAME_NOT_FOUND',))


for name in ('mem', 'dir'):
    case(f'chunks, bounds, keys: {name}', name)(each)


def across(source_share, target_share):
    with Server(config=CONFIG) as s, connect(s, source_share) as c:
        c.grow(64)
        data = os.urandom(2 * MIB + 5)
        c.put('from', data)
        source = c.opened('from')
        key = key_of(c, source)
        c.tree(target_share)
        target = c.opened('to', disposition=b.OPEN_IF)
        expect('across', copied(c, target, key, (0, 0, MIB), (MIB, MIB, MIB), (2 * MIB, 2 * MIB, 5)), ('OK', 3, 0, 2 * MIB + 5))
        check(whole(c, target, len(data)) == data, 'other bytes arrived')


for pair in (('mem', 'dir'), ('dir', 'mem')):
    case('across shares: %s to %s' % pair, *pair)(across)


@each_share('from and into a stream: the file stays as it is')
def streams(s, share):
    with connect(s, share) as c:
        c.put('f', b'f' * 3000)
        c.put('f:s', b's' * 1000)
        c.put('g')
        f, stream, other = c.opened('f'), c.opened('f:s'), c.opened('g:t', disposition=b.OPEN_IF)
        key, stream_key = key_of(c, f), key_of(c, stream)
        expect('into a stream', copied(c, other, key, (0, 0, 2000)), ('OK', 1, 0, 2000))
        expect('from one', copied(c, other, stream_key, (0, 500, 1000)), ('OK', 1, 0, 1000))
        expect('it', c.read(other, 3000), b'f' * 500 + b's' * 1000 + b'f' * 500)
        expect('within the file', copied(c, f, stream_key, (0, 10, 20)), ('OK', 1, 0, 20))
        expect('the file', c.read(f, 4000), b'f' * 10 + b's' * 20 + b'f' * 2970)
        g = c.opened('g')
        expect('its file has nothing', c.read(g, 10), 'END_OF_FILE')
        trim = struct.pack('<IIQQ', 0, 1, 0, 1 << 20)
        expect('trimmed', c.call(b.IOCTL, b.ioctl(stream, 0x98208, trim)).name, 'OK')
        expect('the file', len(c.read(f, 4000).strip(b'\0')), 3000)


# ---- offload ----

def token_of(c, f, offset, length, ttl=0, room=528):
    """The status; how much it stands for, and the token."""
    r = c.call(b.IOCTL, b.ioctl(f, OFFLOAD_READ, struct.pack('<IIIIQQ', 32, 0, ttl, 0, offset, length), room=room))
    if r.name != 'OK':
        return r.name, 0, b''
    size, _, done = struct.unpack_from('<IIQ', r.buffer())
    check(size == 528 and len(r.buffer()) == 528, 'the answer')
    return r.name, done, r.buffer()[16:]


def put_token(c, f, token, offset, length, skip=0, room=16):
    """The status; how much was written."""
    r = c.call(b.IOCTL, b.ioctl(f, OFFLOAD_WRITE, struct.pack('<IIQQQ', 544, 0, offset, length, skip) + token, room=room))
    return (r.name, struct.unpack_from('<IIQ', r.buffer())[2] if r.name == 'OK' else 0)


def offload_files(c, size):
    data = os.urandom(size)
    source, target = (c.opened(name, disposition=b.OPEN_IF) for name in ('from', 'to'))
    for at in range(0, size, MIB):
        expect('write', c.write(source, data[at:at + MIB], at), 'OK')
        expect('write', c.write(target, bytes(len(data[at:at + MIB])), at), 'OK')
    return data, source, target


@each_share('offload: a token stands for a piece of a file, to its end')
def offload(s, share):
    with connect(s, share) as c:
        c.grow(64)
        size = 18 * MIB + 100
        data, source, target = offload_files(c, size)
        up = (size + 511) // 512 * 512
        status, done, token = token_of(c, source, 0, 1 << 30)
        expect('read', (status, done), ('OK', up))
        expect('as much as one may be', put_token(c, target, token, 0, up), ('OK', 16 * MIB))
        expect('the rest', put_token(c, target, token, 16 * MIB, up - 16 * MIB, 16 * MIB), ('OK', up - 16 * MIB))
        check(whole(c, target, size) == data, 'other bytes arrived')
        expect('the size', len(c.read(target, 1000, size - 100)), 100)
        expect('a piece', put_token(c, target, token, 512, 1024, 1024), ('OK', 1024))
        check(c.read(target, 2048, 0) == data[:512] + data[1024:2048] + data[1536:2048], 'other bytes arrived')
        expect('to its end only', put_token(c, target, token, 0, 4096, up - 512), ('OK', 512))
        check(c.read(target, 512, 0) == data[up - 512:] + bytes(up - size), 'other bytes arrived')
        expect('beyond the end of the target', put_token(c, target, token, up, 512)[0], 'END_OF_FILE')
        expect('beyond that of the source', token_of(c, source, up, 512)[0], 'END_OF_FILE')
        expect('beyond what it stands for', put_token(c, target, token, 0, 512, up)[0], 'INVALID_PARAMETER')
        expect('nothing', put_token(c, target, token, 0, 0), ('OK', 0))
        expect('a token of nothing', token_of(c, source, 0, 0)[:2], ('OK', 0))
        expect('zeroes', put_token(c, target, ZERO_TOKEN, 512, 1024), ('OK', 1024))
        check(c.read(target, 1024, 512) == bytes(1024), 'no zeroes')


@each_share('offload: what is refused')
def offload_refused(s, share):
    with connect(s, share) as c:
        _, source, target = offload_files(c, 4096)
        token = token_of(c, source, 0, 4096)[2]
        for what, args in (('offset', (1, 512)), ('length', (0, 100)), ('too far', ((1 << 63) - 512, 512))):
            expect(what, token_of(c, source, *args)[0], 'INVALID_PARAMETER')
            expect(what, put_token(c, target, token, *args)[0], 'INVALID_PARAMETER')
        expect('skip', put_token(c, target, token, 0, 512, 1)[0], 'INVALID_PARAMETER')
        expect('no room', (token_of(c, source, 0, 512, room=527)[0], put_token(c, target, token, 0, 512, room=15)[0]),
               ('BUFFER_TOO_SMALL', 'BUFFER_TOO_SMALL'))
        for at in (0, 7, 8, 60, 511):
            bad = bytearray(token)
            bad[at] ^= 1
            expect(f'another token {at}', put_token(c, target, bytes(bad), 0, 512)[0], 'INVALID_TOKEN')
        reader, writer = c.opened('from', access=0x120089), c.opened('to', access=0x120116)
        expect('a reader', put_token(c, reader, token, 0, 512)[0], 'ACCESS_DENIED')
        expect('a writer', token_of(c, writer, 0, 512)[0], 'ACCESS_DENIED')
        folder = c.opened('', access=b.LIST, options=b.FOLDER)
        expect('of a folder', token_of(c, folder, 0, 512)[0], 'OFFLOAD_READ_FILE_NOT_SUPPORTED')
        expect('into it', put_token(c, folder, token, 0, 512)[0], 'OFFLOAD_WRITE_FILE_NOT_SUPPORTED')
        expect('lock', c.lock(c.opened('from'), 0, 100, 2 | 0x10), 'OK')
        expect('of what is locked', token_of(c, source, 0, 512)[0], 'FILE_LOCK_CONFLICT')
        expect('written', put_token(c, target, token, 0, 512)[0], 'FILE_LOCK_CONFLICT')
        expect('behind that', put_token(c, target, token, 0, 512, 512), ('OK', 512))
        with connect(s, share) as other:
            expect("another session's", put_token(other, other.opened('to'), token, 0, 512, 512)[0], 'INVALID_TOKEN')


@each_share('offload: a token ends with its time, its file and its data')
def offload_ends(s, share):
    with connect(s, share) as c:
        _, source, target = offload_files(c, 4096)
        short = token_of(c, source, 0, 4096, ttl=1)[2]
        token = token_of(c, source, 0, 4096)[2]
        time.sleep(0.01)
        expect('its time', put_token(c, target, short, 0, 512)[0], 'INVALID_TOKEN')
        expect('good', put_token(c, target, token, 0, 512), ('OK', 512))
        c.write(c.opened('from'), b'x')
        expect('changed', put_token(c, target, token, 0, 512)[0], 'INVALID_TOKEN')
        token = token_of(c, source, 0, 4096)[2]
        expect('anew', put_token(c, target, token, 0, 512), ('OK', 512))
        c.close(source)
        expect('closed', put_token(c, target, token, 0, 512)[0], 'INVALID_TOKEN')


@case('a read-only share takes none, and gives')
def read_only():
    with Server(config=CONFIG) as s, connect(s, 'ro') as c:
        write_file(s.path('shared', 'f'), b'data')
        f = c.opened('f', access=0x120089)
        key = key_of(c, f)
        for code in (COPYCHUNK, COPYCHUNK_WRITE):
            expect(f'{code:#x}', copied(c, f, key, (0, 2, 2), code=code), ('MEDIA_WRITE_PROTECTED',))
        c.tree('mem')
        target = c.opened('to', disposition=b.OPEN_IF)
        expect('from it', copied(c, target, key, (0, 0, 4)), ('OK', 1, 0, 4))


@case('scopy of smbclient')
def scopy():
    with Server(config=CONFIG) as s:
        data = os.urandom(5 * MIB + 123)
        write_file(s.path('shared', 'f'), data)
        s.smbclient('dir', 'scopy f g').ok()
        with open(s.path('shared', 'g'), 'rb') as g:
            check(g.read() == data, 'other bytes arrived')


main()
