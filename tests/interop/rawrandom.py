# SPDX-License-Identifier: Apache-2.0
"""Random requests of a client that is logged in: what chaos.py and wire_fuzz.py send. The same seed gives the same ones."""
import multiprocessing
import os
import random
import struct
import time
import traceback

import rawbodies as b
from rawclient import Closed, Files

EDGES = [0, 1, 7, 8, 9, 16, 24, 63, 64, 65, 96, 104, 112, 120, 255, 256, 4095, 4096, 65535, 65536, 65537, 1 << 20, (1 << 23) - 1,
         1 << 23, (1 << 23) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1]
FAR_EDGES = [*EDGES, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2, 1 << 62, (1 << 63) - 65536]
NAMES = ('a', 'b', 'c', 'A', 'x\\a', 'x\\b', 'x', '')
ODD_NAMES = ('..', '..\\etc\\passwd', '.', 'x\\..\\a', '\\a', 'a\\', 'a.', 'a ', 'con', 'a\0b', 'a/b', '*', 'x?', '\ud800', 'n' * 255,
             'n' * 256, 'n' * 16000, 'p\\' * 600 + 'q', '\uf05c', '\uf02e\uf02e', 'a::$DATA', 'a:s:$DATA', 'srvsvc', 'wkssvc',
             'x:$I30:$INDEX_ALLOCATION')
PATTERNS = ('*', 'a*', '<', '>.>', '"', '', '*a*b*c*' * 10, 'n' * 300)
FSCTLS = (0x11c017, 0x11400c, 0x110018, 0x60194, 0x900c0, 0x9009c, 0x140078, 0x1440f2, 0x1401fc, 0x98208, 0x980c8, 0x900a4, 0x900a8,
          0x900c4, 0x94264)
NO_FILE = bytes(16)
GONE_MAX = 12  # answers that the session is gone, before a client takes the hint


class Requests:
    """wild: how often a number, a name or a byte is one that no client sends."""

    def __init__(self, seed, wild=0.0):
        self.dice = random.Random(seed)
        self.wild = wild
        self.files = []  # (file id, tree id), the newest last
        self.async_ids = []
        self.gone = 0

    def is_wild(self):
        return self.dice.random() < self.wild

    def pick(self, *usual, odd=()):
        return self.dice.choice(odd or EDGES) if self.is_wild() else self.dice.choice(usual)

    def name(self):
        return self.pick(*NAMES, odd=ODD_NAMES)

    def file(self, trees):
        """(file id, tree id)"""
        if self.files and not self.is_wild():
            return self.dice.choice(self.files)
        return self.dice.choice((NO_FILE, b.SAME_FILE, struct.pack('<QQ', *self.dice.choices(range(60), k=2)))), self.dice.choice(trees)

    def learn(self, r):
        if r.status == 0 and r.command == b.CREATE and len(r.body) >= 80 and r.async_id is None:
            self.files = [*self.files, (r.file_id, r.tid)][-12:]
        if r.async_id is not None:
            self.async_ids = [*self.async_ids, r.async_id][-10:]
        self.gone += r.name == 'USER_SESSION_DELETED'
        if self.gone > GONE_MAX:
            raise Closed()

    # ---- one body each: f is the file ----

    def create(self, f):
        name, folder = self.name(), self.dice.random() < 0.2
        return b.create(name, access=self.pick(b.READ_WRITE, b.ALL, 0x81, 0x10080, 0x2000000), share=self.pick(7, 7, 7, 3, 0),
                        disposition=self.pick(b.OPEN_IF, b.OPEN_IF, b.OPEN, b.OVERWRITE_IF, b.SUPERSEDE, b.CREATE_NEW),
                        options=b.FOLDER if folder else self.pick(0, 0, 0, b.DELETE_ON_CLOSE), oplock=self.pick(0, 1, 8, 9, odd=(2, 255)),
                        contexts=self.contexts())

    def contexts(self):
        if self.dice.random() < 0.9:
            return ()
        sizes = {b'MxAc': 0, b'QFid': 0, b'AlSi': 8, b'RqLs': 52, b'DH2Q': 32, b'DHnQ': 16, b'ExtA': 20, b'SecD': 40, b'AAPL': 24}
        tags = self.dice.sample(sorted(sizes), self.dice.randint(1, 3))
        return [(t, self.dice.randbytes(self.pick(sizes[t], odd=(0, 1, 7, 200)))) for t in tags]

    def close(self, f):
        self.files = [x for x in self.files if x[0] != f]
        return b.close(f, self.pick(0, 1, odd=(2, 255)))

    def write(self, f):
        data = self.dice.randbytes(self.dice.choice((0, 1, 100, 1000, 30000)))
        return b.write(f, data, self.pick(0, 10, 65536, odd=FAR_EDGES), self.pick(112, odd=(0, 64, 111, 113, 65535)),
                       self.pick(len(data), odd=(len(data) + 1, (1 << 32) - 1)))

    def read(self, f):
        return b.read(f, self.pick(1, 100, 4096, 65536), self.pick(0, 10, 100, odd=FAR_EDGES), self.pick(0, 0, 1))

    def lock(self, f):
        ranges = [(self.pick(0, 1, 2, odd=FAR_EDGES), self.pick(1, 2, odd=FAR_EDGES), self.pick(1, 2, 4, 0x12, 0x11, odd=(0, 255)))
                  for _ in range(self.pick(1, 1, 2, odd=(0, 64, 65)))]
        return b.lock(f, *ranges)

    def notify(self, f):
        return b.change_notify(f, self.pick(0xfff, 1), self.dice.random() < 0.5, self.pick(4096, 100))

    def list(self, f):
        return b.query_directory(f, self.pick(37, 1, 12, 2, 3, 38, odd=(0, 60, 255)), self.pick('*', 'a*', odd=PATTERNS),
                                 self.pick(0, 1, 2, odd=(4, 0x10, 255)), self.pick(65536, 200, 1000))

    def query(self, f):
        return b.query_info(f, self.pick(5, 18, 4, 6, 3, 48, odd=range(80)), self.pick(1, 1, 2, 3, odd=(0, 4, 255)),
                            self.pick(65536, 100), self.pick(7, 4))

    def set(self, f):
        kind, info_class = self.pick(1, odd=(2, 3, 4)), self.pick(4, 10, 10, 11, 13, 19, 20, 64, odd=range(80))
        buffers = {4: b.basic(attributes=self.pick(0, 1, 0x20, 0x80)), 13: self.dice.choice((b'\0', b'\1')),
                   64: struct.pack('<I', self.pick(0, 1, 3)), 19: struct.pack('<Q', self.pick(0, 5, odd=FAR_EDGES)),
                   20: struct.pack('<Q', self.pick(0, 5, 1 << 20, odd=FAR_EDGES))}
        default = b.new_name(self.name(), self.dice.random() < 0.5) if info_class in (10, 11) else self.dice.randbytes(40)
        return b.set_info(f, info_class, buffers.get(info_class, default), kind=kind, which=self.pick(0, 4, 7))

    def ioctl(self, f):
        return b.ioctl(f, self.pick(*FSCTLS), self.dice.randbytes(self.pick(0, 16, 64, odd=(1, 7, 65, 60000))), self.pick(65536, 0, 24))

    def next(self, trees):
        """(command, body, tree id)"""
        f, tid = self.file(trees)
        command, make = self.dice.choices(COMMANDS, WEIGHTS)[0]
        if command == b.CREATE:
            tid = self.dice.choice(trees)
        return command, make(self, f), tid


_TABLE = (
    (25, b.CREATE, Requests.create), (9, b.CLOSE, Requests.close), (12, b.READ, Requests.read), (12, b.WRITE, Requests.write),
    (7, b.LOCK, Requests.lock), (6, b.CHANGE_NOTIFY, Requests.notify), (6, b.QUERY_DIRECTORY, Requests.list),
    (6, b.QUERY_INFO, Requests.query), (10, b.SET_INFO, Requests.set), (2, b.IOCTL, Requests.ioctl),
    (2, b.FLUSH, lambda self, f: b.flush(f)), (2, b.OPLOCK_BREAK, lambda self, f: b.oplock_break(f, self.pick(0, 1, odd=(2, 8, 9, 255)))),
    (1, b.ECHO, lambda self, f: b.EMPTY), (0.3, b.TREE_DISCONNECT, lambda self, f: b.EMPTY), (0.2, b.LOGOFF, lambda self, f: b.EMPTY),
)
WEIGHTS = [row[0] for row in _TABLE]
COMMANDS = [row[1:] for row in _TABLE]


def connect_at_random(port, dice, user, password, shares, previous=0):
    """(the connection, its trees); (None, ()) when the log-in is refused."""
    c = Files(port)
    try:
        dialect = dice.choice((0x202, 0x210, 0x302, 0x311, 0x311))
        c.negotiate((dialect,), sign_with=(dice.randrange(3),), ciphers=(dice.randint(1, 4),))
        if c.login(user, password, previous=previous).status != 0:
            c.drop()
            return None, ()
        c.seal = c.seal or (dialect >= 0x300 and c.signing and dice.random() < 0.3)
        trees = [r.tid for r in (c.tree(share) for share in shares) if r.status == 0]
        c.grow(300)
        return c, trees
    except BaseException:
        c.drop()
        raise


def in_processes(count, work, seconds):
    """work(number, until) in so many processes; what each returned. An exception in one is an AssertionError here."""
    queue, until = multiprocessing.Queue(), time.monotonic() + seconds

    def one(number):
        try:
            queue.put((True, work(number, until)))
        except Exception:
            queue.put((False, traceback.format_exc()))
        queue.close()
        queue.join_thread()
        os._exit(0)
    started = [multiprocessing.Process(target=one, args=(i,), daemon=True) for i in range(count)]
    for p in started:
        p.start()

    def results():
        out = [queue.get(timeout=seconds + 120) for _ in started]
        for p in started:
            p.join(10)
        for ok, value in out:
            if not ok:
                raise AssertionError(value)
        return [value for _, value in out]
    return results
