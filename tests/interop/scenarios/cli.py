# SPDX-License-Identifier: Apache-2.0
"""What the program says when it is used wrongly: the text names the mistake and a way out (quick)."""
import json
import os
import socket
import tempfile
import threading
import time

from harness import Server, Skip, case, check, check_in, main, smbkit, wait_for, write_file

# arguments, exit code, words that must stand in what it says
WRONG = (
    (['serve'], 2, 'what shall be served', 'smbkit serve .'),
    (['serve', '/nowhere/at/all'], 2, 'there is no folder', '/nowhere/at/all'),
    (['serve', 'mem'], 2, 'there is no folder "mem"', 'the plugin of that name is written "mem:"'),
    (['serve', ''], 2, 'which folder?'),
    (['serve', 'a='], 2, 'which folder?', 'NAME=FOLDER'),
    (['serve', 'mem:size'], 2, 'mem:size: "size" is not KEY=VALUE', 'NAME:KEY=VALUE'),
    (['serve', 'http://x/y'], 2, 'http://x/y: ', 'a plugin is written NAME:KEY=VALUE'),
    (['serve', '--user', 'a@b', 'mem:'], 2, '"a@b" cannot be a user\'s name: 1 to 64 bytes'),
    (['run', '/'], 2, 'to share it: smbkit serve /'),
    (['user', 'foo'], 2, 'add, passwd, groups, del or list?'),
    (['version', 'x'], 2, 'version takes no word "x"'),
    (['help', 'serve', 'x'], 2, 'one COMMAND only'),
    (['serve', '--lisen', '127.0.0.1', 'mem:'], 2, 'did you mean --listen?'),
    (['serve', '--listen'], 2, '--listen needs a value'),
    (['serve', '--listen', 'nonsense', 'mem:'], 2, 'ADDRESS:PORT'),
    (['serve', '--guest', '--encrypt', 'mem:'], 2, '--guest and --encrypt'),
    (['serve', '--read-only=yes', 'mem:'], 2, 'takes no value'),
    (['serve', 'a=mem:', 'A=mem:'], 2, 'two shares are called'),
    (['serve', '-x', 'mem:'], 2, 'two hyphens'),
    (['serve', '--user', 's-1-5-18:x', 'mem:'], 2, '"s-1-5-18" cannot be a user\'s name: it looks like a SID'),
    (['serve', '--user', 'bad/name:x', 'mem:'], 2, '--user'),
    (['serve', '--user', 'x:y', 'nothing:'], 1, 'smbkit: share "nothing": there is no plugin "nothing"'),
    (['serve', 'nothing.zip'], 2, 'there is no file "nothing.zip"; check'),
    (['serve', '~/nothing'], 2, 'there is no folder "~/nothing"; make it first', '"~" is the home folder to a shell alone'),
    (['serve', '--filter', 'audit:x', 'mem:'], 2, 'audit:x: "x" is not KEY=VALUE; a filter is written NAME:KEY=VALUE'),
    (['test-plugin', 'mem:', '--filter', 'audit:x'], 2, 'audit:x: "x" is not KEY=VALUE; a filter is written NAME:KEY=VALUE'),
    (['test-plugin', 'mem:x'], 2, 'mem:x: "x" is not KEY=VALUE; a plugin is written NAME:KEY=VALUE'),
    (['serve', '--user', 'x:y', 'dir:'], 1, 'smbkit: share "dir": dir: path=FOLDER is missing; "smbkit plugins dir" explains it'),
    (['serve', '--user', 'x:y', '--filter', 'route', 'mem:'], 1, 'route: /NAME=PLUGIN:ARGS is missing; "smbkit plugins route" explains it'),
    (['serve', '--user', 'x:y', '--filter', 'route:/a=meme:', 'mem:'], 1, 'route: there is no plugin "meme"; did you mean "mem"?'),
    (['serve', '--user', 'x:y', '--filter', 'stats:x=1', 'mem:'], 1, 'stats: there is no argument "x"; it takes none'),
    (['serve', '--user', 'x:y', 'dir:path=~/nothing'], 1, '~/nothing: No such file or directory; "~" is the home folder'),
    (['serve', '--user', 'x:y', 'dir:path=/etc/passwd'], 1, '/etc/passwd: Not a directory; share the folder that it is in'),
    (['serve', '--user', 'x:y', 'demo:host=/nowhere'], 1, 'with host=/nowhere: '),
    (['serve', '--listen', '203.0.113.7:4450', '--user', 'x:y', 'mem:'], 1, 'smbkit: 203.0.113.7 is no address'),
    (['control', 'docs', '--socket', 'x', 'help'], 2, '--socket stands before SHARE'),
    (['control', 'docs', 'help', '--socket=x'], 2, '--socket stands before SHARE'),
    (['serve', '--user', 'x:y', 'meme:'], 1, 'did you mean "mem"?'),
    (['serve', '--user', 'x:y', 'mem:colour=blue'], 1, 'colour'),
    (['serve', '--user', 'x:y', '--filter', 'nothing', 'mem:'], 1, 'there is no filter "nothing"'),
    (['serv', 'mem:'], 2, 'serve'),
    (['serve', '--plugin-dir', '/nowhere', 'mem:'], 2, '--plugin-dir /nowhere: No such file'),
    (['plugins', '--plugin-dir', '/nowhere'], 2, '--plugin-dir /nowhere: No such file'),
    (['run'], 2, 'which configuration FILE'),
    (['run', '/nowhere.conf'], 2, '/nowhere.conf: there is no such file', 'smbkit.conf(5)'),
    (['status', '--socket', '/nowhere/control'], 1, 'no server answers at /nowhere/control: start one'),
    (['control'], 2, 'which SHARE, and which command?'),
    (['control', 'docs'], 2, '"help" lists those of the share'),
    (['control', 'docs', 'pause:'], 2, '"help" lists those of the share'),
    (['control', '--sokcet', 'x'], 2, 'did you mean --socket?'),
    (['control', 'docs', 'x' * 5000], 2, 'longer than 4096 bytes'),
    (['control', '--socket', '/nowhere/control', 'docs', 'help'], 1, 'no server answers at /nowhere/control: start one'),
    (['control', '--socket', '/nowhere/control', 'docs', '--socket-x'], 1, 'no server answers at /nowhere/control: start one'),
    (['status', 'jsn'], 2, 'did you mean --json?'),
    (['serve', '--log-level', 'wran', 'mem:'], 2, 'did you mean "warn"?'),
    (['serve', '--user', 'x:y', '--filter', 'lgo', 'mem:'], 1, 'there is no filter "lgo"; did you mean "log"?'),
    (['serve', '--user', 'x:y', '--filter', 'log:level=wran', 'mem:'], 1, 'did you mean "warn"?'),
    (['serve', '--user', 'x:y', '--filter', 'error:op=read,status=DISC_FULL', 'mem:'], 1, 'did you mean "DISK_FULL"? it is EA_LIST_INCONSISTENT, UNSUCCESSFUL, '),
    (['serve', '--user', 'x:y', '--filter', 'error:op=read,status=SUCCESS', 'mem:'], 1, "status=SUCCESS: no error that a plugin may answer"),
    (['serve', '--user', 'x:y', '--filter', 'error:read=DISK_FULL', 'mem:'], 1, 'there is op, status, nth, every or count'),
    (['user', 'add'], 2, 'user'),
    (['user', 'del', 'nobody', '--file', '/nowhere/users'], 1, '/nowhere/users'),
    (['plugins', 'nothing'], 1, 'nothing'),
)


def wrong(args, code, *words):
    r = smbkit(*args, stdin='')
    # 1 and 2 both say "not done"; which of the two is the manual's matter, not to crash is everybody's.
    check(r.code in (1, 2), f'exit code {r.code}:\n{r.text}')
    for w in words:
        check_in(w, r.text)
    check(r.code == code, f'exit code {r.code}, not {code}:\n{r.text}')


for row in WRONG:
    case('smbkit ' + ' '.join(row[0]), *row)(wrong)


@case('check tells everything that is wrong, with lines')
def check_file():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'x.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('[global]\nsmb ports = many\nserver singing = mandatory\n[b]\nread only = perhaps\n')
        r = smbkit('check', path)
        check(r.code != 0, r.text)
        for words in ((':2:', 'port'), (':3:', 'singing', 'server signing'), ('[b]', 'path'), (':5:', 'perhaps')):
            line = [x for x in r.text.splitlines() if all(w in x for w in words)]
            check(line, words, r.text)


ALL_STAGES = '''[global]
users file = /nowhere/users
server signing = mandatry
[a]
path = /nowhere/at/all
filter = log:level=loud
filter = delay:reed=5
read only = perhaps
[b]
plugin = meme
filter = lgo
[c]
plugin = mem
plugin.sise = 3
'''


@case('check tells the mistakes of all stages and layers, with lines')
def check_stages():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'x.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(ALL_STAGES)
        r = smbkit('check', path)
        check(r.code == 2, r.code, r.text)
        for words in (('no users file /nowhere/users',), (':3:', 'did you mean "mandatory"?'), (':5:', '/nowhere/at/all'),
                      (':6:', 'level=loud'), (':7:', 'did you mean "read"?'), (':8:', 'perhaps'), (':10:', 'meme', '"mem"'),
                      (':11:', 'lgo', '"log"'), (':14:', 'sise', '"size"')):
            check([x for x in r.text.splitlines() if all(w in x for w in words)], words, r.text)
        check(len(r.text.splitlines()) == 9, 'each once', r.text)


ONE_SHARE = '''[a]
path = /nowhere
plugin. = 1
plugin.colour = red
plugin.symlinks = perhaps
plugin.junk = x
filter = delay:reed=5,wriet=7,read=loud
filter = delay:
filter = lgo:x
filter = error:op=reed,status=DISC_FULL
[b]
plugin = mem:colour,size=-1
plugin.shape = round
'''


@case('check tells every mistake of one share, whatever stands before')
def check_one_share():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'x.conf')
        write_file(path, ONE_SHARE.encode())
        r = smbkit('check', path)
        check(r.code == 2, r.code, r.text)
        lines = [x for x in r.text.splitlines() if path in x]
        for words in ((':3:', 'plugin.'), (':4:', 'colour'), (':5:', 'perhaps'), (':6:', 'junk'), (':2:', '/nowhere'),
                      (':7:', 'reed'), (':7:', 'wriet'), (':7:', 'read=loud'), (':9:', '"x" is not KEY=VALUE'),
                      (':9:', 'no filter "lgo"'), (':10:', 'op=reed'), (':10:', 'DISC_FULL'),
                      (':12:', '"colour" is not KEY=VALUE'), (':12:', 'size=-1'), (':13:', 'shape')):
            check([x for x in lines if all(w in x for w in words)], words, r.text)
        check(len(lines) == 15, 'each once', r.text)


def check_settings(folder, settings, user=None):
    """Check a configuration with one good share and these settings."""
    path = os.path.join(folder, 'x.conf')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('[global]\n' + settings + '[m]\nplugin = mem\n')
    return smbkit('check', path, user=user)


@case('check tries what a start would, and leaves nothing behind')
def check_start():
    with tempfile.TemporaryDirectory() as d, socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        long = d + '/' + 'x' * 108
        write_file(d + '/file', b'')
        for settings, words in ((f'log file = {d}/no/log', '/no/log cannot be opened: its folder is not there'),
                                (f'log file = {d}', f'log file {d} cannot be opened: Is a directory'),
                                (f'log file = {d}/file/log', 'Not a directory'),
                                ('listen = 192.0.2.77:4450', '192.0.2.77 is no address of this host'),
                                ('listen = 127.0.0.1:4450 127.0.0.1:4450', '127.0.0.1:4450 is taken in by 127.0.0.1'),
                                ('listen = 127.0.0.1:4450 *:4450', '*:4450 is taken in by 127.0.0.1'),
                                (f'durable handles file = {d}/no/kept', '/no/kept cannot be used: its folder is not there'),
                                (f'durable handles file = {d}', 'Is a directory'),
                                (f'durable handles file = {d}/x.conf', 'x.conf is the configuration; name a file of its own'),
                                (f'control socket = {d}/no/control', '/no/control: its folder is not there'),
                                (f'control socket = {long}', "longer than the 107 bytes of a socket's path"),
                                (f'control socket = {d}/file', 'there is something that is no socket')):
            r = check_settings(d, settings + '\n' + ('' if 'listen' in settings else f'listen = 127.0.0.1:{port}\n'))
            check(r.code == 2, settings, r.code, r.text)
            check_in(words, r.text)
        r = check_settings(d, f'listen = 127.0.0.1:{port}\nlog file = {d}/log\ncontrol socket = {d}/control\n'
                           f'durable handles file = {d}/kept\nplugin dir = {d}/none\n')
        check(r.code == 0, r.code, r.text)
        check_in(f'port {port} is in use', r.text)
        check_in(f'plugin dir {d}/none: No such file or directory', r.text)
        check(sorted(os.listdir(d)) == ['file', 'x.conf'], os.listdir(d))


@case('check of a server that runs is a remark')
def check_running():
    with Server(config='[m]\nplugin = mem\n') as s:
        wait_for(lambda: s.status()['counters']['connections_total'] == s.looks, 10, 'what the harness did to be counted')
        r = smbkit('check', s.config)
        check(r.code == 0, r.code, r.text)
        check_in(f'port {s.port} is in use', r.text)
        check_in(f'control socket {s.control}: another smbkit uses it', r.text)
        check_in('fine, 1 share', r.text)
        check(s.status()['counters']['connections_total'] == s.looks, 'it connected', s.status())


@case('check as a user without rights')
def check_rights():
    if os.getuid() != 0:
        raise Skip('only root can become another user')
    with open('/proc/sys/net/ipv4/ip_unprivileged_port_start', encoding='ascii') as f:
        first = int(f.read())
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        if first > 81:
            r = check_settings(d, 'listen = 127.0.0.1:81\n', user=65534)
            check(r.code == 2, r.text)
            check_in('no permission to listen on port 81', r.text)
        for key in ('log file', 'control socket'):
            r = check_settings(d, f'listen = 127.0.0.1:4450\n{key} = {d}/x\n', user=65534)
            check(r.code == 2, r.text)
            check_in('Permission denied', r.text)


@case('names on the screen do not steer the terminal')
def screen():
    with tempfile.TemporaryDirectory() as d:
        name = os.path.join(d, 'a\x1b[31mb\nUser root\x9b\u202ex')
        os.mkdir(name)
        with Server(f's={name}') as s:
            shown = s.screen()
            check_in('Sharing   s  ' + d + '/a?[31mb?User root??x', shown)
        for args in (('serve', name + '/none'), ('check', name + '/none'), ('user', 'del', 'x\x1b[2J', '--file', name + '/u'),
                     ('plugins', '\x1b[2J'), ('status', '--socket', name + '/none'), ('\x1b[2J',)):
            text = smbkit(*args, stdin='').text
            check(not set(text) & set('\x1b\x9b\u202e'), args, repr(text))


@case('nor does what answers at the control socket')
def screen_status():
    with tempfile.TemporaryDirectory() as d, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(d, 'control')
        listener.bind(path)
        listener.listen()

        def answer():
            for _ in range(2):
                client = listener.accept()[0]
                client.makefile().readline()
                client.sendall('{"ok":true,"version":"\x9b2J\u202e","server":"\\u001b[2J"}\n'.encode())
                client.close()
        thread = threading.Thread(target=answer, daemon=True)  # does not outlive a case that fails
        thread.start()
        for args in ([], ['--json']):
            text = smbkit('status', *args, '--socket', path).text
            check('Broken pipe' not in text, args, text)
            check(not set(text) & set('\x1b\x9b\u202e'), args, repr(text))
        thread.join()


def ask(s, request):
    """A line to the control socket, a line back."""
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(s.control)
        c.sendall(request.encode() + b'\n')
        return json.loads(c.makefile().readline())


@case('the control socket does what smbkit(1) says')
def control():
    with Server('m=mem:') as s:
        check(ask(s, '{"command":"ping"}')['ok'] is True, 'ping')
        client = s.impacket()
        client.connectTree('m')
        session = ask(s, '{"command":"status"}')['sessions'][0]['id']
        check(ask(s, '{"command":"end session","session":"%s"}' % session) == {'ok': True}, session)
        try:
            client.listPath('m', '*')
            ended = False
        except Exception:  # impacket has many
            ended = True
        check(ended, 'the session goes on')
        wait_for(lambda: not s.status()['sessions'], 10, 'the session to end')
        answer = ask(s, '{"command":"end session","session":"%s"}' % session)
        check(answer == {'ok': False, 'error': 'there is no such session'}, answer)
        check(ask(s, 'dance')['ok'] is False, 'no JSON')


@case('silent clients do not keep status from its answer')
def silent_clients():
    with Server('m=mem:') as s:
        silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for c in silent:
            c.connect(s.control)
        began = time.monotonic()
        r = smbkit('status', '--socket', s.control)
        check(r.code == 0 and 'Shares 1' in r.text, r.code, r.text)
        check(time.monotonic() - began < 4, 'as long as one of them may be silent')
        for c in silent:
            c.close()


@case('check looks whether folders are there')
def check_folder():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'x.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('[a]\npath = /nowhere/at/all\n')
        r = smbkit('check', path)
        check(r.code != 0, r.text)
        check_in(':2: share "a": dir: /nowhere/at/all: No such file or directory; make it first', r.text)


@case('a pipe or a device in the place of a file is refused, and nothing waits for it')
def pipes():
    with tempfile.TemporaryDirectory() as d:
        pipe = os.path.join(d, 'smbkit-pipe-plugin.so')
        os.mkfifo(pipe, 0o600)
        conf = write_file(os.path.join(d, 'x.conf'), b'')

        def refused(settings, *args):
            write_file(conf, settings.replace('PIPE', pipe).replace('FOLDER', d).encode())
            r = smbkit(*args, timeout=20)
            check(r.code in (1, 2), args, r.code, r.text)
            check('no regular file' in r.text or 'nobody reads' in r.text, args, settings, r.text)
        for file in (pipe, '/dev/zero'):
            refused('', 'check', file)
            refused('', 'run', file)
        for settings in ('[global]\nusers file = PIPE\n', '[global]\nplugin dir = FOLDER\n[a]\nplugin = pipe\n'):
            refused(settings, 'check', conf)
            refused(settings, 'run', conf)
        refused('[global]\nlog file = PIPE\n', 'run', conf)
        refused('', 'user', 'list', '--file', pipe)


@case('a password comes from a pipe as from a file')
def password_pipe():
    with tempfile.TemporaryDirectory() as d:
        users, pipe = os.path.join(d, 'users'), os.path.join(d, 'pipe')
        os.mkfifo(pipe, 0o600)
        writer = threading.Thread(target=write_file, args=(pipe, b'Passw0rd!\n'), daemon=True)
        writer.start()
        r = smbkit('user', 'add', 'ann', '--file', users, '--password-file', pipe)
        check(r.code == 0, r.text)
        check_in('ann', smbkit('user', 'list', '--file', users).text)


@case('a plugin that is a link to nowhere is told as that')
def dangling():
    with tempfile.TemporaryDirectory() as d:
        for name in ('hello-plugin', 'mem-plugin', 'log-filter'):
            os.symlink(d + '/gone', f'{d}/smbkit-{name}.so')
        for args in (['serve', '--user', 'x:y', 'hello:'], ['serve', '--user', 'x:y', 'mem:'],
                     ['serve', '--user', 'x:y', '--filter', 'log', 'dir:path=/'], ['plugins', 'hello'], ['plugins']):
            r = smbkit(args[0], '--plugin-dir', d, *args[1:])
            check_in(f'{d}/smbkit-', r.text)
            check_in('is a link that leads nowhere', r.text)
            check('did you mean' not in r.text, r.text)
            check(args == ['plugins'] or r.code == 1, args, r.code, r.text)
        write_file(d + '/smbkit-Odd-plugin.so', b'')
        check_in('no plugin can be called "Odd"', smbkit('plugins', '--plugin-dir', d, 'Odd').text)


@case('check is silent about a good file')
def check_good():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'x.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('[global]\nsmb ports = 4450\n[a]\nplugin = mem\n')
        r = smbkit('check', path)
        check(r.code == 0, r.text)


@case('help, version, plugins')
def good():
    for args, words in ((['help'], 'serve'), (['help', 'serve'], '--listen'), (['version'], 'plugin ABI 1'),
                        (['plugins'], 'mem'), (['plugins', 'mem'], 'plugin ABI 1; '), (['plugins', 'log'], 'filter ABI 4; '), (['--help'], 'serve'),
                        (['--version'], 'plugin ABI 1')):
        r = smbkit(*args)
        check(r.code == 0, args, r.text)
        check_in(words, r.text)


@case('serve refuses an empty password and a name that is given twice')
def serve_users():
    for args, words in ((['--user', 'ann:'], 'the password is empty'),
                        (['--user', 'ann:x', '--user', 'Ann:y'], 'there is a --user Ann already')):
        r = smbkit('serve', '--listen', '127.0.0.1:0', *args, 'mem:')
        check(r.code == 2, args, r.code, r.text)
        check_in(words, r.text)


@case('users: add, list, change, remove')
def users():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'users')

        def user(*args, stdin='secret one\n'):
            return smbkit('user', *args, '--file', path, stdin=stdin)
        check(user('add', 'ann', '--password-file', '-').code == 0, 'add')
        check(os.stat(path).st_mode & 0o777 == 0o600, oct(os.stat(path).st_mode))
        check_in('it looks like a SID', user('add', 'S-1-5-21-1-2-3-1000', '--password-file', '-').text)
        check_in('there is a user "Ann" already', user('add', 'Ann', '--password-file', '-').text)
        check_in('ann', user('list').text)
        check(user('passwd', 'ann', '--password-file', '-', stdin='two\n').code == 0, 'passwd')
        check_in('did you mean "ann"', user('del', 'anne').text)
        check(user('del', 'ann').code == 0, 'del')
        check('ann' not in user('list').text, 'list')
        check_in('the password is empty', user('add', 'bob', '--password-file', '-', stdin='\n').text)
        with open(path, encoding='utf-8') as f:
            check('secret one' not in f.read(), 'the password stands in the file')


main()
