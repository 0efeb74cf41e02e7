/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of plugins, to which the system delivers no signal: those of the process are for others.
 */
#pragma once

#include <pthread.h>

/* As pthread_create, with every signal blocked in the thread from its beginning on. */
int quiet_thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg);
