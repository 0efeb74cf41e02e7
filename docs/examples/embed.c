/* SPDX-License-Identifier: Apache-2.0 */
/* A program that becomes a share: smbkit-server(3). It serves a folder, or whatever "smbkit serve"
 * would take, until its input ends.
 *
 *     cc embed.c -o embed $(pkg-config --cflags --libs smbkit)
 *     ./embed docs=/srv/docs */
#include <smbkit/server.h>
#include <stdio.h>
#include <stdlib.h>

static void show(void *arg, uint32_t level, const char *line)
{
    (void)arg;
    (void)level;
    fprintf(stderr, "share: %s\n", line);
}

static int serve(struct smbkit_server *s, const char *what)
{
    if (smbkit_server_log(s, show, NULL) || smbkit_server_user(s, "ann", "Correct horse 1") ||
        smbkit_server_share(s, what) || smbkit_server_share_set(s, "comment", "from a program") ||
        smbkit_server_start(s)) {
        fprintf(stderr, "%s\n", smbkit_server_error(s));
        return EXIT_FAILURE;
    }
    printf("%u\n", smbkit_server_port(s));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return smbkit_server_stop(s) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct smbkit_server *s = smbkit_server_new();
    int code = s ? serve(s, argc > 1 ? argv[1] : "scratch=mem:") : EXIT_FAILURE;
    smbkit_server_free(s);
    return code;
}
