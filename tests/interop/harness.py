# SPDX-License-Identifier: Apache-2.0
"""What the scenarios share: a server of their own, the clients, cases that speak TAP.

A scenario is one file in scenarios/: functions under @case, and main() at the end. The environment
names the program: SMBKIT_PROGRAM, build/smbkit by default."""
import fcntl
import functools
import hashlib
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(TOP, os.environ.get('SMBKIT_PROGRAM', 'build/smbkit'))
# A filter for every share of every server, such as pend:seed=7, and where the tests' own are.
FILTERS = os.environ.get('SMBKIT_FILTER', '').split()  # over every share, the outermost first
TEST_PLUGINS = os.path.join(os.path.dirname(PROGRAM), 'tests', 'plugins')
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
CLIENT_TIMEOUT_S = 120
USER, PASSWORD = 'alice', 'Correct horse 1'

DIALECTS = ('SMB2_02', 'SMB2_10', 'SMB3_00', 'SMB3_02', 'SMB3_11')
CAN_ENCRYPT = DIALECTS[2:]
DIALECT_CODES = {'SMB2_02': '0x0202', 'SMB2_10': '0x0210', 'SMB3_00': '0x0300', 'SMB3_02': '0x0302',
                 'SMB3_11': '0x0311'}

# What must never stand in a server's log, whatever the scenario. TSan says "WARNING" of a race and goes on.
ALARMS = re.compile(r'(?:ERROR|WARNING|FATAL): (?:Address|Leak|Thread|Memory)Sanitizer|runtime error:|ASSERT|assertion', re.I)
# How a server that was built with sanitizers is to be strict; others do not look.
SANITIZERS = {
    'ASAN_OPTIONS': 'detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1',
    # The interpreter of the plugin python is never ended, and has its objects where they are not looked for.
    'LSAN_OPTIONS': 'print_suppressions=0:suppressions=' + os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lsan.supp'),
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=0:second_deadlock_stack=1:history_size=4',
}


class Skip(Exception):
    """This machine cannot do it; the text says why."""


# ---- cases ----

_cases = []


def case(name, *args):
    """Register a function as a test case; args are handed to it."""
    def register(fn):
        _cases.append((name, functools.partial(fn, *args)))
        return fn
    return register


def main():
    print(f'1..{len(_cases)}', flush=True)
    failed = 0
    only = sys.argv[1] if len(sys.argv) > 1 else ''
    for i, (name, fn) in enumerate(_cases, 1):
        verdict, why = 'ok', ''
        if only not in name:
            continue
        try:
            fn()
        except Skip as e:
            why = f' # SKIP {e}'
        except Exception:
            verdict = 'not ok'
            failed += 1
            for line in traceback.format_exc().rstrip().splitlines():
                print(f'# {line}')
        print(f'{verdict} {i} - {name}{why}', flush=True)
    sys.exit(1 if failed else 0)


def check(condition, *what):
    """An assertion that says what it saw."""
    if not condition:
        raise AssertionError(' '.join(str(w) for w in what)[:4000])


def check_in(wanted, text):
    check(wanted in text, f'wanted "{wanted}" in:\n{text}')


def check_logged(wanted, server):
    """In the server's log, or soon: its lines are written by a thread of their own."""
    wait_for(lambda: wanted in server.log(), 60, f'"{wanted}" in the log')


def expect(what, got, *right):
    """One of the right answers."""
    check(got in right, f'{what}: {got}, right: {" or ".join(map(str, right))}')


def each_share(name):
    """A case for a share in memory and one for a folder: fn(server, share)."""
    def register(fn):
        def run_on(share):
            with Server('mem:', 'dir=@/dir') as s:
                fn(s, share)
        for share in ('mem', 'dir'):
            case(f'{name}, {share}', share)(run_on)
        return fn
    return register


def wait_for(condition, seconds, what):
    """Until condition() is true; its value."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < until, f'waited {seconds} s for {what}')
        time.sleep(0.05)


# ---- files ----

def random_bytes(size, seed=0):
    return random.Random(size * 1000003 + seed).randbytes(size)


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def write_file(path, data):
    with open(path, 'wb') as f:
        f.write(data)
    return path


# ---- the server ----

# Below those that the kernel gives to clients, one of which might take a server's before it listens.
PORTS = range(20000, 32768)
_ports_taken = []  # their locks, to the end of this process


def free_port():
    """A port that nobody listens on, nor any other process of the tests is going to."""
    folder = os.path.join(tempfile.gettempdir(), f'smbkit-test-ports-{os.getuid()}')
    os.makedirs(folder, exist_ok=True)
    for port in random.sample(PORTS, len(PORTS)):
        lock = open(os.path.join(folder, str(port)), 'w', encoding='ascii')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.bind(('127.0.0.1', port))
        except OSError:
            lock.close()
            continue
        _ports_taken.append(lock)
        return port
    raise AssertionError('no port is free')


class Server:
    """smbkit serve with shares, or with config= (its shares; settings= more of [global]) smbkit run; on a port of its own, in a folder of its own.
    "@/name" in a share or a configuration is a folder of that name below it, which is made.

    With "with": started at the beginning, stopped by SIGTERM at the end, and the end must be clean:
    exit code 0 and nothing alarming in the log. end_code: another exit code is right."""

    def __init__(self, *shares, users=((USER, PASSWORD),), args=(), config=None, settings='', end_code=0):
        self.folder = tempfile.mkdtemp(prefix='smbkit-test-')
        self.port = free_port()
        self.control = os.path.join(self.folder, 'control')
        self.settings = settings
        self.end_code = end_code
        self.process = None
        self.looks = 0  # connections made to see whether it listens
        self.prefix = []  # what runs it: a command that becomes it
        self.log_path = os.path.join(self.folder, 'log')
        self.screen_path = os.path.join(self.folder, 'screen')
        shares = [self._make_shared(share) for share in shares]
        self.filters = [] if '--plugin-dir' in args or 'plugin dir' in settings else FILTERS
        if config is None:
            args = [*args, *(['--plugin-dir', TEST_PLUGINS] if self.filters else []), *self.stacked()]
            self.command = [PROGRAM, 'serve', '--listen', f'127.0.0.1:{self.port}', '--control-socket',
                            self.control, '--log-level', 'info', *args, *shares]
            for name, password in users:
                self.command += ['--user', f'{name}:{password}']
        else:
            self.config = os.path.join(self.folder, 'smbkit.conf')
            self.write_config(config)
            self.command = [PROGRAM, 'run', *args, self.config]

    def stacked(self):
        return [word for f in self.filters for word in ('--filter', f)]

    def _make_shared(self, text):
        for name in re.findall(r'@/(\w+)', text):
            self.make_folder(name)
        return text.replace('@/', self.folder + '/')

    def write_config(self, shares):
        """The sections of the shares; [global] stands before them."""
        shares = self._make_shared(shares)
        settings = self.settings
        if self.filters:
            settings += f'plugin dir = {TEST_PLUGINS}\n'
            lines = ''.join(f'\nfilter = {f}' for f in self.filters)
            shares = re.sub(r'^(\[.*\])$', lambda m: m.group(1) + lines, shares, flags=re.M)
        users = os.path.join(self.folder, 'users')
        if not os.path.exists(users):
            self.add_user(USER, PASSWORD)
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'[global]\nlisten = 127.0.0.1:{self.port}\nsmb ports = {self.port}\n'
                    f'users file = {users}\ncontrol socket = {self.control}\n{settings}{shares}')

    def add_user(self, name, password):
        subprocess.run([PROGRAM, 'user', 'add', name, '--file', os.path.join(self.folder, 'users'), '--password-file',
                        '-'], input=password + '\n', text=True, check=True, capture_output=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make_folder(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def screen(self):
        with open(self.screen_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def _answers(self):
        check(self.process.poll() is None, f'the server ended with {self.process.returncode}:', self.log())
        try:
            # An attempt that is given up may be counted by the server all the same.
            socket.create_connection(('127.0.0.1', self.port), START_TIMEOUT_S).close()
        except OSError:
            return False
        self.looks += 1
        # It listens before it makes the control socket, and prints its lines last.
        return os.path.exists(self.control) and (self.command[1] != 'serve' or 'Ctrl-C' in self.screen())

    def _environment(self):
        env = {**SANITIZERS, **os.environ}
        if self.end_code:  # it ends while threads of its are stuck, which TSan calls a leak
            env['TSAN_OPTIONS'] = env.get('TSAN_OPTIONS', '') + ':report_thread_leaks=0'
        return env

    def start(self):
        with open(self.log_path, 'ab') as log, open(self.screen_path, 'ab') as screen:
            self.process = subprocess.Popen(self.prefix + self.command, stdout=screen, stderr=log, cwd=self.folder,
                                            env=self._environment(), stdin=subprocess.DEVNULL,
                                            start_new_session=True)
        wait_for(self._answers, START_TIMEOUT_S, 'the server to listen')
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=STOP_TIMEOUT_S):
        return self.process.wait(timeout)

    def stop(self):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'the server did not end {STOP_TIMEOUT_S} s after SIGTERM:\n{self.log()}')

    def kill(self):
        self.process.kill()
        self.process.wait()

    def check_log(self):
        m = ALARMS.search(self.log())
        check(not m, 'the log of the server:\n', self.log()[max(0, m.start() - 200) if m else 0:])

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self._remove()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if self.process.poll() is None:
                code = self.stop()
            else:
                code = self.process.returncode
            if kind is None:
                self.check_log()  # first: what alarmed it says more than how it ended
                check(code == self.end_code, f'the server ended with {code}:\n', self.log()[-3000:])
            else:
                print('# the end of the log of the server:')
                for line in self.log().splitlines()[-30:]:
                    print(f'# | {line}')
        finally:
            self._remove()

    def _remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- asking it ----

    def status(self):
        r = smbkit('status', '--json', '--socket', self.control)
        check(r.code == 0, r.text)
        return json.loads(r.text)

    def left(self):
        """What is still there of clients: {counter: number}"""
        counters = self.status()['counters']
        names = ['connections', 'sessions', 'trees', 'opens', 'waiting', 'notifies', 'buffer_bytes']
        if counters['kept']:  # they wait for a client who may not come, with what they have
            counters['opens'] -= counters['kept']
        else:
            names += ['locks', 'leases', 'descriptors']
        return {k: counters[k] for k in names if counters.get(k)}

    def wait_idle(self, seconds=60):
        """Until nothing of any client is there."""
        left = []

        def is_idle():
            left[:] = [self.left()]
            return not left[0]
        try:
            wait_for(is_idle, seconds, 'the server to be idle')
        except AssertionError as e:
            raise AssertionError(f'{e}: {left[0]}') from None

    # ---- clients ----

    def unc(self, share):
        return f'//127.0.0.1/{share}'

    def _client_config(self):
        path = self.path('client.conf')
        if not os.path.exists(path):
            with open(path, 'w', encoding='ascii') as f:
                f.write('[global]\nclient min protocol = SMB2_02\nclient ipc min protocol = SMB2_02\n'
                        f'name resolve order = host\nlock directory = {self.folder}\n')
        return path

    def client_command(self, share, dialect=None, user=USER, password=PASSWORD, protection=None):
        command = ['smbclient', self.unc(share), '-p', str(self.port), '-s', self._client_config()]
        command += ['-N'] if user is None else ['-U', f'{user}%{password}']
        command += ['-m', dialect] if dialect else []
        command += [f'--client-protection={protection}'] if protection else []
        return command

    def smbclient(self, share, commands, cwd=None, timeout=CLIENT_TIMEOUT_S, **how):
        return run([*self.client_command(share, **how), '-c', commands], cwd or self.folder, timeout)

    def session(self, share, **how):
        return Session(self.client_command(share, **how), self.folder)

    def rpcclient(self, command, user=USER, password=PASSWORD):
        return run(['rpcclient', '127.0.0.1', '-p', str(self.port), '-s', self._client_config(), '-U',
                    f'{user}%{password}', '-c', command], self.folder)

    def impacket(self, dialect=0x0300, user=USER, password=PASSWORD):
        """A connection of impacket, logged in."""
        try:
            from impacket.smbconnection import SMBConnection
        except ImportError:
            raise Skip('python3-impacket is not installed') from None
        conn = SMBConnection('127.0.0.1', '127.0.0.1', sess_port=self.port, preferredDialect=dialect, timeout=20)
        conn.login(user, password)
        return conn


class Session:
    """An smbclient that stays connected: do(command) gives what it printed until its next prompt."""

    def __init__(self, command, cwd):
        self.process = subprocess.Popen(['stdbuf', '-oL', *command], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0, start_new_session=True)
        self.marks = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def send(self, command):
        self.process.stdin.write(command.encode() + b'\n')

    def read_until(self, wanted, timeout=30):
        """What came, up to and with a line that holds the text."""
        out = b''
        until = time.monotonic() + timeout
        while wanted.encode() not in out or not out.endswith(b'\n'):
            check(time.monotonic() < until, f'smbclient did not say "{wanted}" within {timeout} s:\n',
                  out.decode('utf-8', 'replace'))
            if not select.select([self.process.stdout], [], [], 0.1)[0]:
                # smbclient waits for the descriptor, not for its buffer: an empty line has it look again.
                self.send('')
                continue
            more = os.read(self.process.stdout.fileno(), 65536)
            check(more, f'smbclient ended without "{wanted}":\n', out.decode('utf-8', 'replace'))
            out += more
        return out.decode('utf-8', 'replace')

    def wait_quietly(self, seconds):
        """Let smbclient go on reading what was sent."""
        time.sleep(seconds)
        self.send('')
        time.sleep(seconds)

    def do(self, command):
        """An unknown command after it makes smbclient say a word that ends the answer."""
        self.marks += 1
        mark = f'mark{self.marks}mark'
        self.send(command)
        self.send(mark)
        text = self.read_until(f'{mark}: command not found')
        return text.replace(f'{mark}: command not found', '')


class Output:
    def __init__(self, code, text):
        self.code = code
        self.text = text

    def ok(self):
        """smbclient's exit code tells of the last command only; an NT_STATUS_ tells of any."""
        check(self.code == 0 and 'NT_STATUS_' not in self.text, f'exit code {self.code}:\n{self.text}')
        return self.text

    def refused(self, *statuses):
        """Failed, with one of the statuses."""
        check(any(s in self.text for s in statuses), f'wanted {statuses}, exit code {self.code}:\n{self.text}')
        return self.text


def run(command, cwd=None, timeout=CLIENT_TIMEOUT_S, stdin=None, user=None):
    p = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors='replace', user=user, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                         env={**SANITIZERS, **os.environ})
    try:
        out, _ = p.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        p.kill()
        out, _ = p.communicate()
        raise AssertionError(f'{" ".join(command)}: no end after {timeout} s:\n{out}') from None
    return Output(p.returncode, out)


def smbkit(*args, stdin=None, timeout=20, user=None):
    """user: the id of who runs it; skipped where that one cannot reach the program."""
    try:
        return run([PROGRAM, *args], stdin=stdin, timeout=timeout, user=user)
    except PermissionError:
        raise Skip(f'user {user} may not run {PROGRAM}') from None
