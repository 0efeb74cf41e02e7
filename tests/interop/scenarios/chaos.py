# SPDX-License-Identifier: Apache-2.0
"""Clients that do everything at once and go away in every way, while the configuration, the users and the shares change:
nothing is left and nothing alarming is said. CHAOS_SECONDS makes it longer, CHAOS_SEED repeats one."""
import multiprocessing
import os
import random
import signal
import time

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, main
from rawclient import Closed
from rawrandom import Requests, connect_at_random, in_processes

SECONDS = float(os.environ.get('CHAOS_SECONDS', '10'))
SEED = int(os.environ.get('CHAOS_SEED', '0')) or int(time.time())
WORKERS = 4
SHARES = ('m', 'd', 'slow', 'err', 'g', 'IPC$')

session_ids = multiprocessing.Array('Q', 16)


def shares(i):
    """Another set of shares each time: some gone, some changed."""
    out = '[m]\nplugin = mem\nread only = no\n'
    if i % 4 != 3:
        out += f'[d]\npath = @/dir\nread only = {"yes" if i % 7 == 6 else "no"}\n'
    if i % 3 != 2:
        out += f'[slow]\nplugin = mem\nread only = no\nfilter = delay:read={i % 20},write=3,create=2,getattr=1\n'
    out += f'[err]\nplugin = mem\nread only = no\nfilter = error:op=any,nth=40,every={5 + i % 7}\n'
    return out + ('[g]\nplugin = mem\nread only = no\nguest ok = yes\n' if i % 2 else '')


def settings(i):
    return (f'server signing = {"auto" if i % 3 else "mandatory"}\nserver smb encrypt = {"desired" if i % 5 == 4 else "off"}\n'
            'map to guest = bad user\nmax workers = 8\nlog level = warn\n')


def send_some(c, requests, trees):
    dice = requests.dice
    for _ in range(dice.choice((1, 1, 3, 8))):
        kind = dice.random()
        if kind < 0.03 and requests.async_ids:
            c.cancel(async_id=dice.choice(requests.async_ids))
        elif kind < 0.035:
            c.chain((b.CREATE, b.create('a', disposition=b.OPEN_IF), {'tid': trees[0]}), (b.WRITE, b.write(b.SAME_FILE, b'zz')),
                    (b.CLOSE, b.close(b.SAME_FILE)))
        elif kind < 0.04:  # binds to somebody's session
            c.send(b.SESSION_SETUP, b.session_setup(b'NTLMSSP\0' + bytes(24), flags=1), sid=dice.choice(session_ids[:]) or 5, tid=0)
        else:
            command, body, tid = requests.next(trees)
            c.send(command, body, tid=tid)


def one_connection(port, requests, until):
    """How many times it sent something."""
    dice = requests.dice
    requests.files, requests.async_ids, requests.gone = [], [], 0
    user = dice.choice((USER, USER, 'nobody-here'))
    previous = dice.choice(session_ids[:]) if dice.random() < 0.4 else 0
    c, trees = connect_at_random(port, dice, user, PASSWORD, dice.sample(SHARES, 4), previous)
    if not c or not trees:
        return 0
    session_ids[dice.randrange(len(session_ids))] = c.sid
    sent, rounds = 0, dice.choice((5, 50, 300))
    try:
        while sent < rounds and time.monotonic() < until:
            if c.credits > 40:
                send_some(c, requests, trees)
                sent += 1
            for r in c.arrived(dice.choice((0, 0, 0.002, 0.01))):
                requests.learn(r)
                if r.command == b.OPLOCK_BREAK and r.status == 0 and dice.random() < 0.8:
                    c.send(b.OPLOCK_BREAK, b.oplock_break(r.body[8:24], 0), tid=trees[0])
    finally:
        c.drop(reset=dice.random() < 0.4)
    return sent


def client(port):
    def work(number, until):
        requests, sent = Requests(SEED * 100 + number), 0
        while time.monotonic() < until:
            try:
                sent += one_connection(port, requests, until)
            except (Closed, OSError):
                pass  # the server ended it, as it may: the session was taken, the share is gone, it stops
            except AssertionError:
                pass  # no answer within the time: it was cut in the middle of a log-in
        return sent
    return work


def disturb(s, until):
    """Reload, look, and take the user away and give it back."""
    dice, i = random.Random(SEED), 0
    with open(s.path('users'), encoding='utf-8') as f:
        users = f.read()
    while time.monotonic() < until:
        time.sleep(dice.choice((0.1, 0.3, 0.6)))
        check(s.process.poll() is None, 'the server is gone:', s.log()[-3000:])
        i += 1
        s.settings = settings(i)
        s.write_config(shares(i))
        if i % 9 in (0, 2):
            with open(s.path('users'), 'w', encoding='utf-8') as f:
                f.write(users if i % 9 else '')
        s.signal(signal.SIGHUP)
        s.status()
    with open(s.path('users'), 'w', encoding='utf-8') as f:
        f.write(users)


@case(f'everything at once, seed {SEED}')
def everything():
    with Server(config=shares(0), settings=settings(0)) as s:
        results = in_processes(WORKERS, client(s.port), SECONDS)
        disturb(s, time.monotonic() + SECONDS)
        sent = results()
        print(f'# {sum(sent)} times something was sent')
        check(sum(sent) > 20, f'the scenario tests nothing: {sent}')
        s.wait_idle()


@case('SIGTERM in the middle of it')
def terminate():
    with Server(config=shares(1), settings=settings(1)) as s:
        results = in_processes(WORKERS, client(s.port), 4)
        time.sleep(2)
        check(s.stop() == 0, 'exit code', s.log()[-2000:])
        results()


main()
