# SPDX-License-Identifier: Apache-2.0
"""A folder of the host: names without regard to case, links that lead out, changes from outside (quick)."""
import os
import socket
import struct

import raw_client as raw
from harness import Server, case, check, check_in, digest, main, random_bytes, write_file

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
        with raw.enter(s.port, 'dir') as client:
            check(('bad\udcff\udcfeutf8', 0x20) in names_in(client, ''), names_in(client, ''))
        check_in('not UTF-8', s.log())


def names_in(client, folder):
    """(name, attributes) of all that is listed but the dots, FileIdBothDirectoryInformation."""
    handle = client.create(folder, access=0x100081, disposition=1, options=1)
    found = []
    while True:
        reply = client.ask(raw.QUERY_DIRECTORY, raw.query_directory_body(handle))
        if reply.status != raw.SUCCESS:
            break
        entries = reply.body[8:]
        while True:
            following, = struct.unpack_from('<I', entries)
            attributes, length = struct.unpack_from('<II', entries, 56)
            found.append((entries[104:104 + length].decode('utf-16-le', 'surrogatepass'), attributes))
            if not following:
                break
            entries = entries[following:]
    client.ask(raw.CLOSE, raw.close_body(handle))
    return [(name, attributes) for name, attributes in found if name not in ('.', '..')]


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
        with raw.enter(s.port, 'dir') as client:
            listed = names_in(client, 'odd')
            check(len(listed) == len(os.listdir(folder)), listed)
            check(all(not attributes & 0x10 for _, attributes in listed), 'a directory among them', listed)
            for name, _ in listed:
                # delete on close, the reparse point itself: what clients do
                client.ask(raw.CLOSE, raw.close_body(client.create('odd\\' + name, access=0x10000, disposition=1,
                                                                   options=0x201000)))
            client.ask(raw.CLOSE, raw.close_body(client.create('odd', access=0x10000, disposition=1, options=0x201001)))
        check(not os.path.exists(folder), 'left', os.listdir(folder) if os.path.exists(folder) else '')
        check(os.path.exists(keep), 'what the link led to was emptied')


@case('the names of the Linux client\'s two tables, and of macOS')
def private_names():
    with Server('dir=@/shared') as s:
        with raw.enter(s.port, 'dir') as client:
            for name in ('a\uf022b', 'q\uf020\uf021\uf025\uf023\uf024\uf027', 'dot\uf029', 'sfu\uf03a\uf02a\uf03f'):
                client.create(name)
        check(sorted(os.listdir(s.path('shared'))) == ['a:b', 'dot.', 'q"*?<>|', 'sfu:*?'], os.listdir(s.path('shared')))


@case('a backslash in front of a target, and at the end of a name')
def separators():
    with Server('dir=@/shared') as s:
        write_file(s.path('shared', 'f'), b'x')
        s.smbclient('dir', 'hardlink f l').ok()
        check(os.stat(s.path('shared', 'l')).st_nlink == 2, 'no link')
        check_in('Volume: |dir|', s.smbclient('dir', 'volume').ok())
        with raw.enter(s.port, 'dir') as client:
            for how in ({}, {'disposition': 1}, {'disposition': 5}, {'access': 0x80}, {'options': 0x40}):
                reply = client.ask(raw.CREATE, raw.create_body('f\\', **how))
                check(reply.status == 0xc0000033, 'a file named as a directory', how, reply)
            reply = client.ask(raw.CREATE, raw.create_body('new\\', disposition=2))
            check(reply.status == 0xc0000033, 'a new one', reply)
            client.create('folder\\', access=0x100081, disposition=2, options=1)
            client.create('folder\\', access=0x80, disposition=1)
            handle = client.create('f', access=0x110080, disposition=1)
            for target, status in (('g\\', 0xc0000033), ('\\g', raw.SUCCESS), ('\\\\h', 0xc000000d)):
                name = raw.utf16(target)
                body = struct.pack('<B7xQI', 0, 0, len(name)) + name
                reply = client.ask(raw.SET_INFO, struct.pack('<HBBIHHI', 33, 1, 10, len(body), 96, 0, 0) + handle + body)
                check(reply.status == status, target, reply)
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
