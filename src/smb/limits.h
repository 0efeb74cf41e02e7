/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound that a peer can run into, with its reason. */
#pragma once

/* Bytes of one frame before a session exists: NEGOTIATE, and SESSION_SETUP with as large a Kerberos
 * ticket as Windows makes (MaxTokenSize, 48,000 bytes). */
#define SMB_FRAME_PREAUTH_MAX (50u * 1024)
/* What a connection may make us hold before that: one such frame, and the requests that
 * SMB_CREDITS_PREAUTH allows. */
#define SMB_CONN_PREAUTH_BYTES (56u * 1024)
/* Credits before that: a client that logs in needs two or three. */
#define SMB_CREDITS_PREAUTH 16u
/* ... and afterwards, beyond one message or reply of transact_max_bytes: what is small goes on
 * beside a large one, and what waits (SMB_WAITING_BYTES) and unread replies of pipes take nothing
 * from it. */
#define SMB_CONN_BYTES (1152u * 1024)
/* Besides: what a client makes us keep between its requests, which are unread replies of pipes,
 * unfinished calls to them, and changes that it has not asked for yet. Beyond it pipes refuse and
 * changes are forgotten (NOTIFY_ENUM_DIR). With all of the above it stays below 2 MiB. */
#define SMB_CLIENT_KEPT_BYTES (576u * 1024)
/* So much of it each connection has in any case; only what is beyond is also the server's. */
#define SMB_CONN_FREE_BYTES (64u * 1024)
/* What all connections may make us hold beyond that; those that find no room wait in turn. */
#define SMB_SERVER_BYTES ((size_t)1 << 30)
/* ... and those of one user, so that he leaves room to the others. */
#define SMB_ACCOUNT_BYTES (SMB_SERVER_BYTES / 4)
/* Frames and records of requests that wait with an AsyncId until something happens, of one
 * connection: SMB_ASYNC_MAX usual ones. */
#define SMB_WAITING_BYTES (960u * 1024)
/* ... and how many of those wait in the whole server. */
#define SMB_ASYNC_TOTAL_MAX 65536u
/* Frames from this size on are placed so that a WRITE's payload begins on a page; for smaller ones
 * that costs more than it saves. */
#define SMB_ALIGN_FROM_BYTES 32768u
/* Replies of a compound that are larger than this together are sent one by one, since gathering
 * them copies them. */
#define SMB_COMPOUND_COPY_BYTES (1024u * 1024)
/* Elements of a chain that run in one go: then others of the loop have their turn. */
#define SMB_CHAIN_TURN 32u
/* What a frame may hold beyond transact_max_bytes: transform header, headers and bodies of a
 * compound. */
#define SMB_FRAME_OVERHEAD (64u * 1024)
/* Requests in one compound; Windows sends up to 7, but a client may chain what its credits allow,
 * and Samba answers 200. A request costs about a kilobyte while it is under way. */
#define SMB_COMPOUND_MAX 256
/* Requests that wait with an AsyncId on one connection; as Windows and Samba, whose settings (512)
 * count the one that is one too many. */
#define SMB_ASYNC_MAX 511
/* Messages of one connection that are being worked on. The credits bound it too; this bounds
 * memory. */
#define SMB_MESSAGES_MAX 16384
/* Sessions on one connection, set up or half way. */
#define SMB_SESSIONS_PER_CONN 256
/* ... and before the first log-in, when all are half way. */
#define SMB_SESSIONS_PREAUTH 8
/* Addresses of the server that a client is told, to make channels to. */
#define SMB_INTERFACES_MAX 64u
/* Channels of one session, as Windows allows at most. */
#define SMB_CHANNELS_PER_SESSION 32u
/* Tree connects of one session. */
#define SMB_TREES_PER_SESSION 4096
/* Opens of one session; Windows and Samba allow 16,384 and more. */
#define SMB_OPENS_PER_SESSION 65536u
/* Opens of one client machine, whatever its connections, and of one user, whatever his machines: a
 * few full sessions. An open, of a file or a pipe, takes about 2 KiB, so nobody takes more than
 * half a gigabyte alone. */
#define SMB_OPENS_PER_CLIENT 262144u
#define SMB_OPENS_PER_USER 262144u
/* Locks of byte ranges that one user has, in bytes (VFS_LOCK_BYTES each): half a million, and two
 * files full of them (BRLOCK_NODE_MAX). No client needs as many; he leaves room to the others. */
#define SMB_ACCOUNT_LOCK_BYTES (64u * 1024 * 1024)
#define SMB_LOCK_BYTES (256u * 1024 * 1024)
/* Opens that one client machine leaves behind when its connection is lost, which wait for it. */
#define SMB_KEPT_PER_CLIENT 16384u
/* How long they do so at most, as Windows ([MS-SMB2] 3.3.5.9.10, note 330), and how long for a
 * client that names no time. */
#define SMB_DURABLE_MAX_MS 300000u
#define SMB_DURABLE_DEFAULT_MS 60000u
/* The same of a resilient one, as Windows ([MS-SMB2] 3.3.5.15.9). */
#define SMB_RESILIENT_DEFAULT_MS 120000u
/* Of the opens that take a descriptor (smb_config.descriptors_max), one client machine leaves this
 * part of them to the others, and one user, whatever his machines, that. */
#define SMB_DESCRIPTORS_CLIENT_LEAVES 8u
#define SMB_DESCRIPTORS_USER_LEAVES 16u
/* Opens of the whole server: what Windows takes for its own bound of 2^20 too. */
#define SMB_OPENS_MAX 1048576u
/* Rounds of one log-in: NTLM takes two, SPNEGO negotiation one more. */
#define SMB_LOGON_ROUNDS_MAX 8
/* How long a connection may take to set up its first session: what a verdict that waits in line
 * may take (auth/throttle.h), and as much again. */
#define SMB_LOGON_TIME_MS 36000u
/* How long a client may take to answer an oplock break, as Windows ([MS-SMB2] 3.3.2.1). */
#define SMB_OPLOCK_TIME_MS 35000u
/* Of which so long until its TCP has acknowledged the break: then the client is told on another of
 * its channels. On a local network that takes a millisecond; lost packets are sent again within one
 * second or two. */
#define SMB_HEARD_TIME_MS 3000u
/* ... and if there is no other, so long without any of what was sent being acknowledged: then the
 * connection ends. */
#define SMB_SILENT_TIME_MS 15000u
/* A request on a worker that takes longer is told STATUS_PENDING, so that no client times out. */
#define SMB_INTERIM_AFTER_MS 1000u
/* A SET_INFO, which may wait for breaks, is told so after this. Windows never tells; but some
 * clients give up before a break does (SMB_OPLOCK_TIME_MS): libsmbclient after 20 seconds. */
#define SMB_INTERIM_QUIET_MS 5000u
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
/* The last quarter of either is for volumes that have nothing running: several that hang leave each
 * of the others one. */
#define SMB_WORKERS_SPARE_PART 4u
/* The largest change-notify buffer that is kept for a client. */
#define SMB_NOTIFY_BYTES_MAX (64u * 1024)
/* Bytes of one security descriptor, EA list, rename target and the like in SET_INFO. */
#define SMB_SETINFO_BYTES_MAX (64u * 1024)
/* Share names, [MS-SMB2] 2.2.9: 80 UTF-16 units after \\server\. */
#define SMB_SHARE_NAME_BYTES 256
/* One copy on the server: a chunk of it, and all of them. As Windows ([MS-SMB2] 3.3.3), which
 * clients expect; how many chunks: FSCTL_COPYCHUNKS_MAX. */
#define SMB_COPY_CHUNK_BYTES (1024u * 1024)
#define SMB_COPY_BYTES (16u * 1024 * 1024)
/* How long a token of a file's data is good: for a client that names no time, and at most. */
#define SMB_OFFLOAD_DEFAULT_MS 60000u
#define SMB_OFFLOAD_MAX_MS 300000u
/* Previous versions that are told of; a volume has fewer as a rule (Windows: 512). */
#define SMB_SNAPSHOTS_MAX 4096u
/* Ranges of a file that are told at once. */
#define SMB_RANGES_MAX 4096u
/* A share is replaced under live handles: how long their clients have to give up what they cache (a
 * break's own time, and a little more), and how long requests on one of them, or an open that is
 * being made, are waited for before it is closed. */
#define SMB_MOVE_BREAK_MS (SMB_OPLOCK_TIME_MS + 1000u)
#define SMB_MOVE_REST_MS 15000u
/* What a file's handles have at least, when others have used that up. */
#define SMB_MOVE_FILE_MS 1000u
/* What all of them have, plugins' calls among it; who has not gone by then ends. */
#define SMB_MOVE_ALL_MS 45000u
