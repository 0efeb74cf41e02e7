# SPDX-License-Identifier: Apache-2.0
"""Clients that come and go by the hundred, some of them killed in the middle of their work: the
server is then what it was before. SOAK_ROUNDS makes it longer."""
import os
import random
import signal
import subprocess
import time

from harness import Server, case, check, main, random_bytes, wait_for, write_file

ROUNDS = int(os.environ.get('SOAK_ROUNDS', '3'))
CLIENTS = 50
GROWTH_MAX_KIB = 4096
WORK = 'put data {0}; get {0} back.{0}; ls {0}; del {0}'


def resident_kib(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def start_clients(s, share, count, **how):
    return [subprocess.Popen([*s.client_command(share, **how), '-c', WORK.format(f'f{i}')], cwd=s.folder,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            for i in range(count)]


def finish(clients):
    for c in clients:
        c.wait(120)


def empty(s, share):
    check(s.smbclient(share, 'del f*').code in (0, 1))


def one_round(s, kills):
    dice = random.Random(kills)
    for share in ('mem', 'dir'):
        clients = start_clients(s, share, CLIENTS)
        if kills:
            for c in clients:
                time.sleep(dice.random() / 100)
                os.killpg(c.pid, signal.SIGKILL)
        finish(clients)
    s.wait_idle()
    empty(s, 'mem')
    empty(s, 'dir')
    s.wait_idle()


@case('fifty clients at once, again and again, leave nothing')
def many():
    with Server('mem:', 'dir=@/dir') as s:
        write_file(s.path('data'), random_bytes(300_000))
        pid = s.process.pid
        for kills in (0, 1):
            one_round(s, kills)
        before = resident_kib(pid), descriptors(pid)
        for i in range(ROUNDS):
            one_round(s, i % 2)
        after = resident_kib(pid)
        check(after < before[0] + GROWTH_MAX_KIB, f'resident: {before[0]} KiB before, {after} KiB after')
        # Asking for the status is a connection of its own, which the server closes behind its answer.
        wait_for(lambda: descriptors(pid) <= before[1], 10, f'{before[1]} descriptors as before, not {descriptors(pid)}')


@case('stopped while fifty clients work')
def stop_under_load():
    for delay in (0.05, 0.3, 0.8):
        with Server('mem:', 'dir=@/dir') as s:
            write_file(s.path('data'), random_bytes(2_000_000))
            clients = start_clients(s, 'mem', 10) + start_clients(s, 'dir', 10, protection='encrypt')
            time.sleep(delay)
            s.signal(signal.SIGHUP)
            s.stop()
            finish(clients)


main()
