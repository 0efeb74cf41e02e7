# SPDX-License-Identifier: Apache-2.0
"""The readonly filter: what lies at certain paths is not changed, by whatever way (quick)."""
import os

import rawbodies as b
from harness import Server, case, check, expect, main
from rawclient import connect

CONFIG = '[share]\npath = @/share\nread only = no\nfilter = readonly:paths=archive|*.iso\n'
REFUSED = 'MEDIA_WRITE_PROTECTED', 'ACCESS_DENIED'


def filled(s):
    top = os.path.join(s.folder, 'share')
    os.mkdir(os.path.join(top, 'archive'))
    for name in ('archive/a', 'x.iso', 'free'):
        with open(os.path.join(top, name), 'wb') as f:
            f.write(name.encode())
    return top


@case('ways to change it')
def ways():
    s = Server(config=CONFIG)
    top = filled(s)
    with s, connect(s, 'share') as c:
        for name in ('archive\\a', 'X.ISO'):
            expect('read', c.content(name), name.replace('\\', '/').lower().encode())
            for access in (2, 4, 0x10, 0x100, 0x10000, 0x40000, 0x80000, 3):
                expect(f'{name} {access:#x}', c.try_open(name, access=access), 'ACCESS_DENIED')
            expect('most', c.try_open(name, access=0x2000000), 'OK')
            expect('emptied', c.try_open(name, access=1, disposition=b.OVERWRITE), 'ACCESS_DENIED')
        for name in ('archive\\new', 'new.iso', 'archive\\a:stream'):
            expect(name, c.try_open(name, access=1, disposition=b.CREATE_NEW), *REFUSED)
        expect('a folder', c.try_open('archive\\d', access=1, disposition=b.CREATE_NEW, options=b.FOLDER), *REFUSED)
        expect('moved there', c.move('free', 'archive\\free'), *REFUSED)
        expect('renamed so', c.move('free', 'free.iso'), *REFUSED)
        expect('linked there', c.link('free', 'archive\\free'), *REFUSED)
        expect('moved away', c.try_open('archive', access=0x10000), 'ACCESS_DENIED')
        expect('renamed within', c.move('free', 'other'), 'OK')
        expect('names', sorted(c.names('')), ['archive', 'other', 'x.iso'])
        check(sorted(os.listdir(top)) == ['archive', 'other', 'x.iso'], os.listdir(top))
        check(os.listdir(os.path.join(top, 'archive')) == ['a'], 'archive has changed')


@case('everything')
def everything():
    with Server(config='[share]\nplugin = mem\nread only = no\nfilter = readonly\n') as s, connect(s, 'share') as c:
        expect('made', c.try_open('a', access=1, disposition=b.CREATE_NEW), *REFUSED)
        expect('to write', c.try_open('', access=2), 'ACCESS_DENIED')


main()
