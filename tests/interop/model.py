# SPDX-License-Identifier: Apache-2.0
"""What is true of files that many clients in several processes work on at once: what is written, who has which lock, who has
it open how, what stands under which name. chaos_model.py asks it. Everything is told here in an order that can only be too
careful: a lock or an open is entered when the server has answered and taken out before the server is asked, so that two
entries that exclude each other are the server's fault."""
import multiprocessing
from multiprocessing import sharedctypes

from harness import check

CELL_BYTES = 64
READ, WRITE, DELETE = 1, 2, 0x10000  # access rights, and the bits of sharing by their side
SHARED_BY = {READ: 1, WRITE: 2, DELETE: 4}
OPENS_MAX = 128


class Cells:
    """Places in files. Each has the last value that the server has acknowledged, and one that was sent and maybe came."""

    def __init__(self, count):
        self.mutex = multiprocessing.Lock()
        self.value, self.maybe, self.version, self.holder, self.taken = (sharedctypes.RawArray('Q', count) for _ in range(5))
        self.last = sharedctypes.RawValue('Q', 0)

    def now(self, i):
        with self.mutex:
            return self.value[i], self.maybe[i], self.version[i]

    def is_right(self, i, seen, before):
        """What was read between `before` and now; None: it changed meanwhile."""
        now = self.now(i)
        return seen in now[:2] if now == before else None

    def acquired(self, i, who):
        with self.mutex:
            check(self.holder[i] == 0, f'cell {i}: {who} and {self.holder[i]} have an exclusive lock')
            self.holder[i] = who
            self.taken[i] += 1

    def regained(self, i, who, taken):
        with self.mutex:
            check(self.holder[i] == 0 and self.taken[i] == taken, f'cell {i}: {who} got its lock back, which {self.holder[i]} had')
            self.holder[i] = who

    def released(self, i):
        """How often it was taken until now."""
        with self.mutex:
            self.holder[i] = 0
            return self.taken[i]

    def settle(self, i, seen):
        """Read by who has the lock: one of the two, and so it stays."""
        with self.mutex:
            check(seen in (self.value[i], self.maybe[i]), f'cell {i}: read {seen}, right: {self.value[i]} or {self.maybe[i]}')
            self.value[i], self.maybe[i] = seen, 0
            self.version[i] += 1

    def sent(self, i):
        """A value that was never there."""
        with self.mutex:
            self.last.value += 1
            self.maybe[i] = self.last.value
            self.version[i] += 1
            return self.last.value

    def acknowledged(self, i):
        with self.mutex:
            self.value[i], self.maybe[i] = self.maybe[i], 0
            self.version[i] += 1


class Opens:
    """Who has a file open, and with what access and sharing. [MS-FSA] 2.1.5.1.2.2"""

    def __init__(self, files):
        self.mutex = multiprocessing.Lock()
        self.rows = sharedctypes.RawArray('Q', files * OPENS_MAX)

    def enter(self, file, access, share):
        """Its place."""
        rights = sum(bit for right, bit in SHARED_BY.items() if access & right)
        with self.mutex:
            free = None
            for i in range(file * OPENS_MAX, (file + 1) * OPENS_MAX):
                row = self.rows[i]
                if not row:
                    free = i if free is None else free
                elif row >> 8 & 7 & ~share or rights & ~row & 7:
                    check(False, f'file {file}: open with {rights} sharing {share} beside {row >> 8 & 7} sharing {row & 7}')
            check(free is not None, f'more than {OPENS_MAX} opens of a file')
            self.rows[free] = 1 << 16 | rights << 8 | share
            return free

    def leave(self, place):
        with self.mutex:
            self.rows[place] = 0


class Names:
    """What stands under each name: a number, 0 for nothing. Who changes a name has its lock; others look on."""

    def __init__(self, count):
        self.locks = [multiprocessing.Lock() for _ in range(count)]
        self.mutex = multiprocessing.Lock()
        self.what, self.version, self.dying = (sharedctypes.RawArray('Q', count) for _ in range(3))
        self.last = sharedctypes.RawValue('Q', 0)

    def now(self, i):
        """(number, version, is it maybe still there though it was deleted); the version is odd while it changes."""
        with self.mutex:
            return self.what[i], self.version[i], self.dying[i]

    def change(self, *names):
        with self.mutex:
            for i in names:
                self.version[i] += 1

    def changed(self, *names):
        """names: (name, what stands there now[, dying])"""
        with self.mutex:
            for i, what, *dying in names:
                self.what[i], self.dying[i] = what, int(bool(dying and dying[0]))
                self.version[i] += 1

    def fresh(self):
        with self.mutex:
            self.last.value += 1
            return self.last.value
