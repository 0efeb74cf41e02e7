# SPDX-License-Identifier: Apache-2.0
"""DOS attributes, the archive bit as backup programs use it, and a DACL that shuts everybody out (quick)."""
import struct

import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

READ_ONLY, HIDDEN, SYSTEM, FOLDER, ARCHIVE, NORMAL = 0x1, 0x2, 0x4, 0x10, 0x20, 0x80
# SECURITY_DESCRIPTOR with an empty DACL, and with none. [MS-DTYP] 2.4.6
EMPTY_DACL = struct.pack('<BBHIIII', 1, 0, 0x8004, 0, 0, 0, 20) + struct.pack('<BBHHH', 2, 0, 8, 0, 0)
NO_DACL = struct.pack('<BBHIIII', 1, 0, 0x8004, 0, 0, 0, 0)


@each_share('a read-only folder takes files all the same')
def read_only_folder(s, share):
    with connect(s, share) as c:
        c.make_folder('pics', attributes=READ_ONLY)
    with connect(s, share) as c:
        check(c.attributes('pics', options=b.FOLDER) & READ_ONLY, 'it is not kept')
        c.put('pics\\desktop.ini', b'[x]', attributes=HIDDEN | SYSTEM)
        c.make_folder('pics\\sub')
        expect('renaming in it', c.move('pics\\desktop.ini', 'pics\\d2'), 'OK')
        expect('overwriting a hidden file plainly', c.try_open('pics\\d2', disposition=b.OVERWRITE_IF, attributes=NORMAL),
               'ACCESS_DENIED')
        expect('with its attributes', c.try_open('pics\\d2', disposition=b.OVERWRITE_IF, attributes=HIDDEN | SYSTEM), 'OK')
        expect('removing from it', (c.remove('pics\\d2'), c.remove('pics\\sub', b.FOLDER)), ('OK', 'OK'))
        f = c.opened('pics', access=b.ATTRIBUTES | 0x10000, options=b.FOLDER)
        expect('removing it', c.mark_deleted(f), 'CANNOT_DELETE')
        expect('clearing', c.set(f, 4, b.basic(attributes=FOLDER)), 'OK')
        expect('removing it then', c.mark_deleted(f), 'OK')


@each_share('a folder keeps what it is made with')
def made_folder(s, share):
    with connect(s, share) as c:
        for attributes in (0, HIDDEN, ARCHIVE, ARCHIVE | HIDDEN):
            c.make_folder(f'd{attributes}', attributes=attributes)
            c.move(f'd{attributes}', f'e{attributes}', options=b.FOLDER)
            expect(f'{attributes:#x}', c.attributes(f'e{attributes}'), FOLDER | attributes)


@each_share('set and read')
def round_trip(s, share):
    with connect(s, share) as c:
        c.put('a')
        for value in (READ_ONLY, HIDDEN, SYSTEM, ARCHIVE, 0x27, NORMAL):
            expect(f'{value:#x}', (c.set_attributes('a', value), c.attributes('a')), ('OK', value))
        c.set_attributes('a', HIDDEN)
        expect('0', (c.set_attributes('a', 0), c.attributes('a')), ('OK', HIDDEN))
        expect('a folder', c.set_attributes('a', FOLDER), 'INVALID_PARAMETER')


def by_handle(c, do):
    f = c.opened('f')
    do(f)
    c.close(f)


@each_share('a change sets the archive bit again')
def archive(s, share):
    with connect(s, share) as c:
        c.put('f', b'1')
        check(c.attributes('f') & ARCHIVE, 'a new file has none')
        changes = {'a write': lambda: by_handle(c, lambda f: c.write(f, b'22')),
                   'a size': lambda: by_handle(c, lambda f: c.set_size(f, 10)),
                   'an allocation': lambda: by_handle(c, lambda f: c.set_allocation(f, 0)),
                   'overwriting': lambda: c.try_open('f', disposition=b.OVERWRITE_IF)}
        for what, change in changes.items():
            c.set_attributes('f', NORMAL)
            expect('cleared', c.attributes('f'), NORMAL)
            c.content('f')
            expect('read', c.attributes('f'), NORMAL)
            change()
            expect(what, c.attributes('f') & ARCHIVE, ARCHIVE)
            expect(f'{what}, listed', [e.attributes & ARCHIVE for e in c.listing() if e.name == 'f'], [ARCHIVE])
        c.set_attributes('f', HIDDEN)
        changes['a write']()
        expect('a write into a hidden file', c.attributes('f'), HIDDEN | ARCHIVE)


@each_share('an empty DACL and none')
def daclless(s, share):
    with connect(s, share) as c:
        c.put('a')
        f = c.opened('a', access=0x60080)
        expect('setting', c.set(f, 0, EMPTY_DACL, kind=b.KIND_SECURITY, which=4), 'OK')
        c.close(f)
        expect('reading and writing', (c.try_open('a', access=1), c.try_open('a', access=2)), ('ACCESS_DENIED',) * 2)
        f = c.opened('a', access=0x60000)  # the owner may always read and change it
        sd = c.query(f, 0, b.KIND_SECURITY, which=4).buffer()
        at = struct.unpack_from('<I', sd, 16)[0]
        check(struct.unpack_from('<H', sd, 2)[0] & 4 and at and struct.unpack_from('<H', sd, at + 4)[0] == 0, 'not empty', sd)
        expect('setting none', c.set(f, 0, NO_DACL, kind=b.KIND_SECURITY, which=4), 'OK')
        c.close(f)
        expect('everything', c.try_open('a', access=b.ALL), 'OK')


main()
