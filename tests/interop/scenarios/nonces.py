# SPDX-License-Identifier: Apache-2.0
"""No nonce signs or seals two messages: a long mixed session under every algorithm (quick). raw_client.py looks at each
message; the scenario sees to it that there are interim replies, refusals, breaks, CANCELs and compounds."""
import raw_client as raw
from harness import Server, case, check, main
from raw_client import SUCCESS

MODES = ((0x0202, raw.HMAC_SHA256, ()), (0x0210, raw.HMAC_SHA256, ()), (0x0300, raw.AES_CMAC, ()),
         (0x0302, raw.AES_CMAC, ()), (0x0311, raw.HMAC_SHA256, ()), (0x0311, raw.AES_CMAC, ()),
         (0x0311, raw.AES_GMAC, ()), (0x0300, raw.AES_CMAC, (raw.CCM_128,)), (0x0311, raw.AES_GMAC, (raw.CCM_128,)),
         (0x0311, raw.AES_GMAC, (raw.GCM_128,)), (0x0311, raw.AES_GMAC, (raw.CCM_256,)),
         (0x0311, raw.AES_GMAC, (raw.GCM_256,)))


def statuses(client, count):
    return sorted(client.receive().status for _ in range(count))


def wait_and_cancel(c):
    folder = c.create('', access=0x81, disposition=1)
    mids = [c.send(raw.CHANGE_NOTIFY, raw.notify_body(folder)) for _ in range(5)]
    check(statuses(c, 5) == [raw.PENDING] * 5)
    for mid in mids:
        c.send(raw.CANCEL, raw.ECHO_BODY, mid=mid, flags=raw.FLAG_RELATED)  # wrong, and never answered
        c.send(raw.CANCEL, raw.ECHO_BODY, mid=mid)
        c.send(raw.CANCEL, raw.ECHO_BODY, mid=mid)  # too late
    check(statuses(c, 5) == [raw.CANCELLED] * 5)
    c.ask(raw.CLOSE, raw.close_body(folder))


def fight_for_a_lock(c):
    first, second = c.create('locked'), c.create('locked')
    check(c.ask(raw.LOCK, raw.lock_body(first, (0, 1, raw.LOCK_EXCLUSIVE))).status == SUCCESS)
    waiting = c.send(raw.LOCK, raw.lock_body(second, (0, 1, raw.LOCK_EXCLUSIVE)))
    check(c.receive().status == raw.PENDING)
    c.send(raw.LOCK, raw.lock_body(first, (0, 1, raw.LOCK_UNLOCK)))
    check(c.receive_for(waiting).status == SUCCESS)
    for file in first, second:
        c.ask(raw.CLOSE, raw.close_body(file))


def break_an_oplock(c):
    first = c.create('cached', oplock=9)
    second = c.send(raw.CREATE, raw.create_body('cached'))
    seen = {r.command: r for r in (c.receive(), c.receive())}
    check(seen[raw.OPLOCK_BREAK].mid == 2**64 - 1 and not seen[raw.OPLOCK_BREAK].flags & raw.FLAG_SIGNED, seen)
    check(seen[raw.CREATE].status == raw.PENDING, seen)
    c.send(raw.OPLOCK_BREAK, raw.oplock_break_body(first, 0))
    reply = c.receive_for(second)
    check(reply.status == SUCCESS, reply)
    for file in first, reply.body[64:80]:
        c.ask(raw.CLOSE, raw.close_body(file))


def compound(c):
    c.send_compound((raw.CREATE, raw.create_body('made')), (raw.WRITE, raw.write_body(raw.ANY_FILE, b'abc'), {'flags': raw.FLAG_RELATED}),
                    (raw.CLOSE, raw.close_body(raw.ANY_FILE), {'flags': raw.FLAG_RELATED}))
    check(statuses(c, 3) == [SUCCESS] * 3)
    folder = c.create('', access=0x81, disposition=1)
    c.send_compound((raw.ECHO, raw.ECHO_BODY), (raw.CHANGE_NOTIFY, raw.notify_body(folder)))
    check(statuses(c, 2) == [SUCCESS, raw.PENDING])
    c.ask(raw.CLOSE, raw.close_body(folder))


def be_refused(c):
    if not c.seals:
        check(c.ask(raw.ECHO, raw.ECHO_BODY, signs=False).status == raw.ACCESS_DENIED)
        wrong = bytearray(c.frame(raw.ECHO, raw.ECHO_BODY))
        wrong[60] ^= 1
        c.socket.sendall(wrong)
        check(c.receive().status == raw.ACCESS_DENIED)
    check(c.ask(77, raw.ECHO_BODY).status == raw.INVALID_PARAMETER)
    check(c.login(session_id=c.session_id).status == SUCCESS)


def bind_and_fail(c, port, mode):
    """From other connections, whose MessageIds are the same numbers."""
    for _ in range(2):
        with raw.RawClient(port) as other:
            other.negotiate(*mode)
            other.signing_key, other.session_hash = c.signing_key, b''
            other.nonces = c.nonces if c.signing == raw.AES_GMAC else set()
            reply = other.session_setup(b'NTLMSSP', flags=1, session_id=c.session_id, signs=True)
            check(reply.status == raw.NOT_ACCEPTED, reply)


def talk(dialect, signing, ciphers):
    with Server('mem:', args=['--encrypt'] if ciphers else []) as s:
        mode = (dialect, signing, ciphers)
        with raw.enter(s.port, dialect=dialect, signing=signing, ciphers=ciphers) as c:
            check(c.seals == bool(ciphers))
            for _ in range(3):
                for part in wait_and_cancel, fight_for_a_lock, break_an_oplock, compound, be_refused:
                    part(c)
            bind_and_fail(c, s.port, mode)
            check(c.ask(raw.ECHO, raw.ECHO_BODY).status == SUCCESS)
            check(len(c.nonces) > 50, len(c.nonces))
            c.send(raw.ECHO, raw.ECHO_BODY, mid=c.mid - 1)  # a MessageId a second time
            check(c.is_closed())


for mode in MODES:
    case('dialect {:#06x} signing {} ciphers {}'.format(*mode), *mode)(talk)


@case('NEGOTIATE that claims to be signed is refused')
def signed_negotiate():
    with Server('mem:') as s:
        for dialect in (0x0202, 0x0210, 0x0300, 0x0302, 0x0311):
            with raw.RawClient(s.port) as c:
                check(c.negotiate(dialect, flags=raw.FLAG_SIGNED).status == raw.INVALID_PARAMETER)


main()
