# SPDX-License-Identifier: Apache-2.0
"""What is done to a folder on the machine itself: clients that watch are told of it, once, and not again of what clients do;
clients that cache give that up, but not for what they do themselves."""
import ctypes
import os
import signal
import struct

import rawbodies as b
from harness import Server, Skip, case, check, expect, main
from rawclient import connect

NAMES, CONTENT, ALL = 0x3, 0x18, 0x1f
ADDED, REMOVED, MODIFIED, OLD, NEW = 1, 2, 3, 4, 5
LEVEL_II, BATCH = 1, 9
QUIET_S = 0.6
CREATE_OR_GET_OBJECT_ID = 0x900c0
BREAK = (1 << 64) - 1  # the message id of an OPLOCK_BREAK notification


class Watch:
    def __init__(self, c, path='w', **how):
        self.c, self.how = c, how
        self.folder = c.opened(path, access=b.LIST, options=b.FOLDER)
        self.again()
        c.await_interim(self.mid)

    def again(self):
        self.mid = self.c.send(b.CHANGE_NOTIFY, b.change_notify(self.folder, **self.how))

    def told(self, count):
        """At least so many changes."""
        told = []
        while len(told) < count:
            r = self.c.receive(self.mid, 10)
            check(r is not None, 'told of', told, 'and of no more')
            expect('what is told', r.status, 0)
            told += b.changes(r.buffer())
            self.again()
        return told

    def is_quiet(self):
        return self.c.receive(self.mid, QUIET_S) is None


def on_host(name):
    def register(fn):
        def run():
            with Server('dir=@/dir') as s, connect(s, 'dir') as c, connect(s, 'dir') as watcher:
                c.server = s
                os.makedirs(s.path('dir', 'w', 'sub'))
                fn(s.path('dir'), c, watcher)
        case(name)(run)
        return fn
    return register


def touch(*path, data=b''):
    with open(os.path.join(*path), 'wb') as f:
        f.write(data)


@on_host('names come and go')
def names(root, c, watcher):
    w = Watch(watcher, wanted=NAMES)
    touch(root, 'w', 'f')
    expect('made', w.told(1), [(ADDED, 'f')])
    os.rename(os.path.join(root, 'w', 'f'), os.path.join(root, 'w', 'g'))
    expect('renamed', w.told(2), [(OLD, 'f'), (NEW, 'g')])
    os.rename(os.path.join(root, 'w', 'g'), os.path.join(root, 'g'))
    expect('moved out', w.told(1), [(REMOVED, 'g')])
    os.rename(os.path.join(root, 'g'), os.path.join(root, 'w', 'h'))
    expect('moved in', w.told(1), [(ADDED, 'h')])
    os.unlink(os.path.join(root, 'w', 'h'))
    expect('removed', w.told(1), [(REMOVED, 'h')])
    touch(root, 'w', 'sub', 'deep')
    check(w.is_quiet(), 'told of what is deeper')


def exchange(one, other):
    libc = ctypes.CDLL(None, use_errno=True)
    rename_exchange = 2
    done = libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), rename_exchange)
    expect('exchanged', (done, ctypes.get_errno()), (0, 0))


@on_host('two names are exchanged')
def exchanged(root, c, watcher):
    def look(what):
        expect(what, [c.content(name) for name in ('w\\AA', 'w\\BB', 'w\\SUB\\CC')], [data['aa'], data['bb'], data['cc']])
    data = {'aa': b'1', 'bb': b'2', 'cc': b'3'}
    paths = {'aa': ('w', 'aa'), 'bb': ('w', 'bb'), 'cc': ('w', 'sub', 'cc')}
    for name, path in paths.items():
        touch(root, *path, data=data[name])
    w = None
    for _ in range(2):  # the second time a client watches
        look('before')
        for one, other in (('aa', 'bb'), ('bb', 'cc')):
            exchange(os.path.join(root, *paths[one]), os.path.join(root, *paths[other]))
            data[one], data[other] = data[other], data[one]
            look(f'{one} and {other}')
        if w:
            w.told(6)
            look('when the client has been told')
        else:
            w = Watch(watcher, wanted=NAMES)
    c.put('w\\x', b'x')
    expect('the name is taken', c.move('w\\x', 'w\\BB'), 'OBJECT_NAME_COLLISION')


@on_host('in a tree, and in folders that come into it')
def tree(root, c, watcher):
    w = Watch(watcher, wanted=NAMES, tree=True)
    touch(root, 'w', 'sub', 'f')
    expect('made', w.told(1), [(ADDED, 'sub\\f')])
    os.rename(os.path.join(root, 'w', 'sub', 'f'), os.path.join(root, 'w', 'f'))
    expect('moved', w.told(2), [(REMOVED, 'sub\\f'), (ADDED, 'f')], [(OLD, 'sub\\f'), (NEW, 'f')])
    os.makedirs(os.path.join(root, 'w', 'new', 'er'))
    told = w.told(2)
    expect('folders', set(told), {(ADDED, 'new'), (ADDED, 'new\\er')})
    touch(root, 'w', 'new', 'er', 'f')
    expect('in them', w.told(1), [(ADDED, 'new\\er\\f')])
    os.rename(os.path.join(root, 'w', 'new'), os.path.join(root, 'w', 'old'))
    expect('a folder is renamed', w.told(2), [(OLD, 'new'), (NEW, 'old')])
    touch(root, 'w', 'old', 'er', 'g')
    expect('in it', w.told(1), [(ADDED, 'old\\er\\g')])


@on_host('content and attributes')
def content(root, c, watcher):
    touch(root, 'w', 'f')
    w = Watch(watcher, wanted=CONTENT)
    touch(root, 'w', 'f', data=b'more')
    expect('written', set(w.told(1)), {(MODIFIED, 'f')})
    os.utime(os.path.join(root, 'w', 'f'), (1, 1))
    expect('times', set(w.told(1)), {(MODIFIED, 'f')})


@on_host('what clients do is told once')
def own(root, c, watcher):
    w = Watch(watcher, wanted=NAMES, tree=True)
    c.put('w\\f', b'data')
    c.make_folder('w\\d')
    expect('renamed', c.move('w\\f', 'w\\d\\g'), 'OK')
    expect('removed', c.remove('w\\d\\g'), 'OK')
    expect('removed', c.remove('w\\d', b.FOLDER), 'OK')
    told = w.told(6)
    expect('told', told, [(ADDED, 'f'), (ADDED, 'd'), (REMOVED, 'f'), (ADDED, 'd\\g'), (REMOVED, 'd\\g'), (REMOVED, 'd')],
           [(ADDED, 'f'), (ADDED, 'd'), (OLD, 'f'), (NEW, 'd\\g'), (REMOVED, 'd\\g'), (REMOVED, 'd')])
    check(w.is_quiet(), 'told again')
    touch(root, 'w', 'f')
    expect('by the host, the same name', w.told(1), [(ADDED, 'f')])


@on_host('changes that clients make are told once')
def own_content(root, c, watcher):
    c.put('w\\f', b'data')
    w = Watch(watcher, wanted=ALL)
    f = c.opened('w\\f')
    expect('written', c.write(f, b'more data'), 'OK')
    expect('flushed', c.flush(f), 'OK')
    c.close(f)
    told = w.told(1)
    while not w.is_quiet():
        told += w.told(1)
    check(0 < len(told) <= 3, told)
    c.set_attributes('w\\f', 0x22)
    told = w.told(1)
    check(w.is_quiet(), 'told again', told)


@on_host('more than the kernel keeps')
def overflow(root, c, watcher):
    with open('/proc/sys/fs/inotify/max_queued_events', encoding='ascii') as f:
        limit = int(f.read())
    if limit > 40000:
        raise Skip(f'the kernel keeps {limit} events')
    w = Watch(watcher, wanted=NAMES)
    server = c.server
    server.signal(signal.SIGSTOP)
    try:
        for i in range(limit + 100):
            touch(root, 'w', f'f{i}')
    finally:
        server.signal(signal.SIGCONT)
    for _ in range(limit):
        r = watcher.receive(w.mid, 20)
        check(r is not None, 'no word of lost events')
        if r.name == 'NOTIFY_ENUM_DIR':
            break
        w.again()
    touch(root, 'w', 'after')


def level(r):
    """The oplock of a create, or the one that a break leaves."""
    return r.body[2]


def broken(c, seconds=10):
    r = c.receive(BREAK, seconds)
    return r and level(r)


@on_host('a file that is cached is changed')
def cached(root, c, other):
    c.put('w\\f', b'old')
    r = c.create('w\\f', oplock=BATCH)
    expect('granted', level(r), BATCH)
    check(broken(c, QUIET_S) is None, 'broken for nothing')
    touch(root, 'w', 'f', data=b'new')
    check(broken(c) is not None, 'the host wrote and nobody was told')
    c.send(b.OPLOCK_BREAK, b.oplock_break(r.file_id, 0))
    expect('what is read', c.read(r.file_id, 100), b'new')
    c.close(r.file_id)
    r = c.create('w\\f', access=0x120089, oplock=LEVEL_II)
    expect('granted', level(r), LEVEL_II)
    with open(os.path.join(root, 'w', 'f'), 'ab') as f:
        f.write(b'er')
    expect('broken', broken(c), 0)
    expect('what is read', c.read(r.file_id, 100), b'newer')


@on_host('a file that is cached is removed, or replaced')
def replaced(root, c, other):
    for change in (lambda path: os.unlink(path), lambda path: os.replace(os.path.join(root, 'new'), path)):
        c.put('w\\f', b'old')
        touch(root, 'new', data=b'new')
        r = c.create('w\\f', oplock=BATCH)
        expect('granted', level(r), BATCH)
        change(os.path.join(root, 'w', 'f'))
        check(broken(c) is not None, 'nobody was told')
        c.send(b.OPLOCK_BREAK, b.oplock_break(r.file_id, 0))
        c.close(r.file_id)


@on_host('a stream that is cached is changed')
def stream(root, c, other):
    c.put('w\\f', b'x')
    c.put('w\\f:one', b'old')
    name = 'user.DosStream.one:$DATA'
    path = os.path.join(root, 'w', 'f')
    r = c.create('w\\f:one', access=0x120089, oplock=LEVEL_II)
    expect('granted', level(r), LEVEL_II)
    check(broken(c, 2.5) is None, 'broken for nothing')
    os.setxattr(path, name, b'new\0')
    expect('broken', broken(c), 0)
    expect('what is read', c.read(r.file_id, 100), b'new')


@on_host('a stream that is cached, and what clients do to the file beside it')
def beside_stream(root, c, other):
    def object_id():
        f = c.opened('w\\f', access=0x120196)
        expect('object id', c.call(b.IOCTL, b.ioctl(f, CREATE_OR_GET_OBJECT_ID)).name, 'OK')
        c.close(f)
    for change in (lambda: c.put('w\\f:two', b'x'), object_id):
        c.put('w\\f', b'x')
        c.put('w\\f:one', b'old')
        r = c.create('w\\f:one', access=0x120089, oplock=LEVEL_II)
        expect('granted', level(r), LEVEL_II)
        check(broken(c, 2.5) is None, 'broken for nothing')
        change()
        check(broken(c, QUIET_S) is None, 'broken by what is not its own')
        c.close(r.file_id)
        expect('removed', c.remove('w\\f'), 'OK')


@on_host('a file that is cached and has the number of one that was removed')
def same_number(root, c, other):
    for _ in range(40):
        r = c.create('w\\f', disposition=b.OPEN_IF, oplock=BATCH)
        expect('granted', level(r), BATCH)
        check(broken(c, 0.06) is None, 'broken for one before it')
        expect('written', c.write(r.file_id, b'x'), 'OK')  # after its own writes the server looks again some time later
        c.close(r.file_id)
        expect('removed', c.remove('w\\f'), 'OK')
    r = c.create('w\\f', disposition=b.OPEN_IF, oplock=BATCH)
    check(broken(c, QUIET_S) is None, 'broken for one before it')
    touch(root, 'w', 'f', data=b'host')
    check(broken(c) is not None, 'the host wrote and nobody was told')
    c.close(r.file_id)


@on_host('who caches and writes breaks nothing of his own')
def own_writes(root, c, other):
    r = c.create('w\\f', disposition=b.OPEN_IF, oplock=BATCH)
    expect('granted', level(r), BATCH)
    w = Watch(other, wanted=ALL)
    for i in range(20):
        expect('written', c.write(r.file_id, b'x' * 1000, i * 1000), 'OK')
    expect('cut', c.set_size(r.file_id, 100), 'OK')
    expect('attributes', c.set(r.file_id, 4, b.basic(attributes=0x22)), 'OK')
    check(broken(c, 1) is None, 'it was broken')
    w.told(1)
    touch(root, 'w', 'f', data=b'host')
    check(broken(c) is not None, 'the host wrote and nobody was told')


def lease(key, state):
    """SMB2_CREATE_REQUEST_LEASE_V2. [MS-SMB2] 2.2.13.2.10"""
    return b'RqLs', bytes([key] * 16) + struct.pack('<IIQ', state, 0, 0) + bytes(16) + struct.pack('<HH', 0, 0)


@on_host('a listing that is cached')
def listing(root, c, other):
    def touched():
        touch(root, 'w', 'new')

    def renamed():
        os.rename(os.path.join(root, 'w', 'new'), os.path.join(root, 'w', 'old'))

    def removed():
        os.unlink(os.path.join(root, 'w', 'old'))
    for i, change in enumerate((touched, renamed, removed)):
        f = c.opened('w', access=b.LIST, options=b.FOLDER, oplock=255, contexts=[lease(i + 1, 3)])
        c.names('w')
        check(c.receive(BREAK, QUIET_S) is None, 'broken for nothing')
        change()
        check(c.receive(BREAK, 10) is not None, f'{change.__name__}: nobody was told')
        c.close(f)


main()
