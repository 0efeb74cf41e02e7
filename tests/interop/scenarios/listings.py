# SPDX-License-Identifier: Apache-2.0
"""Listings never exceed the room, lose nothing, and survive removal on the way."""
import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

NAMES = sorted('f%02d' % i + 'x' * (i * 3 % 97) + '\u00e4' * (i % 5) for i in range(60))
ALL = sorted([*NAMES, '.', '..'])
CLASSES = (1, 2, 3, 12, 37, 38)
ROOMS = (320, 333, 512, 777, 1000, 4096, 4099, 65464, 65536)
TOO_SMALL = ('INFO_LENGTH_MISMATCH', 'BUFFER_OVERFLOW')


def fill(c):
    c.make_folder('d')
    for name in NAMES:
        c.put(f'd\\{name}')


def open_folder(c):
    return c.opened('d', access=b.LIST, options=b.FOLDER)


@each_share('every class in every room')
def rooms(s, share):
    with connect(s, share) as c:
        fill(c)
        for info_class in CLASSES:
            for room in ROOMS:
                what = f'class {info_class}, room {room}'
                f, got = open_folder(c), []
                while (r := c.query_folder(f, info_class, room=room)).status == 0:
                    check(len(r.buffer()) <= room, f'{what}: {len(r.buffer())} bytes')
                    found = b.entries(r.buffer(), info_class)
                    check(all(e.next % 8 == 0 for e in found), f'{what}: not aligned')
                    got += [e.name for e in found]
                c.close(f)
                expect(what, (r.name, sorted(got)), ('NO_MORE_FILES', ALL))


@each_share('a client that doubles its room after a refusal sees all')
def grow(s, share):
    with connect(s, share) as c:
        fill(c)
        for room in (16, 104):
            f = open_folder(c)
            r = c.query_folder(f, room=room)
            expect(f'room {room}', r.name, *TOO_SMALL)
            check(len(r.buffer()) <= room, len(r.buffer()))
            c.close(f)
        f, got, room = open_folder(c), [], 120
        while (r := c.query_folder(f, room=room)).name != 'NO_MORE_FILES':
            if r.status == 0:
                got += [e.name for e in b.entries(r.buffer())]
            room = 120 if r.status == 0 else room + 40
            check(room < 2000, r.name)
        expect('all', sorted(got), ALL)


@each_share('one at a time, again from the start, by patterns')
def ways(s, share):
    with connect(s, share) as c:
        fill(c)
        f, got = open_folder(c), []
        while (r := c.query_folder(f, flags=2)).status == 0:
            found = b.entries(r.buffer())
            expect('single', len(found), 1)
            got.append(found[0].name)
        expect('all', sorted(got), ALL)
        expect('from the start', c.query_folder(f, flags=1).name, 'OK')
        c.close(f)
        f = open_folder(c)
        expect('no match', c.query_folder(f, pattern='nothing*').name, 'NO_SUCH_FILE')
        for pattern, count in (('f0?*', 10), ('F01*', 1), ('f00', 1), ('*.*', 62), ('*', 62)):
            expect(pattern, len(c.listing('d', pattern)), count)


@each_share('what was seen is removed on the way')
def remove_on_the_way(s, share):
    with connect(s, share) as c:
        fill(c)
        f, removed = open_folder(c), 0
        while (r := c.query_folder(f, room=700)).status == 0:
            for e in b.entries(r.buffer()):
                if e.name not in ('.', '..'):
                    removed += c.remove(f'd\\{e.name}') == 'OK'
        expect('removed', removed, 60)
        c.close(f)
        expect('the folder', c.remove('d', b.FOLDER), 'OK')


main()
