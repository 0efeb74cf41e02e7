# SPDX-License-Identifier: Apache-2.0
"""A session that needs no signature, or whose keys are another's, never becomes a user's: what a relay of somebody's
log-in would need (quick)."""
from harness import PASSWORD, USER, Server, case, check, main
from rawclient import Files

USERS = ((USER, PASSWORD), ('mallory', 'Battery staple 2'))
DIALECTS = (0x202, 0x210, 0x300, 0x302, 0x311)
ANYBODY = '[open]\nplugin = mem\nguest ok = yes\n'
SETTINGS = ('restrict anonymous = 0\n', 'map to guest = bad user\n')


def begin(port, dialect, user, password):
    c = Files(port)
    c.negotiate((dialect,))
    check(c.login(user, password).name == 'OK', user, 'did not get in')
    return c


def is_out(c):
    """The session is gone: what it might still be asked unsigned is refused."""
    check(c.tree('open').name == 'USER_SESSION_DELETED')


def raise_nobody(s, dialect, user):
    with begin(s.port, dialect, user, 'x' if user else '') as c:
        check(c.tree('open').name == 'OK')
        check(c.login().name == 'ACCESS_DENIED')
        is_out(c)


@case('nobody, a guest: neither becomes a user, on any dialect')
def keyless():
    for settings, user in zip(SETTINGS, ('', 'stranger')):
        with Server(config=ANYBODY, settings=settings) as s:
            for dialect in DIALECTS:
                raise_nobody(s, dialect, user)


@case('serve --guest: users must sign, and guests do not become users')
def serve_guest():
    with Server('open=mem:', args=['--guest'], users=USERS) as s:
        for dialect in DIALECTS:
            for user in '', 'stranger':
                raise_nobody(s, dialect, user)
            with begin(s.port, dialect, *USERS[0]) as c:
                c.signing = False
                check(c.tree('open').name == 'ACCESS_DENIED')
                c.signing = True
                check(c.tree('open').name == 'OK')


@case("one user's keys never speak for another user")
def other_user():
    with Server('open=mem:', users=USERS) as s:
        for dialect in DIALECTS:
            with begin(s.port, dialect, *USERS[1]) as c:
                check(c.tree('open').name == 'OK')
                check(c.login(*USERS[0]).name == 'ACCESS_DENIED')
                is_out(c)


@case('the same user may log in again')
def again():
    with Server('open=mem:', users=USERS) as s:
        for dialect in DIALECTS:
            with begin(s.port, dialect, *USERS[0]) as c:
                check(c.login(*USERS[0]).name == 'OK')
                check(c.tree('open').name == 'OK')


main()
