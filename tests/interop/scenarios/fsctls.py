# SPDX-License-Identifier: Apache-2.0
# quick
"""Control codes of IOCTL: object ids, reparse points, previous versions, and those that nobody knows."""
import os
import struct
import time

import rawbodies as b
from harness import USER, Server, case, check, each_share, expect, main, write_file
from rawclient import connect

CREATE_OR_GET, GET_ID, SET_ID, SET_BIRTH, DELETE_ID = 0x900c0, 0x9009c, 0x90098, 0x900bc, 0x900a0
SET_REPARSE, GET_REPARSE, DELETE_REPARSE = 0x900a4, 0x900a8, 0x900ac
SNAPSHOTS, REGIONS, NTFS_VOLUME, REFERRALS = 0x144064, 0x90284, 0x90064, 0x60194
SLEEP = 0x83848043
SYMLINK, MOUNT_POINT, APPEXEC, NO_MICROSOFT = 0xa000000c, 0xa0000003, 0x8000001b, 0x00000064
GUID, OTHER_GUID = bytes(range(16)), bytes(16)


def ask(c, f, code, data=b'', room=65536):
    r = c.call(b.IOCTL, b.ioctl(f, code, data, room=room))
    return r.name, r.buffer()


def tagged(tag, data=b'', guid=b''):
    return struct.pack('<IHH', tag, len(data), 0) + guid + data


def symlink(target, relative=1):
    name = b.utf16(target)
    return tagged(SYMLINK, struct.pack('<HHHHI', 0, len(name), len(name), len(name), relative) + name * 2)


CONFIG = f'admin users = {USER}\n[mem]\nplugin = mem\nread only = no\n[dir]\npath = @/shared\nread only = no\n'


def object_ids(share):
    with Server(config=CONFIG) as s, connect(s, share) as c:
        f = c.opened('f', disposition=b.OPEN_IF)
        expect('none yet', ask(c, f, GET_ID)[0], '0xc00002f0')
        name, made = ask(c, f, CREATE_OR_GET)
        expect('made', (name, len(made), made[16 + 16:48]), ('OK', 64, made[:16]))
        expect('the same again', (ask(c, f, CREATE_OR_GET), ask(c, f, GET_ID)), (('OK', made),) * 2)
        expect('another file', ask(c, c.opened('g', disposition=b.OPEN_IF), CREATE_OR_GET)[1][:16] == made[:16], False)
        expect('another birth', ask(c, f, SET_BIRTH, b'b' * 48)[0], 'OK')
        expect('beside the id', ask(c, f, GET_ID)[1], made[:16] + b'b' * 48)
        expect('set over one', ask(c, f, SET_ID, b'i' * 64)[0], 'OBJECT_NAME_COLLISION')
        expect('taken away', (ask(c, f, DELETE_ID)[0], ask(c, f, GET_ID)[0]), ('OK', '0xc00002f0'))
        expect('set', (ask(c, f, SET_ID, b'i' * 64)[0], ask(c, f, GET_ID)[1]), ('OK', b'i' * 64))
        expect('too short', (ask(c, f, SET_ID, b'i' * 63)[0], ask(c, f, SET_BIRTH, b'b' * 49)[0]), ('INVALID_PARAMETER',) * 2)
        reader = c.opened('f', access=0x120089)
        expect('by a reader', [ask(c, reader, x, b'i' * n)[0] for x, n in ((SET_BIRTH, 48), (DELETE_ID, 0))], ['ACCESS_DENIED'] * 2)


for name in ('mem', 'dir'):
    case(f'object ids of {name}: kept, unique, taken away', name)(object_ids)


@case('reparse points of mem: tags, GUIDs, what an open then does')
def reparse_points():
    with Server('mem:') as s, connect(s, 'mem') as c:
        f = c.opened('f', disposition=b.OPEN_IF, options=b.NO_FOLLOW)
        expect('none', (ask(c, f, GET_REPARSE)[0], ask(c, f, DELETE_REPARSE, tagged(APPEXEC))[0]), ('NOT_A_REPARSE_POINT',) * 2)
        expect('set', ask(c, f, SET_REPARSE, tagged(APPEXEC, b'data'))[0], 'OK')
        expect('there', ask(c, f, GET_REPARSE), ('OK', tagged(APPEXEC, b'data')))
        expect('again, with other data', ask(c, f, SET_REPARSE, tagged(APPEXEC, b'more data'))[0], 'OK')
        expect('another tag', ask(c, f, SET_REPARSE, tagged(SYMLINK, b'x'))[0], '0xc0000277')
        expect('taken away by another', ask(c, f, DELETE_REPARSE, tagged(SYMLINK))[0], '0xc0000277')
        expect('with data', ask(c, f, DELETE_REPARSE, tagged(APPEXEC, b'x'))[0], '0xc0000278')
        expect('opened through', c.try_open('f'), '0xc0000279')
        expect('listed', [c.names('', pattern) for pattern in ('f*', 'f', 'F')], [['f']] * 3)
        expect('opened itself', c.try_open('f', options=b.NO_FOLLOW), 'OK')
        expect('taken away', ask(c, f, DELETE_REPARSE, tagged(APPEXEC))[0], 'OK')
        expect('opened', c.try_open('f'), 'OK')
        expect('a GUID', ask(c, f, SET_REPARSE, tagged(NO_MICROSOFT, b'd', GUID))[0], 'OK')
        expect('another GUID', ask(c, f, SET_REPARSE, tagged(NO_MICROSOFT, b'd', OTHER_GUID))[0], '0xc00002b2')
        expect('its own', ask(c, f, DELETE_REPARSE, tagged(NO_MICROSOFT, b'', GUID))[0], 'OK')
        for what, data, want in (('nothing', b'', '0xc0000278'), ('a length that lies', tagged(APPEXEC, b'data')[:-1], '0xc0000278'),
                                 ('too much', tagged(APPEXEC, bytes(16385)), '0xc0000278'), ('no tag', tagged(0, b'x', GUID), '0xc0000276'),
                                 ('a mount point on a file', tagged(MOUNT_POINT, b'x'), 'NOT_A_DIRECTORY')):
            expect(what, ask(c, f, SET_REPARSE, data)[0], want)
        c.make_folder('full')
        c.put('full\\x', b'')
        folder = c.opened('full', access=0x100 | 0x80, options=b.FOLDER | b.NO_FOLLOW)
        expect('a folder with something in it', ask(c, folder, SET_REPARSE, tagged(MOUNT_POINT, b'x'))[0], 'DIRECTORY_NOT_EMPTY')
        reader = c.opened('f', access=0x120089)
        expect('by a reader', ask(c, reader, SET_REPARSE, tagged(APPEXEC, b'x'))[0], 'ACCESS_DENIED')


@case('a symbolic link made over the wire: where an open stops is told')
def symbolic_link():
    with Server('mem:') as s, connect(s, 'mem') as c:
        c.make_folder('real')
        c.put('real\\x', b'text')
        c.make_folder('link')
        link = c.opened('link', access=0x1f01ff, options=b.FOLDER | b.NO_FOLLOW)
        expect('made', ask(c, link, SET_REPARSE, symlink('real'))[0], 'OK')
        r = c.create('link\\x')
        expect('stopped', r.status, 0x8000002d)
        check(b.utf16('real') in r.body, 'the target is not told')
        expect('its attributes', [e.attributes & 0x410 for e in c.listing('') if e.name == 'link'], [0x410])
        c.close(link)
        expect('removed', c.try_open('link', access=0x10000, options=b.FOLDER | b.NO_FOLLOW | b.DELETE_ON_CLOSE), 'OK')
        expect('what it led to stays', c.try_open('real\\x'), 'OK')


@case('symbolic links made in a folder of the host: real ones, which lead to nothing outside')
def host_links():
    with Server('dir=dir:path=@/shared,make-symlinks=yes') as s, connect(s, 'dir') as c:
        shared = s.path('shared')
        os.mkdir(os.path.join(shared, 'd'))
        write_file(os.path.join(shared, 'd', 'f'), b'inside')
        write_file(s.path('secret'), b'secret')
        for name, target, folder in (('l', 'd\\f', False), ('dl', 'd', True), ('d\\up', '..\\d\\f', False)):
            f = c.opened(name, access=0x1f01ff, disposition=b.CREATE_NEW, options=(b.FOLDER if folder else b.NO_FOLDER) | b.NO_FOLLOW)
            expect(name, ask(c, f, SET_REPARSE, symlink(target))[0], 'OK')
            status, told = ask(c, f, GET_REPARSE)
            expect('told by the same handle', (status, told[:4], told.endswith(b.utf16(target))), ('OK', struct.pack('<I', SYMLINK), True))
            expect('attributes', struct.unpack_from('<I', c.query(f, 4).buffer(), 32)[0] & 0x410, 0x400)
            c.close(f)
            expect('on the host', os.readlink(os.path.join(shared, name.replace('\\', '/'))), target.replace('\\', '/'))
        expect('followed', (c.content('l'), c.content('dl\\f'), c.content('d\\up')), (b'inside',) * 3)
        for name, target in (('out', '..\\secret'), ('d\\out', '..\\..\\secret'), ('d\\by', 'up\\..\\..\\secret'), ('abs', '\\etc\\passwd')):
            f = c.opened(name, access=0x1f01ff, disposition=b.CREATE_NEW, options=b.NO_FOLDER | b.NO_FOLLOW)
            expect(name, ask(c, f, SET_REPARSE, symlink(target))[0], 'ACCESS_DENIED')
            c.close(f)
            check(os.path.isfile(os.path.join(shared, name.replace('\\', '/'))), name, 'is no file any more')
        # Moved up it would lead out: it is not followed there.
        expect('moved', c.move('d\\up', 'up', options=b.NO_FOLLOW), 'OK')
        r = c.create('up')
        expect('stopped', r.status, 0x8000002d)
        check(b.utf16('..\\d\\f') in r.body, 'the target is not told')
        # What the file was before is known to the handle that made the link: another one may remove it, no more.
        f = c.opened('l', access=0x1f01ff, options=b.NO_FOLLOW)
        expect('by another handle', ask(c, f, DELETE_REPARSE, tagged(SYMLINK))[0], 'NOT_SUPPORTED')
        c.close(f)
        f = c.opened('again', access=0x1f01ff, disposition=b.CREATE_NEW, options=b.NO_FOLDER | b.NO_FOLLOW)
        expect('a link', ask(c, f, SET_REPARSE, symlink('d\\f'))[0], 'OK')
        expect('a file again', ask(c, f, DELETE_REPARSE, tagged(SYMLINK))[0], 'OK')
        c.close(f)
        expect('empty', (c.content('again'), os.path.islink(os.path.join(shared, 'again'))), ('END_OF_FILE', False))
        expect('removed', c.try_open('dl', access=0x10000, options=b.NO_FOLLOW | b.DELETE_ON_CLOSE), 'OK')
        expect('what it led to', os.listdir(os.path.join(shared, 'd')).count('f'), 1)


@case('symbolic links in a folder of the host: not unless it is asked for')
def host_links_not():
    with Server('dir=@/shared') as s, connect(s, 'dir') as c:
        f = c.opened('l', access=0x1f01ff, disposition=b.CREATE_NEW, options=b.NO_FOLLOW)
        expect('refused', ask(c, f, SET_REPARSE, symlink('x'))[0], 'INVALID_DEVICE_REQUEST')


@each_share('previous versions: none')
def snapshots(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.OPEN_IF)
        expect('an empty list', ask(c, f, SNAPSHOTS, room=16), ('OK', struct.pack('<III', 0, 0, 2) + b'\0\0'))
        expect('no room', ask(c, f, SNAPSHOTS, room=15)[0], 'INVALID_PARAMETER')
        expect('of a time', c.create('f', contexts=((b'TWrp', struct.pack('<Q', 1 << 56)),)).name, 'OBJECT_NAME_NOT_FOUND')


@each_share('regions of a file')
def regions(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.OPEN_IF)
        c.call(b.WRITE, b.write(f, b'x' * 5000))
        one = struct.pack('<IIIIQQII', 0, 1, 1, 0, 0, 5000, 1, 0)
        expect('all of it', ask(c, f, REGIONS), ('OK', one))
        some = struct.pack('<qqII', 1000, 9000, 1, 0)
        expect('a part', struct.unpack_from('<QQ', ask(c, f, REGIONS, some)[1], 16), (1000, 4000))
        expect('behind the end', ask(c, f, REGIONS, struct.pack('<qqII', 6000, 9, 1, 0)), ('OK', bytes(16)))
        expect('less than nothing', ask(c, f, REGIONS, struct.pack('<qqII', -1, 9, 1, 0))[0], 'INVALID_PARAMETER')
        expect('no room', [ask(c, f, REGIONS, room=n)[0] for n in (15, 16)], ['BUFFER_TOO_SMALL', 'BUFFER_OVERFLOW'])


@each_share('what kind of volume it is; and that there is no DFS')
def volume(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.OPEN_IF)
        name, data = ask(c, f, NTFS_VOLUME)
        serial, sectors, clusters, free = struct.unpack_from('<QQQQ', data)
        per_sector, per_cluster = struct.unpack_from('<II', data, 40)
        expect('answered', (name, len(data) >= 96, serial != 0), ('OK', True, True))
        expect('sizes', (sectors * per_sector // per_cluster, free <= clusters), (clusters, True))
        expect('no room', ask(c, f, NTFS_VOLUME, room=95)[0], 'BUFFER_TOO_SMALL')
        path = struct.pack('<H', 4) + b.utf16('\\server\\share') + b'\0\0'
        referral = c.call(b.IOCTL, b.ioctl(b'\xff' * 16, REFERRALS, path))
        expect('referrals', referral.status, 0xc000019c)  # FS_DRIVER_REQUIRED


@case('the test code that sleeps, where it is asked for')
def sleeps():
    with Server(config=CONFIG, settings='test fsctls = yes\n') as s, connect(s, 'mem') as c:
        f = c.opened('f', disposition=b.OPEN_IF)
        start = time.monotonic()
        expect('sleeps', ask(c, f, SLEEP, bytes([200]))[0], 'OK')
        check(time.monotonic() - start >= 0.19, 'it did not')


@each_share('codes that nobody knows')
def unknown(s, share):
    with connect(s, share) as c:
        f = c.opened('f', disposition=b.OPEN_IF)
        names = {ask(c, f, code, os.urandom(64))[0] for code in
                 (0, 0x90018, 0x900f0, 0x900f4, 0x90240, 0x9027c, 0x98230, 0x110018 + 4, 0x1401fc + 0x10000, 0x83848013, 0x83848023, 0xffffffff)}
        check(names <= {'INVALID_DEVICE_REQUEST', 'NOT_SUPPORTED'}, names)


main()
