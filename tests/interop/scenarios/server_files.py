# SPDX-License-Identifier: Apache-2.0
"""The server as files, for its administrators: smbkit-server-plugin(1) (quick)."""
import json

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, check_in, check_logged, main, smbkit, wait_for
from rawclient import Closed, connect

SHARES = """[admin]
plugin = server
plugin may administer = yes
read only = no
[m]
plugin = mem
read only = no
"""


def server():
    s = Server(config=SHARES, settings=f'admin users = {USER}\n')
    s.add_user('bob', PASSWORD)
    return s


@case('what is there')
def contents():
    with server() as s, connect(s, 'admin') as c, connect(s, 'm', user='bob') as other:
        check(c.names() == ['log.txt', 'opens.json', 'sessions', 'shares.json', 'statistics.json'], c.names())
        names = c.names('sessions')
        check(len(names) == 2 and any(n.startswith('bob 0x') for n in names), names)
        session = json.loads(c.content('sessions\\' + next(n for n in names if n.startswith('bob'))))
        check(session['user'] == 'bob', session)
        f = other.opened('here.txt', disposition=b.CREATE_NEW)
        check(any(o['path'].endswith('here.txt') for o in json.loads(c.content('opens.json'))), c.content('opens.json'))
        other.close(f)
        check(not any(o['path'].endswith('here.txt') for o in json.loads(c.content('opens.json'))))
        check({x['name'] for x in json.loads(c.content('shares.json'))} >= {'admin', 'm'}, c.content('shares.json'))
        check(json.loads(c.content('statistics.json'))['sessions'] == 2, c.content('statistics.json'))
        wait_for(lambda: b'logged in user="bob"' in c.content('log.txt'), 20, 'the log')


@case('deleting the file of a session ends it; nothing else can be deleted or made')
def end_session():
    with server() as s, connect(s, 'admin') as c, connect(s, 'm', user='bob') as other:
        name = next(n for n in c.names('sessions') if n.startswith('bob'))
        check(c.remove('log.txt') in ('ACCESS_DENIED', 'CANNOT_DELETE'))
        check(c.try_open('sessions\\new', disposition=b.CREATE_NEW) == 'ACCESS_DENIED')
        check(other.try_open('before', disposition=b.CREATE_NEW) == 'OK')
        check(c.remove('sessions\\' + name) == 'OK')
        wait_for(lambda: len(c.names('sessions')) == 1, 20, 'it to be gone')
        try:
            check(other.try_open('after', disposition=b.CREATE_NEW) != 'OK')
        except Closed:
            pass
        check_logged('session ended by="alice"', s)


@case('who is no administrator does not come in')
def others():
    with server() as s:
        s.smbclient('admin', 'ls', user='bob').refused('NT_STATUS_ACCESS_DENIED')
        s.smbclient('m', 'ls', user='bob').ok()


@case('it must be granted')
def grant():
    r = smbkit('serve', '--listen', '127.0.0.1:0', 'server:')
    check(r.code == 1, r.code, r.text)
    check_in('plugin may administer = yes', r.text)


main()
