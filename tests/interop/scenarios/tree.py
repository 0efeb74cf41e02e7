# SPDX-License-Identifier: Apache-2.0
"""A plugin on a tree, the demo: what is pushed, made, filled, refused and asked for (quick)."""
import struct
import threading

import rawbodies as b
from harness import Server, case, check, check_in, expect, main, random_bytes, wait_for, write_file
from rawclient import connect

R, H = 1, 2
LEASE_LEVEL = 0xff
BREAK = (1 << 64) - 1  # the message id of a break
ADDED, REMOVED, MODIFIED, OLD, NEW = 1, 2, 3, 4, 5
NAMES = 0x3  # what a watcher wants
READ = 0x120089
SHARE = 'd'


def served(settings='tick=0', users=(), **how):
    return Server(f'{SHARE}=demo:{settings}', users=(('ann', 'secret'), *users), **how)


def on_demo(name, settings='tick=0', **how):
    def register(fn):
        def run_on():
            with served(settings, **how) as s:
                with connect(s, SHARE, user='ann', password='secret') as c:
                    fn(s, c)
        case(name)(run_on)
        return fn
    return register


def order(c, text):
    """What is written is done when the file is closed: the status of the CLOSE. One client at a time."""
    def alone():
        r = c.create('orders.txt', disposition=b.OVERWRITE_IF, share=1)
        return r.name != 'SHARING_VIOLATION' and r
    r = wait_for(alone, 60, 'the others to be done')
    expect('opening orders', r.name, 'OK')
    f = r.file_id
    expect('writing orders', c.write(f, text.encode()), 'OK')
    return c.close(f)


class Watch:
    def __init__(self, c, path, wanted=0x17f):
        self.c, self.wanted = c, wanted
        self.folder = c.opened(path, access=b.LIST, options=b.FOLDER)
        self.again()
        c.await_interim(self.mid)

    def again(self):
        self.mid = self.c.send(b.CHANGE_NOTIFY, b.change_notify(self.folder, wanted=self.wanted))

    def all(self, *wanted):
        """Until all of these have been told, in this order."""
        told = []
        while len(told) < len(wanted):
            r = self.c.receive(self.mid, 20)
            check(r and r.status == 0, f'told {told}, wanted {wanted}')
            told += b.changes(r.buffer())
            self.again()
        expect('told', told, list(wanted))


@on_demo('changes are pushed')
def pushed(s, c):
    with connect(s, SHARE, user='ann', password='secret') as other:
        w = Watch(other, 'pushed')
        expect('add', order(c, 'add a.txt first\nadd b.txt second\n'), 'OK')
        w.all((ADDED, 'a.txt'), (ADDED, 'b.txt'))
        expect('content', c.content('pushed\\A.TXT'), b'first')
        # Who has it open keeps what he saw; who opens anew sees what is there.
        f = other.opened('pushed\\a.txt', access=READ)
        expect('update', order(c, 'update a.txt another text\n'), 'OK')
        w.all((MODIFIED, 'a.txt'))
        expect('as it was opened', other.read(f, 100), b'first')
        expect('as it is', c.content('pushed\\a.txt'), b'another text')
        other.close(f)
        expect('rename', order(c, 'rename a.txt=c?.txt\n'), 'OK')
        w.all((OLD, 'a.txt'), (NEW, 'c\uf025.txt'))
        expect('both', c.names('pushed'), ['b.txt', 'c\uf025.txt'])
        expect('mangled', c.content('pushed\\c\uf025.txt'), b'another text')
        expect('remove', order(c, 'remove c?.txt\n'), 'OK')
        w.all((REMOVED, 'c\uf025.txt'))
        expect('clear', order(c, 'clear\n'), 'OK')
        w.all((REMOVED, 'b.txt'))
        expect('empty', c.names('pushed'), [])


def lease(key, state):
    return (b'RqLs', bytes([key] * 16) + struct.pack('<IIQ', state, 0, 0) + bytes(20))


@on_demo('a push breaks what clients cache')
def breaks(s, c):
    with connect(s, SHARE, user='ann', password='secret') as other:
        order(c, 'add a.txt first\n')
        r = other.create('pushed\\a.txt', access=READ, oplock=LEASE_LEVEL, contexts=[lease(1, R | H)])
        check(r.status == 0 and r.body[2] == LEASE_LEVEL, r.name)
        order(c, 'update a.txt second\n')
        broken = other.receive(BREAK, 20)
        check(broken and broken.command == b.OPLOCK_BREAK, 'no break')
        expect('from and to', struct.unpack_from('<II', broken.body, 24), (R | H, 0), (R | H, H))
        other.close(r.file_id)
        # The list of names that were missed is not to be cached.
        r = other.create('missed.txt', access=READ, oplock=LEASE_LEVEL, contexts=[lease(2, R | H)])
        at, size = struct.unpack_from('<II', r.body, 80)
        granted = struct.unpack_from('<I', r.raw[at + struct.unpack_from('<H', r.raw, at + 10)[0]:], 16)[0] if size else 0
        expect('nothing is granted', granted, 0)
        other.close(r.file_id)


@on_demo('a commit that is refused is the answer to CLOSE')
def refused(s, c):
    usage = c.content('orders.txt')
    check_in(b'rename NAME=NEW', usage)
    expect('wrong', order(c, 'add x.txt text\nfly away\n'), 'INVALID_PARAMETER')
    expect('what it was', c.content('orders.txt'), usage)
    expect('there already', order(c, 'add x.txt text\n'), 'OBJECT_NAME_COLLISION')
    expect('right', order(c, 'update x.txt more\n'), 'OK')
    expect('dropped, asked for again', c.content('orders.txt'), usage)
    expect('not writable', c.try_open('pushed\\x.txt'), 'ACCESS_DENIED')


@on_demo('a name is a parameter, and what is missed is known')
def names(s, c):
    expect('made by its name', c.content('count\\3 to 12\\12.txt'), b'144\n')
    expect('its files', len(c.names('count\\3 to 12')), 10)
    expect('that folder is there now', c.names('count'), ['3 to 12'])
    expect('another name', c.try_open('count\\what', access=READ), 'OBJECT_NAME_NOT_FOUND')
    for n in range(1, 101):
        expect('made by its name', c.content(f'count\\{n} to {n}\\{n}.txt'), b'%d\n' % n ** 2)
    expect('the last ones', len(c.names('count')), 64)
    for i in range(7):
        expect('missed', c.try_open(f'nothing {i}', access=READ), 'OBJECT_NAME_NOT_FOUND')
    missed = c.content('missed.txt').decode().splitlines()
    expect('the last five', len(missed), 5)
    expect('the last one', missed[-1], 'nothing 6')


@on_demo('the last ticks stay', settings='tick=20ms')
def ticks(s, c):
    with connect(s, SHARE, user='ann', password='secret') as other:
        folder = other.opened('', access=b.LIST, options=b.FOLDER)
        mid = other.send(b.CHANGE_NOTIFY, b.change_notify(folder))
        wait_for(lambda: len(c.names('last')) == 8, 20, 'eight ticks')
        first = c.names('last')
        wait_for(lambda: not set(first) & set(c.names('last')), 20, 'all of them to be others')
        # A listing that is read in pieces may show what came meanwhile.
        wait_for(lambda: len(c.names('last')) == 8, 20, 'still eight')
        r = other.receive(mid, 10)
        check(r and (MODIFIED, 'clock.txt') in b.changes(r.buffer()), 'the clock was not told')
        check_in(b'UTC', c.content('clock.txt'))


@on_demo('clients make, rename and delete')
def ram(s, c):
    with connect(s, SHARE, user='ann', password='secret') as other:
        w = Watch(other, 'ram', NAMES)
        c.put('ram\\New.txt', b'text')
        w.all((ADDED, 'New.txt'))
        expect('once only', c.names('ram'), ['New.txt', 'stays.txt'])
        expect('rename', c.move('ram\\new.txt', 'ram\\Other.txt'), 'OK')
        w.all((OLD, 'New.txt'), (NEW, 'Other.txt'))
        c.make_folder('ram\\sub')
        w.all((ADDED, 'sub'))
    expect('content', c.content('ram\\other.txt'), b'text')
    expect('into a folder', c.move('ram\\other.txt', 'ram\\sub\\x'), 'OK')
    c.put('ram\\sub\\y', b'yy')
    expect('in the way', c.move('ram\\sub\\y', 'ram\\sub\\x'), 'OBJECT_NAME_COLLISION')
    expect('over it', c.move('ram\\sub\\y', 'ram\\sub\\x', replace=True), 'OK')
    expect('its content', c.content('ram\\sub\\x'), b'yy')
    expect('a folder that is not empty', c.remove('ram\\sub', b.FOLDER), 'DIRECTORY_NOT_EMPTY')
    expect('a name that is refused', c.try_open('ram\\way.refused', disposition=b.CREATE_NEW), 'ACCESS_DENIED')
    expect('a rename out of it', c.move('ram\\sub\\x', 'ram\\so'), 'OK')
    expect('a rename that is refused', c.move('ram\\so', 'ram\\so.refused'), 'ACCESS_DENIED')
    expect('a fixed one', c.remove('ram\\stays.txt'), 'ACCESS_DENIED', 'CANNOT_DELETE')
    expect('another folder', c.try_open('pushed\\x', disposition=b.CREATE_NEW), 'ACCESS_DENIED')
    f = c.opened('ram\\large', disposition=b.CREATE_NEW)
    expect('too large', c.set_size(f, 1 << 40), 'DISK_FULL')
    expect('in the middle', c.write(f, b'x', 1 << 20), 'OK')
    expect('the hole', c.read(f, 10, 1000), bytes(10))
    c.close(f)
    for name in ('large', 'so'):
        expect('remove', c.remove(f'ram\\{name}'), 'OK')
    expect('remove the folder', c.remove('ram\\sub', b.FOLDER), 'OK')
    expect('the rest', c.names('ram'), ['stays.txt'])


@on_demo('a file that is made as it is read')
def pattern(s, c):
    f = c.opened('pattern.bin', access=READ)
    expect('its size', c.sizes(f)[1], 1 << 34)
    for at in (0, 1000, (1 << 33) + 77):
        expect('bytes', c.read(f, 1000, at), bytes((at + i) % 251 for i in range(1000)))
    c.close(f)
    check_in(b'pattern.bin', c.content('What is this\uf025'))
    expect('cannot go', c.remove('What is this\uf025'), 'ACCESS_DENIED', 'CANNOT_DELETE')


@case('files of the host')
def host():
    with Server(f'{SHARE}=demo:tick=0,host=@/files', users=(('ann', 'secret'),)) as s:
        data = random_bytes(300000)
        write_file(s.path('files', 'one'), data)
        with connect(s, SHARE, user='ann', password='secret') as c:
            expect('listed', c.names('host'), ['one'])
            write_file(s.path('files', 'two'), b'2')
            expect('filled again', c.names('host'), ['one', 'two'])
            expect('content', c.content('host\\one'), data[:65536])
            expect('size in the listing', [e.size for e in c.listing('host') if e.name == 'one'], [300000])
            f = c.opened('host\\one', access=READ)
            expect('the end', c.read(f, 65536, 262144), data[262144:])
            c.close(f)
            expect('read only', c.try_open('host\\one'), 'ACCESS_DENIED')
        s.smbclient(SHARE, 'get host\\one got', user='ann', password='secret').ok()


@case('a root for each user')
def roots():
    with served('tick=0,roots=yes', users=(('bob', 'other'),)) as s:
        with connect(s, SHARE, user='ann', password='secret') as ann, \
                connect(s, SHARE, user='bob', password='other') as bob:
            expect('ann sees', ann.names(), ['hello.txt'])
            expect('her name', ann.content('hello.txt'), b'Hello, ann!\n')
            expect('his', bob.content('HELLO.TXT'), b'Hello, bob!\n')
            expect('nothing above', ann.try_open('users\\bob\\hello.txt', access=READ), 'OBJECT_PATH_NOT_FOUND')
            f = ann.opened('hello.txt', access=READ)
            size = struct.unpack_from('<I', ann.query(f, 9).buffer())[0]
            expect('its name', ann.query(f, 9).buffer()[4:4 + size].decode('utf-16le'), '\\hello.txt')
            ann.close(f)
            f = ann.opened('', access=0x10000 | READ, options=b.FOLDER)
            expect('her root stays', ann.set(f, 13, b'\1'), 'CANNOT_DELETE')
            expect('is not moved', ann.rename(f, 'else'), 'ACCESS_DENIED')
            ann.close(f)
            expect('and is not made', ann.try_open('', disposition=b.CREATE_NEW), 'OBJECT_NAME_COLLISION')
        s.smbclient(SHARE, 'ls; get hello.txt got', user='ann', password='secret').ok()


@on_demo('a folder that is filled later')
def slow(s, c):
    results = []

    def look():
        with connect(s, SHARE, user='ann', password='secret') as other:
            results.append(other.names('slow'))
    threads = [threading.Thread(target=look) for _ in range(4)]
    for t in threads:
        t.start()
    # One who gives up while it is filled takes only himself out.
    f = c.opened('slow', access=b.LIST, options=b.FOLDER)
    mid = c.send(b.QUERY_DIRECTORY, b.query_directory(f, 37, '*', 0, 65536))
    c.cancel(mid)
    r = c.receive(mid, 20)
    check(r and r.name in ('CANCELLED', 'OK'), r and r.name)
    for t in threads:
        t.join(30)
    expect('all the same', results, [['at last.txt']] * 4)


@case('the server ends while a folder is being filled')
def ends():
    with served() as s:
        with connect(s, SHARE, user='ann', password='secret') as c:
            f = c.opened('slow', access=b.LIST, options=b.FOLDER)
            c.send(b.QUERY_DIRECTORY, b.query_directory(f, 37, '*', 0, 65536))


@on_demo('eight clients at once', settings='tick=10ms')
def many(s, c):
    wrong = []

    def use(number):
        try:
            with connect(s, SHARE, user='ann', password='secret', timeout=60) as mine:
                for i in range(15):
                    path = f'ram\\{number}-{i}'
                    mine.put(path, b'%d' % i)
                    expect('mine', mine.content(path), b'%d' % i)
                    mine.names('last')
                    mine.names('')
                    expect('counted', mine.content(f'count\\{i + 1} to {i + 20}\\{i + 1}.txt'), b'%d\n' % (i + 1) ** 2)
                    expect('order', order(mine, f'add {number}-{i} text\nremove {number}-{i}\n'), 'OK')
                    expect('gone', mine.remove(path), 'OK')
        except Exception as e:
            wrong.append(f'{number}: {e!r}')
    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    expect('wrong', wrong, [])
    expect('what is left', c.names('ram'), ['stays.txt'])


main()
