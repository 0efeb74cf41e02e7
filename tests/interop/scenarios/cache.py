# SPDX-License-Identifier: Apache-2.0
"""The cache filter: what is read again comes from memory, and changes are seen (quick)."""
import json
import os

import rawbodies as b
from harness import Server, case, check, check_in, expect, main, random_bytes, smbkit, wait_for
from rawclient import connect


def server(args, more=''):
    return Server(config=f'[docs]\npath = @/share\nread only = no\nfilter = cache:{args}\n{more}')


def say(s, *words, share='docs'):
    r = smbkit('control', '--socket', s.control, share, *words)
    expect(f'{words}: exit code', r.code, 0)
    return r.text


def status(s, share='docs'):
    return json.loads(say(s, 'status', 'json', share=share))


def calls_below(s):
    """What the slow volume was asked since the last time."""
    ops = json.loads(say(s, 'stats', 'json'))['operations']
    say(s, 'reset')
    return {name: o['calls'] for name, o in ops.items()}


@case('read again')
def again():
    with server('ttl=1h') as s, connect(s, 'docs') as c:
        data = os.urandom(200000)
        c.put('a', data)
        f = c.opened('a', access=3)
        expect('first', c.read(f, 5000, 70000), data[70000:75000])
        before = status(s)
        expect('within the block', c.read(f, 5000, 80000), data[80000:85000])
        expect('hits', status(s)['hits'] - before['hits'], 1)
        smbkit('control', '--socket', s.control, 'docs', 'drop')
        expect('dropped', status(s)['bytes'], 0)
        expect('after it', c.read(f, 5000, 70000), data[70000:75000])
        c.close(f)


@case('two clients')
def two():
    with server('ttl=1h') as s, connect(s, 'docs') as one, connect(s, 'docs') as two:
        one.put('a', b'x' * 1000)
        f = one.opened('a', access=3)
        g = two.opened('a', access=3)
        for n in range(20):
            expect('write', one.write(f, b'%04d' % n), 'OK')
            expect('the other reads', two.read(g, 4), b'%04d' % n)
        one.close(f)
        two.close(g)


@case('a change of the host')
def outside():
    with server('ttl=0') as s, connect(s, 'docs') as c:
        c.put('a', b'before')
        f = c.opened('a', access=3)
        expect('before', c.read(f, 100), b'before')
        with open(os.path.join(s.folder, 'share', 'a'), 'wb') as out:
            out.write(b'and after')
        expect('after', c.read(f, 100), b'and after')
        check(status(s)['misses'] >= 2, 'read anew')
        c.close(f)


SLOW = 'filter = stats\nfilter = delay:all=5ms\n'


def look_around(c):
    expect('names', sorted(c.names('d')), [f'f{n}' for n in range(10)])
    for n in range(10):
        expect('data', c.content(f'd\\f{n}'), b'x' * (n + 1))
        expect('missing', c.try_open(f'd\\g{n}'), 'OBJECT_NAME_NOT_FOUND')


@case('a slow volume')
def slow():
    """The second time it is asked for little, and never for names."""
    asked = {}
    for args in ('ttl=1h', 'ttl=1h,attr_ttl=1h'):
        with server(args, SLOW) as s, connect(s, 'docs') as c:
            c.make_folder('d')
            for n in range(10):
                c.put(f'd\\f{n}', b'x' * (n + 1))
            look_around(c)
            calls_below(s)
            look_around(c)
            asked[args] = calls_below(s)
    without, kept = asked.values()
    check(not {'lookup', 'enumerate', 'getattr', 'read'} & set(kept), f'asked below: {kept}')
    check(kept['create'] < without['create'] and sum(kept.values()) < sum(without.values()), f'{kept} beside {without}')


@case('names that the host changes')
def names():
    with server('attr_ttl=100ms') as s, connect(s, 'docs') as c:
        c.make_folder('d')
        folder = os.path.join(s.folder, 'share', 'd')
        expect('nothing', c.names('d'), [])
        expect('missing', c.try_open('d\\a'), 'OBJECT_NAME_NOT_FOUND')
        with open(os.path.join(folder, 'a'), 'wb') as out:
            out.write(b'of the host')
        wait_for(lambda: c.names('d') == ['a'], 30, 'the name is seen')
        wait_for(lambda: c.try_open('d\\a') == 'OK', 30, 'it opens')
        expect('its data', c.content('d\\a'), b'of the host')
        os.rename(os.path.join(folder, 'a'), os.path.join(folder, 'b'))
        wait_for(lambda: c.names('d') == ['b'], 30, 'another name')
        os.unlink(os.path.join(folder, 'b'))
        with open(os.path.join(folder, 'b'), 'wb') as out:  # its inode may be the one of before
            out.write(b'made anew..')
        wait_for(lambda: c.content('d\\b') == b'made anew..', 30, 'made anew')
        os.unlink(os.path.join(folder, 'b'))
        wait_for(lambda: c.names('d') == [], 30, 'gone')


@case('names that clients change')
def names_of_clients():
    with server('attr_ttl=1h') as s, connect(s, 'docs') as one, connect(s, 'docs') as two:
        one.make_folder('d')
        for n in range(10):
            expect('missing', two.try_open(f'd\\f{n}'), 'OBJECT_NAME_NOT_FOUND')
            one.put(f'd\\f{n}', b'x' * (n + 1))
            expect('the other opens it', two.content(f'd\\f{n}'), b'x' * (n + 1))
            expect('and lists it', sorted(two.names('d')), [f'f{i}' for i in range(n + 1)])
        expect('moved', one.move('d\\f0', 'd\\g'), 'OK')
        expect('there', two.try_open('d\\g'), 'OK')
        expect('not there', two.try_open('d\\f0'), 'OBJECT_NAME_NOT_FOUND')
        for n in range(1, 10):
            expect('removed', one.remove(f'd\\f{n}'), 'OK')
        expect('what is left', two.names('d'), ['g'])
        expect('the folder', one.move('d', 'e', options=b.FOLDER), 'OK')
        expect('in the folder', two.names('e'), ['g'])
        expect('that folder', two.try_open('d\\g'), 'OBJECT_PATH_NOT_FOUND')


SIZE = 4 << 20
PART = 65536


def put_all(c, path, data):
    f = c.opened(path, disposition=b.OVERWRITE_IF)
    for at in range(0, len(data), PART):
        expect('write', c.write(f, data[at:at + PART], at), 'OK')
    c.close(f)


def get_all(c, path):
    f = c.opened(path, access=0x120089)
    data = b''.join(c.read(f, PART, at) for at in range(0, SIZE, PART))
    c.close(f)
    return data


@case('on disk')
def disk():
    """More than there is memory for. Nothing is left of it, however the server ends."""
    config = ''.join(f'[{name}]\npath = @/{name}\nread only = no\nfilter = cache:size=1M,ttl=1h,disk=@/disk,disk_size=16M\nfilter = stats\n'
                     for name in ('docs', 'other'))
    s = Server(config=config, end_code=-9)
    with s:
        data = {name: random_bytes(SIZE, len(name)) for name in ('docs', 'other')}
        for name, content in data.items():
            with connect(s, name) as c:
                put_all(c, 'big', content)
                expect('first', get_all(c, 'big'), content)
                wait_for(lambda name=name: status(s, name)['disk_bytes'] >= SIZE // 2, 30, 'on disk')
                say(s, 'reset', share=name)
                expect('again', get_all(c, 'big'), content)
                expect('and again', get_all(c, 'big'), content)
                check(status(s, name)['disk_hits'] > 0, 'hits on disk')
                with open(os.path.join(s.folder, name, 'big'), 'r+b') as f:
                    f.write(b'changed by the host')
                say(s, 'drop', share=name)
                expect('changed', get_all(c, 'big')[:19], b'changed by the host')
        expect('a folder without names', os.listdir(os.path.join(s.folder, 'disk')), [])
        s.kill()
        expect('after the end', os.listdir(os.path.join(s.folder, 'disk')), [])


@case('without the disk')
def no_disk():
    with server('size=1M,disk=/nowhere/at/all') as s, connect(s, 'docs') as c:
        data = random_bytes(SIZE)
        put_all(c, 'big', data)
        expect('first', get_all(c, 'big'), data)
        expect('again', get_all(c, 'big'), data)
        expect('the state', status(s)['disk'], 'missing')
        check_in('goes on without disk', s.log())


main()
