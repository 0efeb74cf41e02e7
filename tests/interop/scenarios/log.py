# SPDX-License-Identifier: Apache-2.0
"""What the log and status say, and that no client can make them say something else."""
import json

from harness import PASSWORD, USER, Server, case, check, check_in, check_logged, main, smbkit, wait_for

EVIL = ('x" from=10.9.9.9 status=OK z="', 'two\nlines 2026-01-01T00:00:00.000Z info  smb logged in user="root"',
        'esc\x1b[2J\x9b31m', 'right\u202eleft\u2028', 'back\\')


def at_default_level(*args, **how):
    """serve as it is without words about the log."""
    s = Server(*args, **how)
    i = s.command.index('--log-level')
    del s.command[i:i + 2]
    return s


@case('serve tells a wrong password and a refused share at once')
def told():
    with at_default_level('mem:') as s:
        s.smbclient('mem', 'ls', password='wrong').refused('NT_STATUS_LOGON_FAILURE')
        check_logged(f'log-in failed user="{USER}" from=127.0.0.1 status=LOGON_FAILURE', s)
        s.smbclient('mem', 'ls').ok()
        check(len(s.log().splitlines()) == 1, s.log())
    with Server(config='[one]\nplugin = mem\nvalid users = bob\n', settings='log level = warn\n') as s:
        s.smbclient('one', 'ls').refused('NT_STATUS_ACCESS_DENIED')
        check_logged(f'share refused share="one" user="{USER}" from=127.0.0.1', s)


def fail_log_ins(s):
    for name in EVIL:
        try:
            s.impacket(user=name, password='x')
        except Exception:  # noqa: S110
            pass


@case('names end no field and no line of a text log')
def text():
    with at_default_level('mem:') as s:
        fail_log_ins(s)
        wait_for(lambda: s.log().count('log-in failed') >= len(EVIL), 60, 'the lines')
        with open(s.log_path, encoding='utf-8', newline='') as f:
            lines = f.read().rstrip('\n').split('\n')
        for line in lines:
            check(line.count('status=LOGON_FAILURE') == 1 and line.isprintable(), repr(line))
        check_in('user="x\\" from=10.9.9.9 status=OK z=\\"" from=127.0.0.1', lines[0])


@case('and of a log in JSON')
def as_json():
    with at_default_level('mem:', args=['--log-format', 'json']) as s:
        fail_log_ins(s)
        wait_for(lambda: s.log().count('log-in failed') >= len(EVIL), 60, 'the lines')
        for line in s.log().rstrip('\n').split('\n'):
            o = json.loads(line)
            check(line.isprintable() and o['text'].isprintable(), repr(line))


@case('status: who has what open, in words; names make no column and no line')
def status():
    with Server('mem:') as s:
        c = s.impacket().getSMBServer()
        tree = c.connectTree('mem')
        name = 'f\x9b31m  "mem" "g'.replace('"', '\uf022') + '\u202e\n'.strip()
        c.create(tree, name, 0x10003, 7, 0x40, 3, 0)
        o = s.status()['opens'][0]
        check((o['user'], o['share'], o['path']) == (USER, 'mem', name), o)
        check(o['rights'] == ['read', 'write', 'delete'], o)
        r = smbkit('status', '--socket', s.control)
        check(all(line.isprintable() for line in r.text.splitlines()), repr(r.text))
        check_in(f'  {USER}  "mem" "f\\u009b31m', r.text)
        check_in('read, write, delete', r.text)


@case('status: signed and encrypted as the session really is')
def protection():
    for how, signed, encrypted in (('sign', True, False), ('encrypt', False, True)):
        with Server('mem:') as s, s.session('mem', protection=how) as c:
            c.do('ls')
            now = s.status()['sessions'][0]
            check((now['signed'], now['encrypted']) == (signed, encrypted), how, now)


@case('a control socket that is taken is told')
def socket_taken():
    with Server('mem:') as one:
        two = Server('mem:')
        two.command[two.command.index('--control-socket') + 1] = one.control
        two.control = one.control
        with two:
            check_logged('another smbkit uses it', two)
        one.smbclient('mem', 'ls', password=PASSWORD).ok()
        check(smbkit('status', '--socket', one.control).code == 0, 'the first one still answers')


main()
