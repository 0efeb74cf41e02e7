# SPDX-License-Identifier: Apache-2.0
"""The groups of checks that tests/run knows. A group is a function of its log file that returns
Results."""
import concurrent.futures
import json
import os
import random
import re
import shutil
import tempfile

from commands import JOBS, TOP, have, run
from results import Results, from_tap

PROGRAM = 'build/smbkit'
UNIT_TIMEOUT_S = 1500
BUILD_TIMEOUT_S = 1200
FUZZ_SECONDS = 10
FUZZ_LONG_SECONDS = 60
STRESS_ENV = {'CHAOS_SECONDS': '120', 'FUZZ_SECONDS': '120', 'SOAK_ROUNDS': '12'}
# Layers that must also compile for Windows; the rest needs the Windows event loop first.
WINDOWS_LAYERS = ('base', 'wire', 'crypto', 'auth', 'vfs', 'tree', 'rpc', 'smb', 'kit', 'os/common', 'os/windows')
# Unit tests that start threads or that test what threads share.
THREADED = ('base_', 'os_', 'vfs_', 'tree_', 'smb_', 'net_', 'server_', 'mem_', 'dir_', 'auth_throttle',
            'auth_users')
SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=0:second_deadlock_stack=1',
}


def one(ok, name):
    r = Results()
    r.add(ok, name)
    return r


def missing(tool):
    return one(False, f'{tool} is not installed: scripts/install-deps check')


# ---- style ----

def check(checker, log):
    """Every line that a checker prints is a failure; a silent checker and its self-test are passes."""
    r = Results()
    code, out = run([f'scripts/{checker}', '--self-test'], log)
    r.add(code == 0, f'{checker} --self-test: {out.strip().splitlines()[-1:]}')
    code, out = run([f'scripts/{checker}'], log)
    problems = [line for line in out.splitlines() if not line.startswith(checker + ':')]
    r.add(code == 0 and not problems, f'{checker}: {len(problems)} problems')
    r.notes += [f'{checker}: {p}' for p in problems]
    return r


def style(log):
    r = Results()
    for checker in ('check-layers', 'check-style', 'check-conformance'):
        r.merge(check(checker, log))
    return r


def manuals(log):
    if not have('mandoc'):
        return missing('mandoc')
    r = Results()
    pages = [os.path.join(folder, n) for start in ('docs', 'plugins', 'filters')
             for folder, _, names in os.walk(os.path.join(TOP, start)) for n in names
             if re.search(r'\.[1-8]$', n)]
    for page in sorted(os.path.relpath(p, TOP) for p in pages):
        code, out = run(['mandoc', '-Tlint', '-W', 'warning', page], log)
        r.add(code == 0 and not out.strip(), page)
        r.notes += out.strip().splitlines()
        unfit = page_slips(page)
        r.add(not unfit, f'{page}: of use where smbkit is installed')
        r.notes += unfit
    r.merge(check('check-abi-page', log))
    return r


LINE_FITS = 67  # characters of an example on 80 columns: a longer .Dl is broken, and is no command any more


def page_slips(page):
    """What a page says that a reader without the sources, or with a terminal of 80 columns, cannot use."""
    with open(os.path.join(TOP, page), encoding='utf-8') as f:
        text = f.read()
    slips = [f'{page}: {m.group(0)} is not installed' for m in re.finditer(r'^\.Pa (docs|tests|scripts)/\S*', text, re.M)]
    slips += [f'{page}: too long for .Dl: {m.group(1)}' for m in re.finditer(r'^\.Dl (.*)', text, re.M)
              if len(m.group(1).replace('\\(dq', '"')) > LINE_FITS]
    name = os.path.basename(page)[:-2]
    if name.endswith(('-plugin', '-filter')) and page.endswith('.1'):
        with open(os.path.join(TOP, 'docs/man/smbkit.1'), encoding='utf-8') as f:
            slips += [] if f'.Xr {name} 1' in f.read() else [f'docs/man/smbkit.1: {name}(1) is not under SEE ALSO']
    return slips


# ---- the public headers ----

PLUGIN_C = '#include <smbkit/filter.h>\n#include <smbkit/server.h>\nstatic const struct smbkit_plugin p = {0};\nSMBKIT_REGISTER(p)\n'
PLUGIN_CXX = ('#include <smbkit/filter.h>\n#include <smbkit/server.h>\n'
              'static const struct smbkit_plugin p = [] { struct smbkit_plugin x{}; return x; }();\n'
              'SMBKIT_REGISTER(p)\n')
TREE = ('#include <smbkit/tree.h>\n'
        'static smbkit_status open_it(struct smbkit_volume_args *args, void **volume_r)\n{\n'
        '    struct smbkit_tree_spec spec = smbkit_tree_spec_new();\n'
        '    return smbkit_tree_open(args, &spec, volume_r);\n}\n'
        'SMBKIT_TREE_PLUGIN(p, "p", "a tree", open_it, NULL)\n')
PEDANTIC = ['-Wall', '-Wextra', '-pedantic', '-Werror', '-Wno-missing-field-initializers', '-Iinclude']
# What a plugin may be built with: a name, compilers of which the first that is there is taken, options, source.
HEADER_BUILDS = (
    ('C99', ('gcc', 'cc'), ['-std=c99', '-c'], PLUGIN_C),
    ('C++17', ('g++', 'clang++-14'), ['-std=c++17', '-c', '-x', 'c++'], PLUGIN_CXX),
    # Linked without an import library: a plugin imports nothing.
    ('a DLL', ('x86_64-w64-mingw32-gcc',), ['-shared'], PLUGIN_C),
    ('the compiler of Windows', ('clang-14', 'clang'),
     ['--target=x86_64-pc-windows-msvc', '-ffreestanding', '-fsyntax-only'], PLUGIN_C),
    ('C99 on a tree', ('gcc', 'cc'), ['-std=c99', '-c'], TREE),
    ('C++17 on a tree', ('g++', 'clang++-14'), ['-std=c++17', '-c', '-x', 'c++'], TREE),
    ('a DLL on a tree', ('x86_64-w64-mingw32-gcc',), ['-shared'], TREE),
    ('the compiler of Windows on a tree', ('clang-14', 'clang'),
     ['--target=x86_64-pc-windows-msvc', '-ffreestanding', '-fsyntax-only'], TREE),
)


def headers(log):
    r = Results()
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, 'plugin.c')
        for name, compilers, options, text in HEADER_BUILDS:
            compiler = have(*compilers)
            if not compiler:
                r.merge(missing(compilers[0]))
                continue
            with open(source, 'w', encoding='utf-8') as f:
                f.write(text)
            output = [] if '-fsyntax-only' in options else ['-o', os.path.join(folder, 'out')]
            code, _ = run([compiler, *PEDANTIC, *options, source, *output], log)
            r.add(code == 0, f'a plugin in {name}: {compiler}')
    r.merge(check('check-abi', log) if have('abidiff') else missing('abidiff'))
    return r


# ---- builds and unit tests ----

ASAN = ('-Db_sanitize=address,undefined', '-Db_lundef=false', '-Dc_args=-fno-sanitize-recover=all')
TSAN = ('-Db_sanitize=thread', '-Db_lundef=false')


def build(folder, log, *options, compiler=None):
    # meson looks for ccache by itself only where no compiler is named.
    env = {'CC': ' '.join(filter(None, [have('ccache'), compiler]))} if compiler else {}
    code, _ = run(['scripts/configure', folder, *options], log, env=env)
    if code == 0:
        code, out = run(['ninja', '-C', folder, f'-j{JOBS}', '-k0'], log, timeout=BUILD_TIMEOUT_S)
    return code == 0


def unit_names(folder, log):
    code, out = run(['meson', 'introspect', '--tests', folder], None)
    return [t['name'] for t in json.loads(out)] if code == 0 else []


def run_unit(folder, log, label, names=None):
    """meson runs the tests side by side; their TAP stands in its log."""
    journal = os.path.join(TOP, folder, 'meson-logs', 'testlog.json')
    if os.path.exists(journal):
        os.remove(journal)
    # Sanitizers make a test many times as slow, and other groups run beside.
    run(['meson', 'test', '-C', folder, '--no-rebuild', '--num-processes', str(JOBS), '-t', '5', *(names or [])],
        log, timeout=UNIT_TIMEOUT_S, env=SANITIZER_ENV)
    r = Results()
    ran = set()
    for line in open(journal, encoding='utf-8') if os.path.exists(journal) else ():
        t = json.loads(line)
        ran.add(t['name'].split(' / ')[-1])
        log.write(f"--- {t['name']}: {t['result']}, exit code {t['returncode']}\n{t.get('stdout', '')}\n"
                  f"{t.get('stderr', '')}\n")
        r.merge(from_tap(t.get('stdout', ''), f"{label}{t['name'].split(' / ')[-1]}", t['returncode']))
    wanted = names if names is not None else unit_names(folder, log)
    r.failed += [f'{label}{n}: did not run' for n in wanted if n not in ran]
    return r


def release(log):
    return one(build('build', log), 'build with gcc')


def unit(log):
    return run_unit('build', log, '')


def asan(log):
    r = one(build('build-asan', log, *ASAN), 'build with ASan and UBSan')
    r.merge(run_unit('build-asan', log, 'asan '))
    return r


def tsan(log):
    r = one(build('build-tsan', log, *TSAN), 'build with TSan')
    names = [n for n in unit_names('build-tsan', log) if n.startswith(THREADED)]
    r.merge(run_unit('build-tsan', log, 'tsan ', names))
    return r


def clang(log):
    compiler = have('clang-14', 'clang')
    if not compiler:
        return missing('clang')
    return one(build('build-clang', log, compiler=compiler), 'build with clang')


def mingw(log):
    compiler = have('x86_64-w64-mingw32-gcc')
    if not compiler:
        return missing('gcc-mingw-w64-x86-64')
    flags = ['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Wshadow', '-Wmissing-prototypes',
             '-Wvla', '-Wstrict-prototypes', '-Wwrite-strings', '-Wno-missing-field-initializers',
             '-Wno-unused-parameter', '-Werror', '-fno-strict-aliasing', '-Iinclude', '-Isrc',
             '-c', '-o', os.devnull]
    files = []
    for layer in WINDOWS_LAYERS:
        _, out = run(['scripts/list-sources', f'src/{layer}'])
        files += out.split()

    def compile_one(path):
        return path, run([compiler, *flags, path])
    r = Results()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for path, (code, out) in pool.map(compile_one, files):
            r.add(code == 0, f'mingw {path}')
            if code:
                log.write(f'{path}\n{out}\n')
    return r


# ---- fuzzing ----

def fuzz_one(program, log_folder, seconds):
    """Every file of the corpus, then new ones for a bounded time."""
    name = os.path.basename(program)
    corpus = os.path.join(TOP, 'tests/fuzz/corpus', name[len('fuzz_'):])
    seeds = [corpus] if os.path.isdir(corpus) else []
    found = os.path.join(log_folder, 'fuzz-' + name + '-')
    common = ['-rss_limit_mb=2048', '-timeout=20', f'-artifact_prefix={found}', '-verbosity=0', '-print_funcs=0',
              '-print_final_stats=1']
    r = Results()
    text = ''
    if seeds:
        code, out = run([program, *common, '-runs=0', *seeds], env=SANITIZER_ENV, timeout=300)
        text += out
        r.add(code == 0, f'{name}: corpus')
    with tempfile.TemporaryDirectory() as fresh:
        code, out = run([program, *common, '-max_len=8192', f'-max_total_time={seconds}', fresh, *seeds],
                        env=SANITIZER_ENV, timeout=seconds + 300)
    r.add(code == 0, f'{name}: {seconds} s of new input (see {os.path.relpath(found, TOP)}*)')
    return r, text + out


def fuzz(log, seconds=FUZZ_SECONDS):
    compiler = have('clang-14', 'clang')
    if not compiler:
        return missing('clang')
    sources = sorted(n[:-2] for n in os.listdir(os.path.join(TOP, 'tests/fuzz'))
                     if n.startswith('fuzz_') and n.endswith('.c'))
    r = one(build('build-fuzz', log, '-Dfuzz=true', '-Dtests=false', *ASAN, compiler=compiler), 'build the fuzzers')
    programs = [os.path.join(TOP, 'build-fuzz/tests/fuzz', n) for n in sources]
    ready = [p for p in programs if os.access(p, os.X_OK)]
    r.failed += [f'{os.path.basename(p)}: not built' for p in programs if p not in ready]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for program, (one_r, text) in zip(ready, pool.map(lambda p: fuzz_one(p, os.path.dirname(log.name), seconds), ready)):
            log.write(f'--- {os.path.basename(program)}\n{text}\n')
            r.merge(one_r)
    return r


def fuzz_long(log):
    return fuzz(log, FUZZ_LONG_SECONDS)


# ---- the outside world ----

def from_script(log, name, command, timeout, env=None):
    if not os.access(os.path.join(TOP, PROGRAM), os.X_OK):
        return one(False, f'{name}: {PROGRAM} is not built')
    code, out = run(command, log, timeout=timeout, env=env)
    return from_tap(out, name, code)


def interop(log):
    return from_script(log, 'interop', ['tests/interop/run'], 1800)


def interop_under(name, program, log):
    """The quick scenarios, and half a minute of those that look for races and overruns."""
    if not os.access(os.path.join(TOP, program), os.X_OK):
        return one(False, f'{name}: {program} is not built')
    return from_script(log, name, ['tests/interop/run', '--program', program, '--quick', 'chaos', 'chaos_model', 'wire_fuzz'], 1200,
                       {'CHAOS_SECONDS': '30', 'FUZZ_SECONDS': '30'})


def interop_asan(log):
    return interop_under('interop-asan', 'build-asan/smbkit', log)


def interop_tsan(log):
    return interop_under('interop-tsan', 'build-tsan/smbkit', log)


def pend_filter(log):
    """Every operation answers by and by; a seed that failed repeats with PEND_SEED."""
    seed = os.environ.get('PEND_SEED') or random.randrange(1 << 16)
    log.write(f'PEND_SEED={seed}\n')
    return f'pend:seed={seed}'


def interop_pend(log):
    return from_script(log, 'interop-pend', ['tests/interop/run', '--filter', pend_filter(log), '--quick', 'chaos', 'chaos_model'], 900,
                       {'CHAOS_SECONDS': '20'})


def pend(log):
    """All of it, and under TSan what is quick."""
    how = ['--filter', pend_filter(log)]
    r = from_script(log, 'pend interop', ['tests/interop/run', *how], 2400)
    r.merge(from_script(log, 'pend smbtorture', ['tests/interop/smbtorture', *how], 2400))
    r.merge(one(build('build-tsan', log, *TSAN), 'build with TSan'))
    r.merge(from_script(log, 'pend tsan', ['tests/interop/run', '--program', 'build-tsan/smbkit', *how, '--quick', 'chaos'], 1200))
    return r


def guests(log):
    return from_script(log, 'guests', ['tests/interop/run', '--jobs', '1', 'linux_mount', 'linux_clients'], 1800)


def stress(log):
    """The same scenarios for longer, against each build in turn."""
    r = from_script(log, 'stress', ['tests/interop/run', 'chaos', 'wire_fuzz', 'soak'], 1200, STRESS_ENV)
    for folder, options in (('build-asan', ASAN), ('build-tsan', TSAN)):
        r.merge(one(build(folder, log, *options), folder))
        r.merge(from_script(log, f'stress {folder}', ['tests/interop/run', '--program', f'{folder}/smbkit', 'chaos', 'wire_fuzz'],
                            1200, STRESS_ENV))
    return r


def chaos_model(folder, options, log):
    """Ten minutes in all, on the builds that see most."""
    r = one(build(folder, log, *options), folder)
    r.merge(from_script(log, f'chaos {folder}', ['tests/interop/run', '--program', f'{folder}/smbkit', 'chaos_model'], 600,
                        {'CHAOS_SECONDS': '300'}))
    return r


def chaos_asan(log):
    return chaos_model('build-asan', ASAN, log)


def chaos_tsan(log):
    return chaos_model('build-tsan', TSAN, log)


def smbtorture(log):
    return from_script(log, 'smbtorture', ['tests/interop/smbtorture'], 2400)


def smbtorture_dir(log):
    return from_script(log, 'smbtorture-dir', ['tests/interop/smbtorture', '--plugin', 'dir'], 2400)


def examples(log):
    return from_script(log, 'examples', ['docs/examples/check'], 120)


def faults(log):
    return from_script(log, 'faults', ['docs/examples/check-faults'], 900)


# ---- the contract kit ----

def kit(log):
    return from_script(log, 'kit', ['tests/kit/run'], 1500)


def kit_under(name, folder, log):
    """mem and dir against a build under a sanitizer."""
    if not os.access(os.path.join(TOP, folder, 'smbkit'), os.X_OK):
        return one(False, f'{name}: {folder}/smbkit is not built')
    return from_script(log, name, ['tests/kit/run', '--program', f'{folder}/smbkit', '--quick'], 600, SANITIZER_ENV)


def kit_asan(log):
    return kit_under('kit-asan', 'build-asan', log)


def kit_tsan(log):
    return kit_under('kit-tsan', 'build-tsan', log)


def clean(folder):
    shutil.rmtree(folder, ignore_errors=True)


# When a group runs: in all runs, in "make check", in "make check-long".
QUICK, CHECK, LONG = 'quick', 'check', 'long'

# name: (function, lane, groups that must have run before, when it runs, what it is). The groups of
# a lane run one after the other; lanes run side by side. "cpu" is what keeps the processors busy, so
# there is one of it; the others mostly wait. A group stands below those that it waits for.
GROUPS = {
    'style': (style, 'cpu', (), QUICK, 'style and layers of the sources, and the checkers themselves'),
    'manuals': (manuals, 'cpu', (), QUICK, 'mandoc -Tlint on every manual page'),
    'headers': (headers, 'cpu', (), QUICK, 'plugins in C99, in C++17, as a DLL, for the compiler of Windows'),
    'build': (release, 'cpu', (), QUICK, 'gcc -Werror, into build/'),
    'unit': (unit, 'cpu', ('build',), QUICK, 'unit tests'),
    'mingw': (mingw, 'cpu', (), CHECK, 'the portable layers compile for Windows'),
    'asan': (asan, 'cpu', (), CHECK, 'unit tests under ASan and UBSan'),
    'tsan': (tsan, 'cpu', (), CHECK, 'unit tests of what threads share, under TSan'),
    'clang': (clang, 'cpu', (), CHECK, 'clang -Werror'),
    'fuzz': (fuzz, 'cpu', (), CHECK, 'each fuzzer over its corpus, and for a bounded time'),
    'fuzz-long': (fuzz_long, 'cpu', ('fuzz',), LONG, 'each fuzzer for a minute'),
    'interop': (interop, 'interop', ('build',), CHECK, 'smbclient, rpcclient, impacket, tshark, the program'),
    'interop-asan': (interop_asan, 'interop', ('asan', 'interop'), CHECK,
                     'the quick scenarios and chaos against a server under ASan and UBSan'),
    'interop-tsan': (interop_tsan, 'interop', ('tsan', 'interop-asan'), CHECK,
                     'the quick scenarios and chaos against a server under TSan'),
    'interop-pend': (interop_pend, 'interop', ('build', 'interop'), CHECK,
                     'the quick scenarios while each operation of the plugin answers by and by'),
    'examples': (examples, 'interop', ('build',), CHECK, 'the example plugin of the manual, built outside the tree'),
    'faults': (faults, 'interop', ('build',), CHECK, 'every example of docs/fault-injection.md'),
    'kit': (kit, 'chaos', ('build',), CHECK, 'plugins, filters and pairs of them keep to the contract; the kit finds what is broken'),
    'kit-asan': (kit_asan, 'chaos', ('asan', 'kit'), CHECK, 'mem and dir by the contract kit, under ASan and UBSan'),
    'kit-tsan': (kit_tsan, 'chaos', ('tsan', 'kit'), CHECK, 'the same under TSan'),
    'stress': (stress, 'interop', ('build', 'interop', 'interop-asan', 'interop-tsan'), LONG,
               'chaos, mutated requests and soak for minutes; also under ASan and TSan'),
    'chaos-asan': (chaos_asan, 'chaos', ('asan', 'interop-asan'), LONG, 'the chaos model for five minutes under ASan and UBSan'),
    'chaos-tsan': (chaos_tsan, 'chaos', ('tsan', 'interop-tsan'), LONG, '... and under TSan'),
    'pend': (pend, 'interop', ('build', 'stress'), LONG,
             'all scenarios and smbtorture while operations answer by and by; also under TSan'),
    'smbtorture': (smbtorture, 'smbtorture', ('build',), CHECK, "Samba's test suite against what is expected of it, on mem"),
    'smbtorture-dir': (smbtorture_dir, 'smbtorture', ('build',), LONG, 'the same on a folder'),
    'guests': (guests, 'smbtorture', ('build', 'smbtorture'), LONG, 'the kernel of Linux mounts the shares, under qemu; two of its clients beside each other'),
}
