# SPDX-License-Identifier: Apache-2.0
"""The limit filter: what comes too early waits and goes, and may be given up (quick)."""
import rawbodies as b
from harness import Server, case, check, check_in, expect, main, smbkit, wait_for
from rawclient import connect

SHARES = {'mem': 'plugin = mem', 'dir': 'path = @/share'}


def server(plugin, args):
    return Server(config=f'[docs]\n{SHARES[plugin]}\nread only = no\nfilter = limit:{args}\n')


def say(s, *words):
    r = smbkit('control', '--socket', s.control, 'docs', *words)
    expect(f'{words}: exit code', r.code, 0)
    return r.text.strip()


def data(s):
    return [x for x in s.status()['layers'] if x['layer'] == 'limit'][0]['data']


@case('bytes: mem', 'mem')
@case('bytes: dir', 'dir')
def by_bytes(plugin):
    """Of sixteen reads that are asked for at once some have to wait, and all are answered rightly."""
    with server(plugin, 'bytes=2M,burst=0') as s, connect(s, 'docs') as c:
        c.put('a', bytes(range(256)) * 1024)
        f = c.opened('a', access=3)
        c.grow(32)
        mids = [c.send(b.READ, b.read(f, 65536, i % 4 * 65536)) for i in range(16)]
        for mid in mids:
            r = c.receive(mid, 20)
            expect('read', r and r.name, 'OK')
            check(r.buffer() == bytes(range(256)) * 256, 'other data')
        check(data(s)['waited_total'] > 0, 'none had to wait')
        wait_for(lambda: data(s)['waiting'] == 0, 20, 'none that waits')


@case('given up')
def given_up():
    with server('mem', 'write=1K,burst=0') as s, connect(s, 'docs') as c:
        f = c.opened('a', access=3, disposition=b.OPEN_IF)
        expect('the first goes at once', c.write(f, b'x' * 60000), 'OK')
        mid = c.send(b.WRITE, b.write(f, b'y'))
        c.cancel(mid, async_id=c.await_interim(mid))
        expect('cancelled', c.receive(mid, 20).name, 'CANCELLED')
        expect('others go on', c.read(f, 1), b'x')
        other = connect(s, 'docs')
        g = other.opened('b', access=3, disposition=b.OPEN_IF)
        mid = other.send(b.WRITE, b.write(g, b'z'))
        other.await_interim(mid)
        other.drop()
        wait_for(lambda: data(s)['waiting'] == 0, 20, 'the end of what was given up')
        expect('closed', c.close(f), 'OK')


@case('changed while calls wait')
def changed():
    with server('mem', 'write=1K,burst=0,by=user') as s, connect(s, 'docs') as c:
        f = c.opened('a', access=3, disposition=b.OPEN_IF)
        expect('the first goes at once', c.write(f, b'x' * 60000), 'OK')
        mid = c.send(b.WRITE, b.write(f, b'y'))
        c.await_interim(mid)
        check_in('1 calls wait now', smbkit('status', '--socket', s.control).text)
        check_in('by=user', say(s, 'set', 'write=0'))
        expect('it goes', c.receive(mid, 20).name, 'OK')
        check_in('set KEY=VALUE', say(s, 'help'))
        expect('exit code', smbkit('control', '--socket', s.control, 'docs', 'set', 'x=1').code, 1)


@case('of each client by itself')
def by_client():
    with server('mem', 'write=1K,burst=0,by=client') as s, connect(s, 'docs') as c, \
            connect(s, 'docs', source='127.0.0.2') as other:
        f = c.opened('a', access=3, disposition=b.OPEN_IF)
        g = other.opened('b', access=3, disposition=b.OPEN_IF)
        expect('one', c.write(f, b'x' * 60000), 'OK')
        mid = c.send(b.WRITE, b.write(f, b'y'))
        c.await_interim(mid)
        expect('the other', other.write(g, b'x' * 60000), 'OK')
        say(s, 'set', 'write=0')
        expect('and the one', c.receive(mid, 20).name, 'OK')


main()
