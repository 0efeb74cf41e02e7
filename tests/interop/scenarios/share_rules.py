# SPDX-License-Identifier: Apache-2.0
"""What a share's settings keep from its clients: names, streams, notifications, what they may not read (quick)."""
import os
import struct

import rawbodies as b
from harness import Server, case, check, expect, main, write_file
from rawclient import connect

HIDDEN = 0x2
EVERYONE = bytes((1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0))
DELETE_ALONE = struct.pack('<BBHIIIIBBHHHBBHI', 1, 0, 0x8004, 0, 0, 0, 20, 2, 0, 28, 1, 0, 0, 0, 20, 0x10000) + EVERYONE
PLUGINS = {'mem': 'plugin = mem', 'dir': 'path = @/{0}'}
KEYS = {
    'veto': 'veto files = /*.exe/Thumbs.db/lost+found/',
    'hide': 'hide files = /desktop.ini/~*/\nhide dot files = yes',
    'plain': 'streams = no',
    'quiet': 'change notify = no',
    'seen': 'hide unreadable = yes',
}


def config(name):
    return ''.join(f'[{name}-{plugin}]\n{what.format(name)}\nread only = no\n{KEYS[name]}\n' for plugin, what in PLUGINS.items())


def each_kind(what, name):
    """A case with a server of its own for each kind of share; the function gets server, connection and plugin."""
    def register(fn):
        def run(plugin):
            with Server(config=config(name)) as s, connect(s, f'{name}-{plugin}') as c:
                fn(s, c, plugin)
        for plugin in PLUGINS:
            case(f'{what}: {plugin}', plugin)(run)
        return fn
    return register


@each_kind('veto files', 'veto')
def veto(s, c, plugin):
    for name in ('a.exe', 'A.EXE', 'thumbs.DB', 'a.exe:s', 'lost+found'):
        expect(name, c.try_open(name, disposition=b.OPEN_IF), 'OBJECT_NAME_NOT_FOUND')
    expect('below', c.try_open('lost+found\\x', disposition=b.OPEN_IF), 'OBJECT_PATH_NOT_FOUND')
    c.put('file.txt', b'x')
    expect('a rename', c.move('file.txt', 'file.exe'), 'OBJECT_NAME_NOT_FOUND')
    expect('a link', c.link('file.txt', 'thumbs.db'), 'OBJECT_NAME_NOT_FOUND')
    expect('what is there', sorted(c.names()), ['file.txt'])


@case('vetoed names that the host has')
def veto_host():
    with Server(config=config('veto')) as s, connect(s, 'veto-dir') as c:
        os.mkdir(s.path('veto', 'lost+found'))
        os.mkdir(s.path('veto', 'dir'))
        for name in (('virus.exe',), ('dir', 'THUMBS.DB')):
            write_file(s.path('veto', *name), b'x')
        expect('the names', c.names(), ['dir'])
        expect('below', c.names('dir'), [])
        expect('by its name', c.names('', 'virus.exe'), [])
        expect('opened', c.try_open('virus.exe'), 'OBJECT_NAME_NOT_FOUND')
        # As on Samba without "delete veto files": there is something in it.
        expect('removed', c.remove('dir', options=b.FOLDER), 'DIRECTORY_NOT_EMPTY')
        check(os.path.exists(s.path('veto', 'dir', 'THUMBS.DB')), 'it has gone')
        root = c.opened('', access=b.LIST, options=b.FOLDER)
        mid = c.send(b.CHANGE_NOTIFY, b.change_notify(root))
        c.await_interim(mid)
        for name in ('more.exe', 'more.txt'):
            write_file(s.path('veto', name), b'x')
        r = c.receive(mid, 20)
        name = r.buffer()[12:12 + struct.unpack_from('<I', r.buffer(), 8)[0]].decode('utf-16-le')
        expect('the first that is told', name, 'more.txt')


@each_kind('hide files, hide dot files', 'hide')
def hide(s, c, plugin):
    hidden = ('.profile', 'Desktop.INI', '~lock', '.d')
    for name in ('.profile', 'Desktop.INI', '~lock', 'plain'):
        c.put(name, b'x')
    c.make_folder('.d')
    for name in (*hidden, 'plain'):
        is_hidden = bool(c.attributes(name) & HIDDEN)
        expect(name, is_hidden, name in hidden)
    entries = {e.name: bool(e.attributes & HIDDEN) for e in c.listing() if e.name not in ('.', '..')}
    expect('in the listing', entries, {name: name in hidden for name in (*hidden, 'plain')})
    # What only shows as hidden is none to be kept from being overwritten. [MS-FSA] 2.1.5.1.2
    expect('overwritten', c.try_open('.profile', disposition=b.OVERWRITE_IF), 'OK')


@each_kind('a share without streams', 'plain')
def streams(s, c, plugin):
    c.put('f', b'x')
    for name in ('f:s', 'f:s:$DATA', 'f::$DATA'):
        for how in (b.OPEN, b.OPEN_IF):
            expect(f'{name} {how}', c.try_open(name, disposition=how), 'OBJECT_NAME_INVALID')
    f = c.opened('f')
    flags = struct.unpack_from('<I', c.query(f, 5, b.KIND_VOLUME).buffer())[0]
    expect('FILE_NAMED_STREAMS', flags & 0x40000, 0)
    c.close(f)


@each_kind('a share without notification', 'quiet')
def notify(s, c, plugin):
    root = c.opened('', access=b.LIST, options=b.FOLDER)
    r = c.call(b.CHANGE_NOTIFY, b.change_notify(root))
    expect('the answer', r.name, 'NOT_IMPLEMENTED')
    c.close(root)


@each_kind('hide unreadable', 'seen')
def unreadable(s, c, plugin):
    for name in ('mine', 'all'):
        c.put(name, b'x')
    c.make_folder('d')
    for name in ('mine', 'd'):
        f = c.opened(name, access=0xe0080)
        expect('setting', c.set(f, 0, DELETE_ALONE, kind=b.KIND_SECURITY, which=4), 'OK')
        c.close(f)
    expect('the names', c.names(), ['all'])
    expect('by its name', c.names('', 'mine'), [])
    expect('names alone', sorted(e.name for e in c.listing('', info_class=12)), ['.', '..', 'all'])
    expect('opened all the same', c.try_open('mine', access=0x10000), 'OK')
    flags = struct.unpack_from('<I', c.call(b.TREE_CONNECT, b.tree_connect(f'\\\\x\\seen-{plugin}')).raw, 68)[0]
    expect('ACCESS_BASED_DIRECTORY_ENUM', flags & 0x800, 0x800)


main()
