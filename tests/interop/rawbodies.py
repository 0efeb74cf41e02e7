# SPDX-License-Identifier: Apache-2.0
"""Bodies of SMB2 requests ([MS-SMB2] 2.2) as bytes, for rawclient.py, and what stands in answers."""
import struct

(NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT, TREE_DISCONNECT, CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, IOCTL, CANCEL, ECHO,
 QUERY_DIRECTORY, CHANGE_NOTIFY, QUERY_INFO, SET_INFO, OPLOCK_BREAK) = range(19)
SAME_FILE = b'\xff' * 16  # in a related element: the file of the element before
EMPTY = struct.pack('<HH', 4, 0)  # ECHO, LOGOFF, TREE_DISCONNECT, CANCEL

SUPERSEDE, OPEN, CREATE_NEW, OPEN_IF, OVERWRITE, OVERWRITE_IF = range(6)
FOLDER, NO_FOLDER, DELETE_ON_CLOSE, NO_FOLLOW = 0x1, 0x40, 0x1000, 0x200000
READ_WRITE, LIST, RENAME, ATTRIBUTES, ALL = 0x12019f, 0x100081, 0x110180, 0x180, 0x1f01ff
KIND_FILE, KIND_VOLUME, KIND_SECURITY, KIND_QUOTA = 1, 2, 3, 4

NAMES = {
    0xc0000002: 'NOT_IMPLEMENTED',
    0x0: 'OK', 0x103: 'PENDING', 0x10b: 'NOTIFY_CLEANUP', 0x10c: 'NOTIFY_ENUM_DIR', 0x80000005: 'BUFFER_OVERFLOW',
    0x80000006: 'NO_MORE_FILES', 0xc0000003: 'INVALID_INFO_CLASS', 0xc0000004: 'INFO_LENGTH_MISMATCH', 0xc0000008: 'INVALID_HANDLE',
    0xc000000d: 'INVALID_PARAMETER', 0xc000000f: 'NO_SUCH_FILE', 0xc0000010: 'INVALID_DEVICE_REQUEST', 0xc0000011: 'END_OF_FILE',
    0xc0000016: 'MORE_PROCESSING_REQUIRED', 0xc0000022: 'ACCESS_DENIED', 0xc0000023: 'BUFFER_TOO_SMALL',
    0xc000001f: 'INVALID_VIEW_SIZE',
    0xc0000033: 'OBJECT_NAME_INVALID', 0xc0000034: 'OBJECT_NAME_NOT_FOUND', 0xc0000035: 'OBJECT_NAME_COLLISION',
    0xc000003a: 'OBJECT_PATH_NOT_FOUND', 0xc0000043: 'SHARING_VIOLATION', 0xc0000054: 'FILE_LOCK_CONFLICT',
    0xc0000055: 'LOCK_NOT_GRANTED', 0xc0000056: 'DELETE_PENDING', 0xc000006d: 'LOGON_FAILURE', 0xc000007e: 'RANGE_NOT_LOCKED',
    0xc0000465: 'INVALID_TOKEN', 0xc000a2a3: 'OFFLOAD_READ_FILE_NOT_SUPPORTED',
    0xc000a2a4: 'OFFLOAD_WRITE_FILE_NOT_SUPPORTED', 0xc000007f: 'DISK_FULL', 0xc000009a: 'INSUFFICIENT_RESOURCES', 0xc00000a2: 'MEDIA_WRITE_PROTECTED',
    0xc00000ba: 'FILE_IS_A_DIRECTORY', 0xc00000bb: 'NOT_SUPPORTED', 0xc00000c9: 'NETWORK_NAME_DELETED',
    0xc00000cc: 'BAD_NETWORK_NAME', 0xc00000d0: 'REQUEST_NOT_ACCEPTED', 0xc00000e5: 'INTERNAL_ERROR',
    0xc00000d4: 'NOT_SAME_DEVICE', 0xc0000101: 'DIRECTORY_NOT_EMPTY', 0xc0000103: 'NOT_A_DIRECTORY', 0xc0000106: 'NAME_TOO_LONG', 0xc000011f: 'TOO_MANY_OPENED_FILES', 0xc0000120: 'CANCELLED', 0xc0000121: 'CANNOT_DELETE', 0xc0000128: 'FILE_CLOSED',
    0xc00001a1: 'INVALID_LOCK_RANGE', 0xc0000203: 'USER_SESSION_DELETED', 0xc0000275: 'NOT_A_REPARSE_POINT',
}


def status_name(status):
    return NAMES.get(status, f'{status:#010x}')


def utf16(text):
    return text.encode('utf-16-le', 'surrogatepass')


def from_utf16(data):
    return data.decode('utf-16-le', 'surrogatepass')


def charge_of(size):
    """Credits for so many bytes. [MS-SMB2] 3.1.5.2"""
    return max(1, (size + 65535) // 65536)


def negotiate(dialects, guid, contexts=(), security_mode=1):
    head = struct.pack('<HHHHI', 36, len(dialects), security_mode, 0, 0x7f) + guid
    tail = b''.join(struct.pack('<H', d) for d in dialects)
    if not contexts:
        return head + bytes(8) + tail
    tail += bytes(-(100 + len(tail)) % 8)
    at = 100 + len(tail)
    for i, (kind, data) in enumerate(contexts):
        tail += struct.pack('<HHI', kind, len(data), 0) + data
        tail += bytes(-(100 + len(tail)) % 8 if i + 1 < len(contexts) else 0)
    return head + struct.pack('<IHH', at, len(contexts), 0) + tail


def session_setup(token, flags=0, security_mode=1, previous=0):
    return struct.pack('<HBBIIHHQ', 25, flags, security_mode, 0, 0, 88, len(token), previous) + token


def tree_connect(path):
    name = utf16(path)
    return struct.pack('<HHHH', 9, 0, 72, len(name)) + name


def _create_contexts(contexts):
    out = b''
    for i, (tag, data) in enumerate(contexts):
        one = struct.pack('<IHHHHI', 0, 16, len(tag), 0, 16 + len(tag) + -len(tag) % 8 if data else 0, len(data))
        one += tag + bytes(-len(tag) % 8) + data
        if i + 1 < len(contexts):
            one += bytes(-len(one) % 8)
            one = struct.pack('<I', len(one)) + one[4:]
        out += one
    return out


def create(path, access=READ_WRITE, share=7, disposition=OPEN, options=0, attributes=0, oplock=0, contexts=()):
    name = path if isinstance(path, bytes) else utf16(path)
    buffer = name or b'\0'
    more = _create_contexts(contexts)
    if more:
        buffer += bytes(-len(buffer) % 8)
    return struct.pack('<HBBIQQIIIIIHHII', 57, 0, oplock, 2, 0, 0, access, attributes, share, disposition, options, 120,
                       len(name), 120 + len(buffer) if more else 0, len(more)) + buffer + more


def close(file_id, flags=0):
    return struct.pack('<HHI', 24, flags, 0) + file_id


def flush(file_id):
    return struct.pack('<HHI', 24, 0, 0) + file_id


def read(file_id, size, offset=0, least=0, channel=0):
    return struct.pack('<HBBIQ', 49, 80, 0, size, offset) + file_id + struct.pack('<IIIHH', least, channel, 0, 0, 0) + b'\0'


def write(file_id, data, offset=0, data_offset=112, size=None, flags=0, channel=0):
    return struct.pack('<HHIQ', 49, data_offset, len(data) if size is None else size, offset) + file_id + struct.pack(
        '<IIHHI', channel, 0, 0, 0, flags) + data


def lock(file_id, *ranges):
    """ranges: (offset, length, flags)"""
    return struct.pack('<HHI', 48, len(ranges), 0) + file_id + b''.join(struct.pack('<QQII', *r, 0) for r in ranges)


def ioctl(file_id, code, data=b'', room=65536, flags=1):
    return struct.pack('<HHI', 57, 0, code) + file_id + struct.pack('<8I', 120, len(data), 0, 0, 0, room, flags, 0) + (data or b'\0')


def query_directory(file_id, info_class=37, pattern='*', flags=0, room=65536):
    name = utf16(pattern)
    return struct.pack('<HBBI', 33, info_class, flags, 0) + file_id + struct.pack('<HHI', 96, len(name), room) + (name or b'\0')


def change_notify(file_id, wanted=0x17f, tree=False, room=4096):
    return struct.pack('<HHI', 32, int(tree), room) + file_id + struct.pack('<II', wanted, 0)


def query_info(file_id, info_class, kind=KIND_FILE, room=65536, which=0, data=b''):
    return struct.pack('<HBBIHHIII', 41, kind, info_class, room, 104 if data else 0, 0, len(data), which, 0) + file_id + data


def set_info(file_id, info_class, data, kind=KIND_FILE, which=0):
    return struct.pack('<HBBIHHI', 33, kind, info_class, len(data), 96, 0, which) + file_id + data


def oplock_break(file_id, level):
    return struct.pack('<HBBI', 24, level, 0, 0) + file_id


# ---- buffers of SET_INFO, [MS-FSCC] 2.4 ----

def basic(created=0, accessed=0, written=0, changed=0, attributes=0):
    return struct.pack('<QQQQII', created, accessed, written, changed, attributes, 0)


def new_name(path, replace=False):
    """FileRenameInformation and FileLinkInformation"""
    name = utf16(path)
    return struct.pack('<B7xQI', int(replace), 0, len(name)) + name


# ---- what answers hold ----

# Where the name begins; its length stands at 60 in all but FileNamesInformation. [MS-FSCC] 2.4
_NAME_AT = {1: 64, 2: 68, 3: 94, 12: 12, 37: 104, 38: 80}


class Entry:
    def __init__(self, data, info_class):
        self.next = struct.unpack_from('<I', data)[0]
        at = _NAME_AT[info_class]
        size = struct.unpack_from('<I', data, 8 if info_class == 12 else 60)[0]
        self.name = from_utf16(data[at:at + size])
        if info_class != 12:
            (self.created, self.accessed, self.written, self.changed, self.size, self.allocation,
             self.attributes) = struct.unpack_from('<QQQQQQI', data, 8)
        if info_class in (37, 38):
            self.id = struct.unpack_from('<Q', data, at - 8)[0]


def entries(data, info_class=37):
    out = []
    while data:
        out.append(Entry(data, info_class))
        data = data[out[-1].next:] if out[-1].next else b''
    return out


def changes(data):
    """FILE_NOTIFY_INFORMATION: [(action, name)]"""
    out = []
    while data:
        after, action, size = struct.unpack_from('<III', data)
        out.append((action, from_utf16(data[12:12 + size])))
        data = data[after:] if after else b''
    return out
