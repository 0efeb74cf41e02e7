# SPDX-License-Identifier: Apache-2.0
"""What the plugin python calls: one call for each operation, with plain values."""
import os
import sys
import threading
import traceback

import _smbkit
from smbkit import READ_ONLY, Error, File, Folder, MODIFIED, Time, Tree, _DIRECTORY, _NORMAL, _Stream, _log_trace, _mounts, _now, _put, _status_of

_READ, _WRITE, _APPEND, _EXECUTE = 0x1, 0x2, 0x4, 0x20
_DATA = _READ | _WRITE | _APPEND | _EXECUTE
_OPEN = 1
_FILE, _FOLDER = 1, 2
_CREATE_TIME, _ACCESS_TIME, _WRITE_TIME, _CHANGE_TIME, _ATTRIBUTES = 0x1, 0x2, 0x4, 0x8, 0x10
_RELOAD_S = 1.0              # how often a script's file is looked at


class _Open:
    """One open of a file or folder."""
    __slots__ = ('volume', 'path', 'handle', 'has_handle', 'is_folder', 'names', 'wrote')

    def __init__(self, volume, path, is_folder):
        self.volume, self.path, self.is_folder = volume, path, is_folder
        self.handle, self.has_handle, self.names, self.wrote = None, False, None, False


def _checked(attr):
    """What stat() or the like has told, if these are numbers that a file can have."""
    try:
        if min(attr) >= 0 and max(attr[:-1]) < 1 << 63 and attr[-1] < 1 << 64 and type(sum(attr)) is int:
            return attr
    except TypeError:
        pass
    raise ValueError(f'attributes that no file can have: {attr}')


def _listed(item):
    """A name and its attributes, or None for them, as a listing has them; None: it can have none."""
    name, entry = (item, None) if isinstance(item, str) else (item[0], item[1])
    try:
        has_name = isinstance(name, str) and '\0' not in name and name.encode() is not None
    except UnicodeEncodeError:  # of the host, not UTF-8: nobody could ask for it
        has_name = False
    if not has_name:
        _put(1, f'entry left out, its name cannot be one: {name!r}')
        return None
    try:
        return name, entry and _checked(entry._describe())
    except BaseException as e:  # the others are there all the same; who opens it is told
        _status_of(e)
        return name, File(size=0, attributes=READ_ONLY)._describe()


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
        self.lock = threading.Lock()     # of opens, volume, uses and replaced
        self.loading = threading.Lock()  # of what follows, while the script is looked at
        self.opens = set()
        self.uses = {}      # by the id of a volume: calls of it that are under way, and what is open of it
        self.replaced = []  # former volumes that are in use
        self.looked = 0.0
        self.is_lost = False  # its file cannot be looked at: told once
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
                raise _Unfit(f'there is no argument "{min(self.args)}": the script looks at none of args')
            tree = Tree(space['tree'], self.keep_s)
            tree.check()
            return tree
        raise _Unfit('it has neither a function tree() nor a class Volume')

    def _is_writable(self):
        if isinstance(self.volume, Tree):
            return bool(self.globals.get('writable', False))
        return any(hasattr(self.volume, name) for name in ('write', 'make_file', 'make_folder', 'remove', 'rename'))

    def _look(self):
        """Load the script again if its file is another one. Calls that come meanwhile go to the former."""
        if _now() - self.looked < _RELOAD_S or not self.loading.acquire(blocking=False):
            return
        try:
            if self._load_again():
                _smbkit.log(2, f'python script {self.script} loaded again')
                _smbkit.changed(self.host, '', 6)
        except BaseException as e:  # what it was goes on
            if not self.is_lost:
                _put(0, f'python script {self.script} not loaded again: {type(e).__name__}: {e}')
            self.is_lost = self.is_lost or isinstance(e, _Unfit) and not os.path.exists(self.script)
        finally:
            self.looked = _now()
            self.loading.release()

    def _load_again(self):
        stamp = self._stamp()
        self.is_lost = False
        if stamp == self.stamp:
            return False
        self.stamp = stamp
        new = self._load()
        with self.lock:
            self.replaced.append(self.volume)
            self.volume = new
        self._end_replaced()
        return True

    def _use(self):
        """The volume as it is now; it does not end before _leave()."""
        with self.lock:
            self.uses[id(self.volume)] = self.uses.get(id(self.volume), 0) + 1
            return self.volume

    def _leave(self, volume):
        with self.lock:
            self.uses[id(volume)] -= 1
            if not self.uses[id(volume)]:
                del self.uses[id(volume)]
        if self.replaced:
            self._end_replaced()

    def _end_replaced(self):
        """A former volume ends when nothing of it is open any more, and no call is under way."""
        with self.lock:
            over = [volume for volume in self.replaced if id(volume) not in self.uses]
            self.replaced = [volume for volume in self.replaced if id(volume) in self.uses]
        for volume in over:
            self._end_volume(volume)

    def _end_volume(self, volume):
        try:
            if hasattr(volume, 'end'):
                volume.end()
        except BaseException as e:  # the others end all the same, and nobody has asked for it
            _log_trace(0, e)

    # -- names --

    def lookup(self, path):
        self._look()
        volume = self._use()
        try:
            entry = volume.stat(path)
            if entry is None:
                self._missing(volume, path)
            return _checked(entry._describe())
        finally:
            self._leave(volume)

    def create(self, path, disposition, kind, access, attributes):
        self._look()
        volume = self._use()
        try:
            return self._create(volume, (path, disposition, kind, access, attributes))
        except BaseException:  # else the open is a use
            self._leave(volume)
            raise

    def _create(self, volume, how):
        path, disposition, kind, access, attributes = how
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
            attr = _checked(self._describe(file, entry))
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
        return _checked(self._describe(file))

    def close(self, file):
        try:
            self._end(file)
        finally:
            with self.lock:
                self.opens.discard(file)
            self._leave(file.volume)

    # -- folders --

    def names(self, file):
        """The entries of a folder as they are when a listing begins: [(name, attributes or None), ...]."""
        self._look()
        found = []
        for item in file.volume.list(file.path):
            listed = _listed(item)
            if listed:
                found.append(listed)
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
        volume = self._use()
        try:
            space = getattr(volume, 'space', None)
            return space() if space else None
        finally:
            self._leave(volume)

    def control(self, command):
        volume = self._use()
        try:
            control = getattr(volume, 'control', None)
            if control is None:
                raise NotImplementedError(command)
            return control(command)
        finally:
            self._leave(volume)

    def changed(self, path='', what=MODIFIED):
        _smbkit.changed(self.host, path, what)

    def end(self):
        for volume in [*self.replaced, self.volume]:
            self._end_volume(volume)


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
