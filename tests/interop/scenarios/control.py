# SPDX-License-Identifier: Apache-2.0
"""smbkit control: commands to the layers of a running share (quick)."""
import json
import socket

from harness import Server, case, check, check_in, expect, main, smbkit


def control(s, *words):
    return smbkit('control', '--socket', s.control, *words)


def refused(s, words, *says):
    r = control(s, *words)
    expect('exit code', r.code, 1)
    for text in says:
        check_in(text, r.text)


@case('layers that understand nothing')
def silent():
    with Server('docs=mem:', args=('--filter', 'log')) as s:
        refused(s, ('docs', 'help'), 'share "docs": neither its plugin nor a filter of it understands commands')
        refused(s, ('docs', 'dance'), 'share "docs": neither its plugin nor a filter of it understands commands')
        refused(s, ('DOCS', 'log:', 'dance'), '"log" of share "DOCS" understands no commands')
        refused(s, ('docs', 'mem:', 'dance'), '"mem" of share "docs" understands no commands')
        refused(s, ('docs', 'pause:', 'dance'), 'share "docs" has no layer "pause"; it has ', 'log, ', ', mem' if s.filters else 'log, mem')
        refused(s, ('music', 'dance'), 'there is no share "music"')
        refused(s, ('IPC$', 'dance'), 'there is no share "IPC$"')


@case('what the socket is asked')
def asked():
    def answer(line):
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(20)
            c.connect(s.control)
            c.sendall(line + b'\n')
            return json.loads(c.makefile().readline())

    with Server('docs=mem:') as s:
        for line in (b'{"command":"control"}', b'{"command":"control","share":"docs"}',
                     b'{"command":"control","share":1,"text":"x"}', b'{"command":"control","share":"docs","text":""}'):
            expect(line.decode(), answer(line), {'ok': False, 'error': 'the request names no "share", or no "text" for it'})
        a = answer(b'{"command":"control","share":"docs\\u001b","text":"x"}')
        expect('what is no name', a, {'ok': False, 'error': 'there is no share "docs\x1b"'})
        check('\x1b' not in control(s, 'docs\x1b', 'x').text, 'it steers the terminal')


main()
