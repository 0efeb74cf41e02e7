# SPDX-License-Identifier: Apache-2.0
"""Renaming into, out of and over what others have open, and hard links (quick)."""
import rawbodies as b
from harness import check, each_share, expect, main
from rawclient import connect

HELD = ('ACCESS_DENIED', 'SHARING_VIOLATION')


@each_share('into and out of a folder that somebody watches')
def watched_folder(s, share):
    with connect(s, share) as c, connect(s, share) as watcher:
        for folder in ('in', 'out', 'out\\sub'):
            c.make_folder(folder)
        c.put('out\\f', b'1')
        for mode in (1, 3, 7):
            allowed = ('OK',) if mode & 2 else ('OK', 'SHARING_VIOLATION')
            held = [watcher.opened(folder, access=b.LIST, share=mode, options=b.FOLDER) for folder in ('in', 'out')]
            for name, options in (('f', 0), ('sub', b.FOLDER)):
                status = c.move(f'out\\{name}', f'in\\{name}', options=options)
                expect(f'{name}, share mode {mode}', status, *allowed)
                if status == 'OK':
                    expect('back', c.move(f'in\\{name}', f'out\\{name}', options=options), *allowed)
            for f in held:
                watcher.close(f)
        expect('what is there', c.names('out'), ['f', 'sub'])


@each_share('handles follow a file that another one renames')
def followed(s, share):
    with connect(s, share) as c, connect(s, share) as other:
        c.make_folder('d')
        c.put('a', b'1')
        f = c.opened('a', access=0x130089)
        expect('renaming', other.move('a', 'd\\b'), 'OK')
        expect('by the first handle', c.rename(f, 'c'), 'OK')
        expect('and again', other.move('c', 'd\\e'), 'OK')
        expect('deleting', other.remove('d\\e'), 'OK')
        expect('while it is open', other.try_open('d\\e'), 'DELETE_PENDING')
        expect('the last close', c.close(f), 'OK')
        expect('then', (c.names('d'), c.names()), ([], ['d']))


@each_share('a folder with an open file in it stays')
def open_inside(s, share):
    with connect(s, share) as c, connect(s, share) as other:
        c.make_folder('d')
        c.put('d\\f')
        f = other.opened('d\\f')
        expect('with the open file', c.move('d', 'moved', options=b.FOLDER), *HELD)
        other.close(f)
        expect('afterwards', c.move('d', 'moved', options=b.FOLDER), 'OK')
        expect('by its old name', c.try_open('d\\f'), 'OBJECT_PATH_NOT_FOUND')
        expect('by its new name', c.try_open('moved\\f'), 'OK')
        expect('into itself', c.move('moved', 'moved\\x', options=b.FOLDER), 'SHARING_VIOLATION', 'INVALID_PARAMETER',
               'ACCESS_DENIED', 'OBJECT_NAME_INVALID')


def set_up(c, attributes=0):
    for name in ('new', 'config'):
        c.remove(name)
    c.put('new', b'new')
    c.put('config', b'old', attributes=attributes)


@each_share('over a file')
def over(s, share):
    with connect(s, share) as c, connect(s, share) as other:
        for mode in (0, 1, 3, 7):
            set_up(c)
            f = other.opened('config', access=0x120089, share=mode)
            expect(f'open with share mode {mode}', c.move('new', 'config', True), *HELD)
            expect('its bytes', other.read(f, 9), b'old')
            other.close(f)
            expect('both files', (c.content('config'), c.content('new')), (b'old', b'new'))
        set_up(c)
        expect('not to replace', c.move('new', 'config'), 'OBJECT_NAME_COLLISION')
        expect('not open', c.move('new', 'config', True), 'OK')
        expect('what it holds', (c.content('config'), c.content('new')), (b'new', 'OBJECT_NAME_NOT_FOUND'))
        set_up(c, attributes=1)
        expect('read-only', c.move('new', 'config', True), 'ACCESS_DENIED')
        expect('what it holds', c.content('config'), b'old')
        set_up(c)
        c.remove('config')
        c.make_folder('config')
        expect('a folder', c.move('new', 'config', True), 'ACCESS_DENIED', 'OBJECT_NAME_COLLISION', 'FILE_IS_A_DIRECTORY')


def identity(c, path):
    """(links, file id)"""
    f = c.opened(path, access=0x80)
    links, number = c.sizes(f)[2], c.query(f, 6).buffer()
    c.close(f)
    return links, number


@each_share('hard links')
def links(s, share):
    with connect(s, share) as c:
        c.put('a', b'one')
        c.put('x', b'other')
        c.make_folder('s')
        expect('beside it', c.link('a', 'b'), 'OK')
        expect('in another folder', c.link('a', 's\\c'), 'OK')
        expect('links', {identity(c, n) for n in ('a', 'b', 's\\c')}, {(3, identity(c, 'a')[1])})
        expect('over a file', c.link('a', 'b'), 'OBJECT_NAME_COLLISION')
        expect('over a file, replacing', c.link('a', 'x', True), 'OK')
        f = c.opened('b')
        check(c.write(f, b'TWO') == 'OK', 'write')
        expect('one content', c.content('s\\c'), b'TWO')
        expect('one name goes while another is open', c.remove('a'), 'OK')
        expect('that name', c.try_open('a'), 'OBJECT_NAME_NOT_FOUND', 'DELETE_PENDING')
        expect('the open file', c.read(f, 9), b'TWO')
        c.close(f)
        expect('then', c.try_open('a'), 'OBJECT_NAME_NOT_FOUND')
        expect('the others', [identity(c, n)[0] for n in ('b', 's\\c', 'x')], [3, 3, 3])
        expect('read-only by one name', c.set_attributes('x', 1), 'OK')
        expect('seen by another', c.attributes('s\\c') & 1, 1)
        c.set_attributes('x', 0x80)
        c.move('b', 'x', True)
        check('x' in c.names(), 'a rename onto another name of the same file lost it', c.names())


@each_share('what takes the place of a file in other letters is spelled as it was asked')
def spelling(s, share):
    with connect(s, share) as c:
        for path in ('f1', 'f2', 'new', 'linked'):
            c.put(path, path.encode())
        expect('link', c.link('new', 'F1', True), 'OK')
        expect('rename', c.move('linked', 'F2', True), 'OK')
        expect('the names', c.names(), ['F1', 'F2', 'new'])
        expect('the contents', (c.content('f1'), c.content('f2')), (b'new', b'linked'))


@each_share('a folder in the place of a file')
def folder_over_file(s, share):
    with connect(s, share) as c:
        c.make_folder('d')
        c.make_folder('e')
        c.put('d\\in', b'in')
        c.put('f', b'f')
        expect('in other letters before', (c.content('F'), c.content('D\\IN')), (b'f', b'in'))
        expect('not asked for', c.move('d', 'f', options=b.FOLDER), 'OBJECT_NAME_COLLISION')
        expect('asked for', c.move('d', 'f', True, options=b.FOLDER), 'OK')
        expect('what is there', (c.names(), c.content('f\\in')), (['e', 'f'], b'in'))
        expect('in other letters', c.content('F\\IN'), b'in')
        expect('the names are taken', c.move('e', 'F', options=b.FOLDER), 'OBJECT_NAME_COLLISION')
        expect('over a folder', c.move('e', 'f', True, options=b.FOLDER), 'ACCESS_DENIED')


def listed_sizes(c, folder):
    return [e.size for e in c.listing(folder) if not e.attributes & 0x10]


@each_share('the size of a file by all its names')
def sizes_of_links(s, share):
    with connect(s, share) as c:
        c.make_folder('s')
        c.put('f', b'1')
        expect('one name', listed_sizes(c, ''), [1])
        c.link('f', 's\\g')
        for size in (100, 7):
            for path in ('f', 's\\g'):
                f = c.opened(path)
                c.set_size(f, size + len(path))
                expect(f'set by {path}', (listed_sizes(c, ''), listed_sizes(c, 's')), ([size + len(path)],) * 2)
                c.close(f)


@each_share('no link leads to a folder')
def no_folder_link(s, share):
    with connect(s, share) as c:
        c.make_folder('d')
        f = c.opened('d', access=b.ATTRIBUTES, options=b.FOLDER)
        expect('link', c.set(f, 11, b.new_name('e')), 'FILE_IS_A_DIRECTORY', 'ACCESS_DENIED')


main()
