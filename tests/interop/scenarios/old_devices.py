# SPDX-License-Identifier: Apache-2.0
"""Printers, old clients and odd ones: how they begin, how they name things, how they go away (quick)."""
import socket
import struct

import rawbodies as b
from harness import USER, Server, case, check, expect, main, wait_for
from rawclient import Files, connect

SMB1_OFFERS = ((('NT LM 0.12', 'SMB 2.002', 'SMB 2.???'), 0x2ff), (('PC NETWORK PROGRAM 1.0', 'NT LM 0.12', 'SMB 2.002'), 0x202),
               (('SMB 2.002',), 0x202), (('SMB 2.???',), 0x2ff))
SHARE_PATHS = ('\\\\127.0.0.1\\MEM', '\\\\SERVER\\mem', '\\\\127.0.0.1:4450\\mem', '\\\\[::1]\\mem', '\\\\x\\ipc$',
               '\\\\\u00fcml\u00e4ut\\mem')
DOMAINS = ('', 'WORKGROUP', 'PRINTER-4711', '.', '127.0.0.1', 'MicrosoftAccount', 'a.very.long.domain.example.com')


def smb1_negotiate(names):
    """SMB_COM_NEGOTIATE. [MS-SMB2] 3.3.5.3"""
    body = b''.join(b'\x02' + n.encode() + b'\0' for n in names)
    return b'\xffSMB\x72' + bytes(4) + b'\x18' + struct.pack('<H', 0xc853) + bytes(12) + struct.pack(
        '<HHHHBH', 0xffff, 0xfeff, 0, 0, 0, len(body)) + body


def answer_to(s, message):
    with socket.create_connection(('127.0.0.1', s.port), 10) as conn:
        conn.sendall(struct.pack('>I', len(message)) + message)
        conn.settimeout(10)
        out = b''
        try:
            while more := conn.recv(65536):
                out += more
                if len(out) >= 4 + int.from_bytes(out[:4], 'big'):
                    break
        except ConnectionError:
            pass
        return out[4:]


@case('they begin with SMB 1')
def smb1():
    with Server('mem:') as s:
        for names, dialect in SMB1_OFFERS:
            r = answer_to(s, smb1_negotiate(names))
            expect(str(names), (r[:4], struct.unpack_from('<H', r, 68)[0]), (b'\xfeSMB', dialect))
        r = answer_to(s, smb1_negotiate(('NT LM 0.12',)))
        check(r == b'' or r[:4] == b'\xffSMB', r[:12])


@case('keep-alives of the NetBIOS session layer')
def keep_alive():
    with Server('mem:') as s, connect(s, 'mem') as c:
        for _ in range(3):
            c.socket.sendall(b'\x85\0\0\0')
            expect('then', c.echo().name, 'OK')


@case('users in any case, of any domain')
def users():
    with Server('mem:') as s:
        for user in (USER, USER.upper(), USER.title()):
            for domain in DOMAINS:
                with Files(s.port) as c:
                    c.negotiate()
                    expect(f'{domain}\\{user}', c.login(user, domain=domain).name, 'OK')
                    expect('the share', c.tree('mem').name, 'OK')


@case('shares by every way to name the host')
def shares():
    with Server('mem:') as s, connect(s, 'mem') as c:
        for path in SHARE_PATHS:
            expect(path, c.tree(path).name, 'OK')
        expect('no such share', c.tree('nothing').name, 'BAD_NETWORK_NAME')
        expect('the session', c.tree('mem').name, 'OK')


def dropped(c, s):
    c.drop(reset=True)
    wait_for(lambda: s.status()['counters']['opens'] == 0, 10, 'the open files of a lost connection')


@case('they never close a file, only the connection')
def never_closing():
    with Server('mem:', 'dir=@/dir') as s:
        for share in ('mem', 'dir'):
            c = connect(s, share)
            check(c.write(c.opened('f', disposition=b.CREATE_NEW, share=0), b'half') == 'OK', 'write')
            dropped(c, s)
            c = connect(s, share)
            expect('what was written', c.content('f'), b'half')
            c.opened('f', access=0x10080, options=b.DELETE_ON_CLOSE)
            dropped(c, s)
            expect('deleted at the close', connect(s, share).try_open('f'), 'OBJECT_NAME_NOT_FOUND')


main()
