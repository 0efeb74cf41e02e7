# SPDX-License-Identifier: Apache-2.0
"""The experiments of bench/growth: each fills a server with so many things, and has operations that are measured beside them."""
import os
import struct
import time

import rawbodies as b
from harness import Server, check
from rawclient import PENDING, Files, connect

CHAIN = 120  # elements of a frame
UNDER_WAY = 6  # frames
TURN = 3000  # operations that are measured
PER_CONNECTION = 25000  # opens: below what a session may have
LEASE_LEVEL = 0xff
SETTLED_S = 2.5  # what is younger "dir" does not remember: it may change within a tick of its times
CPU_CLOCK = 2  # CPUCLOCK_SCHED of <linux/posix-timers.h>: clocks of other processes


class Chains(Files):
    """Sends many requests as a few sealed compounds, so that the client takes less time than the server."""

    def _frame(self, requests):
        out = b''
        for i, (command, body) in enumerate(requests):
            body += bytes(-len(body) % 8)
            is_last = i + 1 == len(requests)
            out += self.header(command, self._next_mid(1), after=0 if is_last else 64 + len(body), ask=2) + body
        self.push(self.sealed(out))

    def _answers(self):
        """Of one frame: [(status, file id of CREATE)]"""
        frame = self._receive_frame(time.monotonic() + self.timeout)
        text, at, found = self.unsealed(frame) if frame[:4] == b'\xfdSMB' else frame, 0, []
        while True:
            status, command, granted = struct.unpack_from('<IHH', text, at + 8)
            self.credits += granted
            if status != PENDING and command != b.OPLOCK_BREAK:
                found.append((status, text[at + 128:at + 144] if command == b.CREATE else None))
            after = struct.unpack_from('<I', text, at + 20)[0]
            if not after:
                return found
            at += after

    def do(self, requests, expected=(0,)):
        """The file ids of those that were CREATEs."""
        sent, files, part = 0, [], []

        def take(left):
            nonlocal sent
            while sent > left:
                for status, file in self._answers():
                    check(status in expected, f'{status:#x}')
                    sent -= 1
                    if file:
                        files.append(file)
        for request in requests:
            part.append(request)
            if len(part) == CHAIN:
                self._frame(part)
                sent += len(part)
                part = []
                take((UNDER_WAY - 1) * CHAIN)
        if part:
            self._frame(part)
            sent += len(part)
        take(0)
        return files

    def open_all(self, paths, **how):
        return self.do((b.CREATE, b.create(p, **how)) for p in paths)

    def close_all(self, files):
        self.do((b.CLOSE, b.close(f)) for f in files)


def client(server, share):
    c = connect(server, share, seal=True, timeout=300)
    c.__class__ = Chains
    c.grow(CHAIN * UNDER_WAY + 100)
    return c


class Experiment:
    """A server with so many things; also what is measured besides."""
    counts = (1000, 10000, 100000)
    share = 'mem:size=8G'
    what = grown = ''
    ended = None

    def __init__(self, count):
        self.count = count
        self.server = Server(f's={self.share}', args=['--log-level', 'warn'])
        self.clients = []

    def __enter__(self):
        self.server.__enter__()
        self.more_clients()
        self.prepare()
        return self

    def __exit__(self, kind, value, trace):
        for c in self.clients:
            c.drop()
        self.server.__exit__(kind, value, trace)

    def more_clients(self):
        self.clients.append(client(self.server, 's'))
        return self.clients[-1]

    def cpu(self):
        """Seconds of all threads, when what goes on behind the answers has come to rest."""
        clock = (~self.server.process.pid << 3) | CPU_CLOCK
        before, now = -1.0, time.clock_gettime(clock)
        while now - before > 0.0005:
            time.sleep(0.05)
            before, now = now, time.clock_gettime(clock)
        return now

    def prepare(self):
        """What is not measured."""

    def end(self):
        """The connections end."""
        for c in self.clients:
            c.drop()
        self.server.wait_idle(120)
        return self.count


class Opens(Experiment):
    what, grown, ended = 'opens, each of its own file', 'made and kept open', 'ended with their connections'
    access = 0x80

    def path(self, i):
        return f'f{i}'

    def prepare(self):
        self.holders = [(self.more_clients(), begin) for begin in range(0, self.count, PER_CONNECTION)]

    def grow(self):
        for c, begin in self.holders:
            c.open_all((self.path(i) for i in range(begin, min(begin + PER_CONNECTION, self.count))), access=self.access,
                       disposition=b.OPEN_IF)
        return self.count

    def again(self):
        c = self.clients[0]
        c.close_all(c.open_all((self.path(i % self.count) for i in range(TURN)), access=self.access))
        return TURN

    def another(self):
        c = self.clients[0]
        c.close_all(c.open_all((f'other{i}' for i in range(TURN)), access=self.access, disposition=b.OPEN_IF))
        return TURN

    def operations(self):
        return (('one of them opened again, closed', self.again), ('another opened, closed', self.another))


class OpensOfOne(Opens):
    what = 'opens of one file'
    access = b.READ_WRITE

    def path(self, i):
        return 'one'


class FolderOpens(Opens):
    what, share = 'opens in a folder (dir)', '@/folder'
    counts = (80, 800, 8000)  # each takes a descriptor

    def operations(self):
        time.sleep(SETTLED_S)
        return super().operations()


def lease(number, state):
    """[MS-SMB2] 2.2.13.2.10"""
    return (b'RqLs', struct.pack('<QQIIQ16sHH', number, 1, state, 0, 0, bytes(16), 0, 0))


class Leases(Experiment):
    what, grown, ended = 'leases, each on its own file', 'file opened with a lease', 'ended with their connections'
    counts = (100, 1000, 10000)
    state = 7

    def path(self, i):
        return f'f{i}'

    def take(self, numbers):
        """Their file ids. What else comes to this client are breaks."""
        return self.clients[0].do((b.CREATE, b.create(self.path(i), access=0x120089, disposition=b.OPEN_IF, oplock=LEASE_LEVEL,
                                                      contexts=[lease(i, self.state)])) for i in numbers)

    def grow(self):
        self.files = self.take(range(self.count))
        return self.count

    def another(self):
        self.clients[0].close_all(self.take(range(1 << 20, (1 << 20) + TURN)))
        return TURN

    def operations(self):
        return (('another taken, given back', self.another), ('broken by another client, answered', self.broken))

    def prepare(self):
        self.writer = self.more_clients()

    def broken(self):
        """Each break is told, the holder's answer lets the other one go on."""
        c, n = self.clients[0], min(300, self.count)
        for i in range(n):
            mid = self.writer.send(b.CREATE, b.create(self.path(i % self.count), access=0x80 | 2))
            answer = c.receive(0xffffffffffffffff)
            c.call(b.OPLOCK_BREAK, struct.pack('<HHI16sIQ', 36, 0, 0, answer.body[8:24], 0, 0))
            self.writer.close(self.writer.receive(mid).file_id)
        for i in range(n):  # as it was
            c.close(self.files[i % self.count])
            self.files[i % self.count], = self.take([i % self.count])
        return n


class LeasesOfOne(Leases):
    what = 'leases on one file'
    state = 1

    def path(self, i):
        return 'one'

    def in_turn(self):
        """All are taken, one write breaks them all, and their files are closed."""
        c = self.clients[0]
        c.close_all(self.files)
        self.files = self.take(range(self.count))
        f = self.writer.opened('one')
        check(self.writer.write(f, b'x') == 'OK', 'write')
        self.writer.close(f)
        return self.count

    def operations(self):
        return (('another taken, given back', self.another), ('taken, broken by one write, closed', self.in_turn))


class Locks(Experiment):
    what, grown, ended = 'locks on one file', 'taken', 'ended with their connections'
    kind = 0x12  # exclusive, fail at once

    def at(self, i):
        return (2 * i, 1)

    def prepare(self):
        c = self.clients[0]
        self.file, self.other = c.opened('one', disposition=b.OPEN_IF), c.opened('one')
        c.write(self.file, bytes(64))

    def lock(self, file, numbers, flags, expected=(0,)):
        self.clients[0].do(((b.LOCK, b.lock(file, (*self.at(i), flags))) for i in numbers), expected)

    def grow(self):
        self.lock(self.file, range(self.count), self.kind)
        return self.count

    def another(self):
        self.lock(self.file, range(1 << 24, (1 << 24) + TURN), self.kind)
        self.lock(self.file, range(1 << 24, (1 << 24) + TURN), 4)
        return TURN

    def one_of_them(self):
        numbers = [i * 7919 % self.count for i in range(0, min(TURN, self.count))]
        self.lock(self.file, numbers, 4)
        self.lock(self.file, numbers, self.kind)
        return len(numbers)

    def refused(self):
        self.lock(self.other, (i * 7919 % self.count for i in range(TURN)), 0x12, (0xc0000055,))
        return TURN

    def read(self):
        self.clients[0].do(((b.READ, b.read(self.other, 1, 2 * self.count + 2 * i)) for i in range(TURN)), (0, 0xc0000011))
        return TURN

    def operations(self):
        return (('another taken, released', self.another), ('one of them released, taken again', self.one_of_them),
                ('another client refused one', self.refused), ('a read where none is', self.read))


class SharedLocks(Locks):
    """All on the same bytes."""
    what = 'shared locks on the same bytes'
    kind = 0x11

    def at(self, i):
        return (0, 10)


class NestedLocks(Locks):
    """Each lies in all before it, and all over the first bytes of the other half."""
    what = 'shared locks within each other'
    kind = 0x11

    def at(self, i):
        return (i, (1 << 26) - 2 * i) if i < 1 << 24 else (1 << 40, 1 + i)

    def read(self):
        self.clients[0].do(((b.READ, b.read(self.other, 1, i)) for i in range(TURN)), (0, 0xc0000011))
        return TURN


class Names(Experiment):
    what, grown = 'names in one directory (mem)', 'made'
    counts = (10000, 100000, 1000000)
    folder = 'd'

    def name(self, i):
        return f'Name-{i:07}.txt'

    def some(self):
        return [i * 7919 % self.count for i in range(TURN)]

    def path(self, i):
        return f'{self.folder}\\{self.name(i)}'

    def prepare(self):
        self.clients[0].make_folder(self.folder)

    def made(self, paths):
        c = self.clients[0]
        part = []
        for path in paths:
            part.append((b.CREATE, b.create(path, access=0x10080, disposition=b.CREATE_NEW)))
            if len(part) == 10 * CHAIN:
                c.close_all(c.do(part))
                part = []
        c.close_all(c.do(part))

    def grow(self):
        self.made(self.path(i) for i in range(self.count))
        return self.count

    def found(self, paths):
        c = self.clients[0]
        c.close_all(c.open_all(paths, access=0x80))
        return TURN

    def as_it_is(self):
        return self.found(map(self.path, self.some()))

    def other_case(self):
        return self.found(self.path(i).upper() for i in self.some())

    def missing(self):
        self.clients[0].do(((b.CREATE, b.create(f'd\\none-{i}', access=0x80)) for i in range(TURN)), (0xc0000034,))
        return TURN

    def come_and_go(self):
        c = self.clients[0]
        for begin in range(0, TURN, CHAIN):
            c.close_all(c.open_all((f'd\\new-{i}' for i in range(begin, begin + CHAIN)), access=0x10080, disposition=b.CREATE_NEW,
                                   options=b.DELETE_ON_CLOSE))
        return TURN

    def renamed(self):
        """There and back."""
        c, numbers = self.clients[0], self.some()[:TURN // 3]
        files = c.open_all(map(self.path, numbers), access=b.RENAME)
        for names in ((f'd\\moved-{i}' for i in numbers), map(self.path, numbers)):
            c.do((b.SET_INFO, b.set_info(f, 10, b.new_name(n))) for f, n in zip(files, names))
        c.close_all(files)
        return 2 * len(numbers)

    def sought(self):
        """As clients ask for one name: a listing with a pattern that is none."""
        c = self.clients[0]
        f = c.opened('d', access=b.LIST, options=b.FOLDER)
        c.do((b.QUERY_DIRECTORY, b.query_directory(f, 37, self.name(i), 0x11, 500)) for i in self.some())
        c.close(f)
        return TURN

    def begun(self):
        """The first page of a listing."""
        c, n = self.clients[0], 50
        for _ in range(n):
            f = c.opened('d', access=b.LIST, options=b.FOLDER)
            check(c.query_folder(f, room=1000).status == 0)
            c.close(f)
        return n

    def listed(self):
        c, seen = self.clients[0], 0
        f = c.opened('d', access=b.LIST, options=b.FOLDER)
        while True:
            r = c.query_folder(f, 12, room=1 << 20)
            if r.status:
                break
            seen += r.buffer().count(b'-\0')
        c.close(f)
        check(seen >= self.count, seen)
        return seen

    def operations(self):
        return (('opened, closed', self.as_it_is), ('by a name in capitals', self.other_case), ('one that is not there', self.missing),
                ('another made, deleted', self.come_and_go), ('renamed', self.renamed), ('sought by a listing', self.sought),
                ('a listing begun', self.begun), ('listed, each', self.listed))


class FolderNames(Names):
    what, share = 'names in one directory (dir)', '@/folder'

    def grow(self):
        """The half by clients, the others were there."""
        folder = self.server.path('folder', 'd')
        for i in range(self.count // 2):
            os.close(os.open(os.path.join(folder, self.name(i)), os.O_CREAT | os.O_WRONLY))
        self.made(self.path(i) for i in range(self.count // 2, self.count))
        return self.count - self.count // 2

    def from_outside(self):
        """Made on the host, and opened by a name in capitals."""
        c, n = self.clients[0], 100
        for i in range(n):
            path = self.server.path('folder', 'd', f'outside-{i}')
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            c.close(c.opened(f'd\\OUTSIDE-{i}', access=0x80))
            os.unlink(path)
        return n

    def first(self):
        """The host moves the directory: at its new path nothing is known of it."""
        os.rename(self.server.path('folder', self.folder), self.server.path('folder', self.folder + 'd'))
        self.folder += 'd'
        c = self.clients[0]
        c.close(c.opened(self.path(0).upper(), access=0x80))
        return self.count

    def operations(self):
        return (*super().operations(), ('made by the host, then in capitals', self.from_outside),
                ('the first in capitals, each name there', self.first))


EXPERIMENTS = (Opens, OpensOfOne, FolderOpens, Leases, LeasesOfOne, Locks, SharedLocks, NestedLocks, Names, FolderNames)
