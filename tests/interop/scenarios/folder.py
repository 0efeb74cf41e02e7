# SPDX-License-Identifier: Apache-2.0
"""A folder of the host: names without regard to case, links that lead out, changes from outside (quick)."""
import os
import socket
import subprocess

import rawbodies as b
from harness import Server, Skip, case, check, check_in, check_logged, digest, main, random_bytes, write_file
from rawclient import connect

NOT_FOUND = ('NT_STATUS_OBJECT_NAME_NOT_FOUND', 'NT_STATUS_OBJECT_PATH_NOT_FOUND')
REFUSED = NOT_FOUND + ('NT_STATUS_ACCESS_DENIED', 'NT_STATUS_OBJECT_PATH_SYNTAX_BAD',
                       'NT_STATUS_OBJECT_NAME_INVALID', 'NT_STATUS_STOPPED_ON_SYMLINK',
                       'NT_STATUS_IO_REPARSE_TAG_NOT_HANDLED')


@case('names are found without regard to case')
def no_case():
    with Server('dir=@/shared') as s:
        os.makedirs(s.path('shared', 'Folder', 'Sub'))
        write_file(s.path('shared', 'Folder', 'Sub', 'Report.TXT'), b'one')
        write_file(s.path('shared', 'Stra\u00dfe \u00c4'), b'two')
        s.smbclient('dir', 'get folder\\SUB\\rEPORT.txt got; get "STRA\u00dfE \u00e4" got2').ok()
        check(digest(s.path('got')) == digest(s.path('shared', 'Folder', 'Sub', 'Report.TXT')), 'other bytes')
        write_file(s.path('local'), b'three')
        s.smbclient('dir', 'put local FOLDER\\sub\\REPORT.txt; mkdir FOLDER\\new').ok()
        check(sorted(os.listdir(s.path('shared', 'Folder'))) == ['Sub', 'new'], 'a second folder was made')
        check(os.listdir(s.path('shared', 'Folder', 'Sub')) == ['Report.TXT'], 'a second file was made')
        s.smbclient('dir', 'mkdir fOLDER').refused('NT_STATUS_OBJECT_NAME_COLLISION')


@case('a rename that changes case only')
def rename_case():
    with Server('dir=@/shared') as s:
        write_file(s.path('shared', 'name'), b'x')
        s.smbclient('dir', 'rename name NAME').ok()
        check(os.listdir(s.path('shared')) == ['NAME'], os.listdir(s.path('shared')))


@case('nothing leads out of a share')
def escape():
    with Server('dir=@/shared') as s:
        s.make_folder('outside')
        secret = write_file(s.path('outside', 'secret'), b'secret')
        shared = s.path('shared')
        os.symlink('../outside', os.path.join(shared, 'relative'))
        os.symlink(s.path('outside'), os.path.join(shared, 'absolute'))
        os.symlink(secret, os.path.join(shared, 'file'))
        os.symlink('../outside/new', os.path.join(shared, 'dangling'))
        write_file(s.path('local'), b'written')
        for path in ('relative\\secret', 'absolute\\secret', 'file', '..\\outside\\secret', 'relative\\..\\..\\outside\\secret'):
            s.smbclient('dir', f'get {path} got')
            check(not os.path.exists(s.path('got')) or open(s.path('got'), 'rb').read() != b'secret', f'{path} was read')
        for path in ('relative\\secret', 'absolute\\planted', 'file', 'dangling', '..\\outside\\planted'):
            s.smbclient('dir', f'put local {path}')
        for work in ('mkdir relative\\planted', 'del relative\\secret', 'rename relative\\secret here',
                     'rename ..\\outside\\secret here', 'cd relative; del secret'):
            s.smbclient('dir', work)
        check(os.listdir(s.path('outside')) == ['secret'], os.listdir(s.path('outside')))
        check(open(secret, 'rb').read() == b'secret', 'the file outside was changed')


@case('links that stay inside work')
def inside():
    with Server('dir=@/shared') as s:
        os.mkdir(s.path('shared', 'real'))
        write_file(s.path('shared', 'real', 'file'), b'inside')
        os.symlink('real', s.path('shared', 'link'))
        s.smbclient('dir', 'get link\\file got').ok()
        check(open(s.path('got'), 'rb').read() == b'inside', 'other bytes')


@case('what changes on the host is seen at once')
def outside_changes():
    with Server('dir=@/shared') as s:
        with s.session('dir') as c:
            check('new' not in c.do('ls'), 'there before it was made')
            write_file(s.path('shared', 'new'), random_bytes(1234))
            check_in('1234', c.do('ls new'))
            os.rename(s.path('shared', 'new'), s.path('shared', 'other'))
            check_in('NT_STATUS_NO_SUCH_FILE', c.do('ls new'))
            check_in('1234', c.do('ls other'))


@case('names that Windows cannot spell')
def odd_names():
    with Server('dir=@/shared') as s:
        for name in ('a:b', 'q?', 'star*', 'back\\slash', 'trailing ', 'dot.', 'CON'):
            write_file(s.path('shared', name), b'x')
        write_file(s.path('shared', 'plain'), b'x')
        check_in('plain', s.smbclient('dir', 'ls').ok())
        # smbclient has no listing at all for such a name, and the log says why
        write_file(os.fsencode(s.path('shared')) + b'/bad\xff\xfeutf8', b'x')
        with connect(s, 'dir') as client:
            check(('bad\udcff\udcfeutf8', 0x20) in names_in(client, ''), names_in(client, ''))
            for _ in range(3):
                check(names_in(client, ''), 'nothing is listed')
        check_logged('not UTF-8', s)
        check(s.log().count('not UTF-8') == 1, s.log())


def names_in(client, folder):
    """(name, attributes) of all that is listed but the dots."""
    handle, found = client.opened(folder, access=b.LIST, options=b.FOLDER), []
    while True:
        r = client.call(b.QUERY_DIRECTORY, b.query_directory(handle))
        if r.status != 0:
            break
        found += b.entries(r.buffer())
    client.close(handle)
    return [(e.name, e.attributes) for e in found if e.name not in ('.', '..')]


@case('a folder can be emptied of all that a host puts in it, and removed')
def oddities():
    with Server('dir=@/shared') as s:
        folder = s.path('shared', 'odd')
        os.makedirs(s.path('shared', 'target'))
        os.mkdir(folder)
        keep = write_file(s.path('shared', 'target', 'keep'), b'x')
        for name, target in (('dangling', '/nowhere/at/all'), ('out', '/etc/passwd'), ('self', 'self'),
                             ('file', '../target/keep'), ('dir', '../target'), ('home', s.path('shared', 'target'))):
            os.symlink(target, os.path.join(folder, name))
        os.mkfifo(os.path.join(folder, 'fifo'))
        socket.socket(socket.AF_UNIX).bind(os.path.join(folder, 'socket'))
        for name in (b'caf\xe9', b'\xff\xfe', 'own\uf022'.encode(), 'own\uf020\uf02a'.encode(), b'\xed\xa0\x80', b'a:b. ',
                     b'\xed\xb2\x80', b'\xed\xa0\xbd\xed\xb8\x80'):
            write_file(os.fsencode(folder) + b'/' + name, b'x')
        with connect(s, 'dir') as client:
            listed = names_in(client, 'odd')
            check(len(listed) == len(os.listdir(folder)), listed)
            check(all(not attributes & 0x10 for _, attributes in listed), 'a directory among them', listed)
            for name, _ in listed:
                # delete on close, the reparse point itself: what clients do
                client.close(client.opened('odd\\' + name, access=0x10000, options=b.DELETE_ON_CLOSE | b.NO_FOLLOW))
            client.close(client.opened('odd', access=0x10000, options=b.DELETE_ON_CLOSE | b.NO_FOLLOW | b.FOLDER))
        check(not os.path.exists(folder), 'left', os.listdir(folder) if os.path.exists(folder) else '')
        check(os.path.exists(keep), 'what the link led to was emptied')


@case('what the system will not remove is not promised to go')
def immutable():
    with Server('dir=@/shared') as s:
        path = write_file(s.path('shared', 'f'), b'x')
        done = subprocess.run(['chattr', '+i', path], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f'chattr may not: {done.stderr.strip()[:200]}')
        try:
            with connect(s, 'dir') as client:
                f = client.opened('f', access=b.RENAME)
                check(client.mark_deleted(f) == 'CANNOT_DELETE', 'by FileDispositionInformation')
                check(client.close(f) == 'OK', 'the close')
                name = client.try_open('f', access=b.RENAME, options=0x1000)
                check(name == 'CANNOT_DELETE', 'by FILE_DELETE_ON_CLOSE', name)
            s.smbclient('dir', 'del f').refused('NT_STATUS_CANNOT_DELETE')
        finally:
            subprocess.run(['chattr', '-i', path], check=True)
        s.smbclient('dir', 'del f').ok()
        check(not os.path.exists(path), 'it is still there')


@case('the names of the Linux client\'s two tables, and of macOS')
def private_names():
    with Server('dir=@/shared') as s:
        with connect(s, 'dir') as client:
            for name in ('a\uf022b', 'q\uf020\uf021\uf025\uf023\uf024\uf027', 'dot\uf029', 'sfu\uf03a\uf02a\uf03f'):
                client.opened(name, disposition=b.OPEN_IF)
        check(sorted(os.listdir(s.path('shared'))) == ['a:b', 'dot.', 'q"*?<>|', 'sfu:*?'], os.listdir(s.path('shared')))


# What is there, and the same name in small letters by other characters of the two tables, or plainly.
SPELLINGS = (('A.TXT', 'a\uf029txt'), ('MY FILE', 'my\uf028file'), ('Q\uf021', 'q\uf02a'), ('P\uf026', 'p\uf05c'), ('A.', 'a.'),
             ('B\uf029', 'b.'), ('K. .', 'k. \uf029'), ('C ', 'c\uf028'), ('A\uf022b', 'a\uf03ab'))


@case('one name has one file, by whichever characters it is asked for')
def spellings():
    with Server('mem:', 'dir=@/dir') as s:
        for share in ('mem', 'dir'):
            with connect(s, share) as c:
                for name, other in SPELLINGS:
                    c.put(name, b'1')
                    for how in (b.CREATE_NEW, b.OPEN):
                        check(c.try_open(other, disposition=how) == ('OBJECT_NAME_COLLISION' if how == b.CREATE_NEW else 'OK'),
                              share, ascii(name), ascii(other))
                    check(c.content(other) == b'1')
                    f = c.opened(other, access=0x10000)
                    c.mark_deleted(f)
                    c.close(f)
                check(c.names() == [], ascii(c.names()))
        with connect(s, 'dir') as c:
            for name in ('H.', 'I ', 'L. .'):
                write_file(s.path(f'dir/{name}'), b'host')
                check(c.try_open(name.lower(), disposition=b.CREATE_NEW) == 'OBJECT_NAME_COLLISION', name)
                check(c.content(name.lower()) == b'host')


@case('a write beyond the file size limit of the process fails, and ends nothing')
def size_limit():
    with Server('mem:', 'dir=@/dir') as s:
        s.stop()
        s.prefix = ['prlimit', '--fsize=1000000']
        s.start()
        with connect(s, 'dir') as c:
            f = c.opened('f', disposition=b.CREATE_NEW)
            c.write(f, b'x' * 1000)
            check(c.call(b.WRITE, b.write(f, b'x' * 1000, offset=2000000)).status != 0, 'written beyond the limit')
            c.close(f)
            check(c.content('f') == b'x' * 1000)


@case('a backslash in front of a target, and at the end of a name')
def separators():
    with Server('dir=@/shared') as s:
        write_file(s.path('shared', 'f'), b'x')
        s.smbclient('dir', 'hardlink f l').ok()
        check(os.stat(s.path('shared', 'l')).st_nlink == 2, 'no link')
        check_in('Volume: |dir|', s.smbclient('dir', 'volume').ok())
        with connect(s, 'dir') as client:
            for how in ({'disposition': b.OPEN_IF}, {}, {'disposition': b.OVERWRITE_IF}, {'access': 0x80}, {'options': b.NO_FOLDER}):
                name = client.create('f\\', **how).name
                check(name == 'OBJECT_NAME_INVALID', 'a file named as a directory', how, name)
            check(client.create('new\\', disposition=b.CREATE_NEW).name == 'OBJECT_NAME_INVALID', 'a new one')
            client.opened('folder\\', access=b.LIST, disposition=b.CREATE_NEW, options=b.FOLDER)
            client.opened('folder\\', access=0x80)
            handle = client.opened('f', access=b.RENAME)
            for target, status in (('g\\', 'OBJECT_NAME_INVALID'), ('\\g', 'OK'), ('\\\\h', 'INVALID_PARAMETER')):
                check(client.rename(handle, target) == status, target)
        check(os.path.exists(s.path('shared', 'g')), os.listdir(s.path('shared')))


@case('times and attributes survive on the host')
def times():
    with Server('dir=@/shared') as s:
        write_file(s.path('local'), b'x')
        s.smbclient('dir', 'put local f; utimes f -1 -1 "2001:02:03-04:05:06" -1; setmode f +h').ok()
        check_in('H', s.smbclient('dir', 'ls f').ok().splitlines()[0])
        check(time_of(s.path('shared', 'f')) == '2001-02-03', time_of(s.path('shared', 'f')))


def time_of(path):
    import time
    return time.strftime('%Y-%m-%d', time.localtime(os.stat(path).st_mtime))


@case('a folder that is not empty is not removed')
def not_empty():
    with Server('mem:', 'dir=@/shared') as s:
        write_file(s.path('local'), b'x')
        for share in ('mem', 'dir'):
            s.smbclient(share, 'mkdir d; put local d\\f; rmdir d').refused('NT_STATUS_DIRECTORY_NOT_EMPTY')
            s.smbclient(share, 'get d\\f got').ok()


main()
