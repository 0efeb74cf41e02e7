# SPDX-License-Identifier: Apache-2.0
"""The overlay filter: changes that the shared folder does not see (quick)."""
import os
import tempfile

import rawbodies as b
from harness import Server, case, check, expect, main
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


main()
