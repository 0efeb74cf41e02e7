/* SPDX-License-Identifier: Apache-2.0 */
#include <smbkit/tree.h>

static smbkit_status hello_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.flags = SMBKIT_TREE_READ_ONLY;
    smbkit_status status = smbkit_args_take(args, NULL, NULL); /* it takes none */
    if (SMBKIT_OK(status)) {
        status = smbkit_tree_open(args, &spec, volume_r);
    }
    if (SMBKIT_OK(status)) {
        smbkit_tree_add_text(*volume_r, SMBKIT_TREE_ROOT, "hello.txt", "Hello!\n");
    }
    return status;
}
SMBKIT_TREE_PLUGIN(hello, "hello", "one file", hello_open, NULL)
