# SPDX-License-Identifier: Apache-2.0
"""The overlay filter: changes that the shared folder does not see (quick)."""
import os
import struct
import tempfile

import rawbodies as b
from harness import Server, case, check, expect, main, smbkit
from rawclient import connect

CONFIG = '[share]\npath = @/share\nread only = no\nfilter = overlay:upper={}\n'


def tree(folder):
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(top, name), 'rb') as f:
                found[os.path.relpath(os.path.join(top, name), folder)] = f.read()
    return found


def server(upper):
    s = Server(config=CONFIG.format(upper))
    for name in ('share/d/e', 'upper'):
        os.makedirs(os.path.join(s.folder, name), exist_ok=True)
    for name in ('d/one', 'd/two', 'd/e/deep'):
        with open(os.path.join(s.folder, 'share', name), 'wb') as f:
            f.write(name.encode() * 1000)
    return s


def change(c):
    c.put('d\\new', b'new')
    c.put('d\\one', b'changed')
    expect('removed', c.remove('d\\two'), 'OK')
    expect('a folder renamed', c.move('d', 'moved', options=b.FOLDER), 'OK')
    expect('names', sorted(c.names('moved')), ['e', 'new', 'one'])
    expect('the old name', c.try_open('d\\one'), 'OBJECT_PATH_NOT_FOUND')


@case('in memory', 'mem:')
@case('in a folder', 'dir:path=@/upper')
def changes(upper):
    s = server(upper)
    share = os.path.join(s.folder, 'share')
    before = tree(share)
    with s:
        with connect(s, 'share') as c:
            change(c)
        path = os.path.join(s.folder, 'got')
        s.smbclient('share', f'get moved/e/deep {path}; get moved/one {path}.one').ok()
        for name, want in ((path, b'd/e/deep' * 1000), (f'{path}.one', b'changed')):
            with open(name, 'rb') as f:
                check(f.read() == want, name)
        check(tree(share) == before, 'the shared folder has changed')


@case('after a restart')
def restart():
    with tempfile.TemporaryDirectory() as upper:
        for again in (False, True):
            s = server(f'dir:path={upper}')
            with s, connect(s, 'share') as c:
                if not again:
                    change(c)
                expect('names', sorted(c.names('moved')), ['e', 'new', 'one'])
                expect('the root', c.names(''), ['moved'])


def say(s, word, code=0):
    r = smbkit('control', '--socket', s.control, 'share', word)
    expect(f'{word}: exit code of "{r.text}"', r.code, code)
    return r.text.strip()


@case('commit: in memory', 'mem:')
@case('commit: in a folder', 'dir:path=@/upper')
def commit(upper):
    s = server(upper)
    share = os.path.join(s.folder, 'share')
    with s, connect(s, 'share') as c:
        change(c)
        expect('commit', say(s, 'commit'), 'done')
        if upper != 'mem:':
            expect('what is kept apart', tree(os.path.join(s.folder, 'upper')), {})
        expect('names', sorted(c.names('moved')), ['e', 'new', 'one'])
        expect('the folder', tree(share), {'moved/e/deep': b'd/e/deep' * 1000, 'moved/new': b'new', 'moved/one': b'changed'})
        c.put('moved\\one', b'again')
        expect('the folder', tree(share)['moved/one'], b'changed')


@case('discard: in memory', 'mem:')
@case('discard: in a folder', 'dir:path=@/upper')
def discard(upper):
    s = server(upper)
    share = os.path.join(s.folder, 'share')
    before = tree(share)
    with s, connect(s, 'share') as c:
        watched = c.opened('', access=b.LIST, options=b.FOLDER)
        change(c)
        gone = c.opened('moved\\new')
        mid = c.send(b.CHANGE_NOTIFY, b.change_notify(watched))
        c.await_interim(mid)
        expect('discard', say(s, 'discard'), 'done')
        expect('watchers look again', c.receive(mid, 60).name, 'NOTIFY_ENUM_DIR')
        expect('the root', c.names(''), ['d'])
        expect('a folder', sorted(c.names('d')), ['e', 'one', 'two'])
        expect('a file', c.content('d\\one'), b'd/one' * 1000)
        expect('what is gone', c.write(gone, b'x'), '0xc0000123')  # FILE_DELETED
        c.close(gone)
        check(tree(share) == before, 'the shared folder has changed')


@case('a discard that was cut off')
def cut_off():
    with tempfile.TemporaryDirectory() as upper:
        s = server(f'dir:path={upper}')
        with s:
            with connect(s, 'share') as c:
                change(c)
            s.process.terminate()
            s.process.wait()
            with open(os.path.join(upper, '.smbkit-overlay', 'discard'), 'wb'):
                pass
            s.start()
            with connect(s, 'share') as c:
                expect('the root', c.names(''), ['d'])
                expect('a folder', sorted(c.names('d')), ['e', 'one', 'two'])
            expect('what is kept apart', tree(upper), {})


@case('an overwrite that fails')
def overwrite():
    """The file is not seen empty: room for more than there is is asked for. [MS-SMB2] 2.2.13.2.6"""
    with server('mem:size=64K') as s, connect(s, 'share') as c:
        r = c.create('d\\one', disposition=b.OVERWRITE, contexts=((b'AlSi', struct.pack('<Q', 1 << 20)),))
        expect('refused', r.name, 'DISK_FULL')
        expect('the file', c.content('d\\one'), b'd/one' * 1000)


main()
