# SPDX-License-Identifier: Apache-2.0
"""Change notification, message by message: what is told, what is not, too much for the room, the end of the folder."""
import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

FILE_NAMES, FOLDER_NAMES, ATTRIBUTES, SIZE, LAST_WRITE = 0x1, 0x2, 0x4, 0x8, 0x10
ADDED, REMOVED, MODIFIED, OLD, NEW = 1, 2, 3, 4, 5
QUIET_S = 0.5


class Watch:
    def __init__(self, c, path='w', **how):
        self.c, self.how = c, how
        self.folder = c.opened(path, access=b.LIST, options=b.FOLDER)
        self.again()
        c.await_interim(self.mid)  # what another connection does may else be quicker than this

    def again(self):
        self.mid = self.c.send(b.CHANGE_NOTIFY, b.change_notify(self.folder, **self.how))
        return self

    def answer(self, seconds=10):
        return self.c.receive(self.mid, seconds)

    def status(self):
        r = self.answer()
        return r.name if r else 'nothing'

    def told(self):
        r = self.answer()
        return b.changes(r.buffer()) if r and r.status == 0 else r and r.name

    def is_quiet(self):
        return self.answer(QUIET_S) is None

    def close(self):
        self.c.close(self.folder)


def set_up(c):
    for folder in ('w', 'w\\sub'):
        c.make_folder(folder)
    c.put('w\\f')


def rename(c, name, to, options=0):
    expect(f'renaming {name}', c.move(f'w\\{name}', f'w\\{to}', options=options), 'OK')


@each_share('names')
def names(s, share):
    with connect(s, share) as c, connect(s, share) as watcher:
        set_up(c)
        w = Watch(watcher, wanted=FOLDER_NAMES)
        rename(c, 'f', 'g')
        check(w.is_quiet(), 'told of a file who watches folders')
        c.make_folder('w\\x')
        expect('a folder is made', w.told(), [(ADDED, 'x')])
        w.close()
        w = Watch(watcher, wanted=FILE_NAMES)
        rename(c, 'x', 'y', b.FOLDER)
        check(w.is_quiet(), 'told of a folder who watches files')
        rename(c, 'g', 'f')
        expect('a file is renamed', w.told(), [(OLD, 'g'), (NEW, 'f')])
        rename(c, 'f', 'sub\\f')
        w.close()
        w = Watch(watcher, wanted=FILE_NAMES, tree=True)
        rename(c, 'sub\\f', 'f')
        told = w.told()
        if len(told) < 2:
            told += w.again().told()
        expect('moved between folders', told, [(REMOVED, 'sub\\f'), (ADDED, 'f')], [(OLD, 'sub\\f'), (NEW, 'f')])


@each_share('only the folder itself, then cancelled')
def shallow(s, share):
    with connect(s, share) as c, connect(s, share) as watcher:
        set_up(c)
        w = Watch(watcher, wanted=FILE_NAMES)
        c.put('w\\sub\\new')
        check(w.is_quiet(), 'told of what is below')
        watcher.cancel(async_id=watcher.await_interim(w.mid))
        expect('cancelled', w.status(), 'CANCELLED')
        w.again().close()
        expect('closed', w.status(), 'NOTIFY_CLEANUP')


@each_share('writes and attributes')
def contents(s, share):
    with connect(s, share) as c, connect(s, share) as watcher:
        set_up(c)
        c.put('w\\sub\\f')
        w = Watch(watcher, wanted=SIZE | LAST_WRITE, tree=True)
        f = c.opened('w\\sub\\f')
        c.write(f, b'12345')
        c.close(f)
        expect('a write below', w.told()[0], (MODIFIED, 'sub\\f'))
        w.close()
        w = Watch(watcher, wanted=ATTRIBUTES)
        c.set_attributes('w\\sub', 0x12)
        expect('attributes of a folder', w.told(), [(MODIFIED, 'sub')])


@each_share('more than there is room for')
def too_many(s, share):
    with connect(s, share) as c, connect(s, share) as watcher:
        set_up(c)
        w = Watch(watcher, wanted=FILE_NAMES, room=64)
        c.put('w\\q0')
        expect('one', w.told(), [(ADDED, 'q0')])
        for i in range(40):
            c.put(f'w\\a-longer-name-{i:02d}')
        expect('forty', w.again().status(), 'NOTIFY_ENUM_DIR')
        c.put('w\\q1')
        expect('one again', w.again().told(), [(ADDED, 'q1')])


@each_share('the folder is deleted or renamed')
def end_of_folder(s, share):
    with connect(s, share) as c, connect(s, share) as watcher:
        set_up(c)
        w = Watch(watcher, 'w\\sub', wanted=FILE_NAMES)
        f = c.opened('w\\sub', access=0x10080, options=b.FOLDER)
        expect('marking', c.mark_deleted(f), 'OK')
        expect('while it waits', w.status(), 'DELETE_PENDING')
        expect('after the mark', w.again().status(), 'DELETE_PENDING')
        c.close(f)
        expect('after that handle', w.again().status(), 'DELETE_PENDING')
        w.close()
        expect('then', c.try_open('w\\sub', access=0x80), 'OBJECT_NAME_NOT_FOUND')
        c.make_folder('w\\r1')
        w = Watch(watcher, 'w\\r1', wanted=FILE_NAMES)
        if c.move('w\\r1', 'w\\r2', options=b.FOLDER) == 'OK':
            c.put('w\\r2\\n')
            expect('under its new name', w.told(), [(ADDED, 'n')])


main()
