# SPDX-License-Identifier: Apache-2.0
"""What "smbkit new" makes, used as its author would, from an installed smbkit."""
import os
import shutil
import tempfile

from harness import PROGRAM, TOP, Skip, case, check, check_in, main, run, smbkit

MADE = (('plugin', 'files', 'c'), ('plugin', 'plug-ins', 'c++'), ('plugin', 'script', 'python'), ('plugin', 'shell', 'sh'), ('filter', 'fil-ter2', 'c'))
CLIENT = ('smbclient "//$SMBKIT_HOST/$SMBKIT_SHARE" -p $SMBKIT_PORT -U "$SMBKIT_USER%$SMBKIT_PASSWORD" -c ')


class Installed:
    """smbkit in a folder of its own, as "make install" puts it."""

    def __enter__(self):
        for tool in ('meson', 'make', 'pkg-config', 'g++'):
            if not shutil.which(tool):
                raise Skip(f'no {tool}')
        self.folder = tempfile.mkdtemp(prefix='smbkit-test-')
        build = os.path.dirname(PROGRAM)
        r = run(['env', f'DESTDIR={self.folder}', 'meson', 'install', '-C', build, '--no-rebuild', '--quiet'], cwd=TOP, timeout=120)
        check(r.code == 0, r.text)
        found = [os.path.join(at, n) for at, _, names in os.walk(self.folder) for n in names if n in ('smbkit', 'smbkit.pc')]
        self.program = next(f for f in found if f.endswith('/smbkit'))
        pages = next(f for f in found if f.endswith('.pc'))
        self.env = ['env', f'PKG_CONFIG_PATH={os.path.dirname(pages)}', f'PKG_CONFIG_SYSROOT_DIR={self.folder}',
                    f'SMBKIT={self.program}']
        return self

    def __exit__(self, *what):
        shutil.rmtree(self.folder)

    def make(self, name, *args, timeout=120):
        return run([*self.env, 'make', '-C', os.path.join(self.folder, name), *args], timeout=timeout)

    def serve(self, *args):
        control = os.path.join(self.folder, 'control')
        return run([self.program, 'serve', '--control-socket', control, *args], cwd=self.folder, timeout=60)


@case('each kind builds, is served, and keeps the contract')
def kinds():
    with Installed() as s:
        for kind, name, lang in MADE:
            r = run([s.program, 'new', kind, name, '--lang', lang], cwd=s.folder)
            check(r.code == 0, r.text)
            check_in('make serve', r.text)
            r = s.make(name, 'test')
            check(r.code == 0, name, r.text)
            if lang not in ('python', 'sh'):
                r = s.make(name, f'DESTDIR={s.folder}/all', 'install')
                check(r.code == 0, name, r.text)
            for page in (f for f in os.listdir(os.path.join(s.folder, name)) if f.endswith('.1')):
                r = run(['mandoc', '-Tlint', '-W', 'warning', os.path.join(s.folder, name, page)])
                check(r.code == 0 and not r.text, r.text)
        look = CLIENT + '"ls; get hello.txt -"'
        for name in ('files', 'plug-ins'):
            r = s.serve('--plugin-dir', name, '--run', look, name + ':')
            check_in('readme.txt', r.text)
            check_in('Hello!', r.text)
        r = s.serve('--run', look, 'script/script.py')
        check_in('letters', r.text)
        check_in('Hello!', r.text)
        r = s.serve('--run', look, 'sh:script=shell/shell.sh')
        check_in('letters', r.text)
        check_in('Hello, ', r.text)
        r = s.serve('--plugin-dir', 'fil-ter2', '--filter', 'fil-ter2:ending=.no', '--run',
                    CLIENT + '"mkdir a.no; mkdir a.yes; ls"', 'mem:')
        check_in('NT_STATUS_ACCESS_DENIED making remote directory \\a.no', r.text)
        check_in('a.yes', r.text)


@case('smbkit.pc is found below the prefix of the program, and a page is installed there')
def prefix():
    with Installed() as s:
        s.env = ['env', '-u', 'PKG_CONFIG_PATH', f'PKG_CONFIG_SYSROOT_DIR={s.folder}', f'SMBKIT={s.program}']
        r = run([s.program, 'new', 'filter', 'own'], cwd=s.folder)
        check(r.code == 0, r.text)
        r = s.make('own', f'DESTDIR={s.folder}/all', 'install')
        check(r.code == 0, r.text)
        pages = [at for at, _, names in os.walk(s.folder + '/all') if 'smbkit-own-filter.1' in names]
        check(len(pages) == 1 and pages[0].endswith('/share/man/man1'), pages)


@case('the tour of trees is built from what is installed')
def tour():
    with Installed() as s:
        demo = next(at for at, _, names in os.walk(s.folder) if 'demo_priv.h' in names)
        include = next(at for at, _, names in os.walk(s.folder) if 'tree.h' in names)
        r = run(['sh', '-c', f'cc -shared -fPIC -I{os.path.dirname(include)} -o {s.folder}/smbkit-demo-plugin.so {demo}/demo*.c'], timeout=120)
        check(r.code == 0, r.text)
        r = s.serve('--plugin-dir', s.folder, '--run', CLIENT + '"ls"', 'demo:')
        check_in('clock.txt', r.text)


@case('what cannot be made is told')
def refusals():
    with tempfile.TemporaryDirectory() as d:
        r = smbkit('new', 'plugin', 'mem', '--folder', d + '/mem')
        check(r.code == 0, r.text)
        check_in('smbkit has a plugin mem already', r.text)
        r = smbkit('new', 'filter', 'mem', '--folder', d + '/filter')
        check(r.code == 0 and 'already' not in r.text, r.text)
        for made in ('/mem', '/filter'):
            shutil.rmtree(d + made)
        os.mkdir(d + '/there')
        for args, code, words in ((('new',), 2, 'smbkit new plugin NAME'), (('new', 'plug', 'x'), 2, 'new what?'),
                                  (('new', 'plugin'), 2, 'to be called'), (('new', 'plugin', 'Upper'), 2, 'a-z, 0-9'), (('new', 'plugin', 'x'), 2, '2 to 32'),
                                  (('new', 'plugin', '../x'), 2, 'a-z, 0-9'), (('new', 'plugin', 'x', 'y'), 2, 'one NAME'),
                                  (('new', 'plugin', 'xx', '--lang', 'perl'), 2, 'c, c++, python or sh'),
                                  (('new', 'filter', 'xx', '--lang', 'python'), 2, '--lang c'),
                                  (('new', 'plugin', 'xx', '--folder', d + '/there'), 1, 'there is something'),
                                  (('new', 'plugin', 'xx', '--folder', d + '/no/x'), 1, 'No such file')):
            r = smbkit(*args)
            check(r.code == code, args, r.code, r.text)
            check_in(words, r.text)
        check(os.listdir(d) == ['there'], os.listdir(d))


main()
