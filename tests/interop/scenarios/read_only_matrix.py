# SPDX-License-Identifier: Apache-2.0
"""Every change that the protocol knows, by every kind of handle, on read-only shares and volumes: the folder stays as it was."""
import os
import struct

import rawbodies as b
from harness import USER, Server, case, check, expect, main, write_file
from rawclient import connect
from read_only_state import state

CONFIG = ('[ro]\npath = @/shared\nread only = yes\n[rov]\nplugin = dir:path=@/shared,readonly=yes\nread only = no\n'
          '[rw]\npath = @/shared\nread only = no\n[m]\nplugin = mem\nread only = no\n')
SNAPSHOT = '@GMT-2025.01.02-03.04.05'
PAST_CONFIG = '[past]\nplugin = dir:path=@/today,snapshots=@/past\nread only = no\n'
SETTINGS = f'admin users = {USER}\nlog level = warn\n'
EMPTY_DACL = struct.pack('<BBHIIII', 1, 0, 0x8004, 0, 0, 0, 20) + struct.pack('<BBHHH', 2, 0, 8, 0, 0)
OWNER_EVERYONE = struct.pack('<BBHIIII', 1, 0, 0x8000, 20, 0, 0, 0) + bytes.fromhex('010100000000000100000000')
# What SET_INFO takes, by class; others get zeros. [MS-FSCC] 2.4
BUFFERS = {4: (b.basic(accessed=1 << 56, attributes=2), b.basic(*[1 << 56] * 4)), 10: (b.new_name('new', True),),
           65: (struct.pack('<IIQI', 3, 0, 0, 6) + b.utf16('new'),), 11: (b.new_name('hard', True),),
           72: (struct.pack('<IIQI', 1, 0, 0, 8) + b.utf16('hard'),), 13: (b'\1',),
           64: tuple(struct.pack('<I', flags) for flags in (1, 3, 0x13)), 19: (bytes(8), struct.pack('<Q', 1 << 20)),
           20: (bytes(8), struct.pack('<Q', 7)), 15: (struct.pack('<IBBH', 0, 0, 1, 1) + b'a\0b',), 39: (bytes(8),),
           40: (struct.pack('<I', 4) + b.utf16('XX'),)}
# SET_SPARSE, SET_ZERO_DATA, SET_COMPRESSION, reparse points, object ids, offload, duplicate extents, trim, ...
FSCTLS = (0x900c4, 0x980c8, 0x98208, 0x94264, 0x98268, 0x900a4, 0x900a8, 0x900ac, 0x9c040, 0x98098, 0x900bc, 0x9c108, 0x900a0, 0x9009c,
          0x900c0, 0x1440f2, 0x1480f2, 0x98344, 0x983e8, 0x9c280, 0x90284, 0x9023c)
# Of these an OK changes nothing in the file: the handle's position and mode, an object id that is there already.
HARMLESS = ('FSCTL 0x90284', 'SET_INFO 14 0', 'SET_INFO 16 0', 'FSCTL 0x9009c', 'FSCTL 0x900c0')
HANDLES = ('f', 'sub', 'link', 'empty', '', 'sub\\g')
READING = (0x2000000, 0x1200a9, 0x80, 0x1, 0x80000000)
NAMES = ('f', 'sub', 'new', 'sub\\new', 'link', 'empty', 'F', 'f:stream', 'empty::$INDEX_ALLOCATION')
ACCESSES = (0x2000000, 0x80, 0x1, 0x2, 0x4, 0x10, 0x40, 0x100, 0x10000, 0x40000, 0x80000, 0x1f01ff, 0x10000000, 0x40000000)
OPTIONS = (0, b.FOLDER, b.NO_FOLDER, b.DELETE_ON_CLOSE, b.DELETE_ON_CLOSE | b.FOLDER, b.NO_FOLLOW)
PIPELINED = 32


def changes(f):
    """(what it is, command, body): each would change something if it were allowed."""
    for offset, data in ((0, b'OWNED'), ((1 << 64) - 1, b'OWNED')):
        yield f'WRITE at {offset:#x}', b.WRITE, b.write(f, data, offset)
    for info_class in range(80):
        for i, data in enumerate(BUFFERS.get(info_class, (bytes(64),))):
            yield f'SET_INFO {info_class} {i}', b.SET_INFO, b.set_info(f, info_class, data)
    for info_class in range(12):
        yield f'SET_INFO of the volume {info_class}', b.SET_INFO, b.set_info(f, info_class, bytes(64), kind=b.KIND_VOLUME)
    for which, sd in ((4, EMPTY_DACL), (1, OWNER_EVERYONE), (8, EMPTY_DACL), (7, EMPTY_DACL)):
        yield f'security {which}', b.SET_INFO, b.set_info(f, 0, sd, kind=b.KIND_SECURITY, which=which)
    yield 'quota', b.SET_INFO, b.set_info(f, 0, bytes(64), kind=b.KIND_QUOTA)
    for code in FSCTLS:
        yield f'FSCTL {code:#x}', b.IOCTL, b.ioctl(f, code, struct.pack('<QQ', 0, 100) + b'\1' * 48)


def went_through(c, f):
    """The changes that the server says it made, several on the way at once."""
    todo, sent, out = list(changes(f)), {}, []
    while todo or sent:
        while todo and len(sent) < PIPELINED:
            what, command, body = todo.pop()
            sent[c.send(command, body)] = what
        r = c.receive()
        check(r is not None and r.mid in sent, 'an answer to nothing')
        what = sent.pop(r.mid)
        if r.status == 0:
            out.append(what)
    return [what for what in out if what not in HARMLESS]


def try_handles(c, below='', accesses=READING):
    """Each change by each handle that can be had; how many handles there were."""
    opened = 0
    for path in HANDLES:
        for access in accesses:
            r = c.create((below + path).rstrip('\\'), access=access)
            if r.status != 0:
                continue
            opened += 1
            expect(f'"{path}" with {access:#x}', went_through(c, r.file_id), [])
            c.close(r.file_id)
    return opened


def try_creates(c, below=''):
    """(disposition, what the server did) of each CREATE that it granted"""
    out = set()
    for path in (below + name for name in NAMES):
        for disposition in range(6):
            for access in ACCESSES:
                for options in OPTIONS:
                    r = c.create(path, access=access, disposition=disposition, options=options, attributes=0x20)
                    if r.status == 0:
                        out.add((disposition, struct.unpack_from('<I', r.body, 4)[0]))
                        c.close(r.file_id)
    return out


def fill(top):
    write_file(os.path.join(top, 'f'), b'data' * 100)
    for folder in ('sub', 'sub/deep', 'empty'):
        os.mkdir(os.path.join(top, folder))
    write_file(os.path.join(top, 'sub', 'g'), b'g')
    os.symlink('f', os.path.join(top, 'link'))


def read_only(share):
    with Server(config=CONFIG, settings=SETTINGS) as s, connect(s, share) as c:
        fill(s.path('shared'))
        c.grow(200)
        before = state(s.path('shared'))
        check(try_handles(c) > 10, 'the case tests nothing')
        expect('the folder', state(s.path('shared')), before)
        # Only "opened" (1), never created, overwritten or superseded.
        expect('granted', {did for _, did in try_creates(c)}, {1})
        expect('the folder', state(s.path('shared')), before)


for name in ('ro', 'rov'):
    case(f'share {name}', name)(read_only)


@case('a snapshot')
def snapshot():
    with Server(config=PAST_CONFIG, settings=SETTINGS) as s, connect(s, 'past') as c:
        below = SNAPSHOT + '\\'
        os.mkdir(s.path('past', SNAPSHOT))
        fill(s.path('past', SNAPSHOT))
        c.grow(200)
        before = state(s.path('past'))
        check(try_handles(c, below, ACCESSES) > 10, 'the case tests nothing')
        expect('granted', {did for _, did in try_creates(c, below)}, {1})
        # From today into the snapshot, and over it.
        c.put('mine', b'mine')
        f = c.opened('mine', access=b.ALL)
        for info_class in (b.new_name(below + 'f', True), b.new_name(below + 'new', True)):
            for kind in (10, 11):
                check(c.call(b.SET_INFO, b.set_info(f, kind, info_class)).status != 0, 'a name was made in a snapshot')
        expect('the snapshot', state(s.path('past')), before)
        expect('today', sorted(os.listdir(s.path('today'))), ['mine'])


@case('the same changes go through where they are allowed')
def control():
    with Server(config=CONFIG, settings=SETTINGS) as s:
        fill(s.path('shared'))
        with connect(s, 'rw') as c:
            c.grow(200)
            check(len(went_through(c, c.opened('f', access=b.ALL))) > 8, 'the scenario tests nothing')


# What one right suffices for. [MS-SMB2] 3.3.5.13, 3.3.5.21; [MS-FSA] 2.1.5.15
RIGHTS = {'WRITE at 0x0': {0x2}, 'SET_INFO 4 0': {0x100}, 'SET_INFO 4 1': {0x100}, 'SET_INFO 10 0': {0x10000},
          'SET_INFO 13 0': {0x10000}, 'SET_INFO 64 1': {0x10000}, 'SET_INFO 19 1': {0x2}, 'SET_INFO 20 1': {0x2}, 'security 4': {0x40000}, 'security 1': {0x80000},
          'FSCTL 0x900c4': {0x2, 0x4, 0x100}, 'FSCTL 0x980c8': {0x2}, 'FSCTL 0x9c040': {0x2}}


def suffices(s, share, access):
    """Which of the changes go through by a handle with this right only, each on a file of its own."""
    out = set()
    with connect(s, share) as c:
        for i, what in enumerate(RIGHTS):
            name = f'{access:x}-{i}'
            c.put(name, b'g')
            r = c.create(name, access=access)
            if r.status == 0:
                command, body = next((x[1], x[2]) for x in changes(r.file_id) if x[0] == what)
                if c.call(command, body).status == 0:
                    out.add(what)
                c.close(r.file_id)
    return out


def rights(share):
    with Server(config=CONFIG, settings=SETTINGS) as s:
        for bit in range(21):
            access = 1 << bit
            right = {what for what, suffice in RIGHTS.items() if access in suffice}
            got = suffices(s, share, access)
            check(got <= right, f'{access:#x} let through', got - right)
            expect(f'{access:#x}', got, right)


for name in ('rw', 'm'):
    case(f'one right at a time, {name}', name)(rights)


main()
