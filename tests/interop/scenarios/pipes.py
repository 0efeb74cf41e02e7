# SPDX-License-Identifier: Apache-2.0
"""A share list that is longer than the room for it, from a named pipe (quick)."""
import struct

import rawbodies as b
from harness import Server, case, check, expect, main
from impacket.dcerpc.v5 import srvs
from impacket.dcerpc.v5.rpcrt import CtxItem, MSRPCBind, MSRPCHeader, MSRPCRequestHeader
from impacket.uuid import uuidtup_to_bin
from rawclient import connect

TRANSCEIVE = 0x11c017
NDR = ('8a885d04-1ceb-11c9-9fe8-08002b104860', '2.0')


def bind():
    item = CtxItem()
    item['AbstractSyntax'], item['TransferSyntax'] = srvs.MSRPC_UUID_SRVS, uuidtup_to_bin(NDR)
    item['ContextID'], item['TransItems'] = 0, 1
    body = MSRPCBind()
    body.addCtxItem(item)
    head = MSRPCHeader()
    head['type'], head['pduData'], head['call_id'] = 11, body.getData(), 1
    return head.get_packet()


def share_list():
    q = srvs.NetrShareEnum()
    q['ServerName'], q['PreferedMaximumLength'], q['ResumeHandle'] = '127.0.0.1\0', 0xffffffff, 0
    q['InfoStruct']['Level'] = q['InfoStruct']['ShareInfo']['tag'] = 1
    q['InfoStruct']['ShareInfo']['Level1']['EntriesRead'] = 0
    q['InfoStruct']['ShareInfo']['Level1']['Buffer'] = srvs.NULL
    head = MSRPCRequestHeader()
    head['op_num'], head['pduData'], head['call_id'] = 15, q.getData(), 2
    return head.get_packet()


def transceive(c, pipe, data, room):
    return c.call(b.IOCTL, b.ioctl(pipe, TRANSCEIVE, data, room))


def opened(c):
    pipe = c.opened('srvsvc')
    expect('bind', transceive(c, pipe, bind(), 4280).name, 'OK')
    return pipe


def ask(c, room, by_write):
    """(each answer's status, all the bytes)"""
    pipe = opened(c)
    if by_write:
        check(c.write(pipe, share_list()) == 'OK', 'write')
        r = c.call(b.READ, b.read(pipe, room))
    else:
        r = transceive(c, pipe, share_list(), room)
    out, said = r.buffer(), [r.name]
    while r.name == 'BUFFER_OVERFLOW' and len(out) < 1 << 20:
        r = c.call(b.READ, b.read(pipe, room))
        out += r.buffer()
        said.append(r.name)
    c.close(pipe)
    return said, out


@case('in pieces of every size')
def pieces():
    with Server('mem:', 'dir=@/dir', *(f's{i}=mem:' for i in range(20))) as s, connect(s, 'IPC$') as c:
        said, whole = ask(c, 65536, False)
        total = len(whole)
        expect('at once', (said, struct.unpack_from('<H', whole, 8)[0]), (['OK'], total))
        for by_write in (False, True):
            for room in (24, 64, 100, 128, total - 1, total, total + 1):
                count = -(-total // room)
                expect(f'room {room} of {total}', *[(x[0], len(x[1])) for x in (ask(c, room, by_write),)],
                       (['BUFFER_OVERFLOW'] * (count - 1) + ['OK'], total))


@case('a second call while bytes of the first lie there')
def second_call():
    with Server('mem:') as s, connect(s, 'IPC$') as c:
        pipe = opened(c)
        transceive(c, pipe, share_list(), 24)
        transceive(c, pipe, share_list(), 65536)
        c.close(pipe)
        expect('then', ask(c, 65536, False)[0], ['OK'])


main()
