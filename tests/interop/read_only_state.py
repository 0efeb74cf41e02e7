# SPDX-License-Identifier: Apache-2.0
"""Everything in a folder of the host that a change could show in."""
import os

from harness import digest


def state(top):
    out = []
    for folder, names, files in os.walk(top):
        for n in sorted([*names, *files, '.']):
            path = os.path.join(folder, n)
            st = os.lstat(path)
            link = os.path.islink(path)
            out.append((path, st.st_mode, st.st_size, st.st_mtime_ns, st.st_nlink, st.st_ino, st.st_uid,
                        [] if link else sorted((k, os.getxattr(path, k)) for k in os.listxattr(path)),
                        digest(path) if os.path.isfile(path) and not link else ''))
    return sorted(out)
