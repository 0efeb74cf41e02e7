# SPDX-License-Identifier: Apache-2.0
"""Browsing: smbclient -L, rpcclient, what the pipes answer (quick)."""
from impacket.dcerpc.v5 import transport, wkst

from harness import PASSWORD, USER, Server, case, check, check_in, main, run


def netsess(s, level):
    return s.rpcclient(NETSESS.format(level))


@case('smbclient -L lists shares')
def browse():
    with Server('mem:', 'pictures=@/pictures') as s:
        r = run(['smbclient', '-L', '127.0.0.1', '-p', str(s.port), '-U', f'{USER}%{PASSWORD}', '-g'])
        lines = r.text.splitlines()
        for wanted in ('IPC|IPC$|', 'Disk|mem|', 'Disk|pictures|'):
            check(any(line.startswith(wanted) for line in lines), wanted, r.text)


@case('a share that is not browseable is not listed, and works')
def hidden():
    with Server(config='[seen]\nplugin = mem\ncomment = for all\n[hid]\nplugin = mem\nbrowseable = no\n') as s:
        text = s.rpcclient('netshareenum 1').text
        check_in('seen', text)
        check_in('for all', text)
        check('hid' not in text, text)
        s.smbclient('hid', 'ls').ok()


@case('srvinfo')
def srvinfo():
    with Server('mem:') as s:
        text = s.rpcclient('srvinfo').ok()
        check_in('platform_id', text)
        check_in('os version', text)


@case('names of accounts and their SIDs')
def accounts():
    with Server('mem:', users=[(USER, PASSWORD), ('bob', 'Other1!')]) as s:
        sid = s.rpcclient('lookupnames bob').ok().split()[1]
        check(sid.startswith('S-1-5-21-'), sid)
        machine = sid.rpartition('-')[0]
        text = s.rpcclient(f'lookupsids {sid} {machine}-513 S-1-1-0 S-1-5-32-544 S-1-5-11 {machine}-1 S-1-9-9').ok()
        for wanted in ('\\bob (1)', '\\None (2)', '\\Everyone (5)', 'BUILTIN\\Administrators (4)',
                       'NT AUTHORITY\\Authenticated Users (5)', f'{machine}-1 *unknown*', 'S-1-9-9 *unknown*'):
            check_in(wanted, text)
        # As Samba names what POSIX knows by a number.
        text = s.rpcclient('lookupsids S-1-22-1-0 S-1-22-2-0 S-1-22-1-4000000000').ok()
        for wanted in ('Unix User\\root (1)', 'Unix Group\\root (2)', 'Unix User\\4000000000 (1)'):
            check_in(wanted, text)
        check_in('S-1-5-18', s.rpcclient('lookupnames SYSTEM').ok())
        check_in('NONE_MAPPED', s.rpcclient('lookupnames nobody-of-this-name').text)
        check_in(USER, s.rpcclient('getusername').ok())
        check_in('WORKGROUP', s.rpcclient('lsaquery').ok())
        r = run(['rpcclient', '-p', str(s.port), '-U%', '127.0.0.1', '-c', 'lookupnames bob'])
        check(r.code != 0 and 'S-1-5-21' not in r.text, 'the nameless', r.text)


# rpcclient takes one backslash of two away.
NETSESS = f'netsessenum \\\\\\\\127.0.0.1 {USER} {{}}'
PLAIN = '[mem]\nplugin = mem\n'
# What tells paths, descriptors and the doings of others is for administrators, [MS-SRVS] 3.1.4.5, 3.1.4.8.
GUARDED = ('netshareenum 2', 'netshareenum 502', 'netsharegetinfo mem 2', 'netsharegetinfo mem 502',
           *(NETSESS.format(level) for level in (1, 2, 502)))


@case('what everybody may ask')
def everybody():
    with Server(config=PLAIN) as s:
        check_in('mem', s.rpcclient('netshareenum 1').ok())
        check_in('mem', s.rpcclient('netsharegetinfo mem 1').ok())
        check_in('NETNAMENOTFOUND', s.rpcclient('netsharegetinfo nothing 1').text)
        for level in (0, 10):
            r = netsess(s, level)
            check(r.code == 0 or 'WERR_ACCESS_DENIED' in r.text, level, r.text)
        check('WERR' in netsess(s, 77).text, 'level 77 went through')


@case('what only administrators may ask')
def guarded():
    with Server(config=PLAIN) as s:
        for command in GUARDED:
            check_in('WERR_ACCESS_DENIED', s.rpcclient(command).text)
    with Server(config=PLAIN, settings=f'admin users = {USER}\n') as s:
        for command in GUARDED:
            r = s.rpcclient(command)
            check(r.code == 0 and 'WERR' not in r.text, command, r.text)


@case('whoever serve lets in by name is an administrator')
def served():
    with Server('mem:') as s:
        for command in GUARDED:
            r = s.rpcclient(command)
            check(r.code == 0 and 'WERR' not in r.text, command, r.text)


@case('wkssvc')
def wkssvc():
    with Server('mem:') as s:
        check(s.rpcclient('wkssvc_wkstagetinfo').code == 0, 'wkssvc_wkstagetinfo')


@case('the workgroup of the configuration')
def workgroup():
    with Server(config='workgroup = HOUSE\n[mem]\nplugin = mem\n') as s:
        pipe = transport.SMBTransport('127.0.0.1', filename=r'\wkssvc', smb_connection=s.impacket()).get_dce_rpc()
        pipe.connect()
        pipe.bind(wkst.MSRPC_UUID_WKST)
        info = wkst.hNetrWkstaGetInfo(pipe, 100)['WkstaInfo']['WkstaInfo100']
        check(info['wki100_langroup'] == 'HOUSE\0', info['wki100_langroup'])


@case('a pipe that does not exist')
def no_pipe():
    with Server('mem:') as s:
        s.rpcclient('enumprinters').refused('NT_STATUS_OBJECT_NAME_NOT_FOUND', 'NT_STATUS_UNSUCCESSFUL')
        s.rpcclient('srvinfo').ok()


@case('impacket lists shares')
def impacket():
    with Server('mem:') as s:
        names = [x['shi1_netname'][:-1] for x in s.impacket().listShares()]
        check('mem' in names and 'IPC$' in names, names)


main()
