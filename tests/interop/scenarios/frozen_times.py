# SPDX-License-Identifier: Apache-2.0
"""Times that a handle keeps: frozen by -1, or set, until -2 (quick). [MS-FSCC] 2.4.7"""
import itertools
import struct
import time

import rawbodies as b
from harness import case, check, each_share, expect, main, Server
from rawclient import connect

BASIC = 4
FREEZE, THAW = 2**64 - 1, 2**64 - 2
OLD = 132000000000000000  # in April 2019
TIMES = ('accessed', 'written', 'changed')
TICK_S = 0.03  # more than the clocks of file systems count in

sizes = itertools.count(100)


def times_of(c, f):
    r = c.query(f, BASIC)
    expect('times', r.name, 'OK')
    return dict(zip(TIMES, struct.unpack_from('<8xQQQ', r.buffer())))


def set_times(c, f, **what):
    expect(f'setting {what}', c.set(f, BASIC, b.basic(**what)), 'OK')


def write(c, f):
    time.sleep(TICK_S)
    expect('write', c.write(f, b'more'), 'OK')


def set_size(c, f):
    time.sleep(TICK_S)
    expect('size', c.set_size(f, next(sizes)), 'OK')


def set_attributes(c, f):
    time.sleep(TICK_S)
    set_times(c, f, attributes=0x22)


def rename(c, f):
    time.sleep(TICK_S)
    expect('rename', c.rename(f, f'f{time.monotonic_ns()}'), 'OK')


# What is done, and what of it moves on every volume.
DOINGS = ((write, {'written', 'changed'}), (set_size, {'written', 'changed'}), (write, {'written', 'changed'}),
          (set_attributes, {'changed'}), (rename, {'changed'}))


def both_see(c, handles, which, want, what):
    for name, f in zip(('its own handle', 'another'), handles):
        got = times_of(c, f)
        for t in which:
            expect(f'{t} by {name} after {what}', got[t], want[t])


def keeps(c, which, what):
    """Which times stay, whatever the handle does, until it says that they go on."""
    how = f'{sorted(which)} {"frozen" if what == FREEZE else "set"}'
    f = c.opened('f', access=b.ALL, disposition=b.OVERWRITE_IF)
    other = c.opened('f', access=b.ALL)
    write(c, f)
    want = times_of(c, f) if what == FREEZE else dict.fromkeys(TIMES, what)
    time.sleep(TICK_S)
    set_times(c, f, **dict.fromkeys(which, what))
    both_see(c, (f, other), which, want, how)
    for do, moves in DOINGS:
        before = times_of(c, f)
        do(c, f)
        both_see(c, (f, other), which, want, f'{how}, {do.__name__}')
        for t in moves - which:
            check(times_of(c, f)[t] > before[t], f'{t} stays too: {how}, {do.__name__}')
    set_times(c, f, **dict.fromkeys(which, THAW))
    both_see(c, (f, other), which, want, f'{how}, and going on')
    for do, moves in DOINGS[:3]:
        before = times_of(c, other)
        do(c, f)
        after = times_of(c, other)
        for t in moves & which:
            check(after[t] > before[t], f'{t} does not go on: {how}, {do.__name__}')
    c.close(other)
    c.mark_deleted(f)
    c.close(f)


SETS = ({'written'}, {'changed'}, {'written', 'changed'}, set(TIMES))


@each_share('kept until they go on')
def until_they_go_on(s, share):
    with connect(s, share) as c:
        for which in SETS:
            keeps(c, which, FREEZE)
            keeps(c, which, OLD)


@each_share("another's writes count, and stay")
def others(s, share):
    with connect(s, share) as c:
        f, other = c.opened('f', access=b.ALL, disposition=b.OVERWRITE_IF), c.opened('f', access=b.ALL)
        set_times(c, f, written=FREEZE, changed=FREEZE)
        before = times_of(c, f)
        write(c, other)
        after = times_of(c, other)
        for t in ('written', 'changed'):
            check(after[t] > before[t], f'{t} stays though another writes')
        write(c, f)
        both_see(c, (f, other), {'written', 'changed'}, after, "another's write, and its own")


@each_share('reading leaves the access time')
def reading(s, share):
    with connect(s, share) as c:
        c.put('r', b'data')
        f, other = c.opened('r', access=b.ALL), c.opened('r', access=b.ALL)
        set_times(c, f, accessed=OLD)
        want = times_of(c, other)
        time.sleep(TICK_S)
        expect('read', c.read(f, 4), b'data')
        both_see(c, (f, other), set(TIMES), want, 'a read')


@each_share('many writes at once')
def many_at_once(s, share):
    with connect(s, share) as c:
        c.grow(64)
        f, other = c.opened('m', access=b.ALL, disposition=b.OVERWRITE_IF), c.opened('m', access=b.ALL)
        write(c, f)
        set_times(c, f, written=FREEZE)
        want = times_of(c, other)
        for _ in range(10):
            mids = [c.send(b.WRITE, b.write(f, b'x' * 100, i * 100)) for i in range(20)]
            for mid in mids:
                expect('a write of many', c.receive(mid).name, 'OK')
            both_see(c, (f, other), {'written'}, want, 'many writes')


@case('what was frozen and written is told by the close')
def closing():
    with Server('mem:', 'dir=@/dir') as s:
        for share in ('mem', 'dir'):
            with connect(s, share) as c:
                f, other = c.opened('c', access=b.ALL, disposition=b.OVERWRITE_IF), c.opened('c', access=b.ALL)
                set_times(c, f, written=OLD, changed=OLD)
                write(c, f)
                c.close(f)
                both_see(c, (other,), {'written', 'changed'}, dict.fromkeys(TIMES, OLD), f'the close, {share}')


if __name__ == '__main__':
    main()
