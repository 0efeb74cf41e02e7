# SPDX-License-Identifier: Apache-2.0
"""Handles of folders: flushing, what is no file's, and what a name must lead to (quick)."""
import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

NOT_A_FILE = ('INVALID_DEVICE_REQUEST', 'FILE_IS_A_DIRECTORY', 'ACCESS_DENIED', 'INVALID_PARAMETER')
IS_A_FOLDER = ('OBJECT_NAME_COLLISION', 'ACCESS_DENIED', 'FILE_IS_A_DIRECTORY', 'INVALID_PARAMETER')
# (path, access, options, answer to FLUSH): whoever may add or write may flush
FLUSHES = (('d', 0x1f01ff, b.FOLDER, 'OK'), ('d', 0x100083, b.FOLDER, 'OK'), ('d', 0x100085, b.FOLDER, 'OK'),
           ('d', 0x100081, b.FOLDER, 'ACCESS_DENIED'), ('d\\f', 0x100082, 0, 'OK'), ('d\\f', 0x100084, 0, 'OK'),
           ('d\\f', 0x120089, 0, 'ACCESS_DENIED'), ('', 0x100083, b.FOLDER, 'OK'))


def set_up(c):
    c.make_folder('d')
    c.put('d\\f', b'1')


@each_share('flushing')
def flush(s, share):
    with connect(s, share) as c:
        set_up(c)
        for path, access, options, right in FLUSHES:
            f = c.opened(path, access=access, options=options)
            expect(f'{path} with {access:#x}', c.flush(f), right)
            c.close(f)


@each_share('what is for files only')
def not_a_file(s, share):
    with connect(s, share) as c:
        set_up(c)
        f = c.opened('d', access=b.LIST, options=b.FOLDER)
        expect('lock', c.lock(f, 0, 1, 0x12), *NOT_A_FILE)
        expect('write', c.write(f, b'x'), *NOT_A_FILE)
        expect('read', c.read(f, 10), 'INVALID_DEVICE_REQUEST')
        expect('size', c.set_size(f, 0), *NOT_A_FILE)


@each_share('what a name must lead to')
def kinds(s, share):
    with connect(s, share) as c:
        set_up(c)
        for disposition in (b.SUPERSEDE, b.OVERWRITE, b.OVERWRITE_IF):
            for path in ('d', ''):
                expect(f'{disposition} of "{path}"', c.try_open(path, disposition=disposition), *IS_A_FOLDER)
            expect('with FILE_DIRECTORY_FILE', c.try_open('d', disposition=disposition, options=b.FOLDER), 'INVALID_PARAMETER')
        expect('a folder as a file', c.try_open('d', options=b.NO_FOLDER), 'FILE_IS_A_DIRECTORY')
        expect('a file as a folder', c.try_open('d\\f', options=b.FOLDER), 'NOT_A_DIRECTORY')
        expect('through a file', c.try_open('d\\f\\x'), 'OBJECT_PATH_NOT_FOUND', 'NOT_A_DIRECTORY')
        expect('through nothing', c.try_open('d\\no\\x'), 'OBJECT_PATH_NOT_FOUND')
        check(c.names('d') == ['f'] and c.content('d\\f') == b'1', 'something has changed')


main()
