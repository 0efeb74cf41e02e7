# SPDX-License-Identifier: Apache-2.0
"""Files in memory, with all operations that a script may have: smbkit-python-plugin(1).

    smbkit serve python:script=files.py
"""
import threading
import time

import smbkit


class Node:
    def __init__(self, is_folder):
        now = time.time()
        self.is_folder, self.data = is_folder, bytearray()
        self.known = {'mtime': now, 'ctime': now, 'atime': now, 'birth': now, 'attributes': 0, 'id': id(self)}

    def describe(self):
        return smbkit.Folder(**self.known) if self.is_folder else smbkit.File(size=len(self.data), **self.known)


class Volume:
    """path: '' is the root, 'a/b' a file or folder in it. What is raised is the client's answer."""

    def __init__(self, megabytes='64'):
        self.nodes = {'': Node(True)}
        self.room = int(megabytes) << 20
        self.lock = threading.Lock()  # calls come from several threads

    def stat(self, path):
        node = self.nodes.get(path)
        return node and node.describe()

    def list(self, path):
        start = path + '/' if path else ''
        with self.lock:
            nodes = list(self.nodes.items())
        for name, node in nodes:
            if name and name.startswith(start) and '/' not in name[len(start):]:
                yield name[len(start):], node.describe()

    def open(self, path, write):
        return self.nodes[path]

    def stat_open(self, node):
        return node.describe()

    def read(self, node, offset, length):
        return bytes(node.data[offset:offset + length])

    def write(self, node, offset, data):
        with self.lock:
            self._grow(node, offset + len(data))
            node.data[offset:offset + len(data)] = data
            node.known['mtime'] = time.time()

    def set_size(self, node, size):
        with self.lock:
            self._grow(node, size)
            del node.data[size:]

    def _grow(self, node, size):
        more = size - len(node.data)
        if more > 0:
            if more > self.space()[1]:
                raise smbkit.Error('DISK_FULL')
            node.data.extend(bytes(more))

    def make_file(self, path):
        with self.lock:
            self.nodes[path] = Node(False)

    def make_folder(self, path):
        with self.lock:
            self.nodes[path] = Node(True)

    def remove(self, path):
        with self.lock:
            if any(name.startswith(path + '/') for name in self.nodes):
                raise smbkit.Error('DIRECTORY_NOT_EMPTY')
            del self.nodes[path]

    def rename(self, old, new, replace):
        with self.lock:
            if new in self.nodes and new != old and not replace:
                raise FileExistsError(new)
            moved = {new + name[len(old):]: node for name, node in self.nodes.items()
                     if name == old or name.startswith(old + '/')}
            self.nodes = {name: node for name, node in self.nodes.items()
                          if name != old and not name.startswith(old + '/')}
            self.nodes.update(moved)

    def set_attr(self, path, **known):
        self.nodes[path].known.update(known)

    def space(self):
        return self.room, self.room - sum(len(n.data) for n in self.nodes.values())
