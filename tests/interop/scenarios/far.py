# SPDX-License-Identifier: Apache-2.0
"""A plugin in C++, built by plain g++, whose data lies on the network: hundreds of reads in flight without a thread each (quick)."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import rawbodies as b
from harness import TOP, Server, case, check, check_in, expect, main, wait_for
from rawclient import connect

AT_ONCE = 300
PIECE = 1000
CANCELLED = 'CANCELLED'
READ_DATA = 1


def data_at(offset, size):
    return bytes((at // PIECE) & 255 for at in range(offset, offset + size))


class Far:
    """Where the data lies: answers when it is let, the last first."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []
        self.lock = threading.Lock()
        self.connection = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                self.connection, _ = self.listener.accept()
            except OSError:
                return
            for line in self.connection.makefile('rb'):
                with self.lock:
                    self.asked.append(tuple(map(int, line.split())))

    def count(self):
        with self.lock:
            return len(self.asked)

    def answer_all(self):
        with self.lock:
            asked, self.asked = self.asked, []
        for number, offset, size in reversed(asked):
            self.connection.sendall(f'{number} {size}\n'.encode() + data_at(offset, size))

    def close(self):
        self.listener.close()
        if self.connection:
            self.connection.close()


def build():
    folder = tempfile.mkdtemp(prefix='smbkit-far-')
    sanitized = re.search(r'build-(asan|tsan)', os.environ.get('SMBKIT_PROGRAM', ''))
    flags = {'tsan': ['-fsanitize=thread']}.get(sanitized.group(1) if sanitized else '', [])
    subprocess.run(['g++', '-std=c++17', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', *flags,
                    '-I' + os.path.join(TOP, 'include'), os.path.join(TOP, 'tests/plugins/far.cc'),
                    '-o', os.path.join(folder, 'smbkit-far-plugin.so')], check=True)
    return folder


FOLDER = build()


def served(far, share='', settings=''):
    return Server(config=f'[f]\nplugin = far:port={far.port}{settings}\n{share}', settings=f'plugin dir = {FOLDER}\n')


def threads_of(server):
    with open(f'/proc/{server.process.pid}/status', encoding='ascii') as f:
        return int(re.search(r'^Threads:\s+(\d+)', f.read(), re.M).group(1))


@case('many reads in flight')
def many():
    far = Far()
    with served(far) as s, connect(s, 'f') as c:
        c.grow(AT_ONCE + 10)
        f = c.opened('data', access=READ_DATA)
        before = threads_of(s)
        mids = [c.send(b.READ, b.read(f, PIECE, i * PIECE)) for i in range(AT_ONCE)]
        wait_for(lambda: far.count() == AT_ONCE, 20, 'all to be asked for at once')
        check(threads_of(s) <= before + 1, f'{before} threads became {threads_of(s)}')
        far.answer_all()
        for i, mid in enumerate(mids):
            r = c.receive(mid)
            check(r and r.buffer() == data_at(i * PIECE, PIECE), i, r and r.name)
        expect('CLOSE', c.close(f), 'OK')
    far.close()


@case('an answer that does not come')
def late():
    far = Far()
    with served(far, settings=',patience=200') as s, connect(s, 'f') as c:
        f = c.opened('data', access=READ_DATA)
        expect('READ', c.read(f, 100), '0xc00000b5')  # IO_TIMEOUT
        expect('CLOSE', c.close(f), 'OK')
    far.close()


@case('cancelled, closed and left behind')
def given_up():
    far = Far()
    with served(far) as s:
        with connect(s, 'f') as c:
            c.grow(64)
            f = c.opened('data', access=READ_DATA)
            mid = c.send(b.READ, b.read(f, 100))
            c.cancel(async_id=c.await_interim(mid))
            expect('READ', c.receive(mid).name, CANCELLED)
            mids = [c.send(b.READ, b.read(f, 100)) for _ in range(20)]
            close = c.send(b.CLOSE, b.close(f))
            wait_for(lambda: far.count() == 21, 20, 'all to be asked for')
            far.answer_all()
            expect('READs before a CLOSE', {c.receive(m).name for m in mids}, {'OK'})
            expect('CLOSE', c.receive(close).name, 'OK')
            f = c.opened('data', access=READ_DATA)
            for _ in range(20):
                c.send(b.READ, b.read(f, 100))
            wait_for(lambda: far.count() == 20, 20, 'all to be asked for')
        s.wait_idle(20)
    far.close()


@case('from a worker, and what an administrator sees')
def worker():
    far = Far()
    with served(far) as s, connect(s, 'f') as c:
        check_in(b'digest ', c.content('digest'))
        expect('not granted', c.read(c.opened('sessions', access=READ_DATA), 100), 'ACCESS_DENIED')
    far.close()
    far = Far()
    with served(far, share='plugin may administer = yes\n') as s, connect(s, 'f') as c:
        text = c.content('sessions').decode()
        for wanted in ('sessions[{', '"user":"alice"', 'opens[{', '"path":"sessions"', 'shares[{"name":"f"', 'log["', '"ok":true'):
            check_in(wanted, text)
    far.close()


try:
    main()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
