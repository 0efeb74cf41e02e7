# SPDX-License-Identifier: Apache-2.0
"""A log that nobody reads never stops the server (quick)."""
import os
import subprocess
import time

import rawclient
from harness import Server, case, check, main, wait_for


class Unread(Server):
    """serve with its stderr in a pipe that is full."""

    def start(self):
        self.read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        try:
            while True:
                os.write(write_end, b'x' * 4096)
        except BlockingIOError:
            os.set_blocking(write_end, True)
        with open(self.screen_path, 'ab') as screen:
            self.process = subprocess.Popen(self.command, stdout=screen, stderr=write_end, cwd=self.folder,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        os.close(write_end)
        open(self.log_path, 'ab').close()
        wait_for(self._answers, 30, 'the server to listen')
        return self


@case('stderr is a full pipe: clients are served, and SIGTERM ends it')
def full_pipe():
    with Unread('mem:', args=['--log-level', 'debug']) as s:
        for _ in range(100):
            with rawclient.connect(s, 'mem') as c:
                check(c.echo().name == 'OK')
        began = time.monotonic()
        check(s.stop() == 0)
        check(time.monotonic() - began < 10)
        os.close(s.read_end)


main()
