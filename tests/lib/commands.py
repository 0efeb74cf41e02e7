# SPDX-License-Identifier: Apache-2.0
"""Running programs with a time limit and a log, and ending what was started when this ends."""
import os
import shutil
import signal
import subprocess
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOBS = os.cpu_count() or 2

_running = set()
_lock = threading.Lock()
_deadline = [None]


class TimeUp(Exception):
    """The time limit of the whole run has passed."""


def set_limit(seconds):
    _deadline[0] = time.monotonic() + seconds


def _time_left(timeout):
    if _deadline[0] is None:
        return timeout
    left = _deadline[0] - time.monotonic()
    if left <= 0:
        raise TimeUp()
    return min(timeout, left)


def end_group(process, sig=signal.SIGKILL):
    """End a process that was started here, with its children."""
    try:
        os.killpg(process.pid, sig)
    except (ProcessLookupError, PermissionError):
        pass


def end_all():
    with _lock:
        for p in _running:
            end_group(p)


def have(*programs):
    """The first of the programs that is installed, or None."""
    return next((p for p in programs if shutil.which(p)), None)


def run(command, log=None, timeout=600, env=None, cwd=TOP, stdin=None):
    """(exit code, stdout and stderr as one text). A time-out is exit code -9 and a line in the text."""
    timeout = _time_left(timeout)
    if log:
        log.write('$ ' + ' '.join(command) + '\n')
        log.flush()
    p = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, text=True,
                         errors='replace', stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                         start_new_session=True)
    with _lock:
        _running.add(p)
    try:
        out, _ = p.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        end_group(p)
        out, _ = p.communicate()
        out += f'\ntook longer than {timeout:.0f} s, ended\n'
    finally:
        with _lock:
            _running.discard(p)
    if log:
        log.write(out if out.endswith('\n') or not out else out + '\n')
        log.write(f'-> {p.returncode}\n')
        log.flush()
    return p.returncode, out
