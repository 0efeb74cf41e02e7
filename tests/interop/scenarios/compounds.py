# SPDX-License-Identifier: Apache-2.0
"""Compounds as Windows, macOS, Linux and libraries send them (quick)."""
import rawbodies as b
from harness import check, each_share, expect, main, wait_for
from rawclient import RELATED, Closed, connect

ANY = b.SAME_FILE
CLOSE_IT = (b.CLOSE, b.close(ANY))


def create(path, **how):
    return b.CREATE, b.create(path, **how)


def query(info_class, file_id=ANY):
    return b.QUERY_INFO, b.query_info(file_id, info_class, room=4096)


def names(c, *parts, **how):
    return [r.name for r in run(c, *parts, **how)]


def run(c, *parts, **how):
    answers = [c.receive(m) for m in c.chain(*parts, **how)]
    check(all(answers), 'an element has no answer')
    return answers


def set_up(c):
    c.make_folder('d')
    c.put('d\\f', b'hello')


@each_share('open, do something, close')
def usual(s, share):
    with connect(s, share) as c:
        set_up(c)
        expect('query', names(c, create('d\\f'), query(18), CLOSE_IT), ['OK'] * 3)
        expect('read', names(c, create('d\\f'), (b.READ, b.read(ANY, 99)), CLOSE_IT), ['OK'] * 3)
        rename = (b.SET_INFO, b.set_info(ANY, 10, b.new_name('d\\g')))
        expect('rename', names(c, create('d\\f', access=0x10000), rename, CLOSE_IT), ['OK'] * 3)
        delete = (b.SET_INFO, b.set_info(ANY, 13, b'\1'))
        expect('unlink', names(c, create('d\\g', access=0x10000), delete, CLOSE_IT), ['OK'] * 3)
        expect('then', c.try_open('d\\g'), 'OBJECT_NAME_NOT_FOUND')
        look = (b.QUERY_DIRECTORY, b.query_directory(ANY, room=4096))
        expect('list twice', names(c, create('d', access=b.LIST, options=b.FOLDER), look, look, CLOSE_IT),
               ['OK', 'OK', 'NO_MORE_FILES', 'OK'])


@each_share('an element fails')
def failing(s, share):
    with connect(s, share) as c:
        set_up(c)
        expect('the first', names(c, create('d\\no'), query(18), CLOSE_IT), ['OBJECT_NAME_NOT_FOUND'] * 3)
        expect('the middle', names(c, create('d\\f', access=0x80), (b.READ, b.read(ANY, 9)), CLOSE_IT),
               ['OK', 'ACCESS_DENIED', 'OK'])
        expect('an unknown class', names(c, create('d\\f'), query(99), CLOSE_IT), ['OK', 'INVALID_INFO_CLASS', 'OK'])
        expect('opens left', s.status()['counters']['opens'], 0)


@each_share('handles from before, and unrelated elements')
def handles(s, share):
    with connect(s, share) as c:
        set_up(c)
        expect('flush, close', names(c, (b.FLUSH, b.flush(c.opened('d\\f'))), CLOSE_IT), ['OK'] * 2)
        expect('query, query, close', names(c, query(5, c.opened('d\\f')), query(4), CLOSE_IT), ['OK'] * 3)
        f = c.opened('d\\f')
        expect('unrelated', names(c, query(5, f), query(4, f), (b.ECHO, b.EMPTY), related=False), ['OK'] * 3)
        c.close(f)


@each_share('how the answers are laid out')
def layout(s, share):
    with connect(s, share) as c:
        set_up(c)
        answers = run(c, create('d\\f'), query(5), CLOSE_IT)
        check(all(r.next % 8 == 0 for r in answers), 'not aligned')
        check(all(c.is_signed_right(r) for r in answers), 'not signed, each')
        expect('related', [bool(r.flags & RELATED) for r in answers], [False, True, True])
        everything = {'flags': RELATED, 'tid': 0xffffffff, 'sid': 0xffffffffffffffff}
        parts = create('d\\f'), (*query(5), everything), (*CLOSE_IT, everything)
        expect('session and tree all ones', names(c, *parts), ['OK'] * 3)


@each_share('one that waits at the end does not hold back the others')
def waiting(s, share):
    with connect(s, share) as c:
        set_up(c)
        mids = c.chain(create('d', access=b.LIST, options=b.FOLDER), (b.CHANGE_NOTIFY, b.change_notify(ANY)))
        expect('CREATE', c.receive(mids[0]).name, 'OK')
        c.put('d\\new')
        expect('CHANGE_NOTIFY', c.receive(mids[1]).name, 'OK')


@each_share('a long one')
def long(s, share):
    with connect(s, share) as c:
        set_up(c)
        expect('30', set(names(c, create('d\\f'), *[query(5)] * 28, CLOSE_IT)), {'OK'})
        expect('the connection', c.echo().name, 'OK')
        c.grow(400)
        expect('256', set(names(c, *[(b.ECHO, b.EMPTY)] * 256, related=False)), {'OK'})
        try:
            c.chain(*[(b.ECHO, b.EMPTY)] * 257, related=False)
            c.receive(seconds=10)
            check(False, '257 were answered')
        except Closed:
            wait_for(lambda: 'compound of too many requests' in s.log(), 10, 'the reason in the log')


main()
