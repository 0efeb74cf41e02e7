/* SPDX-License-Identifier: Apache-2.0 */
/* All that crosses the boundary of plugins and of programs with the server inside, for
 * scripts/check-abi: types count where they can be reached from a function. */
#include <smbkit/filter.h>
#include <smbkit/server.h>

const struct smbkit_plugin *smbkit_plugin_init(const struct smbkit_host_table *api);

/* What the table reaches by void * only has a function of its own. */
#define OF(name, type)                                                                             \
    void smbkit_abi_##name(type *a);                                                               \
    SMBKIT_EXPORT void smbkit_abi_##name(type *a)                                                  \
    {                                                                                              \
        (void)a;                                                                                   \
    }
#define OF_OPERATION(kind, name, type) OF(name, type)
SMBKIT_OPERATIONS(OF_OPERATION)
OF(admin, struct smbkit_admin)
OF(event, struct smbkit_event)
OF(identity, struct smbkit_identity)
OF(ids, enum smbkit_op_id)
#define OF_SERVER(name) OF(server_##name, __typeof__(smbkit_server_##name))
OF_SERVER(new)
OF_SERVER(free)
OF_SERVER(error)
OF_SERVER(set)
OF_SERVER(user)
OF_SERVER(plugin)
OF_SERVER(share)
OF_SERVER(share_set)
OF_SERVER(log)
OF_SERVER(own_loop)
OF_SERVER(start)
OF_SERVER(port)
OF_SERVER(descriptor)
OF_SERVER(turn)
OF_SERVER(stop)

static const struct smbkit_plugin plugin = {.struct_size = sizeof(struct smbkit_plugin)};
SMBKIT_REGISTER(plugin)
