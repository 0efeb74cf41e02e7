# SPDX-License-Identifier: Apache-2.0
"""How many system calls the server makes for a unit of work of one client: all of them, of all threads, by strace."""
import collections
import os
import re
import shutil
import subprocess
import time

import rawbodies
import rawclient
from harness import Server, Skip, wait_for

ROUNDS = 50
NAMES = 200
REST_S = 0.3


class Trace:
    """Counts from its making to end()."""

    def __init__(self, server):
        self.file = server.path('strace')
        self.process = subprocess.Popen(['strace', '-f', '-qq', '-o', self.file, '-p', str(server.process.pid)],
                                        stderr=subprocess.PIPE, text=True)
        wait_for(lambda: self._is_attached(server.process.pid), 20, 'strace to attach')
        time.sleep(REST_S)
        self.skipped = len(self._lines())

    def _is_attached(self, pid):
        if self.process.poll() is not None:
            raise Skip(f'strace may not: {self.process.stderr.read().strip()[:200]}')
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/status', encoding='ascii') as f:
                if re.search(r'^TracerPid:\t0$', f.read(), re.M):
                    return False
        return os.path.exists(self.file)

    def _lines(self):
        with open(self.file, encoding='utf-8', errors='replace') as f:
            return f.readlines()

    def end(self):
        """{call: how often}. Of a call that another thread's interrupts, in two lines, the first counts."""
        time.sleep(REST_S)
        self.process.terminate()
        self.process.communicate()
        names = [re.match(r'\d+ +(\w+)\(', line) for line in self._lines()[self.skipped:]]
        return collections.Counter(m.group(1) for m in names if m)


def open_close(c, i):
    c.close(c.opened('file'))


def create_write_close(c, i):
    f = c.opened(f'new{i}', disposition=rawbodies.CREATE_NEW)
    c.write(f, b'x' * 100)
    c.close(f)


def nine_reads(c, i):
    f = c.opened('file')
    for _ in range(9):
        c.read(f, 4096)
    c.close(f)


def listing(c, i):
    c.listing('many')


# (what, rounds, units in a round, work)
WORK = (('open and close of a file', ROUNDS, 1, open_close), ('create, write, close', ROUNDS, 1, create_write_close),
        ('open, nine reads, close', ROUNDS, 1, nine_reads), (f'listing of {NAMES} names, the first time, per name', 1, NAMES, listing),
        ('the same folder again, per name', 1, NAMES, listing))


def _fill(c):
    c.put('file', b'x' * 4096)
    c.make_folder('many')
    for i in range(NAMES):
        c.put(f'many\\name{i:03d}')


def count(share):
    """[(what, calls for a unit, {call: how often for a unit})]"""
    if not shutil.which('strace'):
        raise Skip('strace is not installed')
    out = []
    with Server('mem:', 'dir=@/dir') as s:
        with rawclient.connect(s, share) as c:
            _fill(c)
        if share != 'mem':  # what the server knows of the folder is forgotten
            s.stop()
            s.start()
        with rawclient.connect(s, share) as c:
            open_close(c, 0)
            for what, rounds, units, work in WORK:
                trace = Trace(s)
                for i in range(rounds):
                    work(c, i)
                calls = trace.end()
                out.append((what, sum(calls.values()) / rounds / units, {k: n / rounds / units for k, n in calls.most_common()}))
    return out
