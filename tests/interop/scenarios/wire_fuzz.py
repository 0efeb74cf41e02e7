# SPDX-License-Identifier: Apache-2.0
"""Requests that are nearly right, of clients that are logged in, signed and sealed as is due: an answer or a hang-up, never
the end of the server. FUZZ_SECONDS makes it longer, FUZZ_SEED repeats one."""
import os
import random
import struct
import time

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, main
from rawclient import ASYNC, RELATED, Closed, Connection
from rawrandom import EDGES, Requests, connect_at_random, in_processes

SECONDS = float(os.environ.get('FUZZ_SECONDS', '10'))
SEED = int(os.environ.get('FUZZ_SEED', '0')) or int(time.time())
WORKERS = 4
SHARES = ('m', 'd', 'ro', 'enc', 'IPC$')
CONFIG = ('[m]\nplugin = mem:size=256M\nread only = no\n[d]\npath = @/dir\nread only = no\n[ro]\npath = @/dir\nread only = yes\n'
          '[enc]\nplugin = mem:size=64M\nread only = no\nsmb encrypt = required\n')
SETTINGS = f'server signing = auto\nserver smb encrypt = off\nadmin users = {USER}\nlog level = warn\n'


def mutated(dice, body):
    """A few bytes or one aligned number changed, cut, or made longer."""
    out, kind = bytearray(body), dice.random()
    if kind < 0.35:
        for _ in range(dice.choice((1, 1, 2, 4))):
            out[dice.randrange(len(out))] = dice.getrandbits(8)
    elif kind < 0.7:
        width = dice.choice((2, 4))
        at = dice.randrange(0, max(1, len(out) - width), 2)
        old = int.from_bytes(out[at:at + width], 'little')
        new = dice.choice((old + 1, old - 1, old + 8, dice.choice(EDGES), old ^ (1 << dice.randrange(width * 8))))
        out[at:at + width] = (new % (1 << (8 * width))).to_bytes(width, 'little')
    elif kind < 0.85:
        del out[dice.randrange(len(out)):]
    else:
        out += dice.randbytes(dice.randint(1, 40))
    return bytes(out)


def odd_fields(dice, requests):
    """Fields of the header that no client sends, seldom."""
    fields = {}
    if dice.random() < 0.1:
        fields['charge'] = dice.choice((0, 2, 3, 16))
    if dice.random() < 0.02:
        fields['sid'] = dice.choice((0, 1, dice.getrandbits(32)))
    if dice.random() < 0.02:
        fields['flags'] = dice.choice((1, 2, 4, 0x10000000, 0x20000000))
    if dice.random() < 0.001:
        fields['mid'] = dice.choice((0, 1, 1 << 40, (1 << 64) - 1))
    if requests.async_ids and dice.random() < 0.01:
        fields.update(async_id=dice.choice(requests.async_ids), flags=ASYNC)
    return fields


def one_request(requests, trees):
    """(command, body, fields of the header)"""
    command, body, tid = requests.next(trees)
    if requests.dice.random() < 0.12:
        body = mutated(requests.dice, body)
    return command, body, {'tid': tid, **odd_fields(requests.dice, requests)}


def send_one(c, requests, trees):
    dice = requests.dice
    if dice.random() < 0.25:
        parts = [one_request(requests, trees) for _ in range(dice.choice((2, 2, 3, 4, 8, 16)))]
        for command, body, fields in parts[1:]:
            fields.setdefault('flags', RELATED if dice.random() < 0.6 else 0)
            if dice.random() < 0.002:
                fields['after'] = dice.choice((8, 64, 72, 0xfffffff8))
            fields.pop('mid', None)
        parts[0][2].pop('mid', None)
        c.chain(*parts)
    elif requests.async_ids and dice.random() < 0.05:
        c.cancel(async_id=dice.choice(requests.async_ids))
    else:
        command, body, fields = one_request(requests, trees)
        c.send(command, body, sign=c.signing and dice.random() < 0.97, **fields)


def one_connection(port, requests, until):
    dice = requests.dice
    requests.files, requests.async_ids, requests.gone = [], [], 0
    c, trees = connect_at_random(port, dice, USER, PASSWORD, dice.sample(SHARES, 3))
    if not c:
        return 0
    sent, rounds, starved = 0, dice.choice((20, 200, 2000)), 0
    try:
        while sent < rounds and starved < 200 and time.monotonic() < until:
            starved += 1
            if c.credits > 60:
                send_one(c, requests, trees)
                sent, starved = sent + 1, 0
            for r in c.arrived(dice.choice((0, 0, 0.001, 0.003))):
                requests.learn(r)
    finally:
        c.drop(reset=dice.random() < 0.3)
    return sent


def client(port):
    def work(number, until):
        requests, sent = Requests(SEED * 100 + number, wild=0.15), 0
        while time.monotonic() < until:
            try:
                sent += one_connection(port, requests, until)
            except (Closed, OSError):
                pass  # what cannot be answered ends the connection
        return sent
    return work


@case(f'logged in, seed {SEED}')
def logged_in():
    with Server(config=CONFIG, settings=SETTINGS) as s:
        sent = in_processes(WORKERS, client(s.port), SECONDS)()
        print(f'# {sum(sent)} requests and compounds')
        check(sum(sent) > 100, f'the scenario tests nothing: {sent}')
        s.wait_idle()


@case(f'before log-in, seed {SEED}')
def before_login():
    """NEGOTIATE and SESSION_SETUP with changes, each on a connection of its own."""
    dice = random.Random(SEED)
    with Server('mem:') as s:
        for _ in range(300):
            with Connection(s.port, timeout=2) as c:
                try:
                    contexts = [(1, struct.pack('<HHH', 1, 32, 1) + dice.randbytes(32)), (2, b'\1\0\2\0'), (8, b'\1\0\2\0')]
                    body = b.negotiate((0x202, 0x311), c.guid, contexts)
                    c.push(mutated(dice, c.header(b.NEGOTIATE, 0, charge=0) + body))
                    c.arrived(0.02)
                    token = b'NTLMSSP\0' + struct.pack('<I', dice.choice((1, 3))) + dice.randbytes(60)
                    c.push(mutated(dice, c.header(b.SESSION_SETUP, 1) + b.session_setup(token)))
                    c.arrived(0.02)
                except (Closed, OSError):
                    pass
        s.smbclient('mem', 'ls').ok()


main()
