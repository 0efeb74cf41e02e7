# SPDX-License-Identifier: Apache-2.0
"""The pause filter: what is held waits and goes on in order; clients stay alive, and may give up (quick)."""
import threading

import rawbodies as b
from harness import Server, case, check, check_in, expect, main, smbkit, wait_for
from rawclient import connect

SHARES = {'mem': 'plugin = mem', 'dir': 'path = @/share'}


def server(plugin, args=''):
    return Server(config=f'[docs]\n{SHARES[plugin]}\nread only = no\nfilter = pause{":" if args else ""}{args}\n')


def say(s, *words):
    r = smbkit('control', '--socket', s.control, 'docs', *words)
    expect(f'{words}: exit code', r.code, 0)
    return r.text.strip()


def waiting(s):
    return [x for x in s.status()['layers'] if x['layer'] == 'pause'][0]['data']['waiting']


@case('everything: mem', 'mem')
@case('everything: dir', 'dir')
def whole(plugin):
    with server(plugin) as s, connect(s, 'docs') as c:
        c.put('a', b'abc')
        f = c.opened('a', access=3)
        expect('pause', say(s, 'pause'), 'paused')
        kinds = [(b.READ, b.read(f, 3)), (b.WRITE, b.write(f, b'xyz')), (b.CREATE, b.create('new', access=3, disposition=b.OPEN_IF))]
        mids = [c.send(command, body) for command, body in kinds]
        for mid in mids:
            c.await_interim(mid)
        expect('echo', c.echo().name, 'OK')
        wait_for(lambda: waiting(s) >= 3, 20, 'three calls that wait')
        check_in('paused', smbkit('status', '--socket', s.control).text)
        check('waiting calls go on' in say(s, 'resume'), 'no answer')
        for mid, (command, _) in zip(mids, kinds):
            expect(f'command {command}', c.receive(mid, 20).name, 'OK')
        expect('it runs', c.content('a'), b'xyz')


@case('give up')
def give_up():
    with server('mem') as s, connect(s, 'docs') as c:
        c.put('a', b'abc')
        f = c.opened('a', access=3)
        say(s, 'pause')
        mid = c.send(b.READ, b.read(f, 3))
        c.cancel(mid, async_id=c.await_interim(mid))
        expect('cancelled', c.receive(mid, 20).name, 'CANCELLED')
        with connect(s, 'docs') as other:  # a connection is lost amid a call that waits
            mid = other.send(b.CREATE, b.create('b', access=3, disposition=b.OPEN_IF))
            other.await_interim(mid)
        wait_for(lambda: waiting(s) == 0, 20, 'the end of what was given up')
        expect('closed while all is held', c.close(f), 'OK')
        say(s, 'resume')
        expect('it runs', c.content('a'), b'abc')


@case('ends while paused')
def ends():
    with server('dir') as s, connect(s, 'docs') as c:
        c.put('a', b'abc')
        f = c.opened('a', access=3)
        say(s, 'pause')
        mid = c.send(b.WRITE, b.write(f, b'x' * 100))
        c.await_interim(mid)
        c.drop()
        wait_for(lambda: s.left() == {}, 20, 'nothing of the client')
    # the server ends with nothing alarming in its log, though all is held still


@case('by path')
def by_path():
    with server('mem', 'start=paused,paths=*.iso') as s, connect(s, 'docs') as c:
        c.put('a', b'abc')
        mid = c.send(b.CREATE, b.create('x.iso', access=3, disposition=b.OPEN_IF))
        c.await_interim(mid)
        expect('others go on', c.content('a'), b'abc')
        expect('resume', say(s, 'pause:', 'resume', '*.iso'), '1 waiting calls go on')
        expect('it was made', c.receive(mid, 20).name, 'OK')
        r = smbkit('control', '--socket', s.control, 'docs', 'resume', '*.iso')
        expect('exit code', r.code, 1)
        check_in('resume *.iso: that is not paused', r.text)
        check_in('pause PATTERN', say(s, 'help'))


@case('held and let go all the time: mem', 'mem')
@case('held and let go all the time: dir', 'dir')
def to_and_fro(plugin):
    """No call is forgotten, whichever moment it comes at, and none is answered wrongly."""
    def work(number):
        with connect(s, 'docs') as c:
            for i in range(40):
                data = b'%d %d' % (number, i)
                c.put(f'f{number}', data)
                expect('content', c.content(f'f{number}'), data)
            done.append(number)

    done = []
    with server(plugin) as s:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        for i in range(200):
            if not any(t.is_alive() for t in threads):
                break
            say(s, *(('pause',), ('resume',), ('pause', 'f1'), ('resume', 'f1'))[i % 4])
        say(s, 'resume')
        for t in threads:
            t.join(60)
        expect('all came to their end', sorted(done), [0, 1, 2])
        expect('nothing waits', waiting(s), 0)


main()
