# SPDX-License-Identifier: Apache-2.0
"""What a client that asks and does not read makes the server hold, and what comes back afterwards: bounded by
its connection, whatever it asks."""
import select
import struct
import time

import raw_client as raw
from harness import Server, case, check, main, wait_for

MIB = 1 << 20
BEFORE_LOGIN_KIB, AFTER_LOGIN_MIB = 64, 10


def resident(server):
    with open(f'/proc/{server.process.pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS')) / 1024


def flood(client, command, body, count, **how):
    """Send as much as the socket takes within a second."""
    client.socket.setblocking(False)
    end = time.monotonic() + 1
    for _ in range(count):
        data = client.frame(command, body, credits=1, **how)
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
    with raw.enter(server.port) as c:
        c.more_credits(600)
        file = c.create('big', disposition=5)
        for at in range(8):
            c.ask(raw.WRITE, raw.write_body(file, bytes(MIB), at * MIB), charge=16)
        check(len(c.ask(raw.READ, raw.read_body(file, 8 * MIB), charge=128).body) > 8 * MIB)


ASKS = (('ECHO', raw.ECHO, lambda file: raw.ECHO_BODY, 1), ('READ of 64 KiB', raw.READ, lambda file: raw.read_body(file, 65536), 1),
        ('READ of 8 MiB', raw.READ, lambda file: raw.read_body(file, 8 * MIB), 128),
        ('WRITE of 1 MiB', raw.WRITE, lambda file: raw.write_body(file, bytes(MIB)), 16),
        ('CHANGE_NOTIFY', raw.CHANGE_NOTIFY, raw.notify_body, 1))


@case('a client that does not read holds 10 MiB at most, and a neighbour is served')
def after_login():
    with Server('mem=mem:') as server:
        fill(server)
        for name, command, body, charge in ASKS:
            with raw.enter(server.port) as c, raw.enter(server.port) as neighbour:
                c.more_credits(2000)
                path, access = ('', 0x81) if command == raw.CHANGE_NOTIFY else ('big', 0x12019f)
                what = body(c.create(path, access=access, disposition=1))
                before = resident(server)
                flood(c, command, what, 2000 // charge, charge=charge)
                most = grown(server, before)
                check(most < AFTER_LOGIN_MIB, name, f'{most:.1f} MiB')
                check(neighbour.ask(raw.ECHO, raw.ECHO_BODY).status == raw.SUCCESS, name)


@case('before log-in it holds 64 KiB at most')
def before_login():
    with Server('mem=mem:') as server:
        fill(server)
        before = resident(server)
        clients = [raw.RawClient(server.port) for _ in range(40)]
        for c in clients:
            c.negotiate()
            flood(c, raw.ECHO, raw.ECHO_BODY, 200)
            flood(c, raw.SESSION_SETUP, struct.pack('<HBBIIHHQ', 25, 0, 1, 0, 0, 88, 40000, 0) + bytes(40000), 3)
        most = grown(server, before) / len(clients) * 1024
        for c in clients:
            c.close()
        check(most < BEFORE_LOGIN_KIB, f'{most:.0f} KiB')


@case('memory is given back after a load')
def given_back():
    with Server('mem=mem:') as server:
        with raw.enter(server.port) as c:
            c.ask(raw.ECHO, raw.ECHO_BODY)
        idle = resident(server)
        loaded = [raw.enter(server.port) for _ in range(4)]
        for n, c in enumerate(loaded):
            c.more_credits(600)
            file = c.create(f'file{n}', disposition=5, access=0x13019f)
            for at in range(16):
                c.ask(raw.WRITE, raw.write_body(file, bytes(MIB), at * MIB), charge=16)
            delete = struct.pack('<HBBIHHI', 33, 1, 13, 1, 96, 0, 0) + file + b'\1'
            check(c.ask(raw.SET_INFO, delete).status == raw.SUCCESS)
        check(resident(server) > idle + 30)
        for c in loaded:
            c.close()
        wait_for(lambda: resident(server) < idle + 8, 20, 'memory to come back')


main()
