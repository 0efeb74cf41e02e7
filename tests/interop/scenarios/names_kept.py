# SPDX-License-Identifier: Apache-2.0
"""Names that look alike, are long or lie deep are kept as they were given, each its own file."""
import unicodedata

import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

# Two spellings of what looks the same, and characters that a server which "cleans" names loses.
TWINS = ('caf\u00e9.txt', 'cafe\u0301.txt', 'a\u030a\u0323.t', 'a\u0323\u030a.t', '\u212bngstrom', '\u00c5ngstr\u00f6m',
         'x\ufffea', 'y\uffff', 'z\ufeff', '\U0001f384 .msg', 'family\U0001f468\u200d\U0001f469', '\u202etxt.exe', '\ufb01le')
LONE_SURROGATES = ('hi\ud83d', 'lo\udf84', 'swap\udf84\ud83d')
LONG = ('a' * 255, '\u65e5' * 85, '\u00e4' * 127, '\U0001f600' * 63)
RESERVED = ('CON', 'NUL', 'aux.txt', 'COM1', 'lpt9.x', 'PRN', 'CLOCK$', '$MFT', 'con.tar.gz', '~', ' x')
MAY_BE_TOO_LONG = ('\u65e5' * 100, '\u65e5' * 255, '\u00e4' * 255, '\U0001f600' * 127)
TOO_LONG = ('OBJECT_NAME_INVALID', 'NAME_TOO_LONG', 'OBJECT_NAME_NOT_FOUND', 'OBJECT_PATH_NOT_FOUND', 'INVALID_PARAMETER')


@each_share('twins')
def twins(s, share):
    with connect(s, share) as c:
        c.make_folder('d')
        for name in TWINS:
            expect(repr(name), c.try_open(f'd\\{name}', disposition=b.CREATE_NEW), 'OK')
            c.put(f'd\\{name}', name.encode())
        expect('the listing', c.names('d'), sorted(TWINS))
        for name in TWINS:
            expect(repr(name), c.content(f'd\\{name}'), name.encode())
        for name in TWINS[:2]:
            expect('in capitals', c.content(f'd\\{name.upper()}'), name.encode())
        check(unicodedata.normalize('NFD', TWINS[0]) == TWINS[1], 'the case tests nothing')
        expect('removing', c.remove_tree('d'), 'OK')
        expect('what is left', c.names(), [])


@each_share('a lone surrogate is kept or refused, never changed')
def surrogates(s, share):
    with connect(s, share) as c:
        for name in LONE_SURROGATES:
            status = c.try_open(name, disposition=b.CREATE_NEW)
            expect(repr(name), status, 'OK', 'OBJECT_NAME_INVALID', 'INVALID_PARAMETER', '0xc0000161')
            check((name in c.names()) == (status == 'OK'), f'{name!r} was {status}, and listed are {c.names()!r}')


@each_share('as long as a name may be')
def long_names(s, share):
    with connect(s, share) as c:
        for name in LONG:
            c.put(name, b'1')
        for name in MAY_BE_TOO_LONG:
            status = c.try_open(name, disposition=b.CREATE_NEW)
            expect(f'{len(name)} of {name[0]!r}', status, 'OK', *TOO_LONG)
            check((name in c.names()) == (status == 'OK'), f'{len(name)} of {name[0]!r} was {status}, and listed otherwise')
        check(set(LONG) <= set(c.names()), 'a long name is not listed')
        expect('256', c.try_open('a' * 256, disposition=b.CREATE_NEW), *TOO_LONG)
        f = c.opened(LONG[0])
        expect('all of it', c.query(f, 18).name, 'OK')
        r = c.query(f, 18, room=110)
        check(r.name == 'BUFFER_OVERFLOW' and len(r.buffer()) <= 110, r.name, len(r.buffer()))
        expect('its normalised name', b.from_utf16(c.query(f, 48).buffer()[4:]), LONG[0])
        c.close(f)
        expect('255 to 255', c.move(LONG[0], 'B' * 255), 'OK')
        expect('255 to 256', c.move('B' * 255, 'B' * 256), *TOO_LONG)


@each_share('names that mean something to Windows alone')
def reserved(s, share):
    with connect(s, share) as c:
        for name in RESERVED:
            expect(name, c.try_open(name, disposition=b.CREATE_NEW), 'OK')
        expect('the listing', c.names(), sorted(RESERVED))
        for name in RESERVED:
            expect(name.lower(), c.remove(name.lower()), 'OK')


@each_share('a dot or a blank at the end')
def ends(s, share):
    with connect(s, share) as c:
        for plain, shown in (('dot.', 'dot\uf029'), ('blank ', 'blank\uf028'), ('two..', 'two.\uf029')):
            c.put(plain, plain.encode())
            expect(plain, c.content(plain), plain.encode())
            expect('as it is listed', c.content(shown), plain.encode())
            expect('without it', c.try_open(plain[:-1]), 'OBJECT_NAME_NOT_FOUND')
            expect('the listing', c.names(), [shown])
            expect('again', c.try_open(shown, disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')
            expect('removing', c.remove(plain), 'OK')


@each_share('paths at the end of what a path may be')
def endless(s, share):
    with connect(s, share) as c:
        far = ('x' * 199 + '\\') * 164
        # A host takes fewer bytes in one path.
        for path, right in ((far[:32760], ('OBJECT_PATH_NOT_FOUND', 'NAME_TOO_LONG')), (far[:32761], ('NAME_TOO_LONG',)),
                            ('\\'.join('x' * 512), ('OBJECT_PATH_NOT_FOUND',)), ('\\'.join('x' * 513), ('NAME_TOO_LONG',))):
            expect(f'{len(path)} units', c.try_open(path), *right)


def dig(c, limit):
    """Folders in folders until one is refused: (the deepest path, the refusal)."""
    path = 'top'
    c.make_folder(path)
    while len(path) < limit:
        below = f'{path}\\level-{path.count(chr(92)):03d}-' + 'n' * 20
        status = c.try_open(below, disposition=b.CREATE_NEW, options=b.FOLDER, access=b.LIST)
        if status != 'OK':
            return path, status
        path = below
    return path, 'OK'


@each_share('as deep as a path may be')
def deep(s, share):
    with connect(s, share) as c:
        path, status = dig(c, 12000)
        check(len(path) >= 3900, f'{len(path)} characters, then {status}')
        expect('the refusal', status, 'OK', *TOO_LONG)
        above = path.rsplit('\\', 1)[0]
        c.put(above + '\\f', b'deep')
        expect('the listing', len(c.listing(above)), 4)
        # The paths below grow with an ancestor's name, over what the system takes: nothing may be lost.
        long_top = 'L' * 200 if c.move('top', 'L' * 200, options=b.FOLDER) == 'OK' else 'top'
        expect('back', c.move(long_top, 'T', options=b.FOLDER), 'OK')
        expect('the deepest file', c.content('T' + above[3:] + '\\f'), b'deep')


main()
