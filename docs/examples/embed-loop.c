/* SPDX-License-Identifier: Apache-2.0 */
/* As embed.c, with a file system of the program's own, on a loop of the program's own: one thread
 * does it all, but for what would wait.
 *
 *     cc embed-loop.c hello-plugin.c -o embed-loop $(pkg-config --cflags --libs smbkit) */
#include <poll.h>
#include <smbkit/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of hello-plugin.c, by SMBKIT_REGISTER. */
const struct smbkit_plugin *smbkit_plugin_init(const struct smbkit_host_table *api);

static int start(struct smbkit_server *s)
{
    if (smbkit_server_own_loop(s) || smbkit_server_set(s, "log level", "error") ||
        smbkit_server_user(s, "ann", "Correct horse 1") ||
        smbkit_server_plugin(s, smbkit_plugin_init) || smbkit_server_share(s, "hello:") ||
        smbkit_server_start(s)) {
        fprintf(stderr, "%s\n", smbkit_server_error(s));
        return EXIT_FAILURE;
    }
    printf("%u\n", smbkit_server_port(s));
    fflush(stdout);
    return EXIT_SUCCESS;
}

int main(void)
{
    struct smbkit_server *s = smbkit_server_new();
    int code = s ? start(s) : EXIT_FAILURE;
    char byte = 1;
    while (code == EXIT_SUCCESS && byte) {
        struct pollfd ready[2] = {{(int)smbkit_server_descriptor(s), POLLIN, 0},
                                  {STDIN_FILENO, POLLIN, 0}};
        poll(ready, 2, smbkit_server_turn(s));
        if (ready[1].revents && read(STDIN_FILENO, &byte, 1) <= 0) {
            byte = 0;
        }
    }
    smbkit_server_free(s);
    return code;
}
