/* SPDX-License-Identifier: Apache-2.0 */
/* Files that nobody else sees, gone when they are closed. */
#pragma once

/* In TMPDIR, or /var/tmp; -1: errno says why. prefix: what it is called for a moment, where the
 * file system has none without a name. */
int unnamed_file(const char *prefix);
