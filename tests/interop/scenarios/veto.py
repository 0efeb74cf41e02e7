# SPDX-License-Identifier: Apache-2.0
"""The veto filter: names that are not there, and folders that hold nothing else (quick)."""
import os

import rawbodies as b
from harness import Server, case, check, expect, main
from rawclient import connect

CONFIG = '[share]\npath = @/share\nread only = no\nfilter = veto:files=/.DS_Store/*.tmp/,delete={}\n'


def filled(s):
    top = os.path.join(s.folder, 'share')
    os.makedirs(os.path.join(top, 'd', 'x.tmp', 'deeper'))
    for name in ('d/.DS_Store', 'd/x.tmp/a', 'd/x.tmp/deeper/b', 'a.tmp', 'seen'):
        with open(os.path.join(top, name), 'wb') as f:
            f.write(b'x')
    return top


@case('names', 'no')
@case('names, where folders go', 'yes')
def names(delete):
    s = Server(config=CONFIG.format(delete))
    top = filled(s)
    with s, connect(s, 'share') as c:
        expect('the root', sorted(c.names('')), ['d', 'seen'])
        expect('the folder', c.names('d'), [])
        for name in ('a.tmp', 'A.TMP', 'd\\.ds_store'):
            expect(name, c.try_open(name), 'OBJECT_NAME_NOT_FOUND')
        expect('below', c.try_open('d\\x.tmp\\a'), 'OBJECT_PATH_NOT_FOUND')
        expect('a stream', c.try_open('a.tmp:s', access=3, disposition=b.OPEN_IF), 'OBJECT_NAME_NOT_FOUND', 'ACCESS_DENIED')
        expect('made', c.try_open('new.tmp', access=3, disposition=b.CREATE_NEW), 'ACCESS_DENIED')
        expect('made or opened', c.try_open('a.tmp', access=3, disposition=b.OPEN_IF), 'ACCESS_DENIED')
        expect('renamed', c.move('seen', 'seen.tmp'), 'ACCESS_DENIED')
        expect('onto one', c.move('seen', 'a.tmp', replace=True), 'ACCESS_DENIED')
        expect('linked', c.link('seen', 'd\\seen.tmp'), 'ACCESS_DENIED')
        expect('removed', c.remove('d', b.FOLDER), 'OK' if delete == 'yes' else 'DIRECTORY_NOT_EMPTY')
        expect('is it there?', c.try_open('d', options=b.FOLDER), 'OBJECT_NAME_NOT_FOUND' if delete == 'yes' else 'OK')
        check(os.path.exists(os.path.join(top, 'd')) == (delete == 'no'), 'the folder of the host')
        check(sorted(n for n in os.listdir(top) if n != 'd') == ['a.tmp', 'seen'], os.listdir(top))


main()
