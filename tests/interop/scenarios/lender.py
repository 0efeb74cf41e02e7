# SPDX-License-Identifier: Apache-2.0
# quick
"""A filter grants a part of the caching that is asked for, takes it back, and hears when clients have given it up."""
import struct

import rawbodies as b
from harness import TEST_PLUGINS, Server, case, check, expect, main, smbkit, wait_for
from rawclient import connect

R, H, W = 1, 2, 4
LEASE_LEVEL, BATCH, LEVEL_II = 0xff, 9, 1
BREAK = (1 << 64) - 1  # the message id of a break
CONTEXT_AT = 80  # [MS-SMB2] 2.2.14
STACKS = {'alone': (), 'below what answers later': ('--filter', 'pend:seed=7')}


def server(stack):
    return Server('mem:', args=('--plugin-dir', TEST_PLUGINS, *STACKS[stack], '--filter', 'lender'))


def say(s, *words):
    r = smbkit('control', '--socket', s.control, 'mem', *words)
    expect(f'{words}: exit code', r.code, 0)
    return r.text.strip()


def told(s, what):
    heard = []

    def look():
        heard.append(say(s, 'told'))
        return ''.join(heard) == what
    wait_for(look, 60, f'the ack {what}: {heard}')


def lease(key, state):
    """[MS-SMB2] 2.2.13.2.8"""
    return b'RqLs', bytes([key] * 16) + struct.pack('<IIQ', state, 0, 0)


def take(c, path, key, state):
    """Opens with a lease: file id, what was granted."""
    r = c.create(path, oplock=LEASE_LEVEL, contexts=[lease(key, state)], disposition=b.OPEN_IF, access=b.READ_WRITE)
    expect(f'opening {path}', r.name, 'OK')
    at, size = struct.unpack_from('<II', r.body, CONTEXT_AT)
    check(size, 'no lease in the answer')
    at += struct.unpack_from('<H', r.raw, at + 10)[0]
    return r.file_id, struct.unpack_from('<I', r.raw, at + 16)[0]


def heard(c):
    """[MS-SMB2] 2.2.23.2: key, from, to."""
    r = c.receive(BREAK, 60)
    check(r and r.command == b.OPLOCK_BREAK, 'no break')
    return r.body[8:24], *struct.unpack_from('<II', r.body, 24)


def acknowledge(c, key, state):
    """[MS-SMB2] 2.2.24.2"""
    r = c.call(b.OPLOCK_BREAK, struct.pack('<HHI16sIQ', 36, 0, 0, key, state, 0))
    expect('the acknowledgement', r.name, 'OK')


@case('leases: alone', 'alone')
@case('leases: below what answers later', 'below what answers later')
def leases(stack):
    with server(stack) as s, connect(s, 'mem') as c:
        say(s, 'grant', '1')
        f, state = take(c, 'reads', 1, R | H | W)
        expect('reads alone are granted', state, R)
        expect('closing', c.close(f), 'OK')
        say(s, 'grant', '7')
        f, state = take(c, 'f', 2, R | H | W)
        expect('all', state, R | H | W)
        expect('taken back', say(s, 'break', '3'), '1')
        key, was, now = heard(c)
        expect('the break', (was, now), (R | H | W, R | H))
        expect('the client has not answered', say(s, 'told'), '')
        expect('what it cached is written', c.write(f, b'cached'), 'OK')
        acknowledge(c, key, R | H)
        told(s, '3;')
        expect('again', say(s, 'break', '0'), '1')
        key, was, now = heard(c)
        expect('the break', (was, now), (R | H, 0))
        expect('closing', c.close(f), 'OK')
        told(s, '0;')
        expect('nobody', say(s, 'break', '0'), '0')


@case('oplocks: alone', 'alone')
@case('oplocks: below what answers later', 'below what answers later')
def oplocks(stack):
    with server(stack) as s, connect(s, 'mem') as c:
        r = c.create('f', oplock=BATCH, disposition=b.OPEN_IF, access=b.READ_WRITE)
        expect('batch', (r.name, r.body[2]), ('OK', BATCH))
        expect('taken back', say(s, 'break', '3'), '1')
        told_break = c.receive(BREAK, 60)
        check(told_break and told_break.command == b.OPLOCK_BREAK, 'no break')
        expect('to', told_break.body[2], LEVEL_II)
        # [MS-SMB2] 2.2.24.1
        answer = c.call(b.OPLOCK_BREAK, struct.pack('<HBBI16s', 24, LEVEL_II, 0, 0, r.file_id))
        expect('the acknowledgement', answer.name, 'OK')
        told(s, '1;')
        expect('reads end without an answer', say(s, 'break', '0'), '1')
        told(s, '0;')
        expect('closing', c.close(r.file_id), 'OK')


@case('a client is lost')
def lost():
    with server('alone') as s:
        with connect(s, 'mem') as c:
            _, state = take(c, 'f', 2, R | W)
            expect('granted', state, R | W)
            expect('taken back', say(s, 'break', '1'), '1')
            heard(c)
            c.drop()
        told(s, '0;')


main()
