# SPDX-License-Identifier: Apache-2.0
"""What Git for Windows does to a repository: append-only logs, objects made read-only, lock files renamed (quick)."""
import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

APPEND_ONLY = 0x100000 | 0x4 | 0x80 | 0x100 | 0x20000


@each_share('a log opened to append')
def append(s, share):
    with connect(s, share) as c:
        c.put('HEAD', b'line 1\n')
        f = c.opened('HEAD', access=APPEND_ONLY, disposition=b.OPEN_IF)
        expect('at the end', c.write(f, b'line 2\n', 7), 'OK')
        expect('reading', c.read(f, 5), 'ACCESS_DENIED')
        expect('cutting', c.set_size(f, 0), 'ACCESS_DENIED')
        c.close(f)
        expect('what it holds', c.content('HEAD'), b'line 1\nline 2\n')


@each_share('objects are written read-only, renamed and removed')
def objects(s, share):
    with connect(s, share) as c:
        c.make_folder('ab')
        f = c.opened('ab\\tmp', disposition=b.CREATE_NEW, attributes=1)
        expect('writing by the handle that made it read-only', c.write(f, b'blob'), 'OK')
        c.close(f)
        expect('renaming', c.move('ab\\tmp', 'ab\\cdef'), 'OK')
        expect('to write', c.try_open('ab\\cdef', access=0x2), 'ACCESS_DENIED')
        expect('to overwrite', c.try_open('ab\\cdef', disposition=b.OVERWRITE_IF), 'ACCESS_DENIED')
        expect('to delete at close', c.try_open('ab\\cdef', access=0x10080, options=b.DELETE_ON_CLOSE), 'CANNOT_DELETE')
        f = c.opened('ab\\cdef', access=b.ATTRIBUTES | 0x10000)
        expect('deleting', c.mark_deleted(f), 'CANNOT_DELETE')
        expect('clearing', c.set(f, 4, b.basic(attributes=0x80)), 'OK')
        expect('deleting now', c.mark_deleted(f), 'OK')
        c.close(f)
        expect('then', c.names('ab'), [])


@each_share('config.lock over config, fifty times')
def lock_files(s, share):
    with connect(s, share) as c:
        c.put('config', b'first')
        for i in range(50):
            f = c.opened('config.lock', disposition=b.CREATE_NEW)
            expect('a second lock', c.try_open('config.lock', disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')
            check(c.write(f, b'%d' % i) == 'OK', 'write')
            c.close(f)
            expect(f'round {i}', c.move('config.lock', 'config', True), 'OK')
        expect('what it holds', c.content('config'), b'49')


main()
