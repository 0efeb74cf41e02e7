# SPDX-License-Identifier: Apache-2.0
"""No nonce signs or seals two messages: a long mixed session under every algorithm (quick). rawclient.py looks at each
message; the scenario sees to it that there are interim answers, refusals, breaks, CANCELs and compounds."""
import time

import rawbodies as b
from harness import Server, case, check, main
from rawclient import (AES_CMAC, AES_GMAC, CCM_128, CCM_256, GCM_128, GCM_256, HMAC_SHA256, PENDING, RELATED, SIGNED, UNSOLICITED,
                       Closed, Connection, connect)

MODES = ((0x202, HMAC_SHA256, ()), (0x210, HMAC_SHA256, ()), (0x300, AES_CMAC, ()), (0x302, AES_CMAC, ()), (0x311, HMAC_SHA256, ()),
         (0x311, AES_CMAC, ()), (0x311, AES_GMAC, ()), (0x300, AES_CMAC, (CCM_128,)), (0x311, AES_GMAC, (CCM_128,)),
         (0x311, AES_GMAC, (GCM_128,)), (0x311, AES_GMAC, (CCM_256,)), (0x311, AES_GMAC, (GCM_256,)))


def wait_for_interim(c, *mids):
    came = []
    until = time.monotonic() + 20
    while not all(mid in c.interim for mid in mids):
        check(time.monotonic() < until, 'no interim answer', mids)
        came += c.arrived(1)
    c.waiting = came + c.waiting


def cancel_everything(c):
    folder = c.opened('', access=b.LIST)
    mids = [c.send(b.CHANGE_NOTIFY, b.change_notify(folder)) for _ in range(5)]
    wait_for_interim(c, *mids)
    for mid in mids:
        c.send(b.CANCEL, b.EMPTY, mid=mid, charge=0, flags=RELATED)  # wrong, and never answered
        c.cancel(mid)
        c.cancel(mid)  # too late
    for mid in mids:
        check(c.receive(mid).name == 'CANCELLED')
    c.close(folder)


def fight_for_a_lock(c):
    first, second = (c.opened('locked', disposition=b.OPEN_IF) for _ in range(2))
    check(c.lock(first, 0, 1, 2) == 'OK')
    waiting = c.start_lock(second, 0, 1, 2)
    wait_for_interim(c, waiting)
    check(c.lock(first, 0, 1, 4) == 'OK')
    check(c.receive(waiting).name == 'OK')
    c.close(first)
    c.close(second)


def break_an_oplock(c):
    first = c.opened('cached', disposition=b.OPEN_IF, oplock=9)
    second = c.send(b.CREATE, b.create('cached'))
    broken = c.receive(UNSOLICITED)
    check(broken.command == b.OPLOCK_BREAK and not broken.flags & SIGNED, broken.command, broken.flags)
    wait_for_interim(c, second)
    check(c.call(b.OPLOCK_BREAK, b.oplock_break(first, 0)).name == 'OK')
    r = c.receive(second)
    check(r.name == 'OK', r.name)
    c.close(first)
    c.close(r.file_id)


def compound(c):
    for mid in c.chain((b.CREATE, b.create('made', disposition=b.OPEN_IF)), (b.WRITE, b.write(b.SAME_FILE, b'abc')),
                       (b.CLOSE, b.close(b.SAME_FILE))):
        check(c.receive(mid).name == 'OK')
    folder = c.opened('', access=b.LIST)
    first, last = c.chain((b.ECHO, b.EMPTY), (b.CHANGE_NOTIFY, b.change_notify(folder)), related=False)
    check(c.receive(first).name == 'OK')
    wait_for_interim(c, last)
    c.close(folder)
    check(c.receive(last).name == 'NOTIFY_CLEANUP')


def be_refused(c):
    if not c.seal:
        check(c.echo(sign=False).name == 'ACCESS_DENIED')
        key, c.key = c.key, bytes(16)
        check(c.echo().name == 'ACCESS_DENIED')
        c.key = key
    check(c.call(77, b.EMPTY).name == 'INVALID_PARAMETER')
    if not c.seal:
        check(c.login().name == 'OK')


def bind_and_fail(c, port, dialect, signing):
    """From other connections, whose MessageIds are the same numbers: one set of nonces where they are nonces. But from
    the second on the client itself has signed two requests with one: nothing is left to be kept (channels.md)."""
    for first in (True, False):
        with Connection(port) as other:
            other.negotiate((dialect,), sign_with=(signing,), ciphers=())
            other.key, other.sid = c.key, c.sid
            other.nonces = c.nonces if c.sign_with == AES_GMAC and first else set()
            refused = other.setup(b'NTLMSSP', sign=True, flags=1).name
            check(refused in ('REQUEST_NOT_ACCEPTED', 'INVALID_PARAMETER'), refused)


def say_it_again(c):
    """A MessageId a second time: no answer that could be signed, but the end."""
    try:
        r = c.call(b.ECHO, b.EMPTY, mid=c.mid - 1)
        check(False, r.name)
    except Closed:
        pass


def talk(dialect, signing, ciphers):
    with Server('mem:', args=['--encrypt'] if ciphers else []) as s:
        with connect(s, 'mem', dialect, sign_with=(signing,), ciphers=ciphers) as c:
            check(c.seal == bool(ciphers) and c.sign_with == signing, c.sign_with)
            for _ in range(3):
                for part in cancel_everything, fight_for_a_lock, break_an_oplock, compound, be_refused:
                    part(c)
            bind_and_fail(c, s.port, dialect, signing)
            check(c.echo().name == 'OK')
            check(len(c.nonces) > 50, len(c.nonces))
            say_it_again(c)


for mode in MODES:
    case('dialect {:#06x}, signing {}, ciphers {}'.format(*mode), *mode)(talk)


@case('NEGOTIATE that claims to be signed is refused')
def signed_negotiate():
    with Server('mem:') as s:
        for dialect in (0x202, 0x210, 0x300, 0x302, 0x311):
            with Connection(s.port) as c:
                check(c.negotiate((dialect,), flags=SIGNED).name == 'INVALID_PARAMETER')


main()
