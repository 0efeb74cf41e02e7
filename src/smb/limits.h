/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound that a peer can run into, with its reason. */
#pragma once

/* Bytes of one frame before a session exists: NEGOTIATE and SESSION_SETUP with a large Kerberos
 * ticket. */
#define SMB_FRAME_PREAUTH_MAX (128u * 1024)
/* What a frame may hold beyond transact_max_bytes: transform header, headers and bodies of a
 * compound. */
#define SMB_FRAME_OVERHEAD (64u * 1024)
/* Requests in one compound; Windows sends up to 7, but a client may chain what its credits allow,
 * and Samba answers 200. A request costs about a kilobyte while it is under way. */
#define SMB_COMPOUND_MAX 256
/* Requests that wait with an AsyncId on one connection; as Samba ("smb2 max async credits"). */
#define SMB_ASYNC_MAX 512
/* Messages of one connection that are being worked on. The credits bound it too; this bounds
 * memory. */
#define SMB_MESSAGES_MAX 16384
/* Sessions on one connection, set up or half way. */
#define SMB_SESSIONS_PER_CONN 256
/* Tree connects of one session. */
#define SMB_TREES_PER_SESSION 4096
/* Opens of one session; Windows and Samba allow 16,384 and more. */
#define SMB_OPENS_PER_SESSION 65536u
/* Opens of one client machine, whatever its connections, and of one user, whatever his machines: a
 * few full sessions. An open takes about 2 KiB, so nobody takes more than half a gigabyte alone. */
#define SMB_OPENS_PER_CLIENT 262144u
#define SMB_OPENS_PER_USER 262144u
/* Opens of the whole server: what Windows takes for its own bound of 2^20 too. */
#define SMB_OPENS_MAX 1048576u
/* Rounds of one log-in: NTLM takes two, SPNEGO negotiation one more. */
#define SMB_LOGON_ROUNDS_MAX 8
/* How long a connection may take to set up its first session. */
#define SMB_LOGON_TIME_MS 60000u
/* How long a client may take to answer an oplock break, as Windows ([MS-SMB2] 3.3.2.1). */
#define SMB_OPLOCK_TIME_MS 35000u
/* A request on a worker that takes longer is told STATUS_PENDING, so that no client times out. */
#define SMB_INTERIM_AFTER_MS 1000u
/* Threads that log-ins may have: they wait for nobody's volume, so few are enough, and a flood of
 * log-ins takes no more than these. */
#define SMB_WORKERS_LOGON 8u
/* Threads for closing, disconnecting, logging off: calls of the volumes' close, which may be stuck
 * with a volume, so that of one volume, or session, only a part of them can be. */
#define SMB_WORKERS_END 32u
#define SMB_WORKERS_END_VOLUME 8u
#define SMB_WORKERS_END_SESSION 4u
/* Of the threads for other calls ("max workers") one volume may have a half and one session there a
 * quarter: a hung volume, or a greedy client, leaves the rest to the others. */
#define SMB_WORKERS_VOLUME_PART 2u
#define SMB_WORKERS_SESSION_PART 4u
/* The largest change-notify buffer that is kept for a client. */
#define SMB_NOTIFY_BYTES_MAX (64u * 1024)
/* Bytes of one security descriptor, EA list, rename target and the like in SET_INFO. */
#define SMB_SETINFO_BYTES_MAX (64u * 1024)
/* Share names, [MS-SMB2] 2.2.9: 80 UTF-16 units after \\server\. */
#define SMB_SHARE_NAME_BYTES 256
