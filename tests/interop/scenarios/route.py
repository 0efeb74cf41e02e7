# SPDX-License-Identifier: Apache-2.0
"""The route filter: several volumes under one share (quick)."""
import os

import rawbodies as b
from harness import Server, case, check, expect, main
from rawclient import connect

CONFIG = '[share]\npath = @/share\nread only = no\nfilter = route:/projects=dir:path=@/projects,/scratch=mem:\n'


def server():
    s = Server(config=CONFIG)
    for name in ('share', 'share/own', 'share/projects', 'projects'):
        os.makedirs(os.path.join(s.folder, name), exist_ok=True)
    for name in ('share/own/a', 'share/projects/hidden', 'projects/p'):
        with open(os.path.join(s.folder, name), 'wb') as f:
            f.write(name.encode())
    return s


@case('files')
def files():
    s = server()
    with s, connect(s, 'share') as c:
        expect('the root', sorted(c.names('')), ['own', 'projects', 'scratch'])
        expect('a volume', c.names('projects'), ['p'])
        expect('what it hides', c.try_open('projects\\hidden'), 'OBJECT_NAME_NOT_FOUND')
        expect('in any letters', c.try_open('PROJECTS\\P'), 'OK')
        c.put('projects\\new', b'text')
        c.put('scratch\\new', b'memory')
        expect('across', c.move('projects\\new', 'own\\new'), 'NOT_SAME_DEVICE')
        expect('within', c.move('projects\\new', 'projects\\newer'), 'OK')
        expect('a volume moved', c.move('projects', 'other', options=b.FOLDER), 'ACCESS_DENIED')
        expect('a volume removed', c.remove('scratch', b.FOLDER), 'DIRECTORY_NOT_EMPTY', 'CANNOT_DELETE')
        check(sorted(os.listdir(os.path.join(s.folder, 'projects'))) == ['newer', 'p'], 'projects of the host')
        check(os.listdir(os.path.join(s.folder, 'share/projects')) == ['hidden'], 'what is hidden')


@case('with smbclient')
def smbclient():
    s = server()
    with s:
        path = os.path.join(s.folder, 'big')
        with open(path, 'wb') as f:
            f.write(os.urandom(3 << 20))
        s.smbclient('share', f'put {path} projects/big; cd scratch; put {path} big; mkdir d; ls; get big {path}.back').ok()
        for other in (os.path.join(s.folder, 'projects', 'big'), f'{path}.back'):
            with open(path, 'rb') as one, open(other, 'rb') as two:
                check(one.read() == two.read(), f'{other} is another')


main()
