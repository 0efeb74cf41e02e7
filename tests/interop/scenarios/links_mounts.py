# SPDX-License-Identifier: Apache-2.0
"""What clients are told of links that are not followed, and of file systems mounted below a share (quick)."""
import os
import struct
import subprocess

import rawbodies as b
import rawclient
from harness import Server, Skip, case, check, main, write_file

ITSELF = 0x200000  # FILE_OPEN_REPARSE_POINT
GET_REPARSE_POINT = 0x900a8
STOPPED_ON_SYMLINK = 0x8000002d
SIZE_INFO, VOLUME_INFO = 3, 1


def reparse(c, path, room=16384, options=ITSELF):
    f = c.opened(path, access=0x80, options=options)
    answer = c.call(b.IOCTL, b.ioctl(f, GET_REPARSE_POINT, room=room))
    c.close(f)
    return answer


def said(answer):
    """(the path, is it relative) of a symbolic link's reparse data. [MS-FSCC] 2.1.2.4"""
    data = answer.buffer()
    tag, size, at, length, _, _, flags = struct.unpack_from('<IHxxHHHHI', data)
    check(tag == 0xa000000c and size == len(data) - 8, answer.name, data)
    return data[20 + at:20 + at + length].decode('utf-16-le'), bool(flags & 1)


@case('a link tells where it leads')
def links():
    with Server('dir=@/shared') as s:
        os.makedirs(s.path('shared', 'd'))
        write_file(s.path('shared', 'f'), b'x')
        for name, target in (('out', '/etc/passwd'), ('d/up', '../nowhere/x'), ('d/home', s.path('shared', 'f'))):
            os.symlink(target, s.path('shared', name))
        with rawclient.connect(s, 'dir') as c:
            for path, says in (('out', ('\\etc\\passwd', False)), ('d\\up', ('..\\nowhere\\x', True)), ('d\\home', ('..\\f', True))):
                check(said(reparse(c, path)) == says, path, says)
            check(reparse(c, 'f').name == 'NOT_A_REPARSE_POINT', 'a file')
            check(reparse(c, 'd\\home', options=0).name == 'NOT_A_REPARSE_POINT', 'a link that was followed')
            check(reparse(c, 'out', room=7).name == 'BUFFER_TOO_SMALL', 'no room')
            short = reparse(c, 'out', room=21)
            check(short.name == 'BUFFER_OVERFLOW' and len(short.buffer()) == 21, 'little room', short.name)


def stopped(c, path, dialect):
    """(the path, is it relative, what is left) of the answer to an open. [MS-SMB2] 2.2.2.2.1"""
    answer = c.create(path, access=0x80)
    check(answer.status == STOPPED_ON_SYMLINK, path, answer.name)
    data = answer.body[8:]
    if dialect == 0x311:
        size, number = struct.unpack_from('<II', data)
        data = data[8:]
        check(number == 0 and size == len(data) and answer.body[2] == 1, 'the context', answer.body)
    length, word, tag, rest, left, at, size, shown_at, shown, flags = struct.unpack_from('<IIIHHHHHHI', data)
    names = data[28:]
    check(length == len(data) - 4 and word == 0x4c4d5953 and tag == 0xa000000c and rest == 12 + len(names), data)
    name = names[at:at + size].decode('utf-16-le')
    check(names[shown_at:shown_at + shown].decode('utf-16-le') == name, 'the name shown', data)
    text = path.encode('utf-16-le')
    return name, bool(flags & 1), text[len(text) - left:].decode('utf-16-le')


@case('an open that a link stops says where')
def stops():
    with Server('dir=@/shared') as s:
        os.makedirs(s.path('shared', 'd'))
        write_file(s.path('shared', 'd', 'f'), b'x')
        for name, target in (('out', '../..'), ('away', '/etc'), ('no', 'where'), ('d/up', '../../x'), ('in', 'd')):
            os.symlink(target, s.path('shared', name))
        for dialect in (0x311, 0x302, 0x210):
            with rawclient.connect(s, 'dir', dialect=dialect) as c:
                for path, says in (('out', ('..\\..', True, '')), ('OUT\\a', ('..\\..', True, '\\a')),
                                   ('away\\b\\c', ('\\etc', False, '\\b\\c')), ('no\\x', ('where', True, '\\x')),
                                   ('d\\up\\y', ('..\\..\\x', True, '\\y')), ('in\\up', ('..\\..\\x', True, ''))):
                    found = stopped(c, path, dialect)
                    check(found == says, path, found)
                check(c.content('in\\f') == b'x', 'a link that is followed')
                check(c.try_open('no', options=ITSELF, access=0x80) == 'OK', 'the link itself')
                check(c.try_open('none\\x') == 'OBJECT_PATH_NOT_FOUND', 'no link')


@case('space and serial are told where the handle is')
def mounted():
    with Server('dir=@/shared') as s:
        below = s.path('shared', 'below')
        os.makedirs(below)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'none', below], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f'mount may not: {done.stderr.strip()[:200]}')
        try:
            with rawclient.connect(s, 'dir') as c:
                told = {}
                for path in '', 'below':
                    f = c.opened(path, access=0x81, options=b.FOLDER)
                    sizes = struct.unpack('<QQII', c.query(f, SIZE_INFO, b.KIND_VOLUME).buffer())
                    told[path] = sizes[0] * sizes[2] * sizes[3], c.query(f, VOLUME_INFO, b.KIND_VOLUME).buffer()[8:12]
                    c.close(f)
                check(told['below'][0] == 3 << 20, told)
                check(told[''][0] != told['below'][0] and told[''][1] != told['below'][1], told)
        finally:
            subprocess.run(['umount', below], check=True)


main()
