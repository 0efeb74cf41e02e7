# SPDX-License-Identifier: Apache-2.0
"""Who gets in: passwords, guests, several users (quick)."""
import rawbodies as b
from harness import DIALECTS, PASSWORD, USER, Server, case, check, check_in, check_logged, main, run, smbkit
from rawclient import Files, connect


@case('a wrong password is refused, the right one works after it')
def wrong_password():
    with Server('mem:') as s:
        for dialect in DIALECTS:
            s.smbclient('mem', 'ls', dialect=dialect, password='wrong').refused('NT_STATUS_LOGON_FAILURE')
        s.smbclient('mem', 'ls').ok()
        check(s.status()['counters']['logon_failures_total'] >= len(DIALECTS), s.status()['counters'])


@case('an unknown user is refused')
def unknown_user():
    with Server('mem:') as s:
        s.smbclient('mem', 'ls', user='mallory').refused('NT_STATUS_LOGON_FAILURE')
        s.smbclient('mem', 'ls', user=USER + 'x').refused('NT_STATUS_LOGON_FAILURE')


@case('an empty password is refused')
def empty_password():
    with Server('mem:') as s:
        s.smbclient('mem', 'ls', password='').refused('NT_STATUS_LOGON_FAILURE')


@case('a name without any password is refused as a wrong one is, and counted')
def no_password():
    for args in ([], ['--guest']):
        with Server('mem:', args=args) as s:
            for dialect in DIALECTS:
                command = [*s.client_command('mem', user=None, dialect=dialect), '-U', USER, '-c', 'ls']
                run(command, s.folder).refused('NT_STATUS_LOGON_FAILURE')
            check(s.status()['counters']['logon_failures_total'] >= len(DIALECTS), s.status()['counters'])
            check_logged('status=LOGON_FAILURE', s)


@case('guests are refused unless asked for')
def no_guest():
    with Server('mem:') as s:
        s.smbclient('mem', 'ls', user=None).refused('NT_STATUS_LOGON_FAILURE', 'NT_STATUS_ACCESS_DENIED')


@case('guests are let in when asked for')
def guest():
    with Server('mem:', users=(), args=['--guest']) as s:
        for dialect in DIALECTS:
            s.smbclient('mem', 'mkdir x; ls; rmdir x', user=None, dialect=dialect, protection='off').ok()
        check('log-in failed' not in s.log(), s.log())


@case('beside guests a user with a wrong password stays out')
def guest_and_users():
    with Server('mem:', args=['--guest']) as s:
        s.smbclient('mem', 'ls', password='wrong').refused('NT_STATUS_LOGON_FAILURE')
        s.smbclient('mem', 'ls').ok()
        s.smbclient('mem', 'ls', user=None, protection='off').ok()


@case('signing is required: a client that will not sign is refused')
def must_sign():
    with Server('mem:') as s:
        # smbclient signs when the server says that it must; what it sent is the server's business.
        with s.session('mem', protection='off') as c:
            c.do('ls')
            now = s.status()['sessions']
            check(now and all(x['signed'] for x in now), now)


@case('several users, names without regard to case, passwords beyond ASCII')
def users():
    with Server('mem:', users=((USER, PASSWORD), ('Bob', 'gr\u00fc\u00dfe \u65e5\u672c'))) as s:
        s.smbclient('mem', 'ls').ok()
        s.smbclient('mem', 'ls', user=USER.upper()).ok()
        s.smbclient('mem', 'ls', user='bob', password='gr\u00fc\u00dfe \u65e5\u672c').ok()
        s.smbclient('mem', 'ls', user='bob', password=PASSWORD).refused('NT_STATUS_LOGON_FAILURE')


@case('a share that does not exist')
def no_share():
    with Server('mem:') as s:
        s.smbclient('nothing', 'ls').refused('NT_STATUS_BAD_NETWORK_NAME')


@case('valid users of a share')
def valid_users():
    shares = '[open]\nplugin = mem\n[closed]\nplugin = mem\nvalid users = somebodyelse\n'
    with Server(config=shares) as s:
        s.smbclient('open', 'ls').ok()
        s.smbclient('closed', 'ls').refused('NT_STATUS_ACCESS_DENIED')


@case('groups, lists of readers and writers, and addresses')
def lists():
    shares = ('[closed]\nplugin = mem\nread only = no\nvalid users = @staff @office\nread list = @office\n'
              '[far]\nplugin = mem\nhosts allow = 192.0.2.\nhosts deny = 127.\n')
    with Server(config=shares, settings=f'group = staff: {USER}\n') as s:
        bob, carol = ({'user': name, 'password': f'The secret of {name}'} for name in ('bob', 'carol'))
        for who in (bob, carol):
            r = smbkit('user', 'add', who['user'], '--file', s.path('users'), '--password-file', '-',
                       stdin=who['password'] + '\n')
            check(r.code == 0, r.text)
        s.smbclient('closed', 'mkdir made').ok()
        s.smbclient('closed', 'ls', **bob).refused('NT_STATUS_ACCESS_DENIED')
        r = smbkit('user', 'groups', 'bob', 'office, other', '--file', s.path('users'))
        check(r.code == 0, r.text)
        check_in('groups office,other', smbkit('user', 'list', '--file', s.path('users')).text)
        s.smbclient('closed', 'ls', **bob).ok()
        for change in ('rmdir made', 'mkdir more'):
            s.smbclient('closed', change, **bob).refused('NT_STATUS_ACCESS_DENIED', 'NT_STATUS_MEDIA_WRITE_PROTECTED')
        s.smbclient('closed', 'ls', **carol).refused('NT_STATUS_ACCESS_DENIED')
        s.smbclient('far', 'ls').refused('NT_STATUS_ACCESS_DENIED')
        check_in('Local Group', s.rpcclient('lookupnames staff').text)


@case('a password is not in the log or on the command line of a users file')
def secrets():
    with Server('mem:', args=['--log-level', 'trace']) as s:
        s.smbclient('mem', 'ls').ok()
        check(PASSWORD not in s.log(), 'the password stands in the log')
        check_logged(USER, s)


@case('who logs in again is told so when the files of the session before are closed, however long that takes')
def slow_previous():
    with Server(config='[m]\nplugin = mem\nread only = no\nfilter = delay:remove=500\n') as s:
        with connect(s, 'm') as old, Files(s.port) as new:
            old.opened('gone', access=b.READ_WRITE | 0x10000, disposition=b.CREATE_NEW, options=b.DELETE_ON_CLOSE)
            new.negotiate()
            check(new.login(previous=old.sid).name == 'OK', 'log-in')
            check(new.tree('m').name == 'OK', 'the share')
            check(new.try_open('gone') == 'OBJECT_NAME_NOT_FOUND', 'the file is there when the log-in has been answered')


main()
