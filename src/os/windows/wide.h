/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 to and from Win32's UTF-16 strings, and Win32 errors as errno. Inside os/ only. */
#pragma once

#include <wchar.h>

#include "base/base.h"

/* Owned and terminated; NULL without memory. wide_to_utf8 also gives NULL for what is no UTF-16. */
NODISCARD wchar_t *wide_from_utf8(const char *s);
NODISCARD char *wide_to_utf8(const wchar_t *s);
/* The negative errno for GetLastError(). */
int win_errno(void);
