# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: a changed configuration holds for those who are connected."""
import os
import signal

from harness import PASSWORD, USER, Server, case, check, check_in, check_logged, main, smbkit, wait_for, write_file

OPEN = '[one]\nplugin = mem\nread only = no\n'
OTHER = '[other]\nplugin = mem\n'


def reload(s, shares):
    """Write the configuration and wait until it is taken in."""
    before = s.log().count('reloaded problems=')
    s.write_config(shares)
    s.signal(signal.SIGHUP)
    wait_for(lambda: s.log().count('reloaded problems=') > before, 10, 'the reload')


class Client:
    """Somebody with a file open for writing."""

    def __init__(self, s, share='one'):
        self.smb = s.impacket().getSMBServer()
        self.tree = self.smb.connectTree(share)
        self.file = self.open('file', 5)

    def open(self, name, disposition):
        return self.smb.create(self.tree, name, 0x120116, 7, 0x40, disposition, 0)

    def writes(self):
        """'' or the name of the status."""
        try:
            self.smb.write(self.tree, self.file, b'x', 0, 1)
        except Exception as e:
            return str(e).split('(')[0]
        return ''


def gone(s, client, status='STATUS_NETWORK_NAME_DELETED'):
    check_in(status, client.writes())
    wait_for(lambda: not s.status()['opens'], 10, 'the file to be closed')


@case('what has not changed goes on')
def unchanged():
    with Server(config=OPEN) as s:
        c = Client(s)
        reload(s, OPEN.replace('plugin', 'comment = more\nplugin') + OTHER)
        check(c.writes() == '', c.writes())


@case('read only, for an open file, and back, with the content kept')
def read_only():
    with Server(config=OPEN) as s:
        c = Client(s)
        reload(s, OPEN.replace('= no', '= yes'))
        check_in('STATUS_MEDIA_WRITE_PROTECTED', c.writes())
        s.smbclient('one', 'mkdir new').refused('NT_STATUS_MEDIA_WRITE_PROTECTED', 'NT_STATUS_ACCESS_DENIED')
        check_in('file', s.smbclient('one', 'ls').ok())
        reload(s, OPEN)
        check(c.writes() == '', c.writes())


@case('a folder behind a filter that passes all on')
def behind_filter():
    share = '[one]\npath = @/folder\nread only = no\nfilter = log\n'
    with Server(config=share) as s:
        c = Client(s)
        reload(s, share)
        check(c.writes() == '', 'the folder is the same', c.writes())


@case('a path that leads to another folder')
def another_folder():
    share = '[one]\npath = @/folder\nread only = no\n'
    with Server(config=share) as s:
        folder = s.path('folder')
        c = Client(s)
        reload(s, share)
        check(c.writes() == '', 'the folder is the same', c.writes())
        os.rename(folder, folder + '.old')
        os.mkdir(folder)
        write_file(folder + '/new', b'')
        check(c.writes() == '', 'it follows its folder', c.writes())
        reload(s, share)
        gone(s, c)
        text = s.smbclient('one', 'ls').ok()
        check(' new ' in text and ' file ' not in text, text)
        # Where nothing can be opened, the share stays as it was.
        os.rename(folder, folder + '.away')
        with open(s.config, encoding='ascii') as f:
            check_in(f'path = {folder}\n', f.read())
        before = s.log().count('reloaded problems=1')
        s.signal(signal.SIGHUP)
        wait_for(lambda: s.log().count('reloaded problems=1') > before, 10, 'the reload')
        check_in(' new ', s.smbclient('one', 'ls').ok())
        check_logged('opened anew', s)
        check(s.log().count('opened anew') == 1, 'only what was opened', s.log())
        check_logged('it leads elsewhere by now, which cannot be opened: ', s)
        check_logged('; it stays as it was', s)


@case('a file with nothing in it changes nothing; one without shares ends them, with a word')
def nothing_left():
    with Server(config=OPEN + OTHER) as s:
        c = Client(s)
        with open(s.config, encoding='ascii') as f:
            whole = f.read()
        for text in ('', '\n# later\n'):
            before = s.log().count('reloaded problems=1')
            write_file(s.config, text.encode())
            s.signal(signal.SIGHUP)
            wait_for(lambda n=before: s.log().count('reloaded problems=1') > n, 10, 'the reload')
            check(c.writes() == '', text, c.writes())
        check_logged('there is nothing in it; everything stays as it was', s)
        write_file(s.config, whole.split('[one]')[0].encode())
        s.signal(signal.SIGHUP)
        wait_for(lambda: 'reloaded problems=0' in s.log(), 10, 'the reload')
        gone(s, c)
        for words in ('warn  server share removed name="one" opens=1', 'share removed name="other" opens=0', 'nothing is shared'):
            wait_for(lambda w=words: w in s.log(), 10, words)


@case('a users file with nothing in it changes nothing')
def no_users_left():
    with Server(config=OPEN) as s:
        c = Client(s)
        write_file(s.path('users'), b'')
        s.signal(signal.SIGHUP)
        wait_for(lambda: 'reloaded problems=1' in s.log(), 10, 'the reload')
        check_logged('there is nothing in it; the users stay as they were', s)
        check(c.writes() == '', c.writes())


@case('valid users')
def valid_users():
    with Server(config=OPEN) as s:
        c = Client(s)
        reload(s, OPEN + 'valid users = bob\n')
        gone(s, c)
        s.smbclient('one', 'ls').refused('NT_STATUS_ACCESS_DENIED')


@case('smb encrypt of a share')
def encryption():
    with Server(config=OPEN) as s:
        c = Client(s)
        reload(s, OPEN + 'smb encrypt = required\n')
        gone(s, c)
        s.smbclient('one', 'ls').ok()


@case('a share that was changed and then removed')
def changed_then_removed():
    with Server(config=OPEN) as s:
        c = Client(s)
        changed = OPEN + 'plugin.size = 1M\n'
        reload(s, changed + OTHER)
        gone(s, c)
        c = Client(s)
        reload(s, OTHER)
        gone(s, c)
        s.smbclient('one', 'ls').refused('NT_STATUS_BAD_NETWORK_NAME')


@case('a changed password, a disabled and a removed user')
def users():
    with Server(config=OPEN) as s:
        def change(*args, stdin=None):
            r = smbkit('user', *args, '--file', s.path('users'), stdin=stdin)
            check(r.code == 0, r.text)
            reload(s, OPEN)

        c = Client(s)
        change('add', 'bob', '--password-file', '-', stdin='secret\n')
        check(c.writes() == '', 'bob is not', USER)
        change('passwd', USER, '--password-file', '-', stdin='another one\n')
        gone(s, c, 'rror')  # it seals: a message of a session that is gone ends the connection
        change('passwd', USER, '--password-file', '-', stdin=PASSWORD + '\n')
        c = Client(s)
        change('del', USER)
        gone(s, c, 'rror')
        check_logged('reason="the user was removed', s)


@case('guests are sent away')
def guests():
    share = OPEN + 'guest ok = yes\n'
    with Server(config=share, settings='map to guest = bad user\nserver signing = auto\n') as s:
        with s.session('one', user=None) as c:
            check('NT_STATUS' not in c.do('mkdir mine'), 'guest')
            s.settings = ''
            reload(s, share)
            check_in('NT_STATUS', c.do('mkdir theirs'))
        check('theirs' not in s.smbclient('one', 'ls').ok(), 'made all the same')


@case('server string')
def server_string():
    with Server(config=OPEN) as s:
        s.settings = 'server string = Newly said\n'
        reload(s, OPEN)
        check_in('Newly said', s.rpcclient('srvinfo').text)


main()
