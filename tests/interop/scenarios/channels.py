# SPDX-License-Identifier: Apache-2.0
"""One session on several connections: what waits on one and is ended by another, what outlives a lost one (quick)."""
import struct

import rawbodies as b
from harness import Server, case, check, each_share, expect, main
from rawclient import CCM_128, GCM_128, AES_CMAC, AES_GMAC, HMAC_SHA256, connect, join

EXCLUSIVE, UNLOCK = 0x2, 0x4
BATCH = 9


@each_share('what one opens the other uses')
def both(s, share):
    with connect(s, share) as one, join(s, one) as other:
        f = one.opened('f', disposition=b.OPEN_IF)
        expect('write', other.write(f, b'abc'), 'OK')
        expect('read', one.read(f, 3), b'abc')
        expect('close', other.close(f), 'OK')
        expect('closed', one.read(f, 3), 'FILE_CLOSED')


@case('every way of signing and sealing')
def protection():
    with Server('mem:') as s:
        for dialect in (0x300, 0x302, 0x311):
            for signing in (AES_GMAC, AES_CMAC, HMAC_SHA256) if dialect == 0x311 else (AES_CMAC,):
                for cipher in (GCM_128, CCM_128) if dialect == 0x311 else (CCM_128,):
                    how = {'sign_with': (signing,), 'ciphers': (cipher,)}
                    for seal in (False, True):
                        with connect(s, 'mem', dialect=dialect, seal=seal, **how) as one, join(s, one, **how) as other:
                            f = one.opened('f', disposition=b.OPEN_IF)
                            expect(f'{dialect:#x} {signing} {cipher} {seal}', other.write(f, b'x'), 'OK')
                            expect('close', one.close(f), 'OK')


@each_share('a lock that waits, given and taken away by the other')
def locks(s, share):
    with connect(s, share) as one, join(s, one) as other:
        f = one.opened('f', disposition=b.OPEN_IF)
        g = one.opened('f')
        expect('lock', one.lock(f, 0, 1, EXCLUSIVE), 'OK')
        mid = one.start_lock(g, 0, 1, EXCLUSIVE)
        one.await_interim(mid)
        expect('unlock', other.lock(f, 0, 1, UNLOCK), 'OK')
        expect('granted', one.receive(mid).name, 'OK')
        mid = one.start_lock(f, 0, 1, EXCLUSIVE)
        one.await_interim(mid)
        expect('close', other.close(f), 'OK')
        expect('its file was closed', one.receive(mid).name, 'RANGE_NOT_LOCKED')


@each_share('what waits on one, ended by the other')
def waits(s, share):
    with connect(s, share) as one, join(s, one) as other:
        for end, right in (('close', ('NOTIFY_CLEANUP',)), ('tree', ('NOTIFY_CLEANUP',))):
            d = one.opened('', access=b.LIST, options=b.FOLDER)
            mid = one.send(b.CHANGE_NOTIFY, b.change_notify(d))
            one.await_interim(mid)
            other.cancel(mid)  # not its request
            check(one.receive(mid, 0.2) is None, 'cancelled by another connection')
            if end == 'close':
                expect('close', other.close(d), 'OK')
            else:
                expect('tree', other.call(b.TREE_DISCONNECT, b.EMPTY).name, 'OK')
            expect(end, one.receive(mid).name, *right)
        expect('the tree is gone', one.create('x').name, 'NETWORK_NAME_DELETED')


@each_share('an open that waits for an oplock, and its tree goes')
def waiting_create(s, share):
    with connect(s, share) as holder, connect(s, share) as one, join(s, one) as other:
        f = holder.opened('f', disposition=b.OPEN_IF, oplock=BATCH)
        mid = one.send(b.CREATE, b.create('f'))
        one.await_interim(mid)
        expect('tree', other.call(b.TREE_DISCONNECT, b.EMPTY, seconds=15).name, 'OK')
        expect('given up', one.receive(mid).name, 'CANCELLED', 'NETWORK_NAME_DELETED')
        holder.close(f)


@each_share('a break goes to a channel that is there')
def breaks(s, share):
    with connect(s, share) as one, join(s, one) as other, connect(s, share) as third:
        f = one.opened('f', disposition=b.OPEN_IF, oplock=BATCH)
        one.drop()
        mid = third.send(b.CREATE, b.create('f'))
        told = other.receive(0xffffffffffffffff)
        expect('a break', told.command, b.OPLOCK_BREAK)
        check(told.body[8:24] == f, 'of another file')
        expect('answer', other.call(b.OPLOCK_BREAK, b.oplock_break(f, 0)).name, 'OK')
        expect('opened', third.receive(mid).name, 'OK')


@each_share('a break that a lost channel was told is told again')
def told_again(s, share):
    with connect(s, share) as one, join(s, one) as other, connect(s, share) as third:
        f = one.opened('f', disposition=b.OPEN_IF, oplock=BATCH)
        mid = third.send(b.CREATE, b.create('f'))
        expect('a break', one.receive(0xffffffffffffffff).command, b.OPLOCK_BREAK)
        one.drop(reset=True)
        expect('again', other.receive(0xffffffffffffffff).command, b.OPLOCK_BREAK)
        expect('close answers it', other.close(f), 'OK')
        expect('opened', third.receive(mid).name, 'OK')


@each_share('a break goes to the channel that is used')
def used_last(s, share):
    with connect(s, share) as one, join(s, one) as other, connect(s, share) as third:
        f = one.opened('f', disposition=b.OPEN_IF, oplock=BATCH)
        expect('echo', other.echo().name, 'OK')
        mid = third.send(b.CREATE, b.create('f'))
        expect('a break', other.receive(0xffffffffffffffff).command, b.OPLOCK_BREAK)
        expect('close answers it', one.close(f), 'OK')
        expect('opened', third.receive(mid).name, 'OK')


@each_share('what outlives the first channel')
def outlives(s, share):
    with connect(s, share) as one, join(s, one) as other:
        f = one.opened('f', disposition=b.OPEN_IF)
        expect('lock', one.lock(f, 0, 1, EXCLUSIVE), 'OK')
        one.drop()
        with join(s, one) as third:  # proven by the first one's key still
            expect('write', third.write(f, b'x'), 'OK')
            expect('unlock', other.lock(f, 0, 1, UNLOCK), 'OK')
            other.drop()
            expect('close', third.close(f), 'OK')
    s.wait_idle()


@each_share('LOGOFF and log-in on one are for all')
def for_all(s, share):
    with connect(s, share) as one, join(s, one) as other:
        f = one.opened('f', disposition=b.OPEN_IF)
        expect('log in again', other.login().name, 'OK')
        expect('goes on', one.write(f, b'x'), 'OK')
        expect('logoff', other.call(b.LOGOFF, b.EMPTY).name, 'OK')
        expect('ended', one.call(b.WRITE, b.write(f, b'y')).name, 'USER_SESSION_DELETED')
    s.wait_idle()


@case('where to connect to')
def interfaces():
    with Server('mem:') as s, connect(s, 'mem') as c:
        r = c.call(b.IOCTL, b.ioctl(b.SAME_FILE, 0x1401fc))
        expect('status', r.name, 'OK')
        data, found = r.buffer(), []
        while data:
            after, index, _, _, speed, family = struct.unpack_from('<IIIIQH', data)
            check(index and speed and family in (2, 23), 'interface', index, speed, family)
            found.append(data[28:32] if family == 2 else data[32:48])
            data = data[after:] if after else b''
        check(found == [bytes((127, 0, 0, 1))], 'the server listens on loopback alone, and tells', found)


main()
