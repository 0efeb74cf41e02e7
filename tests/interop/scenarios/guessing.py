# SPDX-License-Identifier: Apache-2.0
"""Guessing a password by many log-ins side by side, and who is not held up by it (quick)."""
import time

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, main
from impacket import ntlm
from rawclient import Connection

BOB = ('bob', 'Battery staple 2')


def begin_session(c, sessions):
    """The first round; the challenge and the session's id."""
    first = ntlm.getNTLMSSPType1('', '', True, use_ntlmv2=True)
    r = c.call(b.SESSION_SETUP, b.session_setup(first.getData()), sid=0, tid=0)
    check(r.name == 'MORE_PROCESSING_REQUIRED', r.name)
    sessions.append((first, r))


def guess(c, first, r, password):
    answer, _ = ntlm.getNTLMSSPType3(first, Connection._token(r), USER, password, '', use_ntlmv2=True)
    return c.send(b.SESSION_SETUP, b.session_setup(answer.getData()), sid=r.sid, tid=0)


def login_seconds(s, user, password):
    began = time.monotonic()
    with Connection(s.port, timeout=30) as c:
        c.negotiate((0x302,))
        r = c.login(user, password)
        check(r.name == 'OK', user, r.name)
    return time.monotonic() - began


@case('side by side, on several connections, the right one among them')
def side_by_side():
    with Server('mem:', users=((USER, PASSWORD), BOB)) as s:
        login_seconds(s, *BOB)
        connections, told = [], []
        for k in range(12):
            c = Connection(s.port)
            connections.append(c)
            c.negotiate((0x302,))
            c.grow(100)
            sessions = []
            for _ in range(8):  # as many as a connection may have before log-in
                begin_session(c, sessions)
            for i, (first, r) in enumerate(sessions):
                guess(c, first, r, PASSWORD if (k, i) == (11, 7) else f'wrong {i}')
        until = time.monotonic() + 2
        while time.monotonic() < until:
            for c in connections:
                told += [r.name for r in c.arrived(0.05)]
        check(0 < len(told) < 10 and set(told) == {'LOGON_FAILURE'}, told)
        check(login_seconds(s, *BOB) < 2, 'bob, who was here before, is held up')
        for c in connections:
            c.drop()


@case('the right password waits as long as a wrong one, and gets in')
def waits():
    with Server('mem:') as s:
        for _ in range(5):
            with Connection(s.port) as c:
                c.negotiate((0x311,))
                check(c.login(USER, 'wrong').name == 'LOGON_FAILURE')
        check(login_seconds(s, USER, PASSWORD) > 0.1, 'told at once')
        check(login_seconds(s, USER, PASSWORD) < 10)


main()
