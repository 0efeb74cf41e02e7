# SPDX-License-Identifier: Apache-2.0
"""Durable handles over real connections that are cut: kept, told, given back, given up."""
import os
import struct

import rawbodies as b
from harness import Server, case, check, check_in, check_logged, expect, main, smbkit, wait_for, write_file
from rawclient import connect

BATCH = 9
DELETE_ON_CLOSE = 0x1000
EXCLUSIVE, UNLOCK = 2, 4
GUID = bytes(range(16))


def durable(c, path, **how):
    """v1, with a batch oplock that shares nothing."""
    return c.opened(path, disposition=b.OPEN_IF, oplock=BATCH, share=0, contexts=[(b'DHnQ', bytes(16))], **how)


def durable_v2(c, path, timeout_ms, **how):
    ask = struct.pack('<IIQ', timeout_ms, 0, 0) + GUID
    return c.opened(path, disposition=b.OPEN_IF, oplock=BATCH, share=0, contexts=[(b'DH2Q', ask)], **how)


def back(c, file_id, guid=None):
    context = (b'DH2C', file_id + guid + bytes(4)) if guid else (b'DHnC', file_id)
    return c.create('', contexts=[context])


def lost(s, c):
    """The connection is cut, and the server has kept what it had."""
    before = s.status()['counters']['kept']
    c.drop(reset=True)
    wait_for(lambda: s.status()['counters']['kept'] > before, 10, 'the handle to be kept')


@case('a file stays open for the client whose connection was cut; status says so')
def comes_back():
    with Server('dir=@/dir') as s, connect(s, 'dir') as c:
        f = durable(c, 'a')
        c.write(f, b'hello')
        lost(s, c)
        told = [o for o in s.status()['opens'] if o['path'] == 'a']
        check(len(told) == 1 and int(told[0]['session'], 16) == 0, told)
        check('1 wait for a lost client' in smbkit('status', '--socket', s.control).text)
        with connect(s, 'dir') as again:
            r = back(again, f)
            expect('reconnect', r.name, 'OK')
            expect('write', again.write(r.file_id, b'HELLO'), 'OK')
            expect('a second time', back(again, f).name, 'OBJECT_NAME_NOT_FOUND')
            again.close(r.file_id)
        with open(s.path('dir', 'a'), 'rb') as on_disk:
            check(on_disk.read() == b'HELLO')


@case('it stays open over a restart of the server, with its locks, if nobody has used it meanwhile')
def restart():
    with Server(config='[dir]\npath = @/dir\nread only = no\n', settings='durable handles file = kept\n') as s:
        with connect(s, 'dir') as c:
            f = durable_v2(c, 'a', 60000)
            g = durable(c, 'b')
            c.write(f, b'hello')
            c.write(g, b'hello')
            expect('lock', c.lock(f, 0, 2, EXCLUSIVE), 'OK')
            c.drop(reset=True)
            wait_for(lambda: s.status()['counters']['kept'] == 2, 10, 'the handles to be kept')
        check(s.stop() == 0)
        s.start()
        check(os.path.getsize(s.path('kept')) == 0)
        with open(s.path('dir', 'b'), 'w', encoding='ascii') as on_disk:
            on_disk.write('changed')
        with connect(s, 'dir') as again:
            expect('changed meanwhile', back(again, g).name, 'OBJECT_NAME_NOT_FOUND')
            r = back(again, f, GUID)
            expect('reconnect', r.name, 'OK')
            expect('write', again.write(r.file_id, b'HELLO'), 'OK')
            expect('unlock', again.lock(r.file_id, 0, 2, UNLOCK), 'OK')
            expect('a second time', back(again, f, GUID).name, 'OBJECT_NAME_NOT_FOUND')
            again.close(r.file_id)


CONFIG = '[dir]\npath = @/dir\nread only = no\n'


def keep_two(s):
    with connect(s, 'dir') as c:
        ids = [durable_v2(c, 'a', 60000), durable(c, 'b')]
        c.drop(reset=True)
        wait_for(lambda: s.status()['counters']['kept'] == 2, 10, 'the handles to be kept')
    check(s.stop() == 0)
    return ids


@case('a file that was cut says so; a server that keeps nothing gives nothing back')
def restart_less():
    with Server(config=CONFIG, settings='durable handles file = kept\n') as s:
        keep_two(s)
        os.truncate(s.path('kept'), os.path.getsize(s.path('kept')) - 1)
        s.start()
        check_logged('durable handles file damaged, in part not read', s)
        check_logged('files wait for their clients count=1', s)
        f = keep_two(s)[0]
        s.settings += 'durable timeout = 0\n'
        s.write_config(CONFIG)
        s.start()
        with connect(s, 'dir') as again:
            expect('reconnect', back(again, f, GUID).name, 'OBJECT_NAME_NOT_FOUND')


@case('a file that is somebody\'s own is left alone, one that others may write is not read')
def not_its_own():
    with Server(config=CONFIG, settings='durable handles file = kept\n') as s:
        keep_two(s)
        os.chmod(s.path('kept'), 0o666)
        s.start()
        check_logged('others may write it', s)
        check('files wait for their clients' not in s.log(), s.log())
        check(s.stop() == 0)
        write_file(s.path('kept'), b'Dear Ann,\n')
        s.settings = f'durable handles file = {s.path("kept")}\n'  # check is started elsewhere
        s.write_config(CONFIG)
        for command in ('check', 'run'):
            r = smbkit(command, s.config)
            check(r.code != 0, command)
            check_in("what is in it is not smbkit's, and is left alone", r.text)
        with open(s.path('kept'), 'rb') as f:
            check(f.read() == b'Dear Ann,\n')
        os.unlink(s.path('kept'))
        s.start()


@case('who guesses the id of another user\'s file is refused')
def foreign():
    with Server('dir=@/dir', users=(('alice', 'Correct horse 1'), ('bob', 'Correct horse 2'))) as s:
        with connect(s, 'dir') as c:
            f = durable_v2(c, 'a', 60000)
            lost(s, c)
        persistent = struct.unpack_from('<Q', f)[0]
        with connect(s, 'dir', user='bob', password='Correct horse 2') as other:
            for n in range(max(persistent - 3, 0), persistent + 4):
                r = back(other, struct.pack('<QQ', n, 0))
                check(r.name in ('OBJECT_NAME_NOT_FOUND', 'ACCESS_DENIED'), r.name)
        with connect(s, 'dir') as again:
            expect('a wrong GUID', back(again, f, bytes(16)).name, 'OBJECT_NAME_NOT_FOUND')
            expect('the right one', back(again, f, GUID).name, 'OK')


@case('whoever wants the file gets it at once; the handle is gone')
def wanted():
    with Server('dir=@/dir') as s, connect(s, 'dir') as c, connect(s, 'dir') as other:
        f = durable(c, 'a')
        lost(s, c)
        other.close(other.opened('a'))
        expect('too late', back(other, f).name, 'OBJECT_NAME_NOT_FOUND')


@case('time runs out, and what was to be deleted with the handle is')
def time_is_up():
    with Server('dir=@/dir') as s, connect(s, 'dir') as c:
        durable_v2(c, 'a', 1000, access=b.READ_WRITE | 0x10000, options=DELETE_ON_CLOSE)
        lost(s, c)
        wait_for(lambda: not os.path.exists(s.path('dir', 'a')), 10, 'the file to go')
        check(s.status()['counters']['opens'] == 0)


@case('the server\'s end closes what is kept')
def server_stops():
    with Server('dir=@/dir') as s:
        with connect(s, 'dir') as c:
            durable(c, 'a', access=b.READ_WRITE | 0x10000, options=DELETE_ON_CLOSE)
            lost(s, c)
        check(s.stop() == 0)
        check(not os.path.exists(s.path('dir', 'a')))


main()
