# SPDX-License-Identifier: Apache-2.0
"""The accounts of the machine (samr), and what is open (srvsvc), as clients and administrators ask (quick)."""
import os
import re
import struct

from impacket.dcerpc.v5 import lsad, lsat, samr, srvs, transport
from impacket.dcerpc.v5.rpcrt import DCERPCException

import rawbodies as b
from harness import PASSWORD, USER, Server, case, check, check_in, expect, main, run, write_file
from rawclient import connect

OTHER = ('bob', 'Battery staple 2')
GROUPS = f'group = staff: {USER} bob\ngroup = office: bob\n'


def server(settings=''):
    s = Server(config='[mem]\nplugin = mem\nread only = no\n[dir]\npath = @/dir\nread only = no\n', settings=f'{GROUPS}{settings}')
    s.add_user(*OTHER)
    return s


def admin():
    return server(f'admin users = {USER}\n')


def bound(s, name, uuid, who=(USER, PASSWORD)):
    pipe = transport.SMBTransport('127.0.0.1', filename='\\' + name, smb_connection=s.impacket(user=who[0], password=who[1])).get_dce_rpc()
    pipe.connect()
    pipe.bind(uuid)
    return pipe


def refused(fn, *args, **how):
    try:
        fn(*args, **how)
    except DCERPCException as e:
        return str(e)
    raise AssertionError(f'{fn.__name__} went through')


class Sam:
    def __init__(self, s, who=(USER, PASSWORD)):
        self.pipe = bound(s, 'samr', samr.MSRPC_UUID_SAMR, who)
        self.server = samr.hSamrConnect(self.pipe)['ServerHandle']

    def domains(self):
        r = samr.hSamrEnumerateDomainsInSamServer(self.pipe, self.server)
        return [d['Name'] for d in r['Buffer']['Buffer']]

    def domain(self, name):
        sid = samr.hSamrLookupDomainInSamServer(self.pipe, self.server, name)['DomainId']
        return samr.hSamrOpenDomain(self.pipe, self.server, domainId=sid)['DomainHandle'], sid


@case('what an administrator sees')
def sees():
    with admin() as s:
        sam = Sam(s)
        names = sam.domains()
        check(len(names) == 2 and names[1] == 'Builtin', names)
        domain, sid = sam.domain(names[0])
        r = samr.hSamrEnumerateUsersInDomain(sam.pipe, domain)
        users = {u['Name']: u['RelativeId'] for u in r['Buffer']['Buffer']}
        expect('the users', sorted(users), sorted([USER, 'bob']))
        r = samr.hSamrEnumerateAliasesInDomain(sam.pipe, domain)
        expect('the groups', sorted(g['Name'] for g in r['Buffer']['Buffer']), ['office', 'staff'])
        expect('no groups proper', samr.hSamrEnumerateGroupsInDomain(sam.pipe, domain)['CountReturned'], 0)
        found = samr.hSamrLookupNamesInDomain(sam.pipe, domain, ('bob', 'staff'))
        expect('bob', found['RelativeIds']['Element'][0]['Data'], users['bob'])
        expect('their kinds', [u['Data'] for u in found['Use']['Element']], [1, 4])
        check_in('SOME_NOT_MAPPED', refused(samr.hSamrLookupNamesInDomain, sam.pipe, domain, ('bob', 'nobody-here')))
        back = samr.hSamrLookupIdsInDomain(sam.pipe, domain, (users['bob'],))
        expect('by rid', back['Names']['Element'][0]['Data'], 'bob')
        user = samr.hSamrOpenUser(sam.pipe, domain, samr.MAXIMUM_ALLOWED, users['bob'])['UserHandle']
        for level in (1, 6, 7, 8, 9, 13, 16, 21):
            samr.hSamrQueryInformationUser(sam.pipe, user, level)
        everything = samr.hSamrQueryInformationUser2(sam.pipe, user, 21)['Buffer']['All']
        expect('its name and ids', (everything['UserName'], everything['UserId'], everything['PrimaryGroupId']), ('bob', users['bob'], 513))
        expect('no hash', (len(everything['NtOwfPassword']['Buffer']), len(everything['LmOwfPassword']['Buffer'])), (0, 0))
        groups = samr.hSamrGetGroupsForUser(sam.pipe, user)['Groups']['Groups']
        expect('its group', [g['RelativeId'] for g in groups], [513])
        # Of impacket's SAMPR_PSID_ARRAY the pointers are missing: rpcclient asks for aliases.
        for what, right in (('domain', 2), ('builtin', 1)):
            text = s.rpcclient(f'queryuseraliases {what} {sid.formatCanonical()}-{users["bob"]}').ok()
            expect(f'aliases that bob is in: {what}', text.count('group rid:'), right)
        samr.hSamrCloseHandle(sam.pipe, user)
        check_in('nca_s_fault_context_mismatch', refused(samr.hSamrQueryInformationUser, sam.pipe, user, 1))


@case('what others see')
def others():
    with admin() as s:
        sam = Sam(s, OTHER)
        domain, _ = sam.domain(sam.domains()[0])
        check_in('ACCESS_DENIED', refused(samr.hSamrEnumerateUsersInDomain, sam.pipe, domain))
        check_in('ACCESS_DENIED', refused(samr.hSamrEnumerateAliasesInDomain, sam.pipe, domain))
        rids = [r['Data'] for r in samr.hSamrLookupNamesInDomain(sam.pipe, domain, ('bob', USER))['RelativeIds']['Element']]
        mine = samr.hSamrOpenUser(sam.pipe, domain, samr.MAXIMUM_ALLOWED, rids[0])['UserHandle']
        expect('himself', samr.hSamrQueryInformationUser(sam.pipe, mine, 7)['Buffer']['AccountName']['UserName'], 'bob')
        check_in('ACCESS_DENIED', refused(samr.hSamrOpenUser, sam.pipe, domain, samr.MAXIMUM_ALLOWED, rids[1]))
        builtin, _ = sam.domain('Builtin')
        names = {a['Name'] for a in samr.hSamrEnumerateAliasesInDomain(sam.pipe, builtin)['Buffer']['Buffer']}
        check({'Administrators', 'Users', 'Guests'} <= names, names)


@case('nothing is changed, and the nameless are told nothing')
def changes():
    with admin() as s:
        sam = Sam(s)
        domain, _ = sam.domain(sam.domains()[0])
        rid = samr.hSamrLookupNamesInDomain(sam.pipe, domain, ('bob',))['RelativeIds']['Element'][0]['Data']
        user = samr.hSamrOpenUser(sam.pipe, domain, samr.MAXIMUM_ALLOWED, rid)['UserHandle']
        for fn, args in ((samr.hSamrCreateUser2InDomain, (domain, 'eve')), (samr.hSamrDeleteUser, (user,)),
                         (samr.hSamrSetPasswordInternal4New, (user, 'x')), (samr.hSamrChangePasswordUser, (user, 'a', 'b'))):
            check_in('nca_s_op_rng_error', refused(fn, sam.pipe, *args))
        r = run(['rpcclient', '-p', str(s.port), '-U%', '127.0.0.1', '-c', 'enumdomusers'])
        check(r.code != 0 and 'user:' not in r.text, r.text)


@case('rpcclient')
def rpcclient():
    with admin() as s:
        text = s.rpcclient('enumdomusers').ok()
        rid = re.search(r'user:\[bob\] rid:\[(0x[0-9a-f]+)\]', text).group(1)
        check_in('User Name   :\tbob', s.rpcclient(f'queryuser {rid}').ok())
        check_in('0x201', s.rpcclient(f'queryusergroups {rid}').ok())
        check_in('group:[staff]', s.rpcclient('enumalsgroups domain').ok())
        check_in('group:[Administrators]', s.rpcclient('enumalsgroups builtin').ok())
        check_in(rid, s.rpcclient('samlookupnames domain bob').ok())
        check_in('bob', s.rpcclient(f'samlookuprids domain {rid}').ok())


@case('accounts of the host')
def host():
    with admin() as s:
        pipe = bound(s, 'lsarpc', lsat.MSRPC_UUID_LSAT)
        policy = lsad.hLsarOpenPolicy2(pipe, lsat.POLICY_LOOKUP_NAMES)['PolicyHandle']
        for name, sid in (('Unix User\\root', 'S-1-22-1'), ('unix group\\root', 'S-1-22-2')):
            r = lsat.hLsarLookupNames(pipe, policy, (name,))
            expect(name, r['TranslatedSids']['Sids'][0]['RelativeId'], 0)
            expect(f'the domain of {name}', r['ReferencedDomains']['Domains'][0]['Sid'].formatCanonical(), sid)
        for name in ('Unix User\\no-such-user-here', 'root'):
            check_in('STATUS_NONE_MAPPED', refused(lsat.hLsarLookupNames, pipe, policy, (name,)))
        back = lsat.hLsarLookupSids(pipe, policy, ('S-1-22-1-0',))['TranslatedNames']['Names'][0]
        expect('its name', (back['Name'], back['Use']), ('root', 1))


@case('guests learn of no account of the host')
def guests():
    with server('map to guest = bad user\n') as s:
        for user, name in (((USER, PASSWORD), 'root'), (('stranger', 'x'), '0')):
            pipe = bound(s, 'lsarpc', lsat.MSRPC_UUID_LSAT, user)
            policy = lsad.hLsarOpenPolicy2(pipe, lsat.POLICY_LOOKUP_NAMES)['PolicyHandle']
            told = lsat.hLsarLookupSids(pipe, policy, ('S-1-22-1-0',))['TranslatedNames']['Names'][0]
            expect(f'what {user[0]} is told', told['Name'], name)
        check_in('STATUS_NONE_MAPPED', refused(lsat.hLsarLookupNames, pipe, policy, ('Unix User\\root',)))


@case('what is open')
def files():
    with admin() as s, connect(s, 'mem', user=OTHER[0], password=OTHER[1]) as c:
        c.make_folder('d')
        f = c.opened('d\\a file', disposition=b.OPEN_IF, access=0x12019f)
        expect('a lock', c.lock(f, 0, 1, 2 | 0x10), 'OK')
        pipe = bound(s, 'srvsvc', srvs.MSRPC_UUID_SRVS)
        told = srvs.hNetrFileEnum(pipe, '\0', '\0', 3)['InfoStruct']['FileInfo']['Level3']['Buffer']
        mine = [x for x in told if x['fi3_path_name'] == 'C:\\mem\\d\\a file\0']
        check(len(mine) == 1, [x['fi3_path_name'] for x in told])
        expect('who, how, locks', (mine[0]['fi3_username'], mine[0]['fi3_permissions'] & 3, mine[0]['fi3_num_locks']), ('bob\0', 3, 1))
        one = srvs.hNetrFileGetInfo(pipe, mine[0]['fi3_id'], 3)['InfoStruct']['FileInfo3']
        expect('by its number', one['fi3_path_name'], 'C:\\mem\\d\\a file\0')
        for base, user, right in (('C:\\MEM\\D\0', '\0', 1), ('C:\\dir\0', '\0', 0), ('\0', 'bob\0', 1), ('\0', 'nobody\0', 0)):
            r = srvs.hNetrFileEnum(pipe, base, user, 2)
            expect(f'{base!r} {user!r}', r['InfoStruct']['FileInfo']['Level2']['EntriesRead'], right)
        for qualifier, field in (('mem\0', '127.0.0.1\0'), ('\\\\127.0.0.1\0', 'mem\0')):
            r = srvs.hNetrConnectionEnum(pipe, qualifier, 1)
            of_bob = [x for x in r['InfoStruct']['ConnectInfo']['Level1']['Buffer'] if x['coni1_username'] == 'bob\0']
            expect(qualifier, [(x['coni1_netname'], x['coni1_num_opens']) for x in of_bob], [(field, 1)])
        c.close(f)
        check_in('0x90a', refused(srvs.hNetrFileGetInfo, pipe, mine[0]['fi3_id'], 3))  # NERR_FileIdNotFound
        theirs = bound(s, 'srvsvc', srvs.MSRPC_UUID_SRVS, OTHER)
        check_in('0x5', refused(srvs.hNetrFileEnum, theirs, '\0', '\0', 3))


def owners_of(c, path):
    f = c.opened(path, access=0x20080)
    sd = c.query(f, 0, b.KIND_SECURITY, which=7).buffer()
    c.close(f)
    owner, group = struct.unpack_from('<2I', sd, 4)
    return [sd[at:at + 8 + 4 * sd[at + 1]] for at in (owner, group)]


def unix_sid(kind, number):
    return struct.pack('<BBHIII', 1, 2, 0, 22 << 24, kind, number)


@case('a file that a program of the machine has made is told as its user\'s; it is everybody\'s as before')
def store_owners():
    with server() as s:
        for name in ('a', 'b'):
            write_file(s.path('dir', name), b'data')
        if os.geteuid() == 0:
            os.chown(s.path('dir', 'a'), 4711, 4712)
        st = os.stat(s.path('dir', 'a'))
        wanted = [unix_sid(1, st.st_uid), unix_sid(2, st.st_gid)]
        with connect(s, 'dir') as c, connect(s, 'dir', user=OTHER[0], password=OTHER[1]) as other:
            expect('owner and group', owners_of(c, 'a'), wanted)
            expect('of mem, none', owners_of(connect(s, 'mem'), '')[0][7], 5)
            f = other.opened('a', access=0xd01bf)  # DELETE, WRITE_DAC, WRITE_OWNER, ...
            expect('write', other.write(f, b'x'), 'OK')
            dacl = struct.pack('<BBHHHBBHI', 2, 0, 28, 1, 0, 0, 0, 20, 0x1f01ff) + struct.pack('<BBHII', 1, 1, 0, 1 << 24, 0)
            sd = struct.pack('<BBHIIII', 1, 0, 0x8004, 0, 0, 0, 20) + dacl
            expect('another DACL', other.set(f, 0, sd, kind=b.KIND_SECURITY, which=4), 'OK')
            other.close(f)
            expect('the owner stays', owners_of(c, 'a'), wanted)
            other.close(other.opened('b', access=0x10000, options=0x1000))
            check(not os.path.exists(s.path('dir', 'b')))
            c.put('mine')
            expect('who makes one by SMB owns it', owners_of(c, 'mine')[0][7], 5)


main()
