# SPDX-License-Identifier: Apache-2.0
"""A whole session as tshark sees it: nothing malformed, nothing readable when it is encrypted."""
import os
import shutil
import subprocess
import time

from harness import DIALECTS, Server, Skip, case, check, main, run, wait_for, write_file

SECRET = b'these bytes are not for everybody ' * 100
WORK = ('mkdir a; put secret a\\f; get a\\f back; allinfo a\\f; rename a\\f a\\g; ls a\\*; volume; du; del a\\g; '
        'rmdir a; get nothing')
# The first SPNEGO token of a server has had hints in it ([MS-SPNG] 2.2.1) for longer than Wireshark's grammar,
# which has [RFC 4178] only, has said this of it; Samba's and Windows' tokens fare the same.
HARMLESS = 'BER Error: OctetString expected but class:UNIVERSAL(0) Constructed tag:16 was unexpected'


class Capture:
    def __init__(self, s):
        if not shutil.which('dumpcap') or not shutil.which('tshark'):
            raise Skip('tshark is not installed')
        self.file = s.path('capture.pcap')
        self.port = s.port
        self.process = subprocess.Popen(['dumpcap', '-q', '-i', 'lo', '-f', f'tcp port {s.port}', '-w', self.file],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._wait_until_it_listens(s)

    def _wait_until_it_listens(self, s):
        def is_ready():
            if self.process.poll() is not None:
                raise Skip(f'capturing is not permitted: {self.process.stderr.read().strip().splitlines()[-1:]}')
            run(['smbclient', '-L', '127.0.0.1', '-p', str(s.port), '-N'])
            return self.size() > 500
        wait_for(is_ready, 15, 'dumpcap to see something')

    def size(self):
        try:
            return os.stat(self.file).st_size
        except OSError:
            return 0

    def stop(self):
        time.sleep(1)  # what is in the kernel's buffer
        self.process.terminate()
        self.process.wait(10)

    def tshark(self, *args):
        r = subprocess.run(['tshark', '-r', self.file, '-d', f'tcp.port=={self.port},nbss', *args],
                           capture_output=True, text=True, timeout=120)
        check(r.returncode == 0, r.stderr)
        return r.stdout

    def complaints(self):
        text = self.tshark('-Y', '_ws.malformed || _ws.expert.severity==error', '-T', 'fields', '-e', 'frame.number',
                           '-e', 'smb2.cmd', '-e', '_ws.expert.message', '-e', '_ws.col.Info')
        return [line for line in text.splitlines() if line.split('\t')[1:3] != ['0', HARMLESS]]


def capture(dialect, protection):
    with Server('mem:', 'dir=@/shared') as s:
        write_file(s.path('secret'), SECRET)
        c = Capture(s)
        try:
            for share in ('mem', 'dir'):
                s.smbclient(share, WORK, dialect=dialect, protection=protection)
            s.rpcclient('netshareenum 1; srvinfo')
        finally:
            c.stop()
        complaints = c.complaints()
        check(complaints == [], '\n'.join(complaints))
        with open(c.file, 'rb') as f:
            seen = SECRET[:64] in f.read()
        check(seen == (protection != 'encrypt'), f'the bytes of the file {"are" if seen else "are not"} in the capture')
        frames = c.tshark('-Y', 'smb2', '-T', 'fields', '-e', 'frame.number').split()
        check(len(frames) > 20, f'only {len(frames)} frames')


for dialect in DIALECTS:
    case(f'{dialect} signed', dialect, 'sign')(capture)
case('SMB3_11 encrypted', 'SMB3_11', 'encrypt')(capture)


main()
