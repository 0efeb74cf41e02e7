# SPDX-License-Identifier: Apache-2.0
"""The root of a DFS namespace: what clients are told of it and its links, and smbclient that follows them (quick)."""
import ctypes
import fcntl
import os
import signal
import socket
import struct

import rawbodies as b
from harness import Server, Skip, case, check, check_in, expect, main, wait_for, write_file
from rawclient import connect

REFERRALS, REFERRALS_EX, SET_REPARSE = 0x60194, 0x601b0, 0x900a4
CAP_DFS, SHARE_DFS, SHARE_CAP_DFS = 0x1, 0x3, 0x8
DFS = 0x10000000  # SMB2_FLAGS_DFS_OPERATIONS
NOT_COVERED, STOPPED, NO_DRIVER, NOT_FOUND = '0xc0000257', '0x8000002d', '0xc000019c', '0xc0000225'
ANY = b'\xff' * 16
RELOADED = 'reloaded problems='
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
IFF_UP, SIOCSIFFLAGS = 0x1, 0x8914

CONFIG = '''[root-{0}]
{1}
read only = no
msdfs root = yes
[data]
path = @/data
read only = no
'''
PLUGINS = {'mem': 'plugin = mem', 'dir': 'path = @/root'}
TARGETS = '127.0.0.1\\data,two.example\\t\\u'


def own_network():
    """A loopback of our own, where port 445 is free: other ports no client follows a referral to. False: not possible here."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)) != 0:
        return False
    for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'), ('gid_map', f'0 {gid} 1')) if uid else ():
        with open(f'/proc/self/{name}', 'w', encoding='ascii') as f:
            f.write(text)
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', IFF_UP))
    return True


HAS_NETWORK = own_network()


def symlink(target):
    name = b.utf16(target)
    data = struct.pack('<HHHHI', 0, len(name), len(name), len(name), 1) + name * 2
    return struct.pack('<IHH', 0xa000000c, len(data), 0) + data


def make_link(s, c, plugin, path, target):
    if plugin == 'dir':
        os.symlink(f'msdfs:{target}', s.path('root', *path.split('\\')))
        return
    f = c.opened(path, disposition=b.CREATE_NEW)
    expect('a link', c.call(b.IOCTL, b.ioctl(f, SET_REPARSE, symlink(f'msdfs:{target}'))).name, 'OK')
    c.close(f)


def each_plugin(name):
    """A case for each: fn(server, connection, share), where folder\\link is a link."""
    def register(fn):
        def run_on(plugin):
            share = f'root-{plugin}'
            with Server(config=CONFIG.format(plugin, PLUGINS[plugin])) as s, connect(s, share) as c:
                c.make_folder('folder')
                c.put('folder\\file', b'here')
                make_link(s, c, plugin, 'folder\\link', TARGETS)
                fn(s, c, share)
        for plugin in PLUGINS:
            case(f'{name}: {plugin}', plugin)(run_on)
        return fn
    return register


# ---- referrals ----

def request(path, version=4):
    return struct.pack('<H', version) + b.utf16(path) + b'\0\0'


def request_ex(path, version=4, site=''):
    data = b''.join(struct.pack('<H', len(x)) + x for x in (b.utf16(path), b.utf16(site)) if x)
    return struct.pack('<HHI', version, int(bool(site)), len(data)) + data


def ask(c, data, code=REFERRALS, room=4096):
    """(status, answer)"""
    r = c.call(b.IOCTL, b.ioctl(ANY, code, data, room=room))
    return r.name, r.buffer()


def string_at(data, at):
    end = at
    while data[end:end + 2] != b'\0\0':
        end += 2
        check(end < len(data), 'a string without end')
    return b.from_utf16(data[at:end])


def parsed(data):
    """(bytes of the path that are consumed, flags, [(version, server type, flags, TTL, path, target)])"""
    consumed, count, flags = struct.unpack_from('<HHI', data)
    at, out = 8, []
    for _ in range(count):
        version, size, kind, own = struct.unpack_from('<HHHH', data, at)
        if version == 1:
            out.append((1, kind, own, None, None, string_at(data, at + 8)))
        else:
            ttl, path, other, target = struct.unpack_from('<IHHH', data, at + (12 if version == 2 else 8))
            expect('both paths', string_at(data, at + other), string_at(data, at + path))
            out.append((version, kind, own, ttl, string_at(data, at + path), string_at(data, at + target)))
        at += size
    return consumed, flags, out


@each_plugin('referrals of the root and of a link, in each version')
def referrals(s, c, share):
    c.tree('IPC$')
    root, link = f'\\127.0.0.1\\{share}', f'\\127.0.0.1\\{share}\\folder\\link'
    for version in range(1, 6):
        shown = min(version, 4)
        ttl, boundary = None if shown == 1 else 600, 4 if shown == 4 else 0
        name, data = ask(c, request(root.upper(), version))
        expect(f'root {version}', (name, parsed(data)), ('OK', (
            2 * len(root), 3, [(shown, 1, boundary, ttl, ttl and root.upper(), root.upper())])))
        for path, how in ((link, ask(c, request(link, version))), (link, ask(c, request(link + '\\x\\y', version))),
                          (link, ask(c, request_ex(link + '\\x', version, 'Berlin'), REFERRALS_EX)),
                          (link.replace('link', 'LINK'), ask(c, request_ex(link.replace('link', 'LINK'), version), REFERRALS_EX))):
            expect(f'link {version}', (how[0], parsed(how[1])), ('OK', (2 * len(link), 2, [
                (shown, 0, boundary, ttl, ttl and path, '\\127.0.0.1\\data'),
                (shown, 0, 0, ttl, ttl and path, '\\two.example\\t\\u')])))
    for path in (f'{root}\\folder\\file', f'{root}\\nowhere\\x'):
        name, data = ask(c, request(path))
        expect(path, (name, parsed(data)[0], parsed(data)[2][0][5]), ('OK', 2 * len(root), root))


@each_plugin('what is asked wrongly, and what there is no room for')
def bad(s, c, share):
    c.tree('IPC$')
    link = f'\\127.0.0.1\\{share}\\folder\\link'
    for path, wanted in (('', 'INVALID_PARAMETER'), ('\\', 'INVALID_PARAMETER'), ('\\127.0.0.1', 'INVALID_PARAMETER'),
                         ('\\127.0.0.1\\data', NOT_FOUND), ('\\127.0.0.1\\IPC$', NOT_FOUND), ('\\127.0.0.1\\nothing\\x', NOT_FOUND),
                         (f'\\127.0.0.1\\{share}\\a*', 'OBJECT_NAME_INVALID'), (f'\\127.0.0.1\\{share}\\..', '0xc000003b')):
        for code, form in ((REFERRALS, request), (REFERRALS_EX, request_ex)):
            expect(f'{path} {code:#x}', ask(c, form(path), code), (wanted, b''))
    for code, whole in ((REFERRALS, request(link)), (REFERRALS_EX, request_ex(link))):
        for size in (*range(16), len(whole) - 1):
            expect(f'{size} bytes of {code:#x}', ask(c, whole[:size], code)[0], 'INVALID_PARAMETER')
        expect('version 0', ask(c, b'\0\0' + whole[2:], code)[0], 'INVALID_PARAMETER')
    whole = ask(c, request(link))[1]
    seen = set()
    for room in range(len(whole) + 1):
        name, data = ask(c, request(link), room=room)
        check(len(data) <= room, room, data)
        seen.add((name, len(parsed(data)[2]) if data else 0))
    expect('with less room', seen, {('BUFFER_OVERFLOW', 0), ('OK', 1), ('OK', 2)})
    f = c.call(b.IOCTL, b.ioctl(bytes(16), REFERRALS, request(link)))
    expect('a file', f.name, 'INVALID_PARAMETER')


# ---- opens ----

@each_plugin('opened through a link and without one')
def opens(s, c, share):
    def opened(path, flags=0, **how):
        r = c.call(b.CREATE, b.create(path, **how), flags=flags)
        if r.status == 0:
            c.close(r.file_id)
        return r.name
    for path, flags, wanted in (
            (f'127.0.0.1\\{share}\\folder\\file', DFS, 'OK'), (f'127.0.0.1\\{share}', DFS, 'OK'), ('folder\\file', DFS, 'OK'),
            (f'server.example\\{share.upper()}\\folder\\file', DFS, 'OK'), (f'127.0.0.1\\{share}\\folder\\file', 0, 'OBJECT_PATH_NOT_FOUND'),
            (f'127.0.0.1\\{share}\\folder\\link', DFS, NOT_COVERED), (f'127.0.0.1\\{share}\\folder\\LINK\\x\\y', DFS, NOT_COVERED),
            (f'127.0.0.1\\{share}\\folder\\link:stream', DFS, NOT_COVERED), ('folder\\link', DFS, NOT_COVERED),
            ('folder\\link', 0, STOPPED), ('folder\\link\\x', 0, STOPPED)):
        for disposition in (b.OPEN, b.OPEN_IF):
            expect(f'{path} {flags:#x}', opened(path, flags, access=b.ATTRIBUTES, disposition=disposition), wanted)
    link = f'127.0.0.1\\{share}\\folder\\link'
    expect('itself', opened(link, DFS, access=b.ATTRIBUTES, options=b.NO_FOLLOW), 'OK')
    expect('removed', opened(link, DFS, access=0x10000, options=b.NO_FOLLOW | b.DELETE_ON_CLOSE), 'OK')
    expect('and gone', opened(link, DFS, access=b.ATTRIBUTES), 'OBJECT_NAME_NOT_FOUND')


@each_plugin('what says that there is DFS')
def told(s, c, share):
    for name, flags, capabilities in ((share, SHARE_DFS, SHARE_CAP_DFS), ('data', 0, 0)):
        r = c.call(b.TREE_CONNECT, b.tree_connect(f'\\\\127.0.0.1\\{name}'))
        expect(name, [x & y for x, y in zip(struct.unpack_from('<II', r.raw, 68), (SHARE_DFS, 0xffffffff))], [flags, capabilities])
        check_in(f'flags: {flags:#x}\n', s.rpcclient(f'netsharegetinfo {name} 1005').text)


@each_plugin('listed as folders that are elsewhere, in a root')
def listed(s, c, share):
    def shown(pattern):
        f = c.opened('folder', access=b.LIST, options=b.FOLDER)
        data = c.call(b.QUERY_DIRECTORY, b.query_directory(f, pattern=pattern)).buffer()
        c.close(f)
        return data and (b.entries(data)[0].name, b.entries(data)[0].attributes & 0x410, struct.unpack_from('<I', data, 64)[0])
    for pattern in ('l*', 'link', 'LINK'):
        expect(pattern, shown(pattern), ('link', 0x410, 0x8000000a))
    f = c.opened('folder\\link', access=b.ATTRIBUTES, options=b.NO_FOLLOW)
    expect('itself', struct.unpack_from('<I', c.query(f, 4).buffer(), 32)[0] & 0x410, 0x400)
    c.close(f)
    check_in('  link                               Dr ', s.smbclient(share, 'ls folder\\*').ok())
    if share == 'root-dir':
        os.symlink('nowhere', s.path('root', 'folder', 'plain'))
        expect('another', shown('p*')[1:], (0x400, 0xa000000c))


@case('nothing of it where no share is a root')
def none():
    with Server('mem:') as s, connect(s, 'mem') as c:
        expect('a referral', [ask(c, request('\\127.0.0.1\\mem'), code)[0] for code in (REFERRALS, REFERRALS_EX)], [NO_DRIVER] * 2)
        r = c.call(b.TREE_CONNECT, b.tree_connect('\\\\127.0.0.1\\mem'))
        flags, capabilities = struct.unpack_from('<II', r.raw, 68)
        expect('of the share', (flags & SHARE_DFS, capabilities), (0, 0))


@case('links are told to nobody whom the share does not let in, nor is what must be sealed told plainly')
def kept():
    settings = 'valid users = bob\n', 'smb encrypt = required\n', 'veto files = /folder/\n', ''
    for setting in settings:
        config = f'[root]\npath = @/root\nread only = no\nmsdfs root = yes\n{setting}[other]\nplugin = mem\n'
        with Server(config=config) as s, connect(s, 'IPC$') as c:
            os.mkdir(s.path('root', 'folder'))
            os.symlink(f'msdfs:{TARGETS}', s.path('root', 'folder', 'link'))
            name, data = ask(c, request('\\s\\root\\folder\\link'))
            other = ask(c, request('\\s\\root\\folder\\lank'))
            if setting == '':
                expect('told', (name, parsed(data)[2][0][5]), ('OK', '\\127.0.0.1\\data'))
            elif 'veto' in setting:
                expect('not there', (name, parsed(data)[2][0][5]), ('OK', '\\s\\root'))
            else:
                expect(setting, (name, other[0]), ('ACCESS_DENIED', 'ACCESS_DENIED'))
            expect(f'the root, {setting}', ask(c, request('\\s\\root'))[0], 'OK')
            if 'encrypt' in setting:
                with connect(s, 'IPC$', seal=True) as sealed:
                    expect('sealed', parsed(ask(sealed, request('\\s\\root\\folder\\link'))[1])[2][0][5], '\\127.0.0.1\\data')


@case('a setting that a reload changes')
def reloaded():
    config = '[root]\nplugin = mem\nread only = no\n'
    with Server(config=config) as s, connect(s, 'root') as c:
        expect('not yet', ask(c, request('\\s\\root'))[0], NO_DRIVER)
        for more, wanted in (('msdfs root = yes\n', 'OK'), ('', NO_DRIVER)):
            s.write_config(config + more)
            before = s.log().count(RELOADED)
            s.signal(signal.SIGHUP)
            wait_for(lambda: s.log().count(RELOADED) > before, 10, 'the reload')
            expect(more, ask(c, request('\\s\\root'))[0], wanted)


@case('who was told that a share is a root goes by that when it is none any more')
def told_before():
    config = '[root]\nplugin = mem\nread only = no\n'
    with Server(config=config + 'msdfs root = yes\n') as s, connect(s, 'root') as c:
        c.put('file', b'here')
        make_link(s, c, 'mem', 'link', TARGETS)
        s.write_config(config)
        before = s.log().count(RELOADED)
        s.signal(signal.SIGHUP)
        wait_for(lambda: s.log().count(RELOADED) > before, 10, 'the reload')
        with connect(s, 'root') as fresh:
            for client, path, wanted in ((c, 's\\root\\file', 'OK'), (c, 's\\root\\link', STOPPED),
                                         (fresh, 'file', 'OK'), (fresh, 's\\root\\file', 'OBJECT_PATH_NOT_FOUND')):
                expect(path, client.call(b.CREATE, b.create(path, access=b.ATTRIBUTES), flags=DFS).name, wanted)


@case('a link with more targets than a name is long')
def long_link():
    targets = [f'server{i}.a-long-domain.example.com\\share{i}' for i in range(40)]
    for separator in '\\/':
        with Server(config=CONFIG.format('dir', PLUGINS['dir'])) as s, connect(s, 'root-dir') as c:
            os.symlink('msdfs:' + ','.join(targets).replace('\\', separator), s.path('root', 'link'))
            name, data = ask(c, request('\\s\\root-dir\\link\\x'), room=65536)
            expect('targets', (name, [e[5] for e in parsed(data)[2]] if data else []), ('OK', ['\\' + t for t in targets]))
            r = c.call(b.CREATE, b.create('s\\root-dir\\link\\x'), flags=DFS)
            expect('an open', r.name, NOT_COVERED)


# ---- smbclient ----

class Apart(Server):
    """On port 445 of 127.0.0.1, or another address."""

    def __init__(self, config, address='127.0.0.1'):
        if not HAS_NETWORK:
            raise Skip('no network namespace of its own can be had')
        super().__init__(config=config)
        self.port = 445
        self.write_config(config)
        with open(self.config, encoding='utf-8') as f:
            text = f.read()
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(text.replace('127.0.0.1', address))


@case('smbclient follows a link to another share')
def followed():
    config = '[root]\npath = @/root\nread only = no\nmsdfs root = yes\n[data]\npath = @/data\nread only = no\n'
    with Apart(config) as s:
        os.makedirs(s.path('data', 'sub'))
        write_file(s.path('data', 'f'), b'data')
        write_file(s.path('data', 'sub', 'g'), b'deep')
        os.mkdir(s.path('root', 'folder'))
        os.symlink('msdfs:127.0.0.1\\data', s.path('root', 'folder', 'link'))
        os.symlink('msdfs:127.0.0.1/data/sub', s.path('root', 'below'))
        text = s.smbclient('root', 'cd folder\\link; ls; get f got; put got new; cd sub; ls').ok()
        for name in ('f', 'sub', 'g'):
            check_in(f'  {name} ', text)
        text = s.smbclient('root', 'ls below\\*; cd below; get g deep; rename g moved; cd ..; ls folder\\*').ok()
        check_in('  link ', text)
        expect('files', [open(s.path(*p), 'rb').read() for p in (('got',), ('deep',), ('data', 'new'), ('data', 'sub', 'moved'))],
               [b'data', b'deep', b'data', b'deep'])
        text = s.smbclient('root', 'put got here; mkdir folder\\x; rename here folder\\there; ls folder\\*; del folder\\there; '
                           'rmdir folder\\x').ok()
        check_in('  there ', text)
        expect('in the root', sorted(os.listdir(s.path('root', 'folder'))), ['link'])


@case('smbclient follows a link to another server')
def other_server():
    data = '[data]\npath = @/data\nread only = no\n'
    root = '[root]\npath = @/root\nread only = no\nmsdfs root = yes\n'
    with Apart(root) as s, Apart(data, '127.0.0.2') as other:  # the first, which the harness asks whether it listens
        write_file(other.path('data', 'f'), b'from afar')
        os.symlink('msdfs:127.0.0.2\\data', s.path('root', 'link'))
        text = s.smbclient('root', 'cd link; ls; get f got; put got back').ok()
        check_in('  f ', text)
        expect('read and written', [open(p, 'rb').read() for p in (s.path('got'), other.path('data', 'back'))], [b'from afar'] * 2)


main()
