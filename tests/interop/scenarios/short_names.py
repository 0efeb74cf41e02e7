# SPDX-License-Identifier: Apache-2.0
"""8.3 names: told, listed, matched, opened, and turned off (quick)."""
import rawbodies as b
from harness import Server, case, check, each_share, expect, main
from rawclient import connect

ALTERNATE_NAME, BOTH = 21, 37
ODD = ('A long name.text', '\u00e4\u00f6\u00fc', '.hidden file', 'trailing dot\uf029', 'colon\uf022.txt', 'lone \ud83d.tx')


def short_of(c, path):
    f = c.opened(path)
    r = c.query(f, ALTERNATE_NAME)
    c.close(f)
    return b.from_utf16(r.buffer()[4:]) if r.status == 0 else r.name


def listed_short(c, path, name):
    f = c.opened(path, access=b.LIST, options=b.FOLDER)
    r = c.query_folder(f, BOTH, pattern=name)
    c.close(f)
    data = r.buffer()
    return b.from_utf16(data[70:70 + data[68]])


@each_share('every name has one, and is found by it')
def found(s, share):
    with connect(s, share) as c:
        c.make_folder('A folder of them')
        folder = short_of(c, 'A folder of them')
        for name in ODD:
            c.put(f'A folder of them\\{name}', repr(name).encode())
        for name in ODD:
            short = short_of(c, f'A folder of them\\{name}')
            check(len(short) <= 12 and short.isascii() and short[6] == '~', f'{name!r}: {short}')
            expect('listed', listed_short(c, folder, name), short)
            expect('as a pattern', c.names(folder, short), [name])
            expect(short, c.content(f'{folder}\\{short.lower()}'), repr(name).encode())
            expect('in the way', c.try_open(f'{folder}\\{short}', disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')
        expect('an 8.3 name', (short_of(c, folder), listed_short(c, '', folder)), (folder, folder))
        expect('of the root', short_of(c, ''), 'OBJECT_NAME_NOT_FOUND')


@each_share('saved by a program that knows the short name only')
def tunnel(s, share):
    with connect(s, share) as c:
        c.put('The whole name.text', b'1')
        short = short_of(c, 'The whole name.text')
        expect('remove', c.remove(short), 'OK')
        c.put(short, b'2')
        expect('what is there', c.names(), ['The whole name.text'])


@case('turned off')
def off():
    with Server(config='[m]\nplugin = mem\nread only = no\nmangled names = no\n') as s, connect(s, 'm') as c:
        c.put('A long name.text')
        expect('the alternate name', short_of(c, 'A long name.text'), 'OBJECT_NAME_NOT_FOUND')
        expect('listed', listed_short(c, '', 'A long name.text'), '')


main()
