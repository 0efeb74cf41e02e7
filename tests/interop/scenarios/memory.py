# SPDX-License-Identifier: Apache-2.0
"""What a client that asks and does not read makes the server hold, and what comes back afterwards: bounded by
its connection, whatever it asks."""
import os
import select
import struct
import time

import rawbodies as b
from harness import Server, case, check, main, wait_for
from rawclient import Files, connect

MIB = 1 << 20
BEFORE_LOGIN_KIB, AFTER_LOGIN_MIB = 64, 10


def resident(server):
    with open(f'/proc/{server.process.pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS')) / 1024


def stored(server):
    """What the files of mem shares hold, in MiB: it lies in a file in memory, mapped or not."""
    folder, held = f'/proc/{server.process.pid}/fd', 0
    for fd in os.listdir(folder):
        path = os.path.join(folder, fd)
        try:
            held += os.stat(path).st_blocks * 512 if os.readlink(path).startswith('/memfd:') else 0
        except FileNotFoundError:
            pass  # closed in the meantime
    return held / MIB


def flood(client, command, body, count, **how):
    """Send as much as the socket takes within a second."""
    client.socket.setblocking(False)
    end = time.monotonic() + 1
    for _ in range(count):
        _, message = client.message(command, body, ask=1, **how)
        data = struct.pack('>I', len(message)) + message
        while data:
            if time.monotonic() > end:
                return
            try:
                data = data[client.socket.send(data):]
            except BlockingIOError:
                select.select([], [client.socket], [], 0.05)
            except OSError:
                return  # it has used its credits and is thrown out


def grown(server, before, seconds=0.5):
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, resident(server) - before)
        time.sleep(0.02)
    return most


def fill(server):
    """A file of 8 MiB, and every path taken once, so that what is measured is what is held."""
    with connect(server, 'mem') as c:
        c.grow(600)
        file = c.opened('big', disposition=b.OVERWRITE_IF)
        for at in range(8):
            c.write(file, bytes(MIB), at * MIB)
        check(len(c.read(file, 8 * MIB)) == 8 * MIB)


ASKS = (('ECHO', b.ECHO, lambda file: b.EMPTY, 1), ('READ of 64 KiB', b.READ, lambda file: b.read(file, 65536), 1),
        ('READ of 8 MiB', b.READ, lambda file: b.read(file, 8 * MIB), 128),
        ('WRITE of 1 MiB', b.WRITE, lambda file: b.write(file, bytes(MIB)), 16),
        ('CHANGE_NOTIFY', b.CHANGE_NOTIFY, lambda file: b.change_notify(file, room=65536), 1))


@case('a client that does not read holds 10 MiB at most, and a neighbour is served')
def after_login():
    with Server('mem=mem:') as server:
        fill(server)
        for name, command, body, charge in ASKS:
            with connect(server, 'mem') as c, connect(server, 'mem') as neighbour:
                c.grow(2000)
                path, access = ('', b.LIST) if command == b.CHANGE_NOTIFY else ('big', b.READ_WRITE)
                what = body(c.opened(path, access=access))
                before = resident(server)
                flood(c, command, what, 2000 // charge, charge=charge)
                most = grown(server, before)
                check(most < AFTER_LOGIN_MIB, name, f'{most:.1f} MiB')
                check(neighbour.echo().name == 'OK', name)


@case('before log-in it holds 64 KiB at most')
def before_login():
    with Server('mem=mem:') as server:
        fill(server)
        before = resident(server)
        clients = [Files(server.port) for _ in range(40)]
        for c in clients:
            c.negotiate()
            flood(c, b.ECHO, b.EMPTY, 200)
            flood(c, b.SESSION_SETUP, b.session_setup(bytes(40000)), 3)
        most = grown(server, before) / len(clients) * 1024
        for c in clients:
            c.drop()
        check(most < BEFORE_LOGIN_KIB, f'{most:.0f} KiB')


@case('memory is given back after a load')
def given_back():
    with Server('mem=mem:') as server:
        with connect(server, 'mem') as c:
            c.echo()
        idle = resident(server)
        check(stored(server) < 1)
        loaded = [connect(server, 'mem') for _ in range(4)]
        for n, c in enumerate(loaded):
            c.grow(600)
            file = c.opened(f'file{n}', disposition=b.OVERWRITE_IF, access=b.READ_WRITE | 0x10000)
            for at in range(16):
                c.write(file, bytes(MIB), at * MIB)
            check(c.mark_deleted(file) == 'OK')
        check(resident(server) - idle + stored(server) > 60)
        for c in loaded:
            c.drop()
        wait_for(lambda: resident(server) < idle + 8 and stored(server) < 1, 20, 'memory to come back')


@case('memory is given back while others go on')
def given_back_meanwhile():
    with Server('mem=mem:') as server, connect(server, 'mem') as other, connect(server, 'mem') as c:
        c.grow(100)
        idle = resident(server)
        for n in range(3000):
            c.put(f'file{n}', bytes(6000))
        check(resident(server) > idle + 16)
        for n in range(3000):
            c.remove(f'file{n}')

        def is_back():
            for _ in range(200):
                other.echo()
            return resident(server) < idle + 8
        wait_for(is_back, 60, 'memory to come back')


main()
