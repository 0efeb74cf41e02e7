/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/kit_priv.h"

const struct kit_rule kit_rules_threads[] = {{.name = NULL}};
