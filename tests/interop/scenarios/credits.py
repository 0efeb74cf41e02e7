# SPDX-License-Identifier: Apache-2.0
"""Credits of a session that lives long: never none, never without bound, all of them usable."""
import rawbodies as b
from harness import Server, case, check, expect, main
from rawclient import connect

MOST = 65535


@case('asking for many, for none, for one')
def asking():
    with Server('mem:') as s, connect(s, 'mem') as c:
        seen = []
        for _ in range(3000):
            c.echo(ask=512)
            seen.append(c.credits)
        check(min(seen) >= 1 and max(seen) <= MOST, f'between {min(seen)} and {max(seen)}')
        for _ in range(max(seen) + 200):
            c.echo(ask=0)
            check(c.credits >= 1, 'starved by asking for none')
        c.echo(ask=64)
        for _ in range(300):
            c.echo(ask=1)
            check(c.credits >= 1, 'starved by asking for one')
        c.echo(ask=MOST)
        check(1 <= c.credits <= MOST, c.credits)


@case('errors, large charges and late answers give them back')
def mixed():
    with Server('mem:') as s, connect(s, 'mem') as c:
        c.make_folder('d')
        c.put('d\\f', b'x' * 100)
        for _ in range(200):
            c.create('nothing')
            f = c.opened('d\\f')
            c.read(f, 1 << 20)
            c.close(f)
            f = c.opened('d', access=b.LIST, options=b.FOLDER)
            mid = c.send(b.CHANGE_NOTIFY, b.change_notify(f))
            c.close(f)
            expect('the watch', c.receive(mid).name, 'NOTIFY_CLEANUP')
        check(c.credits >= 64, c.credits)


@case('the whole window at once')
def window():
    with Server('mem:') as s, connect(s, 'mem') as c:
        c.grow(1500)
        mids = [c.send(b.ECHO, b.EMPTY, ask=1) for _ in range(min(c.credits, 1500))]
        check(len(mids) > 400, len(mids))
        expect('answered', {c.receive(m).name for m in mids}, {'OK'})
        check(c.credits >= 1, c.credits)


@case('dialect 2.0.2 charges nothing')
def first_dialect():
    with Server('mem:') as s, connect(s, 'mem', 0x202) as c:
        for _ in range(300):
            expect('ECHO', c.echo(charge=0).name, 'OK')
            check(c.credits >= 1, c.credits)


main()
