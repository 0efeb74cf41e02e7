# SPDX-License-Identifier: Apache-2.0
"""A session that needs no signature, or whose keys are another's, never becomes a user's: what a relay of somebody's
log-in would need (quick)."""
import raw_client as raw
from harness import Server, case, check, main
from raw_client import SUCCESS

USERS = (('alice', 'Correct horse 1'), ('mallory', 'Battery staple 2'))
DIALECTS = (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)
ANYBODY = '[open]\nplugin = mem\nguest ok = yes\n'
SETTINGS = ('restrict anonymous = 0\n', 'map to guest = bad user\n')


def begin(port, dialect, user, password):
    client = raw.RawClient(port)
    client.negotiate(dialect)
    check(client.login(user, password).status == SUCCESS, user, 'did not get in')
    return client


def is_out(client):
    """The session is gone, and what it might still be asked unsigned is refused."""
    check(client.tree('open').status == raw.SESSION_DELETED)


def raise_nobody(s, dialect, user):
    with begin(s.port, dialect, user, 'x') as c:
        check(c.tree('open').status == SUCCESS)
        check(c.login(session_id=c.session_id).status == raw.ACCESS_DENIED)
        is_out(c)


@case('nobody, a guest: neither becomes a user, on any dialect')
def keyless():
    for settings, user in zip(SETTINGS, (None, 'stranger')):
        with Server(config=ANYBODY, settings=settings) as s:
            for dialect in DIALECTS:
                raise_nobody(s, dialect, user)


@case('serve --guest: users must sign, and guests do not become users')
def serve_guest():
    with Server('open=mem:', args=['--guest'], users=USERS) as s:
        for dialect in DIALECTS:
            for user in None, 'stranger':
                raise_nobody(s, dialect, user)
            with begin(s.port, dialect, *USERS[0]) as c:
                c.signs = False
                check(c.tree('open').status == raw.ACCESS_DENIED)
                c.signs = True
                check(c.tree('open').status == SUCCESS)


@case("one user's keys never speak for another user")
def other_user():
    with Server('open=mem:', users=USERS) as s:
        for dialect in DIALECTS:
            with begin(s.port, dialect, *USERS[1]) as c:
                check(c.tree('open').status == SUCCESS)
                check(c.login(*USERS[0], session_id=c.session_id).status == raw.ACCESS_DENIED)
                is_out(c)


@case('the same user may log in again')
def again():
    with Server('open=mem:', users=USERS) as s:
        for dialect in DIALECTS:
            with begin(s.port, dialect, *USERS[0]) as c:
                check(c.login(session_id=c.session_id).status == SUCCESS)
                check(c.tree('open').status == SUCCESS)


main()
