# SPDX-License-Identifier: Apache-2.0
"""The life of a server: status, reload, an orderly end (quick)."""
import os
import signal
import subprocess
import time

import rawbodies as b
from harness import (PASSWORD, PROGRAM, USER, Server, Skip, case, check, check_in, expect, main, random_bytes, run, smbkit, wait_for,
                     write_file)
from rawclient import connect

BATCH = 9
NO_MID = (1 << 64) - 1  # of what nobody asked for

SHARE = '[one]\nplugin = mem\nread only = no\n'


@case('SIGTERM lets a client finish and then ends')
def drain():
    with Server('mem:') as s:
        write_file(s.path('local'), random_bytes(64 << 20))
        with s.session('mem') as c:
            c.do('ls')
            c.send('put local remote')
            c.wait_quietly(0.05)
            wait_for(lambda: s.status()['counters']['bytes_in_total'] > 1 << 20, 20, 'the transfer to begin')
            began = time.monotonic()
            check(s.stop() == 0, 'exit code')
            check(time.monotonic() - began < 20, 'took too long')


@case('SIGTERM with an idle client ends at once')
def idle():
    with Server('mem:') as s:
        with s.session('mem') as c:
            c.do('ls')
            began = time.monotonic()
            check(s.stop() == 0, 'exit code')
            check(time.monotonic() - began < 10, f'{time.monotonic() - began:.1f} s')


@case('SIGINT ends as SIGTERM does')
def interrupt():
    with Server('mem:') as s:
        s.signal(signal.SIGINT)
        check(s.wait() == 0, 'exit code')


@case('SIGTERM is heard while a share is replaced')
def replaced():
    with Server('mem:') as s, connect(s, 'mem') as c:
        c.opened('file', disposition=b.OPEN_IF, oplock=BATCH)
        with subprocess.Popen([PROGRAM, 'share', 'replace', 'mem=mem:size=1M', '--socket', s.control], stderr=subprocess.DEVNULL):
            # That there is a break tells that it has begun. A client who does not answer is waited for.
            expect('told', c.receive(NO_MID, 20).command, b.OPLOCK_BREAK)
            check(s.stop() == 0, 'exit code')


@case('SIGTERM is heard while a volume is being opened')
def opened():
    if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), 'smbkit-python-plugin.so')):
        raise Skip('built without libpython3-dev')
    with Server(config=SHARE, end_code=3) as s:
        begun = s.path('begun')
        write_file(s.path('script.py'), f'import time\nopen({begun!r}, "w").close()\ntime.sleep(300)\n'.encode())
        s.write_config(SHARE + f'[two]\nplugin = python:script={s.path("script.py")}\n')
        s.signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(begun), 20, 'the script to begin')
        s.smbclient('one', 'ls').ok()
        expect('it ends without that', s.stop(), 3)


@case('SIGHUP takes in new shares and keeps a client connected')
def reload():
    with Server(config=SHARE) as s:
        with s.session('one') as c:
            c.do('mkdir before')
            s.smbclient('two', 'ls').refused('NT_STATUS_BAD_NETWORK_NAME')
            s.write_config(SHARE + '[two]\nplugin = mem\n')
            s.signal(signal.SIGHUP)
            wait_for(lambda: s.status()['shares'] == 2, 10, 'the second share')
            check_in('before', c.do('ls'))
            s.smbclient('two', 'ls').ok()
            check(s.status()['counters']['connections_total'] >= 2, s.status())


@case('SIGHUP with a broken configuration keeps the old one')
def bad_reload():
    with Server(config=SHARE) as s:
        s.write_config(SHARE + 'colour = blue\n')
        s.signal(signal.SIGHUP)
        wait_for(lambda: 'colour' in s.log(), 10, 'the complaint in the log')
        s.smbclient('one', 'ls').ok()


@case('a changed password counts at the next log-in')
def password():
    with Server(config=SHARE) as s:
        s.smbclient('one', 'ls').ok()
        r = smbkit('user', 'passwd', USER, '--file', s.path('users'), '--password-file', '-', stdin='another one\n')
        check(r.code == 0, r.text)
        wait_for(lambda: s.smbclient('one', 'ls', password='another one').code == 0, 10, 'the new password')
        s.smbclient('one', 'ls', password=PASSWORD).refused('NT_STATUS_LOGON_FAILURE')


@case('status tells sessions and open files')
def status():
    with Server('mem:') as s:
        with s.session('mem') as c:
            c.do('ls')
            now = s.status()
            check(now['ok'] and now['pid'] == s.process.pid, now)
            check(len(now['sessions']) == 1, now)
            session = now['sessions'][0]
            check((session['user'], session['address'], session['dialect']) == (USER, '127.0.0.1', '0x0311'), session)
            text = smbkit('status', '--socket', s.control).text
            check_in(USER, text)
            check_in('sessions 1', text)
        wait_for(lambda: not s.status()['sessions'], 10, 'the session to end')


@case('an open file is listed with its path')
def opens():
    with Server('mem:') as s:
        c = s.impacket().getSMBServer()
        tree = c.connectTree('mem')
        f = c.create(tree, 'some file', 0x3, 7, 0x40, 3, 0)
        now = s.status()['opens']
        check([(o['share'], o['path']) for o in now] == [('mem', 'some file')], now)
        c.close(tree, f)
        check(s.status()['opens'] == [], s.status()['opens'])


@case('status waits for no plugin')
def status_of_stuck():
    with Server(config='[m]\nplugin = mem\nread only = no\nfilter = delay:get_path=60s\n') as s:
        c = s.impacket().getSMBServer()
        tree = c.connectTree('m')
        c.create(tree, 'some file', 0x3, 7, 0x40, 3, 0)
        check([o['path'] for o in s.status()['opens']] == ['some file'], s.status())


@case('the control socket is the owner\'s alone')
def control():
    with Server('mem:') as s:
        check(os.stat(s.control).st_mode & 0o077 == 0, oct(os.stat(s.control).st_mode))


@case('the lines that tell how to connect work')
def connect_lines():
    with Server('mem:') as s:
        line = next(x for x in s.screen().splitlines() if 'smbclient' in x).split('Linux')[1].strip()
        r = run(['sh', '-c', f"{line.replace(chr(39) + USER + chr(39), chr(39) + USER + '%' + PASSWORD + chr(39))} -c ls"])
        r.ok()


@case('a random password is shown when none is given')
def random_password():
    import re
    with Server('mem:', users=(), args=['--user', 'carol']) as s:
        password = re.search(r'^Password\s+(\S+)', s.screen(), re.M).group(1)
        s.smbclient('mem', 'ls', user='carol', password=password).ok()
        line = next(x for x in s.screen().splitlines() if 'smbclient' in x).split('Linux')[1].strip()
        run(['sh', '-c', f'{line} -c ls']).ok()


main()
