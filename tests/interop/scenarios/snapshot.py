# SPDX-License-Identifier: Apache-2.0
"""The snapshot filter: previous versions by command and schedule, after a restart, after a kill (quick)."""
import os
import re
import struct

import rawbodies as b
from harness import Server, case, check, check_in, expect, main, random_bytes, smbkit, wait_for
from rawclient import connect

CONFIG = '[share]\n{}\nread only = no\nfilter = snapshot{}\n'
LABEL = re.compile(r'@GMT-\d{4}\.\d\d\.\d\d-\d\d\.\d\d\.\d\d')
SNAPSHOTS = 0x144064
MIB = 1 << 20


def server(args='', volume='path = @/share', more=''):
    s = Server(config=CONFIG.format(volume, args and ':' + args) + more)
    s.make_folder('share')
    s.make_folder('kept')
    return s


def say(s, *words):
    r = smbkit('control', '--socket', s.control, 'share', *words)
    expect(f'{words}: exit code of "{r.text}"', r.code, 0)
    return r.text.strip()


def labels(c):
    """As a client lists them. [MS-SMB2] 2.2.32.2"""
    f = c.opened('', access=0x120089, options=b.FOLDER)
    data = c.call(b.IOCTL, b.ioctl(f, SNAPSHOTS, room=65536)).buffer()
    c.close(f)
    count, told, size = struct.unpack_from('<III', data)
    found = [x for x in b.from_utf16(data[12:12 + size]).split('\0') if x]
    expect('labels', (count, told), (len(found), len(found)))
    return found


def change(c, s):
    c.make_folder('d')
    c.put('d\\one', b'first')
    c.put('d\\two', b'second')
    c.put('same', b'same')
    label = say(s, 'take')
    check(LABEL.fullmatch(label), label)
    c.put('d\\one', b'changed')
    expect('removed', c.remove('d\\two'), 'OK')
    c.put('d\\new', b'new')
    expect('a folder renamed', c.move('d', 'moved', options=b.FOLDER), 'OK')
    return label


def check_past(c, label):
    expect('the root', sorted(c.names(label)), ['d', 'same'])
    expect('a folder', sorted(c.names(label + '\\d')), ['one', 'two'])
    for name, want in (('d\\one', b'first'), ('d\\two', b'second'), ('same', b'same')):
        expect(name, c.content(f'{label}\\{name}'), want)
    expect('in any letters', c.content(f'{label}\\D\\ONE'), b'first')
    expect('what came later', c.try_open(label + '\\moved'), 'OBJECT_NAME_NOT_FOUND')
    expect('below it', c.try_open(label + '\\moved\\one'), 'OBJECT_PATH_NOT_FOUND')
    expect('read only', c.try_open(label + '\\d\\one', access=b.ALL, disposition=b.OVERWRITE), 'MEDIA_WRITE_PROTECTED')
    expect('today', sorted(c.names('')), ['moved', 'same'])
    expect('today\'s', c.content('moved\\one'), b'changed')


@case('a folder', '', 'path = @/share')
@case('memory', '', 'plugin = mem')
@case('another volume', 'store=dir:path=@/kept', 'path = @/share')
def versions(args, volume):
    with server(args, volume) as s:
        with connect(s, 'share') as c:
            label = change(c, s)
            check_past(c, label)
            expect('labels', labels(c), [label])
            for how in (b.OPEN, b.OPEN_IF, b.OVERWRITE, b.CREATE_NEW):
                expect('a time that none has', c.try_open('@GMT-2001.01.01-00.00.00\\same', access=b.ALL, disposition=how), 'OBJECT_NAME_NOT_FOUND')
        check_in(label, say(s, 'list'))
        if 'store' in args:
            expect('what is kept', os.listdir(s.path('kept')), ['.snapshots'])
            expect('the share', sorted(os.listdir(s.path('share'))), ['moved', 'same'])


@case('with smbclient')
def smbclient():
    with server() as s:
        with connect(s, 'share') as c:
            label = change(c, s)
        s.smbclient('share', f'get {label}/d/two got; cd {label}/d; ls').ok()
        with open(s.path('got'), 'rb') as f:
            expect('what was got', f.read(), b'second')
        check_in(label, s.smbclient('share', 'allinfo same').text)
        # Back from there, as "Restore" of Explorer does it: by a copy.
        s.smbclient('share', f'scopy {label}/d/one back; get back back').ok()
        with open(s.path('back'), 'rb') as f:
            expect('what was restored', f.read(), b'first')


@case('after a restart')
def restart():
    with server() as s:
        with connect(s, 'share') as c:
            label = change(c, s)
        s.process.terminate()
        s.process.wait()
        s.start()
        with connect(s, 'share') as c:
            check_past(c, label)
            c.put('same', b'other')
            second = say(s, 'take')
            check(second > label, second)
            c.put('same', b'last')
            expect('first', c.content(label + '\\same'), b'same')
            expect('second', c.content(second + '\\same'), b'other')
            expect('dropped', say(s, 'drop', label), 'dropped')
            expect('labels', labels(c), [second])
            expect('second', c.content(second + '\\same'), b'other')
        expect('folders', os.listdir(s.path('share', '.snapshots')), [second])


@case('killed in the middle of a copy')
def killed():
    """What was being copied was not changed yet; half a copy is not of the snapshot."""
    size = 16
    data = random_bytes(MIB)
    with server('', more='filter = delay:read=200ms\n') as s:
        with open(s.path('share', 'big'), 'wb') as f:
            for _ in range(size):
                f.write(data)
        label = say(s, 'take')
        folder = s.path('share', '.snapshots', label)
        c = connect(s, 'share')
        g = c.opened('big')
        c.send(b.WRITE, b.write(g, b'new'))
        # Copies are of the root first, and then of the file.
        wait_for(lambda: any(os.path.isfile(os.path.join(folder, n)) for n in os.listdir(folder) if n != 'index'), 60, 'the copy')
        s.kill()
        c.drop()
        with open(s.path('share', 'big'), 'rb') as f:
            check(f.read(3) == data[:3], 'it was done before')
        copies = len(os.listdir(folder))
        s.start()
        with connect(s, 'share') as c:
            expect('labels', labels(c), [label])
            g = c.opened(label + '\\big', access=0x120089)
            check(c.read(g, 65536, (size - 1) * MIB) == data[:65536], 'the file is another')
            c.close(g)
            check(len(os.listdir(folder)) < copies, 'what was begun is still there')


@case('by schedule')
def schedule():
    with server('every=1s,keep=3') as s:
        with connect(s, 'share') as c:
            for i in range(8):
                before = labels(c)
                c.put('a', b'%d' % i)
                wait_for(lambda: labels(c)[:1] > before[:1], 60, 'the next one')
            expect('how many', len(labels(c)), 3)
            newest = labels(c)[0]
            expect('the newest', c.content(newest + '\\a'), b'7')


@case('what fills the disk')
def full():
    with server('store=mem:size=1M', 'path = @/share') as s:
        with connect(s, 'share') as c:
            for name in ('a', 'b'):
                c.put(name, b'x' * 700000)
            say(s, 'take')
            c.put('a', b'y')
            g = c.opened('b')
            expect('no room', c.write(g, b'z'), 'DISK_FULL')
            expect('as it was', c.read(g, 3), b'xxx')
            say(s, 'drop')
            expect('room', c.write(g, b'z'), 'OK')
            c.close(g)


main()
