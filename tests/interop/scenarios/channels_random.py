# SPDX-License-Identifier: Apache-2.0
"""Channels of one session that do everything to the same handles at random, some of them lost and made again: nothing is
left, nothing hangs, and nobody is told what is not so. CHAOS_SECONDS makes it longer, CHAOS_SEED repeats one."""
import os
import random
import threading
import time

import rawbodies as b
from harness import TEST_PLUGINS, Server, case, check, main
from rawclient import Closed, connect, join

SECONDS = float(os.environ.get('CHAOS_SECONDS', '8'))
SEED = int(os.environ.get('CHAOS_SEED', '0')) or int(time.time())
CHANNELS = 4
NAMES = ('a', 'b', 'c', 'd')
EXCLUSIVE, UNLOCK, AT_ONCE = 0x2, 0x4, 0x10
WRONG = ('INTERNAL_ERROR', 'INVALID_HANDLE', 'USER_SESSION_DELETED', 'NETWORK_NAME_DELETED', 'REQUEST_NOT_ACCEPTED')


class Handles:
    """Of all channels."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ids = []

    def add(self, file_id):
        with self.lock:
            self.ids.append(file_id)

    def any(self, dice):
        with self.lock:
            return dice.choice(self.ids) if self.ids else None

    def forget(self, file_id):
        with self.lock:
            if file_id in self.ids:
                self.ids.remove(file_id)


def wait_a_little(c, mid, seconds):
    """Its answer, or it is cancelled and then answered."""
    r = c.receive(mid, seconds)
    if r is None:
        c.cancel(mid) if mid not in c.interim else c.cancel(async_id=c.interim[mid])
        r = c.receive(mid)
    check(r is not None, 'a cancelled request was not answered')
    return r.name


def one_step(c, handles, dice):
    """The name of a status."""
    kind = dice.random()
    if kind < 0.25 or handles.any(dice) is None:
        r = c.create(dice.choice(NAMES), access=b.ALL, disposition=b.OPEN_IF)
        if r.status == 0:
            handles.add(r.file_id)
        return r.name
    f = handles.any(dice)
    if f is None:
        return 'OK'
    if kind < 0.45:
        handles.forget(f)
        return c.close(f)
    at = dice.randrange(4)
    return dice.choice((
        lambda: c.write(f, b'x' * dice.choice((1, 5000)), at * 1000),
        lambda: c.call(b.READ, b.read(f, 100, at)).name,
        lambda: c.flush(f),
        lambda: c.query(f, dice.choice((4, 5, 18))).name,
        lambda: c.lock(f, at, 1, EXCLUSIVE | AT_ONCE),
        lambda: c.lock(f, at, 1, UNLOCK),
        lambda: wait_a_little(c, c.start_lock(f, at, 1, EXCLUSIVE), 0.02),
        lambda: c.rename(f, dice.choice(NAMES), replace=dice.random() < 0.7),
        lambda: c.rename(f, dice.choice(NAMES), replace=dice.random() < 0.7),
        lambda: c.mark_deleted(f, dice.randrange(2)),
        lambda: c.set_size(f, at * 100),
    ))()


class Channel(threading.Thread):
    def __init__(self, server, first, connection, handles, seed):
        super().__init__()
        self.server, self.first, self.c, self.handles = server, first, connection, handles
        self.dice = random.Random(seed)
        self.may_be_lost = connection is not first
        self.steps, self.problem = 0, None

    def run(self):
        until = time.monotonic() + SECONDS
        try:
            while time.monotonic() < until:
                name = one_step(self.c, self.handles, self.dice)
                check(name not in WRONG, 'told', name)
                self.steps += 1
                if self.may_be_lost and self.dice.random() < 0.01:
                    self.lose()
        except (AssertionError, Closed, OSError) as e:
            self.problem = f'{type(e).__name__} {e} after {self.steps} steps'

    def lose(self):
        """In the middle of something, as a rule; what that was is not known afterwards."""
        f = self.handles.any(self.dice)
        if f:
            self.c.send(*self.dice.choice(((b.CLOSE, b.close(f)), (b.SET_INFO, b.set_info(f, 10, b.new_name('a', True))),
                                           (b.LOCK, b.lock(f, (0, 1, EXCLUSIVE))))))
        self.c.drop(reset=self.dice.random() < 0.5)
        self.c = join(self.server, self.first)


def at_random(s):
    print(f'# seed {SEED}')
    handles = Handles()
    first = connect(s, 'mem')
    channels = [Channel(s, first, first if i == 0 else join(s, first), handles, SEED + i) for i in range(CHANNELS)]
    for c in channels:
        c.start()
    for c in channels:
        c.join()
    print(f'# {sum(c.steps for c in channels)} steps')
    check(not any(c.problem for c in channels), [c.problem for c in channels])
    for f in handles.ids:
        check(first.close(f) in ('OK', 'FILE_CLOSED', 'CANNOT_DELETE'), 'close')
    for c in channels[1:]:
        c.c.drop()
    with connect(s, 'mem') as other:  # no name is held for ever
        for name in NAMES:
            r = other.call(b.CREATE, b.create(name, access=b.ALL, disposition=b.OPEN_IF), seconds=10)
            check(r.status == 0 and other.close(r.file_id) == 'OK', name, r.name)
        first.drop()
        for name in NAMES:
            check(other.remove(name) == 'OK', 'remove', name)
    s.wait_idle()


@case('in memory, on the loops')
def in_memory():
    with Server('mem:') as s:
        at_random(s)


@case('in a folder')
def in_a_folder():
    with Server('mem=@/dir') as s:
        at_random(s)


@case('with operations that take their time')
def pending():
    with Server('mem:', args=('--plugin-dir', TEST_PLUGINS, '--filter', f'pend:seed={SEED % 1000}')) as s:
        at_random(s)


main()
