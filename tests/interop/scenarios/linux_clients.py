# SPDX-License-Identifier: Apache-2.0
"""Two clients of the Linux kernel on default 3.1.1 mounts see each other's work; git, SQLite, rsync, tar and fsx on them (long)."""
import functools
import re

import guest
from harness import Server, case, check, main

SHARES = ('memory', 'folder')
PROGRAMS = ('git', 'sqlite3', 'rsync', 'fsx', 'pair')
PAIR = ('writes', 'closed', 'names', 'exclusive', 'locks', 'counter')
# What each function of the script shows. nosharesock gives each mount a connection and a ClientGuid of its own.
CASES = {**{f'pair_{name}': f'two clients: {name}' for name in PAIR},
         'fsx_one': '2,000 operations of fsx, and what the other client then reads', 'fsx_two': 'fsx by two clients in turn',
         'git_make': 'git: init, 500 files, commit, gc', 'git_other': 'git: clone, commit and fetch by the other client',
         'sqlite_journal': 'SQLite with a journal, nobrl', 'sqlite_wal': 'SQLite with WAL, nobrl',
         'rsync_twice': 'rsync -a: the second time moves nothing', 'tar_both_ways': 'tar: packed and unpacked'}

SCRIPT = r'''
export HOME=/tmp PATH=/usr/bin:/usr/sbin:/bin:/sbin GIT_EXEC_PATH=/tmp/git GIT_PAGER=cat
mkdir -p /a /b /n /tmp/git
ln -s /usr/bin/git /tmp/git/git; ln -s /usr/bin/git /tmp/git/git-upload-pack; ln -s /usr/bin/git /tmp/git/git-receive-pack
printf '[user]\nname = u\nemail = u@u\n[safe]\ndirectory = *\n[init]\ndefaultBranch = main\n' >/tmp/.gitconfig
PAIRS

# Where every file is another: path and number.
make_files() { for i in $(seq $2); do d=$1/d$((i % 10)); mkdir -p $d; seq $i $((i + i % 50)) >$d/file-$i; done; }

fsx_one() {
    fsx 2000 1 /a/fsx && cp /a/fsx /tmp/fsx && cmp /tmp/fsx /b/fsx && fsx 300 2 /b/fsx2 && cmp /b/fsx2 /a/fsx2
}
fsx_two() { fsx 300 3 /a/fsx3 /b/fsx3; }
git_make() {
    make_files /a/repo 500 && cd /a/repo && git init -q && git add . && git commit -q -m one && [ -z "$(git status --porcelain)" ] &&
        [ $(git ls-files | wc -l) = 500 ] && for i in 1 2; do echo $i >>d1/file-1 && git commit -q -a -m more$i || return 1; done &&
        git gc -q && git fsck --strict && [ -z "$(git status --porcelain)" ] && [ $(git log --oneline | wc -l) = 3 ]
}
git_other() {
    cd /b/repo && [ -z "$(git status --porcelain)" ] && git clone -q /b/repo /b/clone && cd /b/clone && git fsck && [ $(git ls-files | wc -l) = 500 ] &&
        git mv d2 moved && git rm -q -r d3 && git commit -q -m two && [ -z "$(git status --porcelain)" ] &&
        cd /a/repo && git fetch -q /a/clone main && git merge -q FETCH_HEAD && [ ! -e d3 ] && [ -e moved/file-2 ] &&
        [ -z "$(git status --porcelain)" ] && git fsck && cd /b/repo && [ $(git log --oneline | wc -l) = 4 ]
}
sqlite_work() {
    sqlite3 $1 "pragma journal_mode=$2; create table t(i integer primary key, x text); create index ix on t(x);" &&
        for i in 1 2 3 4 5; do sqlite3 $1 "pragma busy_timeout=9000; begin; with recursive c(n) as (select 1 union all select n+1 from c where n<200)
            insert into t(x) select hex(randomblob(50)) from c; commit; delete from t where i % 7 = $i;" >/dev/null || return 1; done &&
        sqlite3 $1 "begin; delete from t; rollback; vacuum;" &&
        [ "$(sqlite3 $1 'pragma integrity_check')" = ok ] && [ $(sqlite3 $1 "pragma journal_mode") = $2 ] && sqlite3 $1 'select count(*), sum(i) from t'
}
sqlite_like_local() {
    sqlite_work /tmp/$1.db $1 >/tmp/local && sqlite_work /n/$1.db $1 >/tmp/share && cat /tmp/share && cmp /tmp/local /tmp/share
}
sqlite_journal() { sqlite_like_local delete; }
sqlite_wal() { sqlite_like_local wal; }
says_nothing() { out=$("$@"); [ -z "$out" ] || { echo "$out"; return 1; }; }
rsync_twice() {
    make_files /tmp/tree 120 && mkdir -p /tmp/tree/empty && head -c 3000000 /dev/urandom >/tmp/tree/large && chmod -R 755 /tmp/tree && touch -d '2001-02-03 04:05:06' /tmp/tree/large &&
        rsync -a /tmp/tree/ /a/tree && says_nothing rsync -a -i /tmp/tree/ /a/tree &&
        says_nothing rsync -a -i /tmp/tree/ /b/tree && says_nothing rsync -a -i -c --delete /b/tree/ /tmp/tree
}
tar_both_ways() {
    rm -rf /tmp/tree && make_files /tmp/tree 120 && tar -c -f /a/tree.tar -C /tmp tree && cmp /a/tree.tar /b/tree.tar && mkdir /b/out && tar -x -f /b/tree.tar -C /b/out &&
        diff -r /tmp/tree /a/out/tree && tar -c -f /tmp/back.tar -C /a/out tree && mkdir /tmp/back && tar -x -f /tmp/back.tar -C /tmp/back &&
        diff -r /tmp/tree /tmp/back/tree && rm -r /a/out && [ ! -e /b/out ]
}

for share in SHARES; do
    where="ip=10.0.2.2,unc=\\\\10.0.2.2\\$share,username=u,password=p,port=PORT"
    for at in a b n; do
        brl=; [ $at = n ] && brl=,nobrl
        mount -t cifs -o "$where,nosharesock$brl" //10.0.2.2/$share /$at || dmesg | tail -5
    done
    for name in NAMES; do
        case $share-$name in memory-git*) continue ;; esac
        begun=$(cut -d. -f1 /proc/uptime)
        dmesg -c >/dev/null; echo "BEGIN $share $name"
        if $name >/tmp/said 2>&1; then result=DONE; else result=FAILED; fi
        [ $result = DONE ] || { tail -20 /tmp/said; dmesg; }
        cd /; echo "$result $share $name $(($(cut -d. -f1 /proc/uptime) - begun)) s"
    done
    for at in a b n; do umount /$at; done
    rm -rf /tmp/tree /tmp/back /tmp/*.db*
done
'''


@functools.lru_cache(maxsize=None)
def console():
    """All in one start of the machine; what it said."""
    pairs = '\n'.join(f'pair_{name}() {{ pair {name} /a /b; }}' for name in PAIR)
    with Server('memory=mem:', 'folder=@/folder', users=(('u', 'p'),)) as s:
        script = SCRIPT
        for word, text in (('PAIRS', pairs), ('SHARES', ' '.join(SHARES)), ('NAMES', ' '.join(CASES)), ('PORT', str(s.port))):
            script = script.replace(word, text)
        said = guest.console(s, script, PROGRAMS, 1024)
        s.wait_idle()
    return said


def done(share, name):
    text = console()
    begun = text.find(f'BEGIN {share} {name}\r')
    check(begun >= 0, text[-2000:])
    ended = re.search(rf'(DONE|FAILED) {share} {name} (\d+) s\r', text)
    check(ended and ended.group(1) == 'DONE', text[begun:ended.end() if ended else None][:3000])
    print(f'# {share}, {name}: {ended.group(2)} s')


for _share in SHARES:
    for _name, _what in CASES.items():
        if _share == 'folder' or not _name.startswith('git'):  # which takes minutes
            case(f'{_share}: {_what}', _share, _name)(done)

main()
