# SPDX-License-Identifier: Apache-2.0
"""smbkit share: shares of a running server come, are replaced and go (quick)."""
import os
import signal

import rawbodies as b
from harness import Server, case, check, check_in, expect, main, smbkit, wait_for, write_file
from rawclient import connect


def share(s, *words, **how):
    stacked = s.stacked() if words[0] in ('add', 'replace') else ()
    return smbkit('share', *words, *stacked, '--socket', s.control, **how)


def refused(s, words, *says):
    r = share(s, *words)
    check(r.code != 0, f'{words}: not refused')
    for text in says:
        check_in(text, r.text)


def listed(s):
    """Lines of the list without what the harness stacks."""
    return [line.replace('pend over ', '') for line in share(s, 'list').ok().splitlines()]


@case('one comes, is replaced and goes')
def comes():
    with Server('docs=mem:') as s:
        os.makedirs(s.path('files'))
        os.makedirs(s.path('other'))
        write_file(s.path('files', 'one'), b'1')
        write_file(s.path('other', 'two'), b'22')
        share(s, 'add', f'more={s.path("files")}').ok()
        expect('list', sorted(listed(s)), ['docs  mem  0 open', 'more  dir  0 open  by command'])
        check_in('one', s.smbclient('more', 'ls').ok())
        s.smbclient('more', 'mkdir new').ok()
        refused(s, ('add', 'MORE=mem:'), 'share "MORE": there is one already')
        refused(s, ('replace', 'no=mem:'), 'share "no": there is none')
        refused(s, ('remove', 'no'), 'share "no": there is none')
        share(s, 'replace', f'more={s.path("other")}', '--read-only', '--filter', 'log').ok()
        check_in('two', s.smbclient('more', 'ls').ok())
        s.smbclient('more', 'mkdir new').refused('NT_STATUS_MEDIA_WRITE_PROTECTED', 'NT_STATUS_ACCESS_DENIED')
        check_in('more  log over dir  read-only  0 open  by command', '\n'.join(listed(s)))
        share(s, 'remove', 'more').ok()
        s.smbclient('more', 'ls').refused('NT_STATUS_BAD_NETWORK_NAME')
        expect('list', listed(s), ['docs  mem  0 open'])


@case('what is open')
def opened():
    with Server('docs=mem:') as s, connect(s, 'docs') as c:
        f = c.opened('file', disposition=b.OPEN_IF)
        refused(s, ('remove', 'docs', '--handles', 'refuse'), 'share "docs": 1 file is open in it')
        refused(s, ('replace', 'docs=mem:size=1M', '--handles', 'refuse'), 'share "docs": 1 open file cannot go on in it; it stays')
        expect('it goes on', c.write(f, b'x'), 'OK')
        # Only settings change: nobody loses anything.
        expect('says', share(s, 'replace', 'docs=mem:', '--set', 'comment = for all', '--handles', 'refuse').ok(), '')
        expect('it goes on', c.write(f, b'x'), 'OK')
        expect('nor is told so', share(s, 'replace', 'docs=mem:', '--set', 'comment = for some', '--handles', 'close').ok(), '')
        expect('it goes on', c.write(f, b'x'), 'OK')
        check_in('1 open file closed', share(s, 'replace', 'docs=mem:size=1M', '--handles', 'close').ok())
        expect('it is gone', c.write(f, b'x'), 'NETWORK_NAME_DELETED')
        wait_for(lambda: not s.status()['opens'], 10, 'the file to be closed')
        s.smbclient('docs', 'ls file').refused('NT_STATUS_NO_SUCH_FILE')


@case('what is open goes on in another folder')
def moved():
    with Server('docs=@/one') as s:
        os.makedirs(s.path('two', 'sub'))
        for folder, text in (('one', b'first'), ('two', b'second')):
            write_file(s.path(folder, 'both'), text)
        write_file(s.path('one', 'gone'), b'first')
        with connect(s, 'docs') as c:
            both, gone, root = c.opened('both'), c.opened('gone'), c.opened('', access=b.LIST, options=b.FOLDER)
            expect('before', c.read(both, 100), b'first')
            expect('written', c.write(both, b'FIRST'), 'OK')
            waits = c.send(b.CHANGE_NOTIFY, b.change_notify(root))
            refused(s, ('replace', f'docs={s.path("two")}', '--handles', 'refuse'), '1 open file cannot go on in it')
            expect('still', c.read(both, 100), b'FIRST')
            said = share(s, 'replace', f'docs={s.path("two")}').ok()
            check_in('2 open files moved', said)
            check_in('1 open file closed', said)
            expect('after', c.read(both, 100), b'second')
            expect('written there', c.write(both, b'SECOND'), 'OK')
            expect('the other is closed', c.write(gone, b'x'), 'FILE_CLOSED')
            expect('look anew', c.receive(waits, 20).name, 'NOTIFY_ENUM_DIR')
            expect('its names', sorted(c.names()), ['both', 'sub'])
        expect('the first is as it was left', open(s.path('one', 'both'), 'rb').read(), b'FIRST')
        expect('the second', open(s.path('two', 'both'), 'rb').read(), b'SECOND')


@case('what is no share')
def nonsense():
    with Server('docs=mem:') as s:
        refused(s, ('add', '/nonexistent/folder'), 'there is no folder "/nonexistent/folder"')
        refused(s, ('add', 'x=nothing:'), 'share "x": ', 'nothing')
        refused(s, ('add', 'x=mem:size=lots'), 'share "x": ')
        refused(s, ('add', 'x=mem:', '--set', 'colour=red'), 'a share has no key "colour": see')
        refused(s, ('add', 'x=mem:', '--set', 'valid user = ann'), 'a share has no key "valid user"; did you mean "valid users"?')
        refused(s, ('add', 'x=mem:', '--set', 'comment'), '"comment" is not KEY=VALUE')
        refused(s, ('dance',), '"dance" is not add, replace, remove or list')
        refused(s, ('add',), 'add which share?')
        refused(s, ('add', 'x=mem:', 'y=mem:'), 'what is "y=mem:"? One share at a time')
        refused(s, ('remove', 'docs', '--read-only'), 'are for add and replace')
        refused(s, ('remove', 'docs', '--handles', 'keep'), '--handles of remove is close or refuse, not "keep"')
        refused(s, ('replace', 'docs=mem:', '--handles', 'keep'), '--handles of replace is move, close or refuse, not "keep"')
        expect('list', listed(s), ['docs  mem  0 open'])
        # A folder is where the command is run, not where the server is.
        folder = s.path('here', 'docs2')
        os.makedirs(folder)
        here = os.getcwd()
        try:
            os.chdir(s.path('here'))
            share(s, 'add', 'docs2').ok()
        finally:
            os.chdir(here)
        s.smbclient('docs2', 'ls').ok()


@case('a reload keeps what a command added')
def reloads():
    def reload(config):
        before = s.log().count('reloaded problems=')
        s.write_config(config)
        s.signal(signal.SIGHUP)
        wait_for(lambda: s.log().count('reloaded problems=') > before, 10, 'the reload')

    one = '[one]\nplugin = mem\nread only = no\n'
    with Server(config=one) as s:
        share(s, 'add', 'extra=mem:').ok()
        share(s, 'replace', 'one=mem:size=1M').ok()
        reload(one)
        expect('list', sorted(listed(s)), ['extra  mem  0 open  by command', 'one  mem  0 open'])
        share(s, 'remove', 'one').ok()
        reload(one + '[extra]\nplugin = mem\n')
        expect('the file has it now', sorted(listed(s)), ['extra  mem  read-only  0 open', 'one  mem  0 open'])
        reload(one)
        expect('and no more', listed(s), ['one  mem  0 open'])


main()
