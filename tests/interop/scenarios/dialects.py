# SPDX-License-Identifier: Apache-2.0
"""Each dialect with each way to sign and to seal: files work, answers are protected, what is not is refused (quick)."""
from rawclient import AES_CMAC, AES_GMAC, CCM_128, CCM_256, GCM_128, GCM_256, HMAC_SHA256, Closed, connect
from harness import Server, case, check, expect, main
import rawbodies as b

DIALECTS = (0x202, 0x210, 0x300, 0x302)
SIGNINGS = (HMAC_SHA256, AES_CMAC, AES_GMAC)
CIPHERS = (CCM_128, GCM_128, CCM_256, GCM_256)


def use(c):
    f = c.opened('file', disposition=b.OPEN_IF)
    check(c.write(f, b'abc' * 20000) == 'OK' and c.read(f, 9, 59991) == b'abcabcabc', 'other bytes')
    c.close(f)
    mids = c.chain((b.CREATE, b.create('file')), (b.QUERY_INFO, b.query_info(b.SAME_FILE, 5)), (b.CLOSE, b.close(b.SAME_FILE)))
    answers = [c.receive(m) for m in mids]
    check([r.name for r in answers] == ['OK'] * 3, [r.name for r in answers])
    for r in answers:
        check(r.sealed == c.seal, 'sealed', r.sealed)
        check(c.seal or c.is_signed_right(r), 'a wrong signature')
    check(c.login().name == 'OK', 'a second log-in')
    check(c.names() == ['file'], c.names())
    check(c.logoff().name == 'OK', 'LOGOFF')


@case('signed')
def signed():
    with Server('mem:') as s:
        for dialect in DIALECTS:
            use(connect(s, 'mem', dialect))
        for algorithm in SIGNINGS:
            c = connect(s, 'mem', sign_with=(algorithm,))
            check(c.sign_with == algorithm, c.sign_with)
            use(c)


@case('sealed')
def sealed():
    with Server('mem:') as s:
        for dialect in DIALECTS[2:]:
            use(connect(s, 'mem', dialect, seal=True))
        for cipher in CIPHERS:
            c = connect(s, 'mem', seal=True, ciphers=(cipher,))
            check(c.cipher == cipher, c.cipher)
            use(c)


def is_refused(c, **how):
    try:
        return c.echo(**how).name == 'ACCESS_DENIED'
    except Closed:
        return True


@case('normalized names are told by 3.1.1 only')
def normalized():
    with Server('mem:') as s:
        for dialect in (*DIALECTS, 0x311):
            with connect(s, 'mem', dialect) as c:
                f = c.opened('file', disposition=b.OPEN_IF)
                expect(f'{dialect:#x}', c.query(f, 48).name, 'OK' if dialect == 0x311 else 'NOT_SUPPORTED')


@case('what is not signed is refused, and so is what is signed wrongly')
def unprotected():
    with Server('mem:') as s:
        for dialect in (*DIALECTS, 0x311):
            check(is_refused(connect(s, 'mem', dialect), sign=False), f'{dialect:#x}: served without a signature')
            c = connect(s, 'mem', dialect)
            c.key = bytes(len(c.key))
            check(is_refused(c), f'{dialect:#x}: served with a wrong signature')
            check(connect(s, 'mem', dialect).echo().name == 'OK', 'the next client')


main()
