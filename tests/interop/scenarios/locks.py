# SPDX-License-Identifier: Apache-2.0
"""Byte-range locks: to the byte, waited for, cancelled in each way, far beyond the end."""
import rawbodies as b
from harness import TEST_PLUGINS, Server, case, each_share, expect, main
from rawclient import connect

SHARED, EXCLUSIVE, UNLOCK, AT_ONCE = 1, 2, 4, 16
# Where Access, SQLite and Office keep theirs, and the last bytes that there are.
FAR = ((2**30, 510), (2**31 - 1, 2), (2**63 - 1, 1), (2**64 - 2, 1), (2**64 - 1, 1))


def pair(s, share):
    owner, other = connect(s, share), connect(s, share)
    owner.put('f', b'x' * 5000)
    return owner, owner.opened('f'), other, other.opened('f')


@each_share('who may read and write where')
def ranges(s, share):
    owner, f, other, g = pair(s, share)
    expect('locking', owner.lock(f, 100, 100, EXCLUSIVE | AT_ONCE), 'OK')
    expect('just before', other.read(g, 100), b'x' * 100)
    expect('one byte in', other.read(g, 101), 'FILE_LOCK_CONFLICT')
    expect('just behind', other.read(g, 100, 200), b'x' * 100)
    expect('writing before', other.write(g, b'y' * 100), 'OK')
    expect('writing the last byte', other.write(g, b'y', 199), 'FILE_LOCK_CONFLICT')
    expect('the owner', len(owner.read(f, 300)), 300)
    expect("the owner's second handle", owner.read(owner.opened('f'), 10, 100), 'FILE_LOCK_CONFLICT')
    expect('nothing, in it', other.read(g, 0, 150), b'')
    expect('another range', owner.lock(f, 100, 99, UNLOCK), 'RANGE_NOT_LOCKED')
    expect('the same range', owner.lock(f, 100, 100, UNLOCK), 'OK')
    expect('shared', (owner.lock(f, 10, 5, SHARED | AT_ONCE), other.lock(g, 10, 5, SHARED | AT_ONCE)), ('OK', 'OK'))
    expect('exclusive over it', owner.lock(f, 10, 5, EXCLUSIVE | AT_ONCE), 'LOCK_NOT_GRANTED')
    expect('writing into the own shared one', owner.write(f, b'1', 10), 'FILE_LOCK_CONFLICT')


@each_share('far beyond the end')
def far(s, share):
    owner, f, other, g = pair(s, share)
    for offset, length in FAR:
        expect(f'{offset:#x}', owner.lock(f, offset, length, EXCLUSIVE | AT_ONCE), 'OK')
        expect(f'{offset:#x} again', other.lock(g, offset, length, SHARED | AT_ONCE), 'LOCK_NOT_GRANTED')
        expect(f'{offset:#x} unlocked', owner.lock(f, offset, length, UNLOCK), 'OK')
    expect('over the end of all', owner.lock(f, 2**64 - 1, 2, EXCLUSIVE | AT_ONCE), 'INVALID_LOCK_RANGE')


@each_share('one that waits is cancelled')
def cancelled(s, share):
    owner, f, other, g = pair(s, share)
    owner.lock(f, 100, 100, EXCLUSIVE | AT_ONCE)
    mid = other.start_lock(g, 100, 10, EXCLUSIVE)
    other.cancel(mid)
    expect('by its message id, right behind it', other.receive(mid).name, 'CANCELLED')
    mid = other.start_lock(g, 100, 10, EXCLUSIVE)
    other.await_interim(mid)
    other.cancel(async_id=other.interim[mid])
    expect('by its async id', other.receive(mid).name, 'CANCELLED')
    mid = other.start_lock(g, 100, 10, EXCLUSIVE)
    other.await_interim(mid)
    other.close(g)
    expect('by closing', other.receive(mid).name, 'RANGE_NOT_LOCKED', 'FILE_CLOSED')
    expect('the owner', owner.lock(f, 100, 100, UNLOCK), 'OK')


@each_share('one that waits is granted')
def granted(s, share):
    for way in ('unlock', 'close', 'drop'):
        owner, f, other, g = pair(s, share)
        owner.lock(f, 0, 1, EXCLUSIVE | AT_ONCE)
        mid = other.start_lock(g, 0, 1, EXCLUSIVE)
        other.await_interim(mid)
        if way == 'unlock':
            owner.lock(f, 0, 1, UNLOCK)
        elif way == 'close':
            owner.close(f)
        else:
            owner.drop()
        expect(way, other.receive(mid).name, 'OK')
        other.logoff()
        owner.drop()


@case('its tree is disconnected')
@case('its tree is disconnected, below what answers later', '--plugin-dir', TEST_PLUGINS, '--filter', 'pend:seed=3,pends=15')
def disconnected(*args):
    """It has the lock for a moment when the other handle was closed first; nobody has cancelled it. [MS-SMB2] 3.3.5.16"""
    with Server('mem:', args=args) as s:
        for _ in range(20):
            with connect(s, 'mem') as c:
                c.put('f', b'x' * 500)
                f, g = c.opened('f'), c.opened('f')
                expect('locking', c.lock(f, 100, 10, EXCLUSIVE), 'OK')
                mid = c.start_lock(g, 100, 10, EXCLUSIVE)
                c.await_interim(mid)
                tdis = c.send(b.TREE_DISCONNECT, b.EMPTY)
                expect('the one that waited', c.receive(mid).name, 'RANGE_NOT_LOCKED', 'OK')
                expect('disconnecting', c.receive(tdis).name, 'OK')


main()
