/* SPDX-License-Identifier: Apache-2.0 */
/* A file of lines that is written by a thread of its own, so that who has a line to write never
 * waits for the disk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_file;

struct audit_file_stats {
    uint64_t written, lost; /* lines */
    size_t queued_bytes;
};

/* Could lines be written to path? Makes nothing. 0 or a positive errno. */
int audit_file_check(const char *path);
/* The file is opened, and made (0600), with its first line. queue_max: bytes that wait to be
 * written at most; lines beyond it are lost, and counted. NULL: no memory, or no thread. */
struct audit_file *audit_file_new(const char *path, size_t queue_max);
/* Writes what waits, then closes. NULL allowed. */
void audit_file_free(struct audit_file *f);
/* line: without its end. */
void audit_file_add(struct audit_file *f, const char *line, size_t len);
/* Open the path anew before the next line is written: it has been moved away. */
void audit_file_reopen(struct audit_file *f);
void audit_file_stats(struct audit_file *f, struct audit_file_stats *out);
