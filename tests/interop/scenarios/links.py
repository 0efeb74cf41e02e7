# SPDX-License-Identifier: Apache-2.0
"""Symbolic links of all kinds: opened, overwritten, replaced, moved (quick)."""
import os

import rawbodies as b
import rawclient
from harness import Server, case, check, expect, main, write_file

ACCESS = 0x13019f  # READ_WRITE and DELETE
TO_FILE, TO_FOLDER, NOT_FOLLOWED = ('file', 'absolute'), ('folder', 'absolute_folder'), ('dangling', 'circular', 'out', 'out_folder', 'away', 'through')
LINKS = TO_FILE + TO_FOLDER + NOT_FOLLOWED


def target(s, name):
    return {'file': 'd/f', 'absolute': s.path('shared', 'd', 'f'), 'folder': 'd', 'absolute_folder': s.path('shared', 'd'),
            'dangling': 'nowhere', 'circular': 'circular', 'out': '../outside/secret', 'out_folder': '../outside',
            'away': '/etc/passwd', 'through': 'd/f/'}[name]


def lay(s):
    """What the links lead to, and the links, as they are at the beginning."""
    for folder in (('shared', 'd'), ('outside',)):
        os.makedirs(s.path(*folder), exist_ok=True)
    write_file(s.path('shared', 'd', 'f'), b'inside')
    write_file(s.path('outside', 'secret'), b'secret')
    for name in LINKS:
        path = s.path('shared', name)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target(s, name), path)


def content(s, *parts):
    with open(s.path(*parts), 'rb') as f:
        return f.read()


def check_led_to(s, about, inside=b'inside'):
    """All that links lead to is as it was."""
    check(content(s, 'shared', 'd', 'f') == inside, about, 'the file inside')
    check(content(s, 'outside', 'secret') == b'secret', about, 'the file outside')
    check(os.listdir(s.path('shared', 'd')) == ['f'] and os.listdir(s.path('outside')) == ['secret'], about, 'the folders')
    check(not os.path.lexists(s.path('shared', 'nowhere')), about, 'something was made where a link leads')


OK, NO, BAD, IS, NOT = 'OK', 'ACCESS_DENIED', 'INVALID_PARAMETER', 'FILE_IS_A_DIRECTORY', 'NOT_A_DIRECTORY'
THERE, STOP = 'OBJECT_NAME_COLLISION', '0x8000002d'  # STOPPED_ON_SYMLINK
# [MS-FSA] 2.1.5.1.2. A link itself is a file without data, which takes none: so it is not overwritten either.
OPENS = (  # which links, opened with;              SUPERSEDE, OPEN, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF
    (TO_FILE,      0,                               (OK,   OK,   THERE, OK,   OK,   OK)),
    (TO_FILE,      b.NO_FOLDER,                     (OK,   OK,   THERE, OK,   OK,   OK)),
    (TO_FILE,      b.FOLDER,                        (BAD,  NOT,  THERE, NOT,  BAD,  BAD)),
    (TO_FOLDER,    0,                               (BAD,  OK,   THERE, OK,   BAD,  BAD)),
    (TO_FOLDER,    b.NO_FOLDER,                     (IS,   IS,   THERE, IS,   IS,   IS)),
    (TO_FOLDER,    b.FOLDER,                        (BAD,  OK,   THERE, OK,   BAD,  BAD)),
    (NOT_FOLLOWED, 0,                               (STOP, STOP, STOP,  STOP, STOP, STOP)),
    (NOT_FOLLOWED, b.NO_FOLDER,                     (STOP, STOP, STOP,  STOP, STOP, STOP)),
    (NOT_FOLLOWED, b.FOLDER,                        (BAD,  STOP, STOP,  STOP, BAD,  BAD)),
    (LINKS,        b.NO_FOLLOW,                     (NO,   OK,   THERE, OK,   NO,   NO)),
    (LINKS,        b.NO_FOLLOW | b.NO_FOLDER,       (NO,   OK,   THERE, OK,   NO,   NO)),
    (LINKS,        b.NO_FOLLOW | b.FOLDER,          (BAD,  NOT,  THERE, NOT,  BAD,  BAD)),
)


def check_opens(s, c, rows):
    for names, options, wanted in rows:
        for name in names:
            for disposition, status in enumerate(wanted):
                about = f'{name}, options {options:#x}, disposition {disposition}'
                expect(about, c.try_open(name, disposition=disposition, options=options, access=ACCESS), status)
                check(os.readlink(s.path('shared', name)) == target(s, name), about, 'the link')
                emptied = status == OK and names is TO_FILE and disposition not in (b.OPEN, b.OPEN_IF)
                check_led_to(s, about, b'' if emptied else b'inside')
                if emptied:
                    write_file(s.path('shared', 'd', 'f'), b'inside')


@case('opened with each disposition, as themselves and followed')
def opened():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        check_opens(s, c, OPENS)


@case('opened where none is followed')
def opened_nofollow():
    with Server('dir=dir:path=@/shared,symlinks=nofollow') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        check_opens(s, c, [(LINKS, options, wanted) for names, options, wanted in OPENS if names in (NOT_FOLLOWED, LINKS)])


@case('what is asked of a link itself')
def handles():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        for name in LINKS:
            f = c.opened(name, access=0x1f01ff, options=b.NO_FOLLOW)
            for about, status, wanted in (('read', c.read(f, 10), 'END_OF_FILE'), ('write', c.write(f, b'x'), NO),
                                          ('size', c.set_size(f, 0), NO), ('room', c.set_allocation(f, 4096), NO),
                                          ('flush', c.flush(f), OK)):
                expect(f'{name}: {about}', status, wanted)
            c.close(f)
            check_led_to(s, name)


@case('a stream of a link itself')
def streams():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        for name in LINKS:
            for disposition in (b.OPEN, b.CREATE_NEW, b.OPEN_IF):
                expect(f'{name}, {disposition}', c.try_open(f'{name}:s', disposition=disposition, options=b.NO_FOLLOW, access=ACCESS),
                       'OBJECT_NAME_NOT_FOUND')
        check(not os.listxattr(s.path('shared', 'd', 'f')), os.listxattr(s.path('shared', 'd', 'f')))
        check_led_to(s, 'at the end')


@case('replaced by a file that is renamed or linked there')
def replaced():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        for change in (c.move, c.link):
            lay(s)
            for name in LINKS:
                about = f'{change.__name__} to {name}'
                write_file(s.path('shared', 'new'), b'new')
                expect(about, change('new', name), THERE)
                check(os.readlink(s.path('shared', name)) == target(s, name), about, 'the link')
                expect(about, change('new', name.upper(), replace=True), OK)
                check(name.upper() in os.listdir(s.path('shared')) and name not in os.listdir(s.path('shared')), about, 'the name')
                check(content(s, 'shared', name.upper()) == b'new', about, 'what is there')
                check(os.path.lexists(s.path('shared', 'new')) == (change == c.link), about, 'the old name')
                check_led_to(s, about)
                os.unlink(s.path('shared', name.upper()))


@case('replaced by a link or a folder')
def replaced_by_others():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        for name in LINKS:
            os.symlink('elsewhere', s.path('shared', 'link'))
            expect(f'a link, to {name}', c.move('link', name, replace=True, options=b.NO_FOLLOW), OK)
            check(os.readlink(s.path('shared', name)) == 'elsewhere' and not os.path.lexists(s.path('shared', 'link')), name)
            c.make_folder('empty')
            expect(f'a folder, to {name}', c.move('empty', name, replace=True, options=b.FOLDER), OK)
            check(os.path.isdir(s.path('shared', name)) and not os.path.lexists(s.path('shared', 'empty')), name)
            check_led_to(s, name)


@case('moved and linked themselves')
def moved():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        for name in LINKS:
            for to in name.upper(), 'moved', name:
                at = next(x for x in os.listdir(s.path('shared')) if x.lower() in (name, 'moved'))
                expect(f'{at} to {to}', c.move(at, to, options=b.NO_FOLLOW), OK)
                check(os.readlink(s.path('shared', to)) == target(s, name), name, to)
                check(at == to or at not in os.listdir(s.path('shared')), name, to)
            write_file(s.path('shared', 'file_there'), b'old')
            expect(f'{name} over a file', c.move(name, 'file_there', replace=True, options=b.NO_FOLLOW), OK)
            check(os.readlink(s.path('shared', 'file_there')) == target(s, name), name, 'over a file')
            f = c.opened('file_there', access=0x100180, options=b.NO_FOLLOW)
            expect(f'{name} linked', c.set(f, 11, b.new_name('other')), OK)
            c.close(f)
            check(os.readlink(s.path('shared', 'other')) == target(s, name), name, 'linked')
            expect('gone again', [c.remove(x) for x in ('other', 'file_there')], [OK, OK])
            check_led_to(s, name)


@case('what is open by the name of a link keeps it')
def held():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c, rawclient.connect(s, 'dir') as other:
        lay(s)
        write_file(s.path('shared', 'new'), b'new')
        for path, options, name in (('file', 0, 'file'), ('file', b.NO_FOLLOW, 'file'), ('folder', b.FOLDER, 'folder'), ('folder\\f', 0, 'folder'),
                                    ('out', b.NO_FOLLOW, 'out')):
            f = other.opened(path, access=0x80, options=options)
            for change in (c.move, c.link):
                expect(f'{change.__name__} to {name} while {path} is open', change('new', name, replace=True), NO)
            other.close(f)
            check(os.readlink(s.path('shared', name)) == target(s, name), path)
        f = other.opened('d\\f', access=0x80)
        expect('what it leads to is open by its own name', c.link('new', 'file', replace=True), OK)
        other.close(f)
        check_led_to(s, 'at the end')


@case('nothing is renamed or linked through a link that is not followed')
def on_the_way():
    with Server('dir=@/shared') as s, rawclient.connect(s, 'dir') as c:
        lay(s)
        write_file(s.path('shared', 'new'), b'new')
        for name in NOT_FOLLOWED:
            expect(name, [c.move('new', f'{name}\\x'), c.link('new', f'{name}\\x', replace=True)], ['OBJECT_PATH_NOT_FOUND'] * 2)
        expect('through one that is', c.move('new', 'folder\\x'), OK)
        check(content(s, 'shared', 'd', 'x') == b'new' and c.remove('d\\x') == OK, 'where it is')
        check_led_to(s, 'at the end')


main()
