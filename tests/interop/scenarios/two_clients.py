# SPDX-License-Identifier: Apache-2.0
"""Two clients at one file: share modes, locks, oplock breaks, what a lost client leaves behind (quick)."""
import struct
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Server, case, check, main, wait_for

GENERIC_READ_WRITE = 0x3
DELETE = 0x10000
SHARE_ALL = 7
OPEN, OPEN_IF = 1, 3
NOT_A_FOLDER = 0x40
OPLOCK_II, OPLOCK_EXCLUSIVE, OPLOCK_BATCH = 0x01, 0x08, 0x09
LOCK_EXCLUSIVE, UNLOCK, FAIL_AT_ONCE = 0x2, 0x4, 0x10
LOCK_COMMAND, BREAK_COMMAND = 0xa, 0x12
UNSOLICITED = 0xffffffffffffffff


def client(s, share='mem'):
    c = s.impacket().getSMBServer()
    return c, c.connectTree(share)


def open_file(c, tree, name='file', access=GENERIC_READ_WRITE, share=SHARE_ALL, disposition=OPEN_IF, oplock=0):
    return c.create(tree, name, access, share, NOT_A_FOLDER, disposition, 0, oplockLevel=oplock)


def fails(what, status):
    from impacket.smb3 import SessionError
    try:
        what()
    except SessionError as e:
        check(e.get_error_code() == status, f'{e.get_error_code():#x}, not {status:#x}')
        return
    check(False, f'went through, not {status:#x}')


def write(c, tree, file_id, data, offset=0):
    n = c.write(tree, file_id, data, offset, len(data))
    check(n == len(data), n)


def send(c, command, tree, data):
    packet = c.SMB_PACKET()
    packet['Command'], packet['TreeID'], packet['Data'] = command, tree, data
    return c.recvSMB(c.sendSMB(packet))


def lock(c, tree, file_id, offset, length, flags):
    """impacket 0.10 has a lock(), which fails under Python 3 before it sends anything."""
    from impacket.smb3 import SessionError
    from impacket.smb3structs import SMB2Lock
    request = SMB2Lock()
    request['LockCount'] = 1
    request['FileID'] = file_id
    request['Locks'] = struct.pack('<QQLL', offset, length, flags, 0)
    answer = send(c, LOCK_COMMAND, tree, request)
    if answer['Status'] != 0:
        raise SessionError(answer['Status'])


@case('share modes')
def share_modes():
    with Server('mem:') as s:
        a, ta = client(s)
        b, tb = client(s)
        f = open_file(a, ta, share=0)
        fails(lambda: open_file(b, tb), 0xc0000043)  # SHARING_VIOLATION
        a.close(ta, f)
        b.close(tb, open_file(b, tb))


def lock_conflict(share):
    with Server('mem:', 'dir=@/shared') as s:
        a, ta = client(s, share)
        b, tb = client(s, share)
        fa, fb = open_file(a, ta), open_file(b, tb)
        write(a, ta, fa, b'x' * 100)
        lock(a, ta, fa, 10, 10, LOCK_EXCLUSIVE | FAIL_AT_ONCE)
        fails(lambda: lock(b, tb, fb, 15, 1, LOCK_EXCLUSIVE | FAIL_AT_ONCE), 0xc0000055)  # LOCK_NOT_GRANTED
        fails(lambda: write(b, tb, fb, b'y', 12), 0xc0000054)  # FILE_LOCK_CONFLICT
        fails(lambda: b.read(tb, fb, 12, 1), 0xc0000054)
        write(b, tb, fb, b'y', 20)
        lock(a, ta, fa, 10, 10, UNLOCK)
        write(b, tb, fb, b'y', 12)
        check(a.read(ta, fa, 11, 3) == b'xyx', a.read(ta, fa, 11, 3))


for share in ('mem', 'dir'):
    case(f'locks on {share}', share)(lock_conflict)


@case('a client that is gone leaves no lock and no open')
def lost_client():
    with Server('mem:') as s:
        a, ta = client(s)
        b, tb = client(s)
        fa = open_file(a, ta, share=3)
        lock(a, ta, fa, 0, 10, LOCK_EXCLUSIVE | FAIL_AT_ONCE)
        fb = open_file(b, tb, share=3)
        fails(lambda: write(b, tb, fb, b'y', 5), 0xc0000054)
        a._NetBIOSSession._sock.close()
        wait_for(lambda: s.status()['counters']['sessions'] == 1, 10, 'the session of the lost client to end')
        write(b, tb, fb, b'y', 5)
        check(s.status()['counters']['opens'] == 1, s.status()['counters'])


def receive_break(c):
    """The level that the server wants."""
    from impacket.smb3structs import SMB2OplockBreakNotification
    note = c.recvSMB(UNSOLICITED)
    check(note['Command'] == BREAK_COMMAND, note['Command'])
    # impacket counts its message ids with what a response says it has charged; this one charged nothing.
    c._Connection['SequenceWindow'] += 1
    return SMB2OplockBreakNotification(note['Data'])['OplockLevel']


def acknowledge(c, tree, file_id, level):
    from impacket.smb3structs import SMB2OplockBreakAcknowledgment
    ack = SMB2OplockBreakAcknowledgment()
    ack['OplockLevel'], ack['FileID'] = level, file_id
    answer = send(c, BREAK_COMMAND, tree, ack)
    check(answer['Status'] == 0, f"acknowledging: {answer['Status']:#x}")


@case('an oplock is broken by a second opener, who waits for it')
def oplock_break():
    with Server('mem:') as s, ThreadPoolExecutor(1) as pool:
        a, ta = client(s)
        b, tb = client(s)
        fa = open_file(a, ta, oplock=OPLOCK_BATCH)
        second = pool.submit(open_file, b, tb)
        check(receive_break(a) == OPLOCK_II, 'another level than II')
        time.sleep(0.3)
        check(not second.done(), 'the second opener did not wait')
        acknowledge(a, ta, fa, OPLOCK_II)
        second.result(10)


@case('a close answers an oplock break')
def close_breaks():
    with Server('mem:') as s, ThreadPoolExecutor(1) as pool:
        a, ta = client(s)
        b, tb = client(s)
        fa = open_file(a, ta, oplock=OPLOCK_EXCLUSIVE)
        second = pool.submit(open_file, b, tb)
        receive_break(a)
        a.close(ta, fa)
        second.result(10)


@case('a file that is open is deleted at its last close')
def delete_pending():
    with Server('mem:', 'dir=@/shared') as s:
        for share in ('mem', 'dir'):
            a, ta = client(s, share)
            b, tb = client(s, share)
            fa = open_file(a, ta)
            fb = b.create(tb, 'file', DELETE, SHARE_ALL, NOT_A_FOLDER | 0x1000, OPEN, 0)
            b.close(tb, fb)
            fails(lambda: open_file(b, tb, disposition=OPEN), 0xc0000056)  # DELETE_PENDING
            a.close(ta, fa)
            fails(lambda: open_file(b, tb, disposition=OPEN), 0xc0000034)  # OBJECT_NAME_NOT_FOUND


main()
