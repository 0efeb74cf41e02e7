#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A folder of the host by way of a shell: smbkit-sh-plugin(1).
#
#     smbkit serve sh:script=docs/examples/folder.sh,root=/srv/docs
[ -n "$SMBKIT_ARG_root" ] || { echo "root=FOLDER is missing" >&2; exit 1; }
cd "$SMBKIT_ARG_root" || exit 1
case $1 in
config) echo write ;;
list)
    cd "./$2" 2>/dev/null || exit 3
    for f in * .[!.]*; do
        if [ -d "$f" ]; then
            printf '%s/\n' "$f"
        elif [ -f "$f" ]; then
            printf '%s\t%s\t%s\n' "$f" "$(stat -Lc %s "./$f")" "$(stat -Lc %Y "./$f")"
        fi
    done
    ;;
read) cat "./$2" ;;
write) cat >"./.$$.new" && mv -T "./.$$.new" "./$2" ;;
mkdir) mkdir "./$2" ;;
remove) if [ -d "./$2" ]; then rmdir "./$2"; else rm "./$2"; fi ;;
rename) mv -T "./$2" "./$3" ;;
*) exit 2 ;;
esac
