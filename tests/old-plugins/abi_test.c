/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of ABI version 1 has moved: a plugin that was built for it finds everything in its place.
 */
#include "abi_offsets.h"
#include "test.h"

static void test_offsets(void)
{
    const struct abi_offset *old = abi_offsets_v1;
    const struct abi_offset *now = abi_offsets_now;
    for (; old->name && now->name; old++, now++) {
        test_context("%s", old->name);
        CHECK_STR(now->name, old->name);
        CHECK_INT(now->offset, old->offset);
        CHECK_INT(now->size, old->size);
    }
    CHECK(!old->name); /* operations may have been added at the end */
}

static const struct test_case cases[] = {
    {"every member of ABI version 1 lies where it lay", test_offsets},
};

TEST_MAIN(cases)
