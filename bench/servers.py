# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared, each with one share "bench": smbkit's plugins, and a private smbd of Samba."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness

REST_S = 0.3
TICKS_PER_S = os.sysconf('SC_CLK_TCK')
SMBD_USER = 'daemon'  # smbd serves Unix accounts: one that every system has
SMBD_CONF = '''[global]
  server role = standalone server
  netbios name = BENCH
  interfaces = lo
  bind interfaces only = yes
  smb ports = {port}
  disable netbios = yes
  load printers = no
  printing = bsd
  passdb backend = tdbsam
  server min protocol = SMB2_02
  log file = {folder}/log.smbd
  log level = 0
  private dir = {folder}/private
  lock directory = {folder}/lock
  state directory = {folder}/state
  cache directory = {folder}/cache
  pid directory = {folder}/pid
  ncalrpc dir = {folder}/ncalrpc
[bench]
  path = {folder}/bench
  read only = no
'''


def _stat(pid):
    """(parent, ticks of the process and of its children that have ended); None when it is gone"""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            fields = f.read().rsplit(')', 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), sum(int(x) for x in fields[11:15])


def _cpu_seconds(root):
    known = {int(n): s for n in os.listdir('/proc') if n.isdigit() for s in [_stat(n)] if s}
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        total += known[pid][1]
        todo += [child for child, (parent, _) in known.items() if parent == pid]
    return total / TICKS_PER_S


def cpu_seconds(root):
    """User and system time of a process, all its threads, its children and theirs, when they have come to rest: what ends
    a connection goes on behind the client's back."""
    before, now = -1, _cpu_seconds(root)
    while now != before:
        time.sleep(REST_S)
        before, now = now, _cpu_seconds(root)
    return now


class Smbkit(harness.Server):
    user, password = harness.USER, harness.PASSWORD

    def __init__(self, name, share):
        super().__init__(f'bench={share}', args=['--log-level', 'warn'])
        self.name = name

    def cpu(self):
        return cpu_seconds(self.process.pid)


class Smbd:
    """Samba's, as it is without settings of files and caches; needs root, as smbd does."""
    name = 'smbd'
    user, password = SMBD_USER, harness.PASSWORD

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='smbkit-bench-')
        self.port = harness.free_port()
        self.conf = self.path('smb.conf')
        self.process = None

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _prepare(self):
        os.chmod(self.folder, 0o755)
        for name in ('private', 'lock', 'state', 'cache', 'pid', 'ncalrpc', 'bench'):
            os.mkdir(self.path(name), 0o755)
        shutil.chown(self.path('bench'), SMBD_USER)
        with open(self.conf, 'w', encoding='ascii') as f:
            f.write(SMBD_CONF.format(port=self.port, folder=self.folder))
        subprocess.run(['smbpasswd', '-c', self.conf, '-s', '-a', SMBD_USER], input=f'{self.password}\n' * 2, text=True,
                       check=True, capture_output=True)

    def _answers(self):
        harness.check(self.process.poll() is None, f'smbd ended with {self.process.returncode}')
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def __enter__(self):
        try:
            self._prepare()
            with open(self.path('out'), 'wb') as out:
                self.process = subprocess.Popen(['smbd', '-F', '--no-process-group', '-s', self.conf], stdout=out, stderr=out,
                                                stdin=subprocess.DEVNULL, start_new_session=True)
            harness.wait_for(self._answers, harness.START_TIMEOUT_S, 'smbd to listen')
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, kind, value, trace):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGTERM)
                self.process.wait(20)
                time.sleep(0.2)
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu(self):
        return cpu_seconds(self.process.pid)


def servers():
    """What makes each, in the order of the columns; smbd first, since the others are compared with it."""
    return {'smbd': Smbd, 'dir': lambda: Smbkit('dir', '@/bench'), 'mem': lambda: Smbkit('mem', 'mem:size=4G')}
