# SPDX-License-Identifier: Apache-2.0
"""Files that the overlay filter copies: all that they have is kept, a full volume, a kill in the middle (quick)."""
import concurrent.futures
import os
import struct

import rawbodies as b
from harness import Server, case, check, expect, main, random_bytes, wait_for
from rawclient import connect

# The folder below is a share of its own too, to make files in it and to look at them.
CONFIG = ('[below]\npath = @/share\nread only = no\n'
          '[share]\npath = @/share\nread only = no\nfilter = overlay:upper={}\n')
SET_SPARSE, QUERY_RANGES = 0x900c4, 0x940cf
MIB = 1 << 20
WRITTEN = 132000000000000000
# One entry of FILE_FULL_EA_INFORMATION. [MS-FSCC] 2.4.16
EA = struct.pack('<IBBH', 0, 0, 4, 5) + b'KIND\0' + b'blue\0'[:5]


def only_dacl(mask):
    """Everybody may do that. [MS-DTYP] 2.4.6"""
    sid = struct.pack('<BB6sI', 1, 1, b'\0\0\0\0\0\1', 0)
    ace = struct.pack('<BBHI', 0, 0, 8 + len(sid), mask) + sid
    return struct.pack('<BBHIIII', 1, 0, 0x9004, 0, 0, 0, 20) + struct.pack('<BBHHH', 2, 0, 8 + len(ace), 1, 0) + ace


def server(upper, config=CONFIG):
    s = Server(config=config.format(upper))
    s.make_folder('share')
    s.make_folder('upper')
    return s


def dress(c, path, options=0):
    """Gives it all that a file can have."""
    c.put(path + ':one', b'first stream')
    c.put(path + ':two', b'x' * 2000)
    f = c.opened(path, access=b.ALL, options=options)
    expect('EA', c.set(f, 15, EA), 'OK')
    expect('descriptor', c.set(f, 0, only_dacl(0x1f01ff), kind=b.KIND_SECURITY, which=4), 'OK')
    attributes = 0x12 if options & b.FOLDER else 0x26
    expect('times', c.set(f, 4, b.basic(WRITTEN - 5, WRITTEN - 10, WRITTEN, WRITTEN - 20, attributes)), 'OK')
    c.close(f)


def streams(data):
    """(name, size) of each; what is allocated goes by the volume. [MS-FSCC] 2.4.49"""
    at, found = 0, []
    while True:
        step, length, size = struct.unpack_from('<IIQ', data, at)
        found.append((b.from_utf16(data[at + 24:at + 24 + length]), size))
        if not step:
            return found
        at += step


def dressing(c, path, options=0):
    f = c.opened(path, access=0x1200a9, options=options)
    times = struct.unpack_from('<4QI', c.query(f, 4).buffer())
    found = {'created': times[0], 'attributes': times[4] & ~0x200,
             'EA': c.query(f, 15).buffer(), 'descriptor': c.query(f, 0, b.KIND_SECURITY, which=7).buffer(),
             'streams': streams(c.query(f, 22).buffer())}
    if not options & b.FOLDER:
        found['ranges'] = c.call(b.IOCTL, b.ioctl(f, QUERY_RANGES, struct.pack('<QQ', 0, 8 * MIB))).buffer()
        found['written'] = times[2]
    c.close(f)
    found['one'] = c.content(path + ':one')
    found['two'] = c.content(path + ':two')
    return found


def make_dressed(c):
    c.make_folder('d')
    c.put('d\\file', b'begin')
    f = c.opened('d\\file')
    r = c.call(b.IOCTL, b.ioctl(f, SET_SPARSE))
    check(r.status == 0, r.name)
    expect('the end', c.write(f, b'end', 4 * MIB), 'OK')
    c.close(f)
    dress(c, 'd\\file')
    dress(c, 'd', b.FOLDER)


@case('all that a file and its folder have is kept, in memory', 'mem:')
@case('all that a file and its folder have is kept, in a folder', 'dir:path=@/upper')
def kept(upper):
    with server(upper) as s, connect(s, 'below') as below, connect(s, 'share') as c:
        make_dressed(below)
        file, folder = dressing(c, 'd\\file'), dressing(c, 'd', b.FOLDER)
        check(file['one'] == b'first stream' and EA[8:] in file['EA'], file)
        # A change that leaves all of that alone: a stream more, and away with it.
        c.put('d\\file:more', b'm')
        expect('the stream', c.remove('d\\file:more'), 'OK')
        expect('attributes', c.set_attributes('d\\file', 0x26), 'OK')
        now = dressing(c, 'd\\file')
        for what, value in file.items():
            if what != 'ranges' or upper != 'mem:':  # what is allocated goes by the blocks of each volume
                check(now[what] == value or what == 'written', what, now[what], value)
        check(c.content('d\\file')[:5] == b'begin', 'its data')
        now = dressing(c, 'd', b.FOLDER)
        for what, value in folder.items():
            check(now[what] == value, 'folder:', what, now[what], value)
        expect('below', dressing(below, 'd\\file') == file, True)
        expect('the folder below', dressing(below, 'd', b.FOLDER) == folder, True)


@case('times stay when a name is changed')
def times():
    with server('mem:') as s, connect(s, 'below') as below, connect(s, 'share') as c:
        make_dressed(below)
        before = dressing(c, 'd\\file')
        expect('renamed', c.move('d\\file', 'd\\other'), 'OK')
        after = dressing(c, 'd\\other')
        check((after['created'], after['written']) == (before['created'], before['written']), before, after)


@case('who reads already sees what is written then')
def readers():
    with server('dir:path=@/upper') as s, connect(s, 'below') as below, connect(s, 'share') as c:
        below.put('file', b'old data')
        below.put('file:s', b'old stream')
        with connect(s, 'share') as other:
            f, stream = (other.opened(n, access=0x120089) for n in ('file', 'file:s'))
            expect('before', other.read(f, 100), b'old data')
            g = c.opened('file')
            expect('write', c.write(g, b'new', 0), 'OK')
            c.close(g)
            expect('after', other.read(f, 100), b'new data')
            c.put('file:s', b'new')
            expect('the stream', other.read(stream, 100), b'new')
            expect('its size', other.sizes(f)[1], 8)
        expect('below', (below.content('file'), below.content('file:s')), (b'old data', b'old stream'))


@case('an upper volume that is full')
def full():
    data = random_bytes(4 * MIB)
    with server('mem:size=1048576') as s, connect(s, 'share') as c:
        with open(s.path('share', 'big'), 'wb') as f:
            f.write(data)
        for name in ('small', 'gone'):
            with open(s.path('share', name), 'wb') as f:
                f.write(b'small')
        g = c.opened('big')
        expect('a write', c.write(g, b'new'), 'DISK_FULL')
        expect('a size', c.set_size(g, 5 * MIB), 'DISK_FULL')
        expect('what it reads', c.read(g, 65536, MIB), data[MIB:MIB + 65536])
        c.close(g)
        expect('a rename', c.move('big', 'other'), 'DISK_FULL')
        expect('names', c.names(''), ['big', 'gone', 'small'])
        expect('a stream', c.try_open('big:s', disposition=b.CREATE_NEW), 'DISK_FULL')
        # What was begun takes no room: what fits still goes.
        c.put('small', b'x' * 300000)
        expect('removed', c.remove('gone'), 'OK')
        expect('names then', c.names(''), ['big', 'small'])
        with open(s.path('share', 'big'), 'rb') as f:
            check(f.read() == data, 'the file below has changed')
        expect('below', sorted(os.listdir(s.path('share'))), ['big', 'gone', 'small'])


@case('killed in the middle of a copy')
def killed():
    size = 32
    data = random_bytes(MIB)
    with server('dir:path=@/upper', CONFIG + 'filter = delay:read=200ms\n') as s:
        with open(s.path('share', 'big'), 'wb') as f:
            for _ in range(size):
                f.write(data)
        tmp = s.path('upper', '.smbkit-overlay', 'tmp')
        c = connect(s, 'share')
        g = c.opened('big')
        c.send(b.WRITE, b.write(g, b'new'))
        wait_for(lambda: os.path.isdir(tmp) and os.listdir(tmp), 60, 'the copy')
        s.kill()
        c.drop()
        check(os.listdir(tmp) and not os.path.exists(s.path('upper', 'big')), 'it was done before')
        s.start()
        with connect(s, 'share') as c:
            g = c.opened('big', access=0x120089)
            for at in (0, size // 2, size - 1):
                check(c.read(g, 65536, at * MIB) == data[:65536], f'at {at} MiB')
            expect('its size', c.sizes(g)[1], size * MIB)
            c.close(g)
            expect('names', c.names(''), ['big'])
            check(os.listdir(tmp) == [], 'what was begun is still there')
            with open(s.path('share', 'small'), 'wb') as f:
                f.write(b'small')
            c.put('small', b'n')  # the next copy
            check(os.listdir(tmp) == [], 'a copy is still there')
        with open(s.path('share', 'big'), 'rb') as f:
            check(all(f.read(MIB) == data for _ in range(size)), 'the file below has changed')


def hidden_line(path):
    """A line of the log of what is hidden, smbkit-overlay-filter(1)."""
    h = 0x811c9dc5
    for c in path.encode():
        h = (h ^ c) * 0x01000193 & 0xffffffff
    return f'{h:08x} {path}\n'


@case('several clients at once after a start with much that is hidden')
def crowd():
    names = [f'f{i}' for i in range(8)]
    lines = ''.join(hidden_line(f'gone/{i}') for i in range(100000))
    s = server('dir:path=@/upper')
    os.makedirs(s.path('upper', '.smbkit-overlay', 'tmp'))
    with open(s.path('upper', '.smbkit-overlay', 'hidden'), 'w', encoding='utf-8') as f:
        f.write(lines)
    for name in names:
        with open(s.path('share', name), 'wb') as f:
            f.write(b'x')

    def remove(name):
        with connect(s, 'share') as c:
            return c.remove(name)
    with s:
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            expect('removed', set(pool.map(remove, names)), {'OK'})
        s.stop()
        with open(s.path('upper', '.smbkit-overlay', 'hidden'), encoding='utf-8') as f:
            text = f.read()
        check(text.startswith(lines), 'the lines from before')
        expect('the lines', sorted(text[len(lines):].splitlines(True)), sorted(hidden_line(n) for n in names))
        s.start()
        with connect(s, 'share') as c:
            expect('names after a restart', c.names(''), [])


main()
