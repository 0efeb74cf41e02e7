# SPDX-License-Identifier: Apache-2.0
"""A client of chaos_model.py: it opens, caches, locks, drops its connection and comes back, and holds what it sees to the
model. What a lease lets it cache it caches, and gives up when the server says so."""
import struct
import time
from collections import Counter

import rawbodies as b
from harness import PASSWORD, USER, check
from model import CELL_BYTES, DELETE, READ, WRITE
from rawclient import Files

R, H, W = 1, 2, 4
LEASE_LEVEL = 0xff
BREAK = (1 << 64) - 1
EXCLUSIVE, SHARED_LOCK, UNLOCK, AT_ONCE = 2, 1, 4, 0x10
KEPT_MS = 4000
ANSWER_S = 60


def lease_context(key, state):
    """[MS-SMB2] 2.2.13.2.10"""
    return b'RqLs', key + struct.pack('<IIQ16sHH', state, 0, 0, bytes(16), 0, 0)


def contexts_of(r):
    """{tag: data} of an answer to CREATE."""
    at, left = struct.unpack_from('<II', r.body, 80)
    found = {}
    while left:
        after, tag_at, tag_len, data_at, data_len = struct.unpack_from('<IHH2xHI', r.raw, at)
        found[r.raw[at + tag_at:at + tag_at + tag_len]] = r.raw[at + data_at:at + data_at + data_len]
        at, left = (at + after, left) if after else (at, 0)
    return found


class Open:
    def __init__(self, file, file_id, access, place):
        self.file, self.id, self.access, self.place = file, file_id, access, place
        self.key = self.guid = b''
        self.state = self.epoch = 0
        self.cached, self.dirty, self.locks = {}, {}, {}  # {cell: value}, {cell: value}, {cell: None}
        self.busy = False


class ModelClient:
    def __init__(self, server, world, number, dice):
        self.server, self.world, self.number, self.dice = server, world, number, dice
        self.guid = dice.randbytes(16)
        self.c, self.opens, self.did = None, [], Counter()
        self.coming, self.early = b'', []  # the lease of the open that is asked for; breaks of it that came with the answer

    # ---- the connection ----

    def connect(self, previous=0):
        self.c = c = Files(self.server.port, timeout=ANSWER_S)
        c.guid, c.ask = self.guid, 64
        check(c.negotiate().status == 0, 'NEGOTIATE')
        r = c.login(USER, PASSWORD, previous=previous)
        check(r.status == 0, 'SESSION_SETUP', r.name)
        self.trees = [c.tree(share).tid for share in self.world.shares]
        self.did['connections'] += 1

    def call(self, command, body, tid):
        """The answer. Breaks that come meanwhile are dealt with, for others may wait for this client."""
        return self.answer(self.c.send(command, body, tid=tid))

    def answer(self, mid, seconds=ANSWER_S):
        until = time.monotonic() + seconds
        while True:
            r = self.c.receive(mid, 0.02)
            self.breaks()
            if r is not None or time.monotonic() > until:
                check(r is not None or seconds < ANSWER_S, f'no answer within {seconds} s')
                return r

    def breaks(self):
        """All that have come."""
        while True:
            r = next((w for w in self.c.waiting if w.mid == BREAK), None)
            if r is None:
                return
            self.c.waiting.remove(r)
            if r.command == b.OPLOCK_BREAK:
                self.broken(r)

    def rest(self, seconds):
        until = time.monotonic() + seconds
        while True:
            mine = self.c.waiting
            self.c.waiting = []
            self.c.waiting = mine + self.c.arrived(max(0, min(0.02, until - time.monotonic())))
            self.breaks()
            if time.monotonic() >= until:
                return

    # ---- leases ----

    def broken(self, r, early=False):
        """[MS-SMB2] 2.2.23.2; early: of what was on its way back, it may have been told before the answer was made."""
        epoch, flags = struct.unpack_from('<HI', r.body, 2)
        key, (was, now) = r.body[8:24], struct.unpack_from('<II', r.body, 24)
        o = next((o for o in self.opens if o.key == key), None)
        if not o and key == self.coming:
            self.early.append(r)
            return
        self.did['breaks'] += 1
        if o:
            check(now & ~was == 0, f'a break from {was} to {now}')
            check((0 if early else 1) <= (epoch - o.epoch) % 65536 < 1000, f'epoch {epoch} behind {o.epoch}')
            o.epoch = epoch
            if not now & W:
                self.write_back(o)
            if not now & R:
                o.cached.clear()
            o.state = now
        if flags & 1:
            self.c.send(b.OPLOCK_BREAK, struct.pack('<HHI16sIQ', 36, 0, 0, key, now, 0), tid=self.trees[o.file.share if o else 0])
        if o and was & H and not now & H and not o.busy and self.dice.random() < 0.5:
            self.close(o)

    def write_back(self, o):
        while o.dirty:
            cell, value = o.dirty.popitem()
            r = self.call(b.WRITE, b.write(o.id, pack(value), cell * CELL_BYTES), self.trees[o.file.share])
            check(r.status == 0, f'writing back: {r.name}')
            self.did['written back'] += 1

    def granted(self, o, contexts):
        data = contexts.get(b'RqLs')
        if data:
            o.key, o.state, o.epoch = data[:16], *struct.unpack_from('<I', data, 16), *struct.unpack_from('<H', data, 48)

    # ---- opens ----

    def ask_open(self, key, body, tid):
        """The answer to a CREATE, which may have a lease of that key. has_come must follow, whatever it is."""
        self.coming = key
        return self.call(b.CREATE, body, tid)

    def has_come(self):
        """The open is known by now, or there is none: its breaks are dealt with."""
        early, self.coming, self.early = self.early, b'', []
        for r in early:
            self.broken(r, early=True)

    def open(self, file):
        dice = self.dice
        access = dice.choice((b.READ_WRITE, b.READ_WRITE, 0x120089, 0x12019f | DELETE))
        share = dice.choice((7,) * 9 + (3, 1, 0))
        contexts, key, guid = [], b'', b''
        state = dice.choice((0, R, R | H, R | H | W, R | H | W))
        if state:
            key = dice.randbytes(16)
            contexts.append(lease_context(key, state))
        if state & H and dice.random() < 0.6:
            guid = dice.randbytes(16)
            contexts.append((b'DH2Q', struct.pack('<IIQ', KEPT_MS, 0, 0) + guid))
        r = self.ask_open(key, b.create(file.path, access=access, share=share, disposition=b.OPEN_IF,
                                        oplock=LEASE_LEVEL if state else 0, contexts=contexts), self.trees[file.share])
        if r.status:
            self.has_come()
            check(r.name == 'SHARING_VIOLATION', f'opening {file.path}: {r.name}')
            self.did['sharing violations'] += 1
            return
        o = Open(file, r.file_id, access, self.world.opens.enter(file.number, access, share))
        o.share = share
        found = contexts_of(r)
        self.granted(o, found)
        o.guid = guid if b'DH2Q' in found else b''
        self.opens.append(o)
        self.did['opens'] += 1
        self.has_come()
        self.breaks()

    def give_up(self, o):
        """What the model knows of it. Before the server is asked, so that whoever has it next may be first to say so."""
        self.opens.remove(o)
        for cell in o.locks:
            self.world.cells.released(o.file.cell(cell))
        self.world.opens.leave(o.place)

    def close(self, o):
        o.busy = True
        self.write_back(o)
        if o not in self.opens:
            return
        self.give_up(o)
        r = self.call(b.CLOSE, b.close(o.id), self.trees[o.file.share])
        check(r.status == 0, f'CLOSE: {r.name}')

    # ---- data ----

    def read(self, o):
        """One cell, of the cache or of the server."""
        cells, cell = self.world.cells, self.dice.randrange(self.world.cells_each)
        i = o.file.cell(cell)
        before = cells.now(i)
        if cell in o.cached and o.state & R:
            for _ in range(2):  # what was sent before the first was answered has come before the second is
                self.call(b.ECHO, b.EMPTY, 0)
            if cell in o.cached and o.state & R:
                check(o.cached[cell] in before[:2], f'{o.file.path}, cell {cell}: cached {o.cached[cell]}, right: {before}')
                self.did['read of the cache'] += 1
            return
        can_cache = o.state & R
        r = self.call(b.READ, b.read(o.id, CELL_BYTES, cell * CELL_BYTES), self.trees[o.file.share])
        if r.name in ('FILE_LOCK_CONFLICT', 'END_OF_FILE'):
            check(r.name != 'END_OF_FILE' or cells.is_right(i, 0, before) is not False, f'{o.file.path}, cell {cell}: {r.name}')
            return
        seen = unpack(r)
        check(cells.is_right(i, seen, before) is not False, f'{o.file.path}, cell {cell}: {seen}, right: {before}')
        self.did['read'] += 1
        if can_cache and o.state & R and o in self.opens:
            o.cached[cell] = seen

    def write(self, o):
        """Under a lock, or into the cache where nobody else has the file open."""
        cell = self.dice.randrange(self.world.cells_each)
        if cell in o.locks:
            self.change_and_unlock(o, cell)
        elif o.state & W and not o.locks:
            i = o.file.cell(cell)
            o.dirty[cell] = o.cached[cell] = self.world.cells.sent(i)
            self.world.cells.acknowledged(i)
            self.did['written into the cache'] += 1
        else:
            self.lock(o, cell)

    def lock(self, o, cell):
        where = (cell * CELL_BYTES, CELL_BYTES)
        waits = not any(other.locks for other in self.opens) and self.dice.random() < 0.5
        mid = self.c.send(b.LOCK, b.lock(o.id, (*where, EXCLUSIVE | (0 if waits else AT_ONCE))), tid=self.trees[o.file.share])
        r = self.answer(mid, 1) if waits else self.answer(mid)
        if r is None:
            if mid in self.c.interim:
                self.c.cancel(async_id=self.c.interim[mid])
            r = self.answer(mid)
        if r.status:
            check(r.name in ('LOCK_NOT_GRANTED', 'CANCELLED'), f'LOCK: {r.name}')
            self.did['locks refused'] += 1
            return
        self.world.cells.acquired(o.file.cell(cell), self.number)
        o.locks[cell] = None
        self.did['locks'] += 1
        if self.dice.random() < 0.7:
            self.change_and_unlock(o, cell)

    def change_and_unlock(self, o, cell):
        cells, i, tid = self.world.cells, o.file.cell(cell), self.trees[o.file.share]
        r = self.call(b.READ, b.read(o.id, CELL_BYTES, cell * CELL_BYTES), tid)
        cells.settle(i, 0 if r.name == 'END_OF_FILE' else unpack(r))
        value = cells.sent(i)
        o.cached.pop(cell, None)
        mid = self.c.send(b.WRITE, b.write(o.id, pack(value), cell * CELL_BYTES), tid=tid)
        if not any(other.guid or other.dirty for other in self.opens) and self.dice.random() < 0.02:
            self.drop()  # and nobody knows whether it was written
            self.did['dropped in the middle'] += 1
            return
        r = self.answer(mid)
        check(r.status == 0, f'WRITE: {r.name}')
        cells.acknowledged(i)
        cells.released(i)
        del o.locks[cell]
        r = self.call(b.LOCK, b.lock(o.id, (cell * CELL_BYTES, CELL_BYTES, UNLOCK)), tid)
        check(r.status == 0, f'unlocking: {r.name}')
        self.did['written'] += 1

    # ---- going away ----

    def drop(self, reset=True):
        """Everything that is not durable is over."""
        durable = [o for o in self.opens if o.guid]
        held = []
        for o in list(self.opens):
            taken = {cell: self.world.cells.released(o.file.cell(cell)) for cell in o.locks}
            o.locks = {}
            self.give_up(o)
            held.append((o, taken))
        previous = self.c.sid
        self.c.drop(reset=reset)
        self.connect(previous if self.dice.random() < 0.5 else 0)
        for o, taken in held:
            if o in durable:
                self.come_back(o, taken)

    def leave(self):
        """Cleanly or not, with whatever is open."""
        for o in list(self.opens):
            self.write_back(o)
        kind = self.dice.random()
        if kind < 0.8:
            self.drop(reset=kind < 0.4)
        else:
            for o in list(self.opens):
                self.close(o)
            self.c.logoff()
            self.connect()

    def come_back(self, o, taken):
        """[MS-SMB2] 3.2.4.4"""
        context = (b'DH2C', o.id + o.guid + struct.pack('<I', 0))
        r = self.ask_open(o.key, b.create(o.file.path, oplock=LEASE_LEVEL, contexts=[context, lease_context(o.key, o.state)]),
                          self.trees[o.file.share])
        if r.status:
            self.has_come()
            check(r.name == 'OBJECT_NAME_NOT_FOUND', f'reconnecting: {r.name}')
            self.did['not regained'] += 1
            return
        o.id = r.file_id
        o.place = self.world.opens.enter(o.file.number, o.access, o.share)
        for cell, times in taken.items():
            self.world.cells.regained(o.file.cell(cell), self.number, times)
            o.locks[cell] = None
        o.cached, o.busy = {}, False
        self.granted(o, contexts_of(r))
        self.opens.append(o)
        self.has_come()
        self.did['regained'] += 1
        self.did['regained with locks'] += bool(taken)


def pack(value):
    return struct.pack('<Q', value) * (CELL_BYTES // 8)


def unpack(r):
    """All of a cell is one value: nobody sees the half of a write."""
    check(r.status == 0, f'READ: {r.name}')
    data = r.buffer()
    data += bytes(CELL_BYTES - len(data))
    values = set(struct.unpack(f'<{CELL_BYTES // 8}Q', data))
    check(len(values) == 1, f'a torn cell: {values}')
    return values.pop()
