/* SPDX-License-Identifier: Apache-2.0 */
/* The process and its surroundings: signals, terminal, system log, paths, the host's addresses. For
 * programs, not for the protocol. Results: 0 or a negative errno. */
#pragma once

#include "base/base.h"

/* ---- signals ---- */

enum os_signal { OS_SIGNAL_NONE, OS_SIGNAL_STOP, OS_SIGNAL_RELOAD, OS_SIGNAL_CHILD };

/* From now on, in every thread started later too, requests to stop (SIGTERM, SIGINT) and to reload
 * (SIGHUP), and the end of a child, are kept for os_signal_wait, and writing to a closed pipe, or
 * beyond RLIMIT_FSIZE, is an error instead of the end. */
void os_signals_hold(void);
/* Wait at most timeout_ms (negative: as long as it takes). */
enum os_signal os_signal_wait(int timeout_ms);
/* Has one been asked to stop, within timeout_ms? Other signals stay for os_signal_wait. */
bool os_signal_wait_stop(int timeout_ms);
/* As if one had been asked to stop from outside. */
void os_signal_ask_stop(void);
/* End the process without running anything. */
NORETURN void os_exit_now(int code);

/* ---- terminal ---- */

bool os_stdin_is_terminal(void);
/* Ask on the terminal without echo. Terminated, without the line end. -ENOTTY: there is no
 * terminal; -EMSGSIZE: too long for size; -ECANCELED: end of input. The caller wipes buf. */
NODISCARD int os_password_read(const char *prompt, char *buf, size_t size);

/* ---- logs ---- */

/* ident is borrowed for good. */
void os_syslog_open(const char *ident);
/* Let the process have as many descriptors as the system allows it, up to wanted; how many it may
 * have now. */
size_t os_descriptors_raise(size_t wanted);
/* How many it has open, of the first thousand. */
size_t os_descriptors_open(void);
/* How many threads it has; 0: that cannot be told. One that was joined may be counted for a moment.
 */
size_t os_threads_running(void);

/* severity: 3 error, 4 warning, 6 info, 7 debug (RFC 5424). Any thread. */
void os_syslog_write(int severity, const char *text);
/* Append to a file, made with mode 0640. The file descriptor, or -errno; -ENXIO: a pipe that nobody
 * reads. */
NODISCARD int os_append_open(const char *path);
/* Could it be opened so? 0 or -errno. Nothing is made, and who reads a pipe there notices nothing.
 */
NODISCARD int os_append_check(const char *path);
void os_append_write(int fd, const void *data, size_t len); /* one write, best effort; any thread */
void os_append_close(int fd);
/* "2024-01-31T12:34:56.789Z" of a FILETIME; size >= 25. */
void os_time_format(uint64_t filetime, char *buf, size_t size);

/* ---- paths ---- */

/* Open a regular file to read: its descriptor, or as os_file_read fails. */
NODISCARD int os_file_open(const char *path);
enum os_path_kind { OS_PATH_FILE, OS_PATH_DIRECTORY, OS_PATH_OTHER };
NODISCARD int os_path_kind(const char *path, enum os_path_kind *kind_r);
/* Is there such a name, be it a link that leads nowhere? */
bool os_path_is_there(const char *path);
/* May this process list and enter the folder? */
NODISCARD int os_path_check_folder(const char *path);
/* Where the program that runs lies; owned. NULL: not known. */
NODISCARD char *os_program_folder(void);
/* Absolute, without links; owned. */
NODISCARD int os_path_real(const char *path, char **out);
/* What changes when a file is written or replaced: modification time, size and identity, mixed. */
NODISCARD int os_file_stamp(const char *path, uint64_t *stamp_r);
/* One at a time from here on, until os_file_unlock or the end of the process: for what is read,
 * changed and replaced. The lock is on the folder of path. -EAGAIN: another one has had it for all
 * of timeout_ms. */
NODISCARD int os_file_lock(const char *path, unsigned timeout_ms, int *lock_r);
void os_file_unlock(int lock); /* -1 allowed */
/* May this process make files in the folder that path lies in? */
NODISCARD int os_folder_check_of(const char *path);
/* Can nobody but root and this process's user write the file (which need not be there), or put
 * another one in its place? */
bool os_file_is_guarded(const char *path);
/* Do both name the same place, be there a file or not? */
bool os_path_is_same(const char *a, const char *b);
/* Make a folder; one that is there already is fine. */
NODISCARD int os_folder_make(const char *path, unsigned mode);

/* ---- who and where ---- */

bool os_user_is_root(void);
uint32_t os_process_id(void);
/* Text of an errno (positive), as the system says it; and of OS_NOT_REGULAR. */
void os_error_text(int err, char *buf, size_t size);

#define OS_ADDR_TEXT_SIZE 64
/* An address of an interface that is up. */
struct os_interface {
    uint32_t index; /* of the interface; not 0 */
    char name[16];
    char text[OS_ADDR_TEXT_SIZE]; /* the address, numeric */
    uint8_t address[16];          /* network order; IPv4 in the first four */
    bool is_ipv6;
    bool is_loopback;
    uint64_t speed_bps; /* 0: unknown */
    bool has_rss;       /* receives on several queues */
};
/* Without link-local IPv6 addresses; IPv4 first. Returns how many of max were filled. A few system
 * calls for each. */
size_t os_interfaces(struct os_interface *out, size_t max);
/* Numeric addresses of interfaces that are up, without loopback and link-local ones; IPv4 first.
 * Returns how many of max were filled. */
size_t os_host_addresses(char (*out)[OS_ADDR_TEXT_SIZE], size_t max);
