# SPDX-License-Identifier: Apache-2.0
"""Sixty-four connections of several processes open, cache, lock, write, rename, delete, list, watch, drop and come back at random,
and a model knows what must be true; at the end nothing of them is left. CHAOS_SECONDS makes it longer, CHAOS_SEED repeats one."""
import os
import random
import struct
import threading
import time
import traceback
from collections import Counter

import rawbodies as b
from harness import Server, case, check, main, wait_for
from model import DELETE, Cells, Names, Opens
from modelclient import H, LEASE_LEVEL, ModelClient, R, lease_context
from rawclient import Closed
from rawrandom import in_processes

SECONDS = float(os.environ.get('CHAOS_SECONDS', '60'))
SEED = int(os.environ.get('CHAOS_SEED', '0')) or int(time.time())
PROCESSES, CONNECTIONS = 4, 64
FILES, CELLS_EACH, NAMES = 64, 6, 12
# Each must have happened, else nothing is shown.
MUST = ('opens', 'breaks', 'read', 'read of the cache', 'written', 'written into the cache', 'written back', 'locks', 'locks refused',
        'sharing violations', 'regained', 'made', 'deleted', 'renamed', 'peeked', 'listed', 'connections')


class File:
    """A file or a stream of one, on one of the shares."""

    def __init__(self, number, share):
        self.number, self.share = number, share
        self.path = f'w\\f{number // 4}' + (':stream' if number % 4 > 1 else '')

    def cell(self, i):
        return self.number * CELLS_EACH + i


class World:
    shares = ('mem', 'dir')
    cells_each = CELLS_EACH

    def __init__(self):
        self.files = [File(i, i % 2) for i in range(FILES)]
        self.cells, self.opens = Cells(FILES * CELLS_EACH), Opens(FILES)
        self.names = Names(2 * NAMES)  # the first half on the first share


class Client(ModelClient):
    """What it does with files is in modelclient; this is what it does with names."""

    def path(self, name):
        return f'n\\name {name % NAMES}'

    def tid(self, name):
        return self.trees[name // NAMES]

    def with_names(self, work, *numbers):
        """Where nobody else changes them just now."""
        names, got = self.world.names, []
        try:
            for i in sorted(numbers):
                if not names.locks[i].acquire(block=False):
                    return
                got.append(i)
            work(*numbers)
        finally:
            for i in got:
                names.locks[i].release()

    def make(self, name):
        names, (what, _, dying) = self.world.names, self.world.names.now(name)
        names.change(name)
        number = names.fresh()
        r = self.call(b.CREATE, b.create(self.path(name), access=b.READ_WRITE, disposition=b.CREATE_NEW), self.tid(name))
        if r.status:
            right = ('OBJECT_NAME_COLLISION',) if what else ('DELETE_PENDING',) if dying else ()
            check(r.name in right, f'making {name}, where {what} is: {r.name}')
            names.changed((name, what, dying))
            return
        check(not what, f'made {name}, where {what} is')
        w = self.call(b.WRITE, b.write(r.file_id, struct.pack('<Q', number)), self.tid(name))
        check(w.status == 0, f'WRITE: {w.name}')
        self.call(b.CLOSE, b.close(r.file_id), self.tid(name))
        names.changed((name, number))
        self.did['made'] += 1

    def remove(self, name):
        names, (what, _, dying) = self.world.names, self.world.names.now(name)
        names.change(name)
        r = self.call(b.CREATE, b.create(self.path(name), access=DELETE | 0x80), self.tid(name))
        if r.status:
            right = () if what else ('OBJECT_NAME_NOT_FOUND', 'DELETE_PENDING') if dying else ('OBJECT_NAME_NOT_FOUND',)
            check(r.name in right, f'deleting {name}, where {what} is: {r.name}')
            names.changed((name, what, dying and r.name == 'DELETE_PENDING'))
            return
        check(what, f'deleting {name}, where nothing is')
        at_once = self.dice.random() < 0.5
        how = b.set_info(r.file_id, 64, struct.pack('<I', 3)) if at_once else b.set_info(r.file_id, 13, b'\1')
        s = self.call(b.SET_INFO, how, self.tid(name))
        check(s.status == 0, f'deleting: {s.name}')
        self.call(b.CLOSE, b.close(r.file_id), self.tid(name))
        names.changed((name, 0, True))
        self.did['deleted'] += 1

    def rename(self, old, new):
        names = self.world.names
        (what, _, dying), (there, _, dying_there) = names.now(old), names.now(new)
        names.change(old, new)
        r = self.call(b.CREATE, b.create(self.path(old), access=b.RENAME), self.tid(old))
        if r.status:
            check(not what, f'renaming {old}, where {what} is: {r.name}')
            names.changed((old, what, dying), (new, there, dying_there))
            return
        s = self.call(b.SET_INFO, b.set_info(r.file_id, 10, b.new_name(self.path(new), True)), self.tid(old))
        self.call(b.CLOSE, b.close(r.file_id), self.tid(old))
        if s.status:  # somebody looks at what was to be replaced
            check((there or dying_there) and s.name in ('ACCESS_DENIED', 'DELETE_PENDING', 'SHARING_VIOLATION'),
                  f'renaming to {new}, where {there} is: {s.name}')
            names.changed((old, what, dying), (new, there, dying_there))
            return
        check(what, f'renamed {old}, where nothing is')
        names.changed((old, 0), (new, what))
        self.did['renamed'] += 1

    def peek(self, name):
        names, before = self.world.names, self.world.names.now(name)
        lease = [lease_context(self.dice.randbytes(16), R | H)] if self.dice.random() < 0.5 else []
        r = self.call(b.CREATE, b.create(self.path(name), access=0x120089, oplock=LEASE_LEVEL if lease else 0, contexts=lease),
                      self.tid(name))
        what, version, dying = names.now(name)
        calm = (what, version, dying) == before and version % 2 == 0
        if r.status:
            right = ['OBJECT_NAME_NOT_FOUND'] if not what else []
            check(not calm or r.name in right + ['DELETE_PENDING'] * bool(dying), f'opening {name}, where {what} is: {r.name}')
            return
        data = self.call(b.READ, b.read(r.file_id, 8), self.tid(name))
        self.rest(self.dice.choice((0, 0.01)))
        self.call(b.CLOSE, b.close(r.file_id), self.tid(name))
        if calm:
            check(what and data.buffer() == struct.pack('<Q', what), f'{name} is {data.name} {data.buffer()}, right: {what}')
            self.did['peeked'] += 1

    def list(self, share):
        names = self.world.names
        mine = range(share * NAMES, (share + 1) * NAMES)
        before = {i: names.now(i) for i in mine}
        r = self.call(b.CREATE, b.create('n', access=b.LIST, options=b.FOLDER), self.trees[share])
        check(r.status == 0, f'opening the folder: {r.name}')
        found = Counter()
        while True:
            page = self.call(b.QUERY_DIRECTORY, b.query_directory(r.file_id, 37, '*', 0, 600), self.trees[share])
            if page.status:
                break
            found.update(e.name for e in b.entries(page.buffer()))
        self.call(b.CLOSE, b.close(r.file_id), self.trees[share])
        for i in mine:
            now = names.now(i)
            if now == before[i] and now[1] % 2 == 0 and not now[2]:
                times = found[self.path(i)[2:]]
                check(times == bool(now[0]), f'{times} times in the listing: name {i}, where {now[0]} is')
        self.did['listed'] += 1

    def watch(self, share):
        """Its answers are as they may be; what counts is that nothing of it is left."""
        r = self.call(b.CREATE, b.create('n', access=b.LIST, options=b.FOLDER), self.trees[share])
        mid = self.c.send(b.CHANGE_NOTIFY, b.change_notify(r.file_id, tree=self.dice.random() < 0.5), tid=self.trees[share])
        self.rest(0.02)
        if self.dice.random() < 0.5 and mid in self.c.interim:
            self.c.cancel(async_id=self.c.interim[mid])
        if self.dice.random() < 0.8:
            self.call(b.CLOSE, b.close(r.file_id), self.trees[share])
        self.did['watched'] += 1

    # ---- all of it ----

    def change_names(self):
        share = self.dice.randrange(2) * NAMES
        old, new = (share + i for i in self.dice.sample(range(NAMES), 2))
        kind = self.dice.random()
        if kind < 0.4:
            self.with_names(self.make, old)
        elif kind < 0.65:
            self.with_names(self.remove, old)
        else:
            self.with_names(self.rename, old, new)

    def work_on_a_file(self):
        if len(self.opens) < 3 and (not self.opens or self.dice.random() < 0.3):
            mine = self.number % FILES  # where few others come, so that it may cache
            file = self.world.files[mine] if self.dice.random() < 0.6 else self.dice.choice(self.world.files[:FILES // 4])
            if not any(o.file is file for o in self.opens):
                self.open(file)
            return
        o = self.dice.choice(self.opens)
        kind = self.dice.random()
        o.busy = True
        if kind < 0.45:
            self.read(o)
        elif kind < 0.85 and o.access & 2:
            self.write(o)
        else:
            self.close(o)
        o.busy = False

    def step(self):
        kind = self.dice.random()
        if kind < 0.65:
            self.work_on_a_file()
        elif kind < 0.8:
            self.change_names()
        elif kind < 0.92:
            self.peek(self.dice.randrange(2 * NAMES))
        elif kind < 0.95:
            self.list(self.dice.randrange(2))
        elif kind < 0.97:
            self.watch(self.dice.randrange(2))
        elif kind < 0.98:
            self.leave()
        self.rest(self.dice.choice((0, 0, 0.01, 0.05)))

    def run(self, until, failed):
        self.connect()
        while time.monotonic() < until and not failed:
            self.step()
        for o in list(self.opens):
            self.write_back(o)
        for o in list(self.opens):
            self.give_up(o)
        self.c.drop(reset=self.dice.random() < 0.5)


def process(server, world):
    def work(number, until):
        failed, did = [], Counter()

        def one(i):
            client = Client(server, world, i, random.Random(SEED * 1000 + i))
            try:
                client.run(until, failed)
            except (Exception, Closed):
                failed.append((time.time(), traceback.format_exc()))
            did.update(client.did)
        each = CONNECTIONS // PROCESSES
        threads = [threading.Thread(target=one, args=(number * each + i + 1,)) for i in range(each)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return did, failed
    return work


def left(s):
    """Every counter of what there is now that is not nought."""
    return {k: n for k, n in s.status()['counters'].items() if n and not k.endswith('_total')}


def make_folders(s, world):
    setup = ModelClient(s, world, 0, random.Random(SEED))
    setup.connect()
    for setup.c.tid in setup.trees:
        for folder in 'wn':
            setup.c.make_folder(folder)
    setup.c.drop()


def chaos(s, world, seconds):
    """How often each thing happened. Nothing is left afterwards; how many descriptors the server has then."""
    results = in_processes(PROCESSES, process(s, world), seconds)()
    failed = min((f for _, one in results for f in one), default=None)  # what came later may be its consequence
    check(not failed, failed and failed[1])
    wait_for(lambda: not left(s), 60, 'nothing to be left')
    return sum((did for did, _ in results), Counter()), len(os.listdir(f'/proc/{s.process.pid}/fd'))


@case(f'what {CONNECTIONS} clients see, seed {SEED}')
def everything():
    with Server('mem:', 'dir=@/dir') as s:
        world = World()
        make_folders(s, world)
        _, before = chaos(s, world, 3)
        did, after = chaos(s, world, SECONDS)
        print('# ' + ', '.join(f'{what} {n}' for what, n in sorted(did.items())))
        missing = [what for what in MUST if not did[what]]
        check(not missing, 'the scenario does not show all: never', missing)
        # Asking for the status is a connection too, which may be there still.
        check(after <= before + 1, f'{before} descriptors before, {after} after')


main()
