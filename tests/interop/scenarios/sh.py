# SPDX-License-Identifier: Apache-2.0
"""Shares that a program makes, run for each thing that is asked: smbkit-sh-plugin(1) (quick)."""
import os
import subprocess
import tempfile

import rawbodies as b
from harness import PASSWORD, TOP, USER, Server, case, check, check_in, check_logged, main, random_bytes, smbkit, wait_for, write_file
from rawclient import connect

HELLO = '''#!/bin/sh
case $1 in list) echo hello.txt ;; read) echo "Hello, $SMBKIT_USER!" ;; *) exit 2 ;; esac
'''
FOLDER = os.path.join(TOP, 'docs', 'examples', 'folder.sh')


class Script:
    """A server with a share "s" of a script, beside one in memory."""

    def __init__(self, text, arguments='', **how):
        self.server = Server('mem:', **how)
        path = write_file(self.server.path('script.sh'), text.encode())
        os.chmod(path, 0o755)
        self.server.command.append(f's=sh:script={path}{arguments}')

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        return self.server.__exit__(*what)

    def connect(self, share='s'):
        return connect(self.server, share)


@case('two lines of shell')
def two_lines():
    with Script(HELLO) as s, s.connect() as c:
        check(c.names() == ['hello.txt'], c.names())
        check(c.content('HELLO.TXT') == f'Hello, {USER}!\n'.encode())
        check(c.try_open('nothing', access=1) == 'OBJECT_NAME_NOT_FOUND')
        check(c.try_open('new', disposition=b.CREATE_NEW) in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'))


@case('a folder of the host: docs/examples/folder.sh')
def folder():
    with Server('mem:') as other:
        root = other.make_folder('root')
        os.mkdir(root + '/sub')
        data = random_bytes(3 << 20)
        write_file(root + '/sub/big', data)
        write_file(root + '/-n $(echo x) \'"', b'odd')
        with Server(f's=sh:script={FOLDER},root={root}') as s, connect(s, 's') as c:
            check(c.names() == sorted(['sub', '-n $(echo x) \'\uf020']), c.names())
            check(c.content('-n $(echo x) \'\uf020') == b'odd', c.content('-n $(echo x) \'\uf020'))
            f = c.opened('sub\\big', access=1)
            check(c.read(f, 65536, 1 << 20) == data[1 << 20:(1 << 20) + 65536])
            c.close(f)
            for name in ('..\uf02fescape', '.\uf029', '\uf02e\uf02e\uf02fescape', 'sub\uf02fescape'):
                got = c.try_open(name, disposition=b.CREATE_NEW)
                check(got == 'OBJECT_NAME_INVALID', name, got)
            check(not os.path.exists(root + '/../escape') and not os.path.exists(root + '/sub/escape'))
            c.put('sub\\new', b'content')
            with open(root + '/sub/new', 'rb') as f:
                check(f.read() == b'content')
            check(c.move('sub\\new', 'sub\\other') == 'OK' and os.path.exists(root + '/sub/other'))
            check(c.move('sub\\other', 'moved') == 'OK' and os.listdir(root + '/sub') == ['big'])
            c.make_folder('d')
            check(os.path.isdir(root + '/d') and c.move('d', 'sub\\d', options=b.FOLDER) == 'OK')
            check(c.remove('sub\\d', b.FOLDER) == 'OK' and c.remove('moved') == 'OK')
            check(sorted(os.listdir(root)) == sorted(['sub', '-n $(echo x) \'"']), os.listdir(root))
            write_file(root + '/sub/late', b'12345')
            check([e.name for e in c.listing('sub') if e.name == 'late'] == ['late'] and c.content('sub\\late') == b'12345')


@case('what the program answers is what the client is answered')
def answers():
    text = '''#!/bin/sh
case $1:$2 in
config:*) echo write ;;
list:) printf '%s\\n' full denied sharing none plain killed gone yes yes2 ;;
read:full) echo "ENOSPC nothing left" >&2; exit 1 ;;
read:denied) echo EACCES >&2; exit 1 ;;
read:sharing) echo SHARING_VIOLATION: later >&2; exit 9 ;;
read:none) exit 3 ;;
read:plain) echo it is broken >&2; exit 1 ;;
read:killed) kill -9 $$ ;;
read:gone) exit 2 ;;
read:yes) ;;
write:no) cat >/dev/null; echo "ENOSPC" >&2; exit 1 ;;
write:*) cat >/dev/null ;;
*) exit 2 ;;
esac
'''
    with Script(text) as s, s.connect() as c:
        for name, wanted in (('full', 'DISK_FULL'), ('denied', 'ACCESS_DENIED'), ('sharing', 'SHARING_VIOLATION'),
                             ('none', 'OBJECT_NAME_NOT_FOUND'), ('plain', '0xc0000185'), ('killed', '0xc0000185'),
                             ('gone', 'ACCESS_DENIED')):
            got = c.try_open(name, access=1)
            check(got == wanted, name, got)
        check_logged('it is broken', s.server)
        check(c.try_open('no', disposition=b.CREATE_NEW) == 'DISK_FULL')
        f = c.opened('yes', disposition=b.OPEN_IF)
        check(c.rename(f, 'yes3') == 'ACCESS_DENIED')  # a word that it does not know


@case('a program that takes too long is ended with all that it has started, and others go on')
def times():
    text = '''#!/bin/sh
case $1:$2 in
list:) echo slow; echo fast ;;
read:slow) echo $$ >"$SMBKIT_ARG_pids"; sleep 1000 & echo $! >>"$SMBKIT_ARG_pids"; sleep 1000 ;;
read:fast) sleep 1000 >/dev/null 2>&1 & echo $! >>"$SMBKIT_ARG_pids"; echo quick ;;
*) exit 2 ;;
esac
'''
    with tempfile.TemporaryDirectory() as d:
        pids = d + '/pids'
        with Script(text, f',timeout=2s,pids={pids}') as s, s.connect() as c, s.connect() as other:
            check(other.content('fast') == b'quick\n')
            slow = c.send(b.CREATE, b.create('slow', access=1))
            c.await_interim(slow)
            check(other.content('fast') == b'quick\n')
            r = c.receive(slow, 20)
            check(r is not None and r.name == '0xc00000b5', r and r.name)
            check_logged('timed out', s.server)
        with open(pids, encoding='ascii') as f:
            for pid in f.read().split():
                wait_for(lambda p=pid: not os.path.exists(f'/proc/{p}') or _is_zombie(p), 10, f'process {pid} to end')


def _is_zombie(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            return f.read().rpartition(')')[2].split()[0] == 'Z'
    except OSError:
        return True


@case('what the server was started with is neither the program\'s user nor the end of its errors')
def surroundings():
    text = '''#!/bin/sh
case $1 in
config) echo write ;;
list) echo who; echo env ;;
read) [ "$2" = who ] && echo "$SMBKIT_USER" || env | grep ^SMBKIT_ | sort ;;
write) cat >/dev/null; echo ENOSPC >&2; exit 1 ;;
esac
'''
    s = Script(text)
    s.server.prefix = ['env', 'SMBKIT_USER=mallory', 'SMBKIT_PASSWORD=secret', 'sh', '-c', 'trap "" CHLD; exec "$@"', 'sh']
    with s, s.connect() as c:
        check(c.content('who') == f'{USER}\n'.encode(), c.content('who'))
        check(b'secret' not in c.content('env'), c.content('env'))
        f = c.opened('who', access=0x12019f)
        check(c.write(f, b'x') == 'OK' and c.close(f) == 'DISK_FULL')


@case('a program that leaves something behind, or that the shell cannot read')
def left_behind():
    text = '''#!/bin/sh
case $1 in
list) echo a ;;
read) sleep 1000 & echo done ;;
esac
'''
    with Script(text) as s, s.connect() as c:
        check(c.content('a') == b'done\n')
    with Script('#!/bin/sh\nset -u\ncase $1 in config) exit 2 ;; list) echo a ;; read) echo $nothing ;; esac\n') as s, s.connect() as c:
        check(c.try_open('a', access=1) == '0xc0000185')
        check_logged('nothing', s.server)


def _wait_ended(pid):
    wait_for(lambda: not os.path.exists(f'/proc/{pid}') or _is_zombie(pid), 20, f'process {pid} to end')


def _pid_in(path):
    wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 20, 'it to run')
    with open(path, encoding='ascii') as f:
        return f.read().strip()


@case('a program that nobody waits for any more is ended: at once where it reads, told before where it writes')
def given_up():
    text = '''#!/bin/sh
case $1 in
config) echo write ;;
list) echo slow ;;
read) echo $$ >"$SMBKIT_ARG_dir/read"; exec sleep 1000 ;;
write) trap 'echo told >"$SMBKIT_ARG_dir/told"; exit 1' TERM; echo $$ >"$SMBKIT_ARG_dir/write"; sleep 1000 & wait ;;
*) exit 2 ;;
esac
'''
    with tempfile.TemporaryDirectory() as d, Script(text, f',timeout=1000s,dir={d}') as s, s.connect() as c, s.connect() as other:
        mid = other.send(b.CREATE, b.create('slow', access=1))
        other.await_interim(mid)
        pid = _pid_in(d + '/read')
        other.drop(reset=True)
        _wait_ended(pid)
        mid = c.send(b.CREATE, b.create('new', disposition=b.CREATE_NEW))
        c.await_interim(mid)
        pid = _pid_in(d + '/write')
        c.cancel(mid)
        r = c.receive(mid, 20)
        check(r is not None and r.name == 'CANCELLED', r and r.name)
        _wait_ended(pid)
        check(os.path.exists(d + '/told'))


@case('one who keeps programs busy leaves others as many as he has')
def shares():
    text = '''#!/bin/sh
case $1 in
list) seq -f hang%.0f 100; seq -f ok%.0f 20 ;;
read) case $2 in hang*) exec sleep 1000 ;; *) echo "$2" ;; esac ;;
*) exit 2 ;;
esac
'''
    with Script(text, ',timeout=600s', users=((USER, PASSWORD), ('bob', PASSWORD))) as s:
        with connect(s.server, 's') as c, connect(s.server, 's', user='bob') as other:
            for n in range(1, 101):
                c.send(b.CREATE, b.create(f'hang{n}', access=1))
            wait_for(lambda: programs('sleep 1000', s.server) >= 32, 60, 'those that hang')
            for n in range(1, 21):
                check(other.content(f'ok{n}') == f'ok{n}\n'.encode(), n)
            check(programs('sleep 1000', s.server) == 32, programs('sleep 1000', s.server))
        wait_for(lambda: programs('sleep 1000', s.server) == 0, 60, 'their end')


def programs(command, server):
    """How many the server has running."""
    out = subprocess.run(['ps', '-o', 'args=', '--ppid', str(server.process.pid)], check=False, capture_output=True, text=True)
    return out.stdout.splitlines().count(command)


@case('lines that a program means otherwise')
def words():
    text = '''#!/bin/sh
case $1 in
config) echo read-only, no overwrite ;;
list) printf 'a\\t-1\\r\\n..\\nb\\r\\n' ;;
*) exit 2 ;;
esac
'''
    with Script(text) as s, s.connect() as c:
        check(c.names() == ['a', 'b'], c.names())
        check([e.size for e in c.listing('') if e.name == 'a'] == [0])
        check(c.try_open('new', disposition=b.CREATE_NEW) in ('ACCESS_DENIED', 'MEDIA_WRITE_PROTECTED'))


@case('the server ends while a program runs')
def end():
    text = HELLO.replace('read) echo', 'read) echo $$ >"$SMBKIT_ARG_mark"; exec sleep 1000; echo')
    with tempfile.TemporaryDirectory() as d:
        with Script(text, f',timeout=1000s,mark={d}/mark') as s:
            c = s.connect()
            mid = c.send(b.CREATE, b.create('hello.txt', access=1))
            c.await_interim(mid)
            pid = _pid_in(d + '/mark')
            check(os.path.exists(f'/proc/{pid}') and not _is_zombie(pid))
            # It runs until the share is closed: that ends it, and the server in good order.
        _wait_ended(pid)


@case('a program that cannot be used is told')
def broken():
    with tempfile.TemporaryDirectory() as d:
        plain = write_file(d + '/plain', b'x')
        failing = write_file(d + '/failing', b'#!/bin/sh\necho "no such database" >&2; exit 1\n')
        wrong = write_file(d + '/wrong', b'#!/nowhere/at/all\n')
        os.chmod(failing, 0o755)
        os.chmod(wrong, 0o755)
        for arguments, words in (('', 'script=FILE is missing'), (f'script={d}/none', 'there is no such file'),
                                 (f'script={plain}', 'chmod +x'), (f'script={failing}', 'no such database'),
                                 (f'script={wrong}', 'failed'), (f'script={failing},timeout=x', 'timeout'), (f'script={failing},colour=blue', 'SMBKIT_ARG_colour')):
            r = smbkit('serve', '--listen', '127.0.0.1:0', f'sh:{arguments}')
            check(r.code == 1, r.code, r.text)
            check_in(words, r.text)


main()
