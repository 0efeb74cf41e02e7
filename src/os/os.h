/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system behind one narrow header. Results: 0 or a negative errno. */
#pragma once

#include "base/base.h"

/* Wall clock as FILETIME; monotonic clock in ms and ns since an arbitrary start. */
uint64_t os_time_now(void);
uint64_t os_monotonic_ms(void);
uint64_t os_monotonic_ns(void);
void os_sleep_ms(unsigned ms);
/* Cryptographically strong; ends the process when the system cannot give any. */
void os_random(void *buf, size_t n);
/* Give memory that is free back to the system, as far as the C library can. Takes milliseconds, and
 * holds up who allocates meanwhile: for when there is nothing to do. */
void os_memory_trim(void);

unsigned os_cpu_count(void);
/* The host's name, UTF-8, terminated, cut to size. */
void os_hostname(char *buf, size_t size);
/* A user of the host, or a group, as the host's own files name it. false: none, or no such files
 * (Windows). Reads the file. */
NODISCARD bool os_account_of_id(bool is_group, uint32_t id, char *name, size_t size);
NODISCARD bool os_account_of_name(bool is_group, const char *name, uint32_t *id_r);

/* Threads. name: at most 15 bytes. */
struct os_thread;
NODISCARD int os_thread_start(struct os_thread **out, const char *name, void (*fn)(void *),
                              void *arg);
void os_thread_join(struct os_thread *t); /* waits and frees */

/* In place of an errno: what is there is a pipe, a device or a socket. os_error_text has a word for
 * it. */
#define OS_NOT_REGULAR 100001
/* A whole small file, owned and terminated; -EFBIG above max bytes. Never waits: what is no regular
 * file is refused (-EISDIR, -OS_NOT_REGULAR). */
NODISCARD int os_file_read(const char *path, size_t max, char **data_r, size_t *len_r);
/* Bytes of an open file at an offset; fewer only at its end. How many, or -errno. */
NODISCARD int64_t os_file_read_at(int64_t fd, uint64_t offset, void *buf, size_t len);
/* Replace atomically: a new file beside it with the mode, fsync, rename, fsync of the folder. */
NODISCARD int os_file_replace(const char *path, const void *data, size_t len, unsigned mode);
/* Permission bits (as stat) of path. */
NODISCARD int os_file_mode(const char *path, unsigned *mode_r);
/* Names in a folder that end in suffix, sorted; each and the array owned. */
NODISCARD int os_dir_list(const char *path, const char *suffix, char ***names_r, size_t *count_r);

/* Shared objects. err_r: owned text on failure. */
struct os_lib;
NODISCARD int os_lib_open(const char *path, struct os_lib **out, char **err_r);
void *os_lib_symbol(struct os_lib *lib, const char *name);
void os_lib_close(struct os_lib *lib);

/* On SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT print a symbolised stack to stderr, then die as
 * usual. */
void os_crash_handler_install(void);
/* Print the calling thread's stack to fd (async-signal-safe as far as the system allows). */
void os_backtrace_print(int fd);

/* A file of the host that is only read. fd: a descriptor (Windows: a HANDLE). Never waits for a
 * pipe, as os_file_read. */
struct os_file_info {
    uint64_t size;                                              /* bytes */
    uint64_t create_time, access_time, write_time, change_time; /* FILETIME; 0: not known */
};
NODISCARD int os_read_open(const char *path, int64_t *fd_r);
NODISCARD int os_read_info(int64_t fd, struct os_file_info *info);
NODISCARD int os_file_info(const char *path, struct os_file_info *info);
/* Up to n bytes at offset, fewer only at the end of the file: how many, or -errno. */
NODISCARD int64_t os_read_at(int64_t fd, void *buf, size_t n, uint64_t offset);
void os_read_close(int64_t fd);
