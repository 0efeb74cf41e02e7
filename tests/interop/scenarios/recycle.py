# SPDX-License-Identifier: Apache-2.0
"""The recycle filter: what is removed is kept, by whatever way it goes (quick)."""
import os

import rawbodies as b
from harness import Server, USER, case, check, expect, main, wait_for
from rawclient import connect

PLUGINS = {'mem': 'plugin = mem', 'dir': 'path = @/share'}
BIN = f'.recycle\\{USER}'


def each_kind(what, args=''):
    """A case on a share of each plugin; the function gets a connection and the plugin's name."""
    def register(fn):
        def run(plugin):
            config = f'[share]\n{PLUGINS[plugin]}\nread only = no\nfilter = recycle{":" if args else ""}{args}\n'
            with Server(config=config) as s, connect(s, 'share') as c:
                fn(c, s)
        for plugin in PLUGINS:
            case(f'{what}: {plugin}', plugin)(run)
        return fn
    return register


@each_kind('ways to remove')
def ways(c, s):
    c.make_folder('d')
    for name in ('d\\marked', 'd\\on close', 'd\\dropped'):
        c.put(name, name.encode())
    expect('marked', c.remove('d\\marked'), 'OK')
    f = c.opened('d\\on close', access=b.READ_WRITE | 0x10000, options=b.DELETE_ON_CLOSE)
    c.write(f, b'ON')
    expect('closed', c.close(f), 'OK')
    with connect(s, 'share') as other:
        other.opened('d\\dropped', access=0x110081, options=b.DELETE_ON_CLOSE)
    for name in ('marked', 'on close'):
        expect(f'{name} is gone', c.try_open('d\\' + name), 'OBJECT_NAME_NOT_FOUND')
    wait_for(lambda: c.names('d') == [], 20, 'the end of what was open on the connection that was dropped')
    expect('dropped is kept', c.content(BIN + '\\d\\dropped'), b'd\\dropped')
    expect('marked is kept', c.content(BIN + '\\d\\marked'), b'd\\marked')
    expect('on close is kept', c.content(BIN + '\\d\\on close'), b'ONon close')
    check(c.attributes('.recycle') & 2, 'it is not hidden')


@each_kind('names that come again')
def again(c, s):
    for i in range(3):
        c.put('a', str(i).encode())
        expect('removed', c.remove('a'), 'OK')
    expect('the names', c.names(BIN), ['Copy #1 of a', 'Copy #2 of a', 'a'])
    expect('the contents', [c.content(f'{BIN}\\{n}') for n in ('a', 'Copy #1 of a', 'Copy #2 of a')], [b'0', b'1', b'2'])


@each_kind('the longest names')
def longest(c, s):
    name = 'x' * 251 + '.txt'
    for i in range(3):
        c.put(name, str(i).encode())
        expect('removed', c.remove(name), 'OK')
    expect('the names', c.names(BIN), [f'Copy #{i} of {"x" * 240}.txt' for i in (1, 2)] + [name])


@each_kind('what is not kept', 'maxsize=4,exclude=/*.tmp/~*/')
def not_kept(c, s):
    for name, data in (('big', b'12345'), ('x.TMP', b'1'), ('~x', b'1'), ('kept', b'1234')):
        c.put(name, data)
        expect(name, c.remove(name), 'OK')
    c.make_folder('d')
    expect('a folder', c.remove('d', b.FOLDER), 'OK')
    expect('the names', c.names(BIN), ['kept'])
    expect('from the bin', c.remove(BIN + '\\kept'), 'OK')
    expect('it is empty', c.names(BIN), [])


@each_kind('without versions and tree', 'versions=no,keeptree=no,repository=bin')
def flat(c, s):
    c.make_folder('d')
    for data in (b'1', b'22'):
        c.put('d\\a', data)
        expect('removed', c.remove('d\\a'), 'OK')
    expect('the names', c.names('bin'), ['a'])
    expect('the content', c.content('bin\\a'), b'22')


@each_kind('streams, renames')
def renames(c, s):
    c.make_folder('d')
    c.put('d\\a', b'x')
    c.put('d\\a:s', b'stream')
    expect('a stream alone', c.remove('d\\a:s'), 'OK')
    expect('it is gone', c.try_open('d\\a:s'), 'OBJECT_NAME_NOT_FOUND')
    c.put('d\\a:t', b'another')
    f = c.opened('d\\a', access=0x110081, options=b.DELETE_ON_CLOSE)
    expect('renamed', c.rename(f, 'd\\b'), 'OK')
    expect('closed', c.close(f), 'OK')
    expect('kept by the name it had at its end', c.content(BIN + '\\d\\b'), b'x')
    expect('with its stream', c.content(BIN + '\\d\\b:t'), b'another')


@each_kind('others see it come')
def seen(c, s):
    c.put('first', b'')
    expect('removed', c.remove('first'), 'OK')
    c.put('a', b'')
    with connect(s, 'share') as other:
        f = other.opened(BIN, access=b.LIST, options=b.FOLDER)
        mid = other.send(b.CHANGE_NOTIFY, b.change_notify(f))
        other.await_interim(mid)
        expect('removed', c.remove('a'), 'OK')
        check('a'.encode('utf-16-le') in other.receive(mid, 20).buffer(), 'something else was told')


@case('whose it is')
def whose():
    s = Server(config='[share]\nplugin = mem\nread only = no\nfilter = recycle\n')
    s.add_user('bob', 'Battery staple 2')
    with s, connect(s, 'share') as c, connect(s, 'share', user='bob', password='Battery staple 2') as bob:
        for who, name in ((c, 'a'), (bob, 'b')):
            who.put(name, b'')
            expect('removed', who.remove(name), 'OK')
        expect('her folder', (c.names(BIN), bob.try_open(BIN, access=b.LIST)), (['a'], 'ACCESS_DENIED'))
        expect('his folder', (bob.names('.recycle\\bob'), c.try_open('.recycle\\bob', access=b.LIST)), (['b'], 'ACCESS_DENIED'))


def with_bob(plugin, fn):
    s = Server(config=f'[share]\n{PLUGINS[plugin]}\nread only = no\nfilter = recycle\n')
    s.add_user('bob', 'Battery staple 2')
    with s, connect(s, 'share') as c, connect(s, 'share', user='bob', password='Battery staple 2') as bob:
        fn(s, c, bob)


@case('users whose names differ in what ends no folder\'s name')
def alike():
    s = Server(config='[share]\nplugin = mem\nread only = no\nfilter = recycle\n')
    for user in ('bob.', 'bob_'):
        s.add_user(user, 'Battery staple 2')
    with s:
        for user, folder in (('bob.', 'bob+'), ('bob_', 'bob_')):
            with connect(s, 'share', user=user, password='Battery staple 2') as c:
                c.put(user + 'x', b'')
                expect('removed', c.remove(user + 'x'), 'OK')
                expect('kept', c.names('.recycle\\' + folder), [user + 'x'])


def expect_kept_in_place(c, name):
    c.put(name, b'mine')
    f = c.opened(name, access=0x110081, options=b.DELETE_ON_CLOSE)
    expect('the close says so', c.close(f), 'ACCESS_DENIED')
    expect(f'{name} stays', c.content(name), b'mine')


def each_plugin(what):
    def register(fn):
        for plugin in PLUGINS:
            case(f'{what}: {plugin}')(lambda plugin=plugin: with_bob(plugin, fn))
        return fn
    return register


@each_plugin('who closes last')
def closed_by_another(s, c, bob):
    """What one removes is in his folder, whoever keeps it open."""
    both = {'access': 0x110081, 'share': 7}
    for name, options in (('marked', 0), ('on close', b.DELETE_ON_CLOSE)):
        c.put(name, b'')
        mine, his = c.opened(name, **both, options=options), bob.opened(name, **both)
        if not options:
            expect('promised', c.mark_deleted(mine), 'OK')
        expect('mine is closed', c.close(mine), 'OK')
        expect('his is closed', bob.close(his), 'OK')
    expect('in my folder', c.names(BIN), ['marked', 'on close'])


@each_plugin('who thinks better of it closes last')
def withdrawn(s, c, bob):
    both = {'access': 0x110081, 'share': 7}
    for name, other in (('plain', 'PLAIN'), ('\xe4', '\xc4')):
        c.put(name, b'')
        mine, his = c.opened(name, **both), bob.opened(other, **both)
        expect('promised', c.mark_deleted(mine), 'OK')
        expect('withdrawn', c.mark_deleted(mine, on=0), 'OK')
        expect('promised to bob', bob.mark_deleted(his), 'OK')
        expect('his is closed', bob.close(his), 'OK')
        expect('mine is closed', c.close(mine), 'OK')
    expect('in his folder', bob.names('.recycle\\bob'), ['plain', '\xe4'])


@each_plugin('a file in the way')
def in_the_way(s, c, bob):
    bob.put('.recycle', b'')
    expect_kept_in_place(c, 'a')
    expect('out of the way', bob.rename(bob.opened('.recycle', access=0x110081), 'x'), 'OK')
    expect('removed', c.remove('a'), 'OK')
    expect('kept', c.content(BIN + '\\a'), b'mine')
    expect('no file of his', bob.create('.recycle\\x', access=b.READ_WRITE, disposition=2).name, 'ACCESS_DENIED')


@each_plugin('folders of somebody else')
def foreign(s, c, bob):
    bob.make_folder('.recycle')
    bob.make_folder(BIN)
    expect_kept_in_place(c, 'a')


@each_plugin('what lies below her folder')
def below(s, c, bob):
    c.make_folder('d')
    c.put('d\\a', b'')
    expect('removed', c.remove('d\\a'), 'OK')
    expect('hers', c.names(BIN + '\\d'), ['a'])
    expect('not his', bob.try_open(BIN + '\\d', access=b.LIST), 'ACCESS_DENIED')


@case('folders and a link of the host')
def of_the_host():
    with Server(config='[share]\npath = @/share\nread only = no\nfilter = recycle\n') as s, connect(s, 'share') as c:
        os.makedirs(s.path('share', '.recycle', USER))
        c.put('a', b'old')
        expect('removed', c.remove('a'), 'OK')
        expect('kept', c.content(BIN + '\\a'), b'old')
        os.rename(s.path('share', '.recycle'), s.path('share', 'real'))
        os.symlink('real', s.path('share', '.recycle'))
        expect_kept_in_place(c, 'b')


main()
