# SPDX-License-Identifier: Apache-2.0
"""What a script of the plugin python may use (import smbkit), and what the plugin calls.

A script is a file system if it has a function tree(), or a class Volume; smbkit-python-plugin(1)
says what each may do. Names that begin with an underscore are the plugin's.
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

_READ, _WRITE, _APPEND, _EXECUTE = 0x1, 0x2, 0x4, 0x20
_DATA = _READ | _WRITE | _APPEND | _EXECUTE
_OPEN = 1
_FILE, _FOLDER = 1, 2
_DIRECTORY, _NORMAL = 0x10, 0x80
_CREATE_TIME, _ACCESS_TIME, _WRITE_TIME, _CHANGE_TIME, _ATTRIBUTES = 0x1, 0x2, 0x4, 0x8, 0x10
_EPOCH = 116444736000000000  # 1970 as a FILETIME: 100 ns since 1601
_RELOAD_S = 1.0              # how often a script's file is looked at
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
    while trace and trace.tb_frame.f_code.co_filename == 'smbkit.py':
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
            if name not in entries:
                return None
            entry = self._entry(entries[name])
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
            except Exception as e:  # the others are there all the same; who opens it is told
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


# ---- what the plugin calls ----

class _Open:
    """One open of a file or folder."""
    __slots__ = ('volume', 'path', 'handle', 'has_handle', 'is_folder', 'names', 'wrote')

    def __init__(self, volume, path, is_folder):
        self.volume, self.path, self.is_folder = volume, path, is_folder
        self.handle, self.has_handle, self.names, self.wrote = None, False, None, False


def _checked(attr):
    """Numbers that a file can have."""
    if not all(isinstance(n, int) and 0 <= n < 1 << 64 for n in attr):
        raise ValueError(f'attributes that no file can have: {attr}')


def _found(entry, path):
    if entry is None:
        raise FileNotFoundError(path)
    return entry


def _names(code, name):
    """Does a piece of code, or one within it, speak of the name?"""
    return name in code.co_names or any(_names(c, name) for c in code.co_consts if hasattr(c, 'co_names'))


class _Unfit(Exception):
    """A script that cannot be one, in words."""


class _Mount:
    """A share: the script's volume, loaded again when its file changes, and what is open of it."""

    def __init__(self, script, args, keep_s, host):
        self.script, self.args, self.keep_s, self.host = os.path.realpath(script), args, keep_s, host
        self.lock = threading.Lock()
        self.opens = set()
        self.looked = 0.0
        self.stamp = self._stamp()
        self.volume = self._load()
        self.is_writable = self._is_writable()

    # -- the script --

    def _stamp(self):
        try:
            s = os.stat(self.script)
        except OSError as e:
            raise _Unfit(e.strerror) from None
        return s.st_mtime_ns, s.st_size, s.st_ino

    def _load(self):
        folder = os.path.dirname(os.path.abspath(self.script))
        if folder not in sys.path:
            sys.path.insert(0, folder)
        space = {'__name__': '__smbkit__', '__file__': self.script, 'args': self.args}
        try:
            with open(self.script, encoding='utf-8') as f:
                text = f.read()
        except OSError as e:
            raise _Unfit(e.strerror) from None
        code = compile(text, self.script, 'exec')
        exec(code, space)  # the script is the user's own program
        self.globals = space
        if 'Volume' in space:
            volume = space['Volume'](**self.args)
            missing = [name for name in ('stat', 'list') if not hasattr(volume, name)]
            if missing:
                raise _Unfit(f'class Volume has no {" and no ".join(missing)}')
            return volume
        if 'tree' in space:
            if self.args and not _names(code, 'args'):
                raise _Unfit(f'it takes no arguments, and looks at none of args: {", ".join(sorted(self.args))}')
            tree = Tree(space['tree'], self.keep_s)
            tree.check()
            return tree
        raise _Unfit('it has neither a function tree() nor a class Volume')

    def _is_writable(self):
        if isinstance(self.volume, Tree):
            return bool(self.globals.get('writable', False))
        return any(hasattr(self.volume, name) for name in ('write', 'make_file', 'make_folder', 'remove', 'rename'))

    def _look(self):
        """Load the script again if its file is another one."""
        now = _now()
        if now - self.looked < _RELOAD_S:
            return
        with self.lock:
            if now - self.looked < _RELOAD_S:
                return
            self.looked = now
            try:
                stamp = self._stamp()
                if stamp == self.stamp:
                    return
                self.stamp = stamp
                old, self.volume = self.volume, self._load()
                if hasattr(old, 'end'):
                    old.end()
            except BaseException as e:  # what it was goes on
                _smbkit.log(0, f'python script {self.script} not loaded again: {type(e).__name__}: {e}')
                return
        _smbkit.log(2, f'python script {self.script} loaded again')
        _smbkit.changed(self.host, '', 6)

    # -- names --

    def lookup(self, path):
        self._look()
        volume = self.volume
        entry = volume.stat(path)
        if entry is None:
            self._missing(volume, path)
        return entry._describe()

    def create(self, path, disposition, kind, access, attributes):
        self._look()
        volume = self.volume
        entry = volume.stat(path)
        if disposition != _OPEN:
            if entry is not None:
                raise FileExistsError(path)
            self._make(volume, path, kind, attributes)
            return self._opened(_Open(volume, path, kind == _FOLDER), access, _found(volume.stat(path), path))
        if entry is None:
            self._missing(volume, path)
        is_folder = isinstance(entry, Folder)
        if is_folder and kind == _FILE:
            raise IsADirectoryError(path)
        if not is_folder and kind == _FOLDER:
            raise NotADirectoryError(path)
        return self._opened(_Open(volume, path, is_folder), access, entry)

    def _missing(self, volume, path):
        parent = path.rpartition('/')[0]
        if parent and not isinstance(volume.stat(parent), Folder):
            raise Error('OBJECT_PATH_NOT_FOUND')
        raise Error('OBJECT_NAME_NOT_FOUND')

    def _make(self, volume, path, kind, attributes):
        parent = path.rpartition('/')[0]
        if parent and not isinstance(volume.stat(parent), Folder):
            raise Error('OBJECT_PATH_NOT_FOUND')
        make = getattr(volume, 'make_folder' if kind == _FOLDER else 'make_file', None)
        if make is None:
            raise PermissionError(path)
        make(path)
        attributes &= ~(_DIRECTORY | _NORMAL)
        if attributes and hasattr(volume, 'set_attr'):
            volume.set_attr(path, attributes=attributes)

    def _opened(self, file, access, entry):
        if not file.is_folder and access & _DATA:
            begin = getattr(file.volume, 'open', None)
            file.handle = begin(file.path, bool(access & (_WRITE | _APPEND))) if begin else file.path
            file.has_handle = True
        try:
            attr = self._describe(file, entry)
            _checked(attr)
        except BaseException:
            self._end(file)
            raise
        with self.lock:
            self.opens.add(file)
        return file, attr

    def _end(self, file):
        if file.has_handle and hasattr(file.volume, 'close'):
            file.volume.close(file.handle)

    def _describe(self, file, entry=None):
        if file.has_handle and hasattr(file.volume, 'stat_open'):
            return file.volume.stat_open(file.handle)._describe()
        if entry is None:
            entry = _found(file.volume.stat(file.path), file.path)
        return entry._describe()

    def getattr(self, file):
        return self._describe(file)

    def close(self, file):
        with self.lock:
            self.opens.discard(file)
        self._end(file)

    # -- folders --

    def names(self, file):
        """The entries of a folder as they are when a listing begins: [(name, attributes or None), ...]."""
        self._look()
        found = []
        for item in file.volume.list(file.path):
            name, attr = (item, None) if isinstance(item, str) else (item[0], item[1]._describe())
            try:
                name.encode()
            except UnicodeEncodeError:  # of the host, not UTF-8: nobody could ask for it
                _put(1, f'entry left out, its name is no UTF-8: {name!r}')
                continue
            found.append((name, attr))
        return found

    # -- data --

    def read(self, file, offset, length):
        return file.volume.read(file.handle, offset, length)

    def write(self, file, offset, data):
        if not data:
            return 0
        if offset is None:
            offset = self._describe(file)[1]
        done = self._need(file, 'write')(file.handle, offset, data)
        file.wrote = True
        return len(data) if done is None else done

    def _need(self, file, name):
        method = getattr(file.volume, name, None)
        if method is None or not file.has_handle:
            raise PermissionError(file.path)
        return method

    def set_size(self, file, size):
        self._need(file, 'set_size')(file.handle, size)
        file.wrote = True

    def flush(self, file):
        if file.has_handle and hasattr(file.volume, 'flush'):
            file.volume.flush(file.handle)

    def commit(self, file):
        if file.wrote and hasattr(file.volume, 'commit'):
            file.volume.commit(file.handle)
            file.wrote = False

    # -- changes --

    def remove(self, file):
        remove = getattr(file.volume, 'remove', None)
        if remove is None:
            raise PermissionError(file.path)
        remove(file.path)

    def _check_target(self, file, new_path, replaces):
        """What a script need not look at: a folder is never replaced, a file when that was asked for."""
        parent = new_path.rpartition('/')[0]
        if parent and not isinstance(file.volume.stat(parent), Folder):
            raise Error('OBJECT_PATH_NOT_FOUND')
        there = None if new_path == file.path else file.volume.stat(new_path)
        if isinstance(there, Folder) or (there is not None and not replaces):
            raise FileExistsError(new_path)

    def rename(self, file, new_path, replaces):
        rename = getattr(file.volume, 'rename', None)
        if rename is None:
            raise PermissionError(file.path)
        old = file.path
        self._check_target(file, new_path, replaces)
        rename(old, new_path, replaces)
        with self.lock:
            for other in self.opens:
                if other.path == old:
                    other.path = new_path
                elif other.path.startswith(old + '/'):
                    other.path = new_path + other.path[len(old):]

    def setattr(self, file, valid, attributes, times):
        change = getattr(file.volume, 'set_attr', None)
        if change is None:
            raise PermissionError(file.path)
        told = {name: Time(value)
                for bit, name, value in zip((_CREATE_TIME, _ACCESS_TIME, _WRITE_TIME, _CHANGE_TIME),
                                            ('birth', 'atime', 'mtime', 'ctime'), times) if valid & bit}
        if valid & _ATTRIBUTES:
            told['attributes'] = attributes & ~(_DIRECTORY | _NORMAL)
        change(file.path, **told)

    def space(self):
        """(total, free) in bytes, or None."""
        space = getattr(self.volume, 'space', None)
        return space() if space else None

    def control(self, command):
        control = getattr(self.volume, 'control', None)
        if control is None:
            raise NotImplementedError(command)
        return control(command)

    def changed(self, path='', what=MODIFIED):
        _smbkit.changed(self.host, path, what)

    def end(self):
        if hasattr(self.volume, 'end'):
            self.volume.end()


_mounts = []


def changed(path='', what=MODIFIED):
    """Something changed that no client did: wakes who watches and breaks what is cached, in every share of scripts of this
    server. path as the script's functions get it; '' is the root. what: ADDED, REMOVED, MODIFIED."""
    for mount in list(_mounts):
        mount.changed(path, what)


def _mount(script, args, keep_s, host):
    script = os.path.realpath(script)
    try:
        mount = _Mount(script, args, keep_s, host)
    except SyntaxError as e:
        where = '' if e.filename == script else f'{e.filename} '
        raise ValueError(f'{where}line {e.lineno}: {e.msg}') from None
    except _Unfit as e:
        raise ValueError(str(e)) from None
    except BaseException as e:
        _log_trace(1, e)
        lines = [frame.lineno for frame in traceback.extract_tb(e.__traceback__) if frame.filename == script]
        raise ValueError((f'line {lines[-1]}: ' if lines else '') + f'{type(e).__name__}: {e}') from None
    _mounts.append(mount)
    return mount


def _unmount(mount):
    if mount in _mounts:
        _mounts.remove(mount)
    mount.end()


def _begin():
    sys.stdout = _Stream(2)
    sys.stderr = _Stream(1)
