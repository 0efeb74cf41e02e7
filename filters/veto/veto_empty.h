/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of which a client sees nothing: what they hold is looked at, and taken away. */
#pragma once

#include <stdbool.h>

#include <smbkit/filter.h>

#define VETO_DEPTH_MAX 64 /* folders within folders that are taken away */

struct veto_below {
    struct smbkit_next *next;
    struct smbkit_host *host; /* to tell of what went; NULL: nobody is told */
    struct smbkit_op *op;     /* of a call that may wait */
};

/* Does the open folder hold a name of which is_vetoed(arg, name) says so? SUCCESS: no.
 * DIRECTORY_NOT_EMPTY, or an error. */
smbkit_status veto_empty_check(const struct veto_below *b, void *folder,
                               bool (*is_vetoed)(void *arg, const char *name), void *arg);
/* Take away all that is in the open folder, whose path is given, as long as is_vetoed(arg, name)
 * says so of each name: else DIRECTORY_NOT_EMPTY, before anything has gone. What lies in folders of
 * such names goes with them. */
smbkit_status veto_empty(const struct veto_below *b, void *folder, const char *path,
                         bool (*is_vetoed)(void *arg, const char *name), void *arg);
