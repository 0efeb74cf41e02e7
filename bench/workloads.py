# SPDX-License-Identifier: Apache-2.0
"""What is measured: each is a function of a server that does its work and says how many units of it there were."""
import os
import re
import shutil

import harness

SMALL_FILE_BYTES = 4096


class Sizes:
    """scale 1: what the table is made with."""

    def __init__(self, scale):
        self.mebibytes = max(8, int(1024 * scale))
        self.files = max(50, int(3000 * scale))
        self.listings = max(2, int(20 * scale))
        self.logins = max(5, int(100 * scale))
        self.seconds = max(2, int(10 * scale))


class Client:
    """smbclient and smbtorture for one server, in a folder of their own."""

    def __init__(self, server, sizes):
        self.server, self.sizes = server, sizes
        self.folder = os.path.join(server.folder, 'client')
        for name in ('small', 'back'):
            os.makedirs(os.path.join(self.folder, name))
        self.account = f'{server.user}%{server.password}'
        with open(self.path('client.conf'), 'w', encoding='ascii') as f:
            f.write(f'[global]\nclient min protocol = SMB2_02\nname resolve order = host\nlock directory = {self.folder}\n')
        with open(self.path('large'), 'wb') as f:
            f.truncate(sizes.mebibytes << 20)  # a hole: takes no memory, and is enciphered as well as anything
        for i in range(sizes.files):
            harness.write_file(self.path('small', f'file{i:05d}'), harness.random_bytes(SMALL_FILE_BYTES, i))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def do(self, commands, protection='sign'):
        command = ['smbclient', '//127.0.0.1/bench', '-p', str(self.server.port), '-s', self.path('client.conf'), '-U', self.account,
                   '-m', 'SMB3_11', f'--client-protection={protection}', '-c', commands]
        r = harness.run(command, self.folder, 900)
        harness.check(r.code == 0 and 'NT_STATUS_' not in r.text, r.text[-500:])

    def torture(self, test):
        """How many it did."""
        r = harness.run(['smbtorture', '//127.0.0.1/bench', '-p', str(self.server.port), '-U', self.account,
                         f'--option=torture:timelimit={self.sizes.seconds}', '--option=torture:qdepth=1', test],
                        self.folder, self.sizes.seconds + 120)
        rates = re.findall(r'num/s=(\d+)', r.text)
        harness.check(rates, r.text[-500:])
        return int(rates[-1]) * self.sizes.seconds


def put(protection):
    def work(c):
        c.do('put large remote', protection)
        return c.sizes.mebibytes / 1024
    return work


def get(protection):
    def work(c):
        c.do('get remote /dev/null', protection)
        return c.sizes.mebibytes / 1024
    return work


def files_in(c):
    c.do('mkdir many; cd many; lcd small; prompt; mput *')
    return c.sizes.files


def files_out(c):
    c.do('cd many; lcd back; prompt; mget *')
    shutil.rmtree(c.path('back'))
    return c.sizes.files


def listing(c):
    c.do('cd many; ' + 'ls; ' * c.sizes.listings)
    return c.sizes.listings


def files_deleted(c):
    c.do('cd many; del *; cd ..; rmdir many')
    return c.sizes.files


def log_in(c):
    for _ in range(c.sizes.logins):
        c.do('ls')
    return c.sizes.logins


def echo(c):
    return c.torture('smb2.bench.echo')


def open_close(c):
    return c.torture('smb2.bench.path-contention-shared')


# (what, unit, work), in this order: one finds what the one before has left. Times are for one unit.
WORKLOADS = (
    ('put, signed', 's/GiB', put('sign')), ('get, signed', 's/GiB', get('sign')),
    ('put, encrypted', 's/GiB', put('encrypt')), ('get, encrypted', 's/GiB', get('encrypt')),
    ('small file in', 'us', files_in), ('small file out', 'us', files_out), ('listing of {files}', 'us', listing),
    ('small file deleted', 'us', files_deleted), ('connect, log in, ls', 'us', log_in), ('ECHO', 'us', echo),
    ('open and close', 'us', open_close),
)
