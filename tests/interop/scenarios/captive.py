# SPDX-License-Identifier: Apache-2.0
"""Servers that live no longer than somebody else, and with sockets of somebody else (quick)."""
import os
import signal
import socket
import subprocess
import tempfile

import rawclient
from harness import PASSWORD, PROGRAM, USER, case, check, check_in, main, run, wait_for, write_file


def start(*args, folder, **more):
    """smbkit serve with its control socket in the folder."""
    return subprocess.Popen([PROGRAM, 'serve', '--control-socket', folder + '/control', *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def serve(*args, timeout=30):
    with tempfile.TemporaryDirectory() as d:
        return run([PROGRAM, 'serve', '--control-socket', d + '/control', *args], timeout=timeout)


@case('a command has what it needs to connect, and its exit code is the program\'s')
def command():
    script = ('env | grep ^SMBKIT_ | sort; echo "$SMBKIT_PASSWORD" > "$SMBKIT_PASSWORD_FILE"; '
              'smbclient "//$SMBKIT_HOST/$SMBKIT_SHARE" -p "$SMBKIT_PORT" -U "$SMBKIT_USER%$SMBKIT_PASSWORD" -c "mkdir made; ls"; '
              f'{PROGRAM} status --socket "$SMBKIT_CONTROL"; exit 7')
    with tempfile.TemporaryDirectory() as d:
        os.environ['SMBKIT_PASSWORD_FILE'] = d + '/pw'
        r = serve('--run', script, 'one=mem:', 'two=mem:')
        del os.environ['SMBKIT_PASSWORD_FILE']
        with open(d + '/pw', encoding='utf-8') as f:
            password = f.read().strip()
    check(r.code == 7, r.code, r.text)
    check_in('SMBKIT_HOST=127.0.0.1\n', r.text)
    check_in('SMBKIT_SHARE=one\n', r.text)
    check_in(f':{password}@127.0.0.1:', r.text)
    check_in('made', r.text)
    check_in('Shares 2', r.text)
    check('To connect' not in r.text, r.text)


@case('a given password is for the command, not for the screen')
def given_password():
    r = serve('--user', 'ann:Geheim 1', '--run', 'echo "$SMBKIT_URI"', 'mem:')
    check(r.code == 0, r.code, r.text)
    check_in('smb://ann:Geheim%201@127.0.0.1:', r.text)
    with tempfile.TemporaryDirectory() as d:
        p = start('--user', 'ann:Geheim 1', '--listen', '127.0.0.1:0', '--print-uri', 'a b=mem:', 'two=mem:', folder=d)
        lines = [p.stdout.readline() for _ in range(2)]
        p.terminate()
        rest = p.communicate(timeout=20)
    check(lines[0].startswith('smb://ann@127.0.0.1:') and lines[0].endswith('/a%20b\n'), lines)
    check(lines[1].endswith('/two\n') and rest[0] == '' and p.returncode == 0, lines, rest, p.returncode)


def _is_running(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            return f.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


@case('what the command runs ends with the server, too')
def with_all():
    for signals, line in ((1, 'sleep 1000; true'), (1, '(trap "" TERM; while :; do sleep 1; done) & wait'), (2, 'trap "" TERM; sleep 1000 & wait; wait')):
        with tempfile.TemporaryDirectory() as d:
            script = write_file(d + '/inner.sh', f'echo $$ >{d}/pid; {line}\n'.encode())
            p = start('--run', f'sh {script}; true', 'mem:', folder=d, stdin=subprocess.DEVNULL)
            wait_for(lambda: os.path.exists(d + '/pid') and os.path.getsize(d + '/pid') > 0, 20, 'the command')
            with open(d + '/pid', encoding='ascii') as f:
                inner = int(f.read())
            check(_is_running(inner))
            for _ in range(signals):
                p.send_signal(signal.SIGTERM)
            p.communicate(timeout=20)  # to the end of what the command has open
            wait_for(lambda: not _is_running(inner), 10, 'what it runs to end')


@case('a command that a signal ends, that is not there, or that nobody named')
def ends():
    check(serve('--run', 'kill -9 $$', 'mem:').code == 128 + 9)
    check(serve('--run', '/nowhere/at/all', 'mem:').code == 127)
    for args, words in ((('--run', '', 'mem:'), 'which command?'), (('--run', 'true', '--print-uri', 'mem:'), 'exclude each other')):
        r = serve(*args)
        check(r.code == 2, r.code, r.text)
        check_in(words, r.text)


@case('neither descriptors nor blocked signals of the server are passed on')
def descriptors():
    r = serve('--run', 'ls -l /proc/self/fd | grep -c "socket:\\|anon_inode"; trap "" PIPE; grep SigBlk /proc/self/status', 'mem:')
    check(r.text.splitlines()[:2] == ['0', 'SigBlk:\t0000000000000000'], r.text)  # not 10 of them either


@case('who stops the server stops the command, which is served until it has ended')
def stop():
    with tempfile.TemporaryDirectory() as d:
        script = ('end() { smbclient //127.0.0.1/mem -p $SMBKIT_PORT -U "$SMBKIT_USER%$SMBKIT_PASSWORD" -c ls; exit 5; }; trap end TERM; echo ready; '
                  'while :; do sleep 0.05; done')
        p = start('--user', f'{USER}:{PASSWORD}', '--run', script, 'mem:', folder=d)
        check(p.stdout.readline() == 'ready\n')
        p.terminate()
        out, err = p.communicate(timeout=30)
        check(p.returncode == 5, p.returncode, out, err)
        check_in('blocks available', out)


@case('a command that will not end is ended')
def stubborn():
    with tempfile.TemporaryDirectory() as d:
        p = start('--run', 'trap "" TERM; echo $$; while :; do sleep 0.05; done', 'mem:', folder=d)
        pid = int(p.stdout.readline())
        p.terminate()
        try:
            p.wait(0.5)
        except subprocess.TimeoutExpired:
            p.terminate()
        p.communicate(timeout=30)
        check(p.returncode == 128 + 9, p.returncode)
        check(not os.path.exists(f'/proc/{pid}'))


@case('the server ends with the process that started it')
def parent():
    with tempfile.TemporaryDirectory() as d:
        shell = f'"$0" serve --control-socket {d}/control --listen 127.0.0.1:0 --exit-with-parent --print-uri mem: & echo $!; read x'
        p = subprocess.Popen(['sh', '-c', shell, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = p.stdout.readline()
        second = p.stdout.readline()
        pid = int(first if first.strip().isdigit() else second)
        check('smb://' in first + second, first, second)
        check(os.path.exists(f'/proc/{pid}'))
        p.stdin.close()
        wait_for(lambda: not os.path.exists(f'/proc/{pid}/exe'), 20, 'the server to end')
        check(not os.path.exists(d + '/control'))
        p.stdout.close()
        p.wait(10)


def hand_over(sockets, command, **more):
    """Run a command with these sockets as descriptors from 3 on, as sd_listen_fds(3) says."""
    def place():
        kept = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(kept):
            os.dup2(fd, 3 + i)
            os.close(fd)
    env = {**os.environ, 'LISTEN_FDS': str(len(sockets))}
    return subprocess.Popen(['sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh', *command], env=env, close_fds=False, preexec_fn=place,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def listening(family=socket.AF_INET, address='127.0.0.1'):
    s = socket.socket(family)
    s.bind((address, 0))
    s.listen()
    return s


@case('sockets that were opened for the server are what it listens on')
def sockets():
    with tempfile.TemporaryDirectory() as d, listening() as one, listening() as two:
        wanted = [s.getsockname()[1] for s in (one, two)]
        clients = [socket.create_connection(('127.0.0.1', wanted[0]))]  # before it runs: nobody is refused
        p = hand_over([one, two], [PROGRAM, 'serve', '--control-socket', d + '/control', '--user', f'{USER}:{PASSWORD}', 'mem:'])
        for port in wanted:
            with rawclient.Connection(port) as c:
                check(c.negotiate((0x311,)).status == 0)
        screen = p.stdout.readline()
        while 'Address' not in screen:
            screen = p.stdout.readline()
        check(screen.split() == ['Address', f'127.0.0.1:{wanted[0]}'], screen)
        left = os.listdir(f'/proc/{p.pid}/fd')
        check('3' in left and '4' in left, left)
        p.send_signal(signal.SIGTERM)
        _, err = p.communicate(timeout=30)
        check(p.returncode == 0 and err == '', p.returncode, err)
        for c in clients:
            c.close()


@case('what cannot be listened on is told')
def wrong_sockets():
    with tempfile.TemporaryDirectory() as d, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
            socket.socket() as deaf, socket.socket(socket.AF_UNIX) as local:
        datagrams.bind(('127.0.0.1', 0))
        deaf.bind(('127.0.0.1', 0))
        local.bind(d + '/local')
        local.listen()
        conf = write_file(d + '/smbkit.conf', f'[global]\ncontrol socket = {d}/control\n[m]\nplugin = mem\n'.encode())
        for s in (datagrams, deaf, local):
            for command in ([PROGRAM, 'serve', 'mem:'], [PROGRAM, 'run', conf]):
                p = hand_over([s], command)
                _, err = p.communicate(timeout=20)
                check(p.returncode == 1, p.returncode, err)
                check_in('descriptor 3 that was handed over (LISTEN_FDS) cannot be served: it is no TCP socket that listens', err)
        p = hand_over([deaf] * 20, [PROGRAM, 'serve', 'mem:'])
        _, err = p.communicate(timeout=20)
        check(p.returncode in (1, 2), p.returncode)
        check_in('more than 16 sockets were handed over', err)


main()
