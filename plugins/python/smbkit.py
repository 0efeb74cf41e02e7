# SPDX-License-Identifier: Apache-2.0
"""What a script of the plugin python may use (import smbkit).

A script is a file system if it has a function tree(), or a class Volume; smbkit-python-plugin(1)
says what each may do. Names that begin with an underscore are the plugin's, of which smbkit_mount.py is the rest.
"""
import datetime
import errno
import os
import sys
import threading
import time
import traceback

import _smbkit

ADDED, REMOVED, MODIFIED = 1, 2, 3  # changed(): what
READ_ONLY, HIDDEN, SYSTEM, ARCHIVE = 0x1, 0x2, 0x4, 0x20  # attributes

_DIRECTORY, _NORMAL = 0x10, 0x80
_EPOCH = 116444736000000000  # 1970 as a FILETIME: 100 ns since 1601
_VALUES_MAX = 4096           # values of functions that are kept for a moment
_CONTENT_MAX = 1 << 30       # bytes of a file that is kept in memory while it is written

_now = time.monotonic


class Error(Exception):
    """What the client is answered: Error('DISK_FULL'), by the name of an NTSTATUS, or by its number."""

    def __init__(self, status, text=''):
        super().__init__(f'{status} {text}'.rstrip())
        self.status = _smbkit.STATUS[status] if isinstance(status, str) else status


_STATUS = _smbkit.STATUS
_BY_CLASS = ((FileNotFoundError, 'OBJECT_NAME_NOT_FOUND'), (PermissionError, 'ACCESS_DENIED'),
             (FileExistsError, 'OBJECT_NAME_COLLISION'), (IsADirectoryError, 'FILE_IS_A_DIRECTORY'),
             (NotADirectoryError, 'NOT_A_DIRECTORY'), (TimeoutError, 'IO_TIMEOUT'),
             (MemoryError, 'NO_MEMORY'), (NotImplementedError, 'NOT_SUPPORTED'))


def _put(level, line):
    """A line in the log, whatever is in it."""
    _smbkit.log(level, line.encode('utf-8', 'backslashreplace').decode().replace('\0', '\\0'))


def _log_trace(level, exception):
    """The traceback from where the script's own code begins."""
    trace = exception.__traceback__
    while trace and trace.tb_frame.f_code.co_filename in ('smbkit.py', 'smbkit_mount.py'):
        trace = trace.tb_next
    if trace:
        lines = ''.join(traceback.format_exception(type(exception), exception, trace)).splitlines()
    else:
        lines = [f'{type(exception).__name__}: {exception} (of what the script has, or what a function of it returned)']
    for line in lines:
        _put(level, line)


def _status_of(exception):
    """The NTSTATUS that tells of an exception; one that no file system means is logged as a whole."""
    if isinstance(exception, Error):
        return exception.status
    if isinstance(exception, OSError) and exception.errno:
        return _smbkit.from_errno(exception.errno)
    for kind, name in _BY_CLASS:
        if isinstance(exception, kind):
            return _STATUS[name]
    _log_trace(0, exception)
    return _STATUS['IO_DEVICE_ERROR']


# ---- what a script says of its files ----

class Time(float):
    """Seconds since 1970, as set_attr() gets them: what a client has set is told to it again as exactly as it was."""
    __slots__ = ('filetime',)

    def __new__(cls, filetime):
        self = super().__new__(cls, (filetime - _EPOCH) / 10000000)
        self.filetime = filetime
        return self


def _time(value):
    """Seconds since 1970, or a datetime, as a FILETIME; None: 0, not known."""
    if value is None:
        return 0
    if isinstance(value, Time):
        return value.filetime
    if isinstance(value, datetime.datetime):
        value = value.timestamp()
    return int(value * 10000000) + _EPOCH if value > -11644473600 else 1


class _Entry:
    __slots__ = ('mtime', 'ctime', 'atime', 'birth', 'attributes', 'id')

    def __init__(self, mtime=None, ctime=None, atime=None, birth=None, attributes=0, id=0):
        self.mtime, self.ctime, self.atime, self.birth, self.attributes, self.id = mtime, ctime, atime, birth, attributes, id

    def _attr(self, attributes, size):
        attributes |= self.attributes & ~(_DIRECTORY | _NORMAL)
        return (attributes, size, _time(self.mtime), _time(self.ctime), _time(self.atime), _time(self.birth), self.id)


class File(_Entry):
    """A file. content: bytes, text, or a function without arguments that returns one of them. Or size (bytes) and
    read(offset, length) -> bytes. save(content): clients may write, and this is called when one that wrote closes; what
    it raises is the client's answer. mtime, ctime, atime, birth: seconds since 1970, or a datetime. attributes: READ_ONLY,
    HIDDEN, SYSTEM, ARCHIVE. For stat() and list() of a class Volume size is enough."""
    __slots__ = ('content', 'size', 'read', 'save')

    def __init__(self, content=None, *, size=None, read=None, save=None, **others):
        super().__init__(**others)
        self.content, self.size, self.read, self.save = content, size, read, save

    def _describe(self, size=None):
        if size is None:
            size = self.size() if callable(self.size) else self.size or 0
        return self._attr(0 if self.attributes else _NORMAL, size)


class Folder(_Entry):
    """A folder. entries: a dict of names to whatever tree() may hold, or a function without arguments that returns one."""
    __slots__ = ('entries',)

    def __init__(self, entries=None, **times):
        super().__init__(**times)
        self.entries = entries

    def _describe(self, size=None):
        return self._attr(_DIRECTORY, 0)


def log(text, level=2):
    """A line in the server's log. level: 0 error, 1 warning, 2 info, 3 debug."""
    for line in str(text).splitlines():
        _put(level, line)


class _Stream:
    """Standard output and error of scripts: lines of the log."""

    def __init__(self, level):
        self.level = level
        self.lock = threading.Lock()
        self.rest = ''

    def write(self, text):
        with self.lock:
            *lines, self.rest = (self.rest + text).split('\n')
            if len(self.rest) > 4096:
                lines, self.rest = [*lines, self.rest], ''
        for line in lines:
            _put(self.level, line)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False


class _Who:
    """Who asks: user, domain, address (of the client's machine), is_guest, is_admin."""
    __slots__ = ('user', 'domain', 'address', 'is_guest', 'is_admin')


def who():
    """Who asks; within a call of the script's functions only, else None."""
    told = _smbkit.who()
    if told is None:
        return None
    w = _Who()
    w.user, w.domain, w.address, w.is_guest, w.is_admin = told
    return w


def cancelled():
    """Has the client given up the call that runs in this thread? For long ones to ask now and then."""
    return _smbkit.cancelled()


# ---- tree(): values as files ----

class Tree:
    """A Volume whose files are the values of a dict of names."""

    def __init__(self, root, keep_s=1.0):
        self.root = root
        self.keep_s = keep_s
        self.lock = threading.Lock()
        self.values = {}  # function -> (until, its value), for a moment

    def _call(self, function):
        """The value of a function, which is called again when the last one is too old."""
        now = _now()
        with self.lock:
            kept = self.values.get(function)
        if kept and kept[0] > now:
            return kept[1]
        value = function()
        if self.keep_s > 0:
            with self.lock:
                self._forget_old()
                self.values[function] = (_now() + self.keep_s, value)
        return value

    def _forget_old(self):
        """They stand in the order in which they were made, and all hold as long."""
        now = _now()
        while self.values:
            function = next(iter(self.values))
            if self.values[function][0] > now and len(self.values) < _VALUES_MAX:
                return
            del self.values[function]

    def _entry(self, value):
        """What a value of a dict stands for."""
        while callable(value) and not isinstance(value, (_Entry, os.PathLike)):
            value = self._call(value)
        if isinstance(value, _Entry):
            return value
        if isinstance(value, dict):
            return Folder(value)
        if isinstance(value, os.PathLike):
            return _host_entry(value)
        return File(value)

    def check(self):
        """Once, when the script is loaded."""
        root = self._entry(self.root)
        if not isinstance(root, Folder):
            raise _Unfit(f'tree() returned {type(root.content).__name__}: a dict of names is wanted')

    def _entries(self, folder):
        entries = folder.entries
        while callable(entries):
            entries = self._call(entries)
        return {} if entries is None else entries

    def _find(self, path):
        entry = self._entry(self.root)
        for name in path.split('/') if path else ():
            if not isinstance(entry, Folder):
                return None
            entries = self._entries(entry)
            try:
                if name not in entries:
                    return None
                value = entries[name]
            except KeyError:  # another thread of the script has just taken it out
                return None
            entry = self._entry(value)
        return entry

    def _content(self, file):
        content = file.content
        while callable(content):
            content = self._call(content)
        if isinstance(content, str):
            return content.encode()
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f'a file cannot be made of {type(content).__name__}: bytes, text, dict, path, function, File, Folder can be')
        return bytes(content)

    def _sized(self, entry):
        """As stat() answers: with the size of the content."""
        if isinstance(entry, Folder):
            return entry
        shown = File(size=entry.size, attributes=entry.attributes | (0 if entry.save else READ_ONLY), mtime=entry.mtime,
                     ctime=entry.ctime, atime=entry.atime, birth=entry.birth, id=entry.id)
        if entry.read is None:
            shown.size = len(self._content(entry))
        return shown

    def stat(self, path):
        entry = self._find(path)
        return entry and self._sized(entry)

    def list(self, path):
        folder = self._find(path)
        if not isinstance(folder, Folder):
            raise NotADirectoryError(path)
        for name, value in list(self._entries(folder).items()):
            try:
                shown = self._sized(self._entry(value))
            except BaseException as e:  # the others are there all the same; who opens it is told
                _status_of(e)
                shown = File(size=0, attributes=READ_ONLY)
            yield name, shown

    def open(self, path, write):
        entry = self._find(path)
        if not isinstance(entry, File):
            raise FileNotFoundError(path)
        if write and not entry.save:
            raise PermissionError(path)
        return _Content(entry, None if entry.read else self._content(entry))

    def stat_open(self, handle):
        shown = self._sized(handle.entry)
        if handle.content is not None:
            shown.size = len(handle.content)
        return shown

    def read(self, handle, offset, length):
        if handle.content is None:
            size = handle.entry.size() if callable(handle.entry.size) else handle.entry.size
            return handle.entry.read(offset, min(length, size - offset)) if offset < size else b''
        return handle.content[offset:offset + length]

    def write(self, handle, offset, data):
        with handle.lock:
            content = handle.writable(offset + len(data))
            if len(content) < offset:
                content.extend(bytes(offset - len(content)))
            content[offset:offset + len(data)] = data

    def set_size(self, handle, size):
        with handle.lock:
            content = handle.writable(size)
            del content[size:]
            content.extend(bytes(size - len(content)))

    def commit(self, handle):
        with handle.lock:
            if handle.is_written:
                handle.entry.save(bytes(handle.content))
                handle.is_written = False
        with self.lock:
            self.values.clear()


class _Content:
    """An open file of a Tree: the content as it was when it was opened, and what was written since."""
    __slots__ = ('entry', 'content', 'is_written', 'lock')

    def __init__(self, entry, content):
        self.entry, self.content, self.is_written = entry, content, False
        self.lock = threading.Lock()

    def writable(self, size):
        if size > _CONTENT_MAX:
            raise OSError(errno.EFBIG, 'too large to be kept in memory')
        if self.content is None:
            self.content = self.entry.read(0, self.entry.size() if callable(self.entry.size) else self.entry.size)
        if not isinstance(self.content, bytearray):
            self.content = bytearray(self.content)
        self.is_written = True
        return self.content


def _host_entry(path):
    """A file or folder of the host, to be read."""
    s = os.stat(path)
    times = {'mtime': s.st_mtime, 'ctime': s.st_ctime, 'atime': s.st_atime}
    if os.path.isdir(path):
        return Folder(lambda: {name: _HostPath(os.path.join(path, name)) for name in sorted(os.listdir(path))}, **times)
    if not os.path.isfile(path):
        raise FileNotFoundError(path)  # to open a pipe or a device would wait

    def read(offset, length):
        with open(path, 'rb') as f:
            return os.pread(f.fileno(), length, offset)
    return File(size=s.st_size, read=read, **times)


class _HostPath(os.PathLike):
    __slots__ = ('path',)

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


# ---- the shares of scripts ----

_mounts = []


def changed(path='', what=MODIFIED):
    """Something changed that no client did: wakes who watches and breaks what is cached, in every share of scripts of this
    server. path as the script's functions get it; '' is the root. what: ADDED, REMOVED, MODIFIED."""
    for mount in list(_mounts):
        mount.changed(path, what)
