# SPDX-License-Identifier: Apache-2.0
"""One file is one file, whichever share, folder, link or mount leads to it, and whatever its name's letters (quick)."""
import os
import subprocess
import threading

import rawbodies as b
from harness import Server, Skip, case, check, expect, main, write_file
from rawclient import UNSOLICITED, connect

ADDED, REMOVED, OLD, NEW = 1, 2, 4, 5
LOCK_EXCLUSIVE_AT_ONCE = 0x12
BATCH, LEVEL_II = 0x9, 0x1
RACES = 100


def server():
    """a and b share one folder; c shares one in it, its d."""
    s = Server('a=@/shared', 'b=@/shared', 'c=@/shared/d')
    s.make_folder('shared/d')
    return s


# (share, the same file, the folder it is in) twice
PAIRS = (('a', 'd\\f', 'd', 'b', 'd\\f', 'd'), ('a', 'd\\f', 'd', 'c', 'f', ''), ('c', 'f', '', 'b', 'd\\F', 'D'))


def each_pair(name):
    def register(fn):
        for pair in PAIRS:
            def run(pair=pair):
                with server() as s, connect(s, pair[0]) as x, connect(s, pair[3]) as y:
                    fn(x, y, *pair[1:3], *pair[4:])
            case(f'{name}, {pair[0]} and {pair[3]}')(run)
    return register


@each_pair('share modes and locks')
def sharing(x, y, f, _, g, __):
    x.put(f, b'0123456789')
    h = x.opened(f, share=0)
    expect('exclusively open', y.try_open(g), 'SHARING_VIOLATION')
    x.close(h)
    h, k = x.opened(f), y.opened(g)
    expect('lock', x.lock(h, 2, 3, LOCK_EXCLUSIVE_AT_ONCE), 'OK')
    expect('lock of the same', y.lock(k, 4, 1, LOCK_EXCLUSIVE_AT_ONCE), 'LOCK_NOT_GRANTED')
    expect('write', y.write(k, b'x', 3), 'FILE_LOCK_CONFLICT')
    expect('one id', y.query(k, 6).buffer(), x.query(h, 6).buffer())


@each_pair('oplocks')
def oplocks(x, y, f, _, g, __):
    h = x.opened(f, disposition=b.CREATE_NEW, oplock=BATCH)
    mid = y.send(b.CREATE, b.create(g))
    note = x.receive(UNSOLICITED)
    check(note and note.command == b.OPLOCK_BREAK, 'no break')
    check(y.receive(mid, 0.3) is None, 'it did not wait')
    expect('acknowledging', x.call(b.OPLOCK_BREAK, b.oplock_break(h, LEVEL_II)).name, 'OK')
    expect('then', y.receive(mid).name, 'OK')


@each_pair('deletion')
def deletion(x, y, f, _, g, folder):
    h, k = x.opened(f, disposition=b.CREATE_NEW, access=b.ALL), y.opened(g)
    expect('marking', x.mark_deleted(h), 'OK')
    expect('while it goes', y.try_open(g), 'DELETE_PENDING')
    x.close(h)
    expect('while it goes', y.try_open(g), 'DELETE_PENDING')
    expect('the open file', y.write(k, b'x'), 'OK')
    y.close(k)
    expect('then', x.try_open(f), 'OBJECT_NAME_NOT_FOUND')
    check(not [n for n in y.names(folder) if n.lower() == 'f'], 'it is still listed')


@each_pair('notification and renaming')
def told(x, y, f, _, g, folder):
    watched = y.opened(folder, access=b.LIST, options=b.FOLDER)

    def watch():
        return y.send(b.CHANGE_NOTIFY, b.change_notify(watched, wanted=0x3))

    mid = watch()
    y.await_interim(mid)
    h = x.opened(f, disposition=b.CREATE_NEW, access=b.ALL)
    expect('made', b.changes(y.receive(mid).buffer()), [(ADDED, 'f')])
    k = y.opened(g)
    mid = watch()
    expect('renaming', x.rename(h, f + '2'), 'OK')
    expect('renamed', b.changes(y.receive(mid).buffer()), [(OLD, 'f'), (NEW, 'f2')])
    name = b.from_utf16(y.query(k, 48).buffer()[4:])
    check(name.lower() == (g + '2').lower(), name)
    mid = watch()
    y.close(k)
    x.mark_deleted(h)
    x.close(h)
    expect('deleted', b.changes(y.receive(mid).buffer()), [(REMOVED, 'f2')])


@case('a folder in which something is open through another share stays')
def folder_stays():
    with server() as s, connect(s, 'a') as x, connect(s, 'c') as y:
        y.put('f')
        h = y.opened('f')
        expect('with the open file', x.move('d', 'e', options=b.FOLDER), 'ACCESS_DENIED', 'SHARING_VIOLATION')
        y.close(h)
        expect('afterwards', x.move('d', 'e', options=b.FOLDER), 'OK')
        expect('the share of it', y.names(), ['f'])


def one_file_two_paths(s, first, second):
    with connect(s, 'a') as x, connect(s, 'a') as y:
        x.put(first, b'one')
        h = x.opened(first, access=b.ALL)
        k = y.opened(second, access=b.ALL)
        for _ in range(3):
            expect('again', x.try_open(first), 'OK')
            expect('by the other path', y.try_open(second), 'OK')
        expect('written by one', y.write(k, b'two'), 'OK')
        expect('read by the other', x.read(h, 9), b'two')
        expect('marking', y.mark_deleted(k), 'OK')
        expect('the first', x.try_open(first), 'DELETE_PENDING')
        y.close(k)
        expect('the first', x.try_open(first), 'DELETE_PENDING')
        x.close(h)
        expect('the first', x.try_open(first), 'OBJECT_NAME_NOT_FOUND')


def one_folder_two_paths(s, first, second):
    """A folder below both."""
    here, there, moved = f'{first}\\in-{first}', f'{second}\\in-{first}', f'out-{first}'
    with connect(s, 'a') as x, connect(s, 'b') as y:
        x.make_folder(here)
        x.put(here + '\\f')
        h = x.opened(here + '\\f', access=b.ALL, options=b.DELETE_ON_CLOSE)
        expect('with the open file', y.move(there, f'{second}\\{moved}', options=b.FOLDER), 'ACCESS_DENIED')
        x.close(h)
        expect('which goes', x.try_open(here + '\\f'), 'OBJECT_NAME_NOT_FOUND')
        h = x.opened(here, access=b.ALL, options=b.FOLDER)
        expect('marking the folder', x.mark_deleted(h), 'OK')
        expect('a file in it', y.try_open(there + '\\new', disposition=b.CREATE_NEW), 'DELETE_PENDING')
        x.close(h)
        expect('the folder', y.try_open(there, options=b.FOLDER), 'OBJECT_NAME_NOT_FOUND')
        x.make_folder(here)
        expect('with nothing open', y.move(there, f'{second}\\{moved}', options=b.FOLDER), 'OK')
        expect('by the first path', x.try_open(f'{first}\\{moved}', options=b.FOLDER), 'OK')
        # Onto a file in itself, seen by the other path: refused, and not waited for.
        x.put(f'{first}\\{moved}\\g')
        said = x.move(f'{first}\\{moved}', f'{second}\\{moved}\\g', replace=True, options=b.FOLDER)
        check(said not in ('OK', 'PENDING'), said)
        expect('it stays', x.try_open(f'{first}\\{moved}\\g'), 'OK')


@case('by a link that is followed')
def followed():
    with server() as s:
        os.symlink('d', s.path('shared', 'link'))
        one_file_two_paths(s, 'd\\f', 'link\\f')
        one_folder_two_paths(s, 'd', 'link')
        one_folder_two_paths(s, 'link', 'd')


@case('by a mount of the folder in itself')
def mounted():
    with server() as s:
        at = s.make_folder('shared/m')
        if subprocess.run(['mount', '--bind', s.path('shared', 'd'), at], capture_output=True, check=False).returncode:
            raise Skip('nothing can be mounted')
        try:
            one_file_two_paths(s, 'd\\f', 'm\\f')
            one_folder_two_paths(s, 'd', 'm')
            one_folder_two_paths(s, 'm', 'd')
        finally:
            subprocess.run(['umount', at], check=True)


@case('renamed on the host while it is open')
def renamed():
    with server() as s, connect(s, 'a') as x, connect(s, 'b') as y:
        x.put('f', b'one')
        h = x.opened('f', access=b.ALL)
        os.rename(s.path('shared', 'f'), s.path('shared', 'g'))
        for c in (x, y):
            k = c.opened('g')
            expect('written', c.write(k, b'two'), 'OK')
            expect('read', x.read(h, 9), b'two')
            expect('the old name', c.try_open('f'), 'OBJECT_NAME_NOT_FOUND')
            c.close(k)
        x.put('f', b'other')
        expect('two files', (x.content('f'), y.content('g'), x.read(h, 9)), (b'other', b'two', b'two'))
        expect('removing the new one', y.remove('f'), 'OK')
        expect('which goes at once', x.try_open('f'), 'OBJECT_NAME_NOT_FOUND')
        expect('the other stays', x.try_open('g'), 'OK')


@case('a folder renamed on the host while a file in it is open')
def folder_renamed():
    with server() as s, connect(s, 'a') as x, connect(s, 'b') as y:
        x.put('d\\f', b'one')
        h = x.opened('d\\f')
        os.rename(s.path('shared', 'd'), s.path('shared', 'e'))
        for c in (x, y):
            expect('by its new path', c.content('e\\f'), b'one')
            expect('by the old one', c.try_open('d\\f'), 'OBJECT_PATH_NOT_FOUND')
        expect('written', x.write(h, b'two'), 'OK')
        expect('read', y.content('e\\f'), b'two')


def race(c, path, start, results):
    for i in range(RACES):
        start.wait()
        results.append(c.try_open(path.format(i), disposition=b.CREATE_NEW))


@each_pair('two clients make names that differ in case only')
def letters(x, y, f, _, g, folder):
    start, made = threading.Barrier(2), ([], [])
    threads = [threading.Thread(target=race, args=(x, f + 'Name{}', start, made[0])),
               threading.Thread(target=race, args=(y, g[:-1] + 'FnAME{}', start, made[1]))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for pair in zip(*made):
        expect('the two', sorted(pair), ['OBJECT_NAME_COLLISION', 'OK'])
    check(len(y.names(folder)) == RACES, len(y.names(folder)))


@case('no twin of what the host makes, right after a change by the client')
def host_twins():
    with server() as s, connect(s, 'a') as c:
        c.put('d\\mover')
        for i in range(RACES):
            expect('move', c.move(f'd\\{"MOVER" if i % 2 else "mover"}', f'd\\{"mover" if i % 2 else "MOVER"}'), 'OK')
            write_file(s.path('shared', 'd', f'Host{i}'), b'')
            expect(f'a twin of Host{i}', c.try_open(f'd\\HOST{i}', disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')


@case('no twin through a second path of the folder')
def path_twins():
    with server() as s, connect(s, 'a') as c:
        os.symlink('d', s.path('shared', 'l'))
        expect('not there', c.try_open('l\\none'), 'OBJECT_NAME_NOT_FOUND')
        for i in range(RACES):
            c.put(f'd\\own{i}')
            expect(f'a twin of own{i}', c.try_open(f'l\\OWN{i}', disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')


main()
