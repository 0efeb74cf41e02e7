#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A folder of the host by way of a shell: smbkit-sh-plugin(1).
#
#     smbkit serve sh:script=docs/examples/folder.sh,root=/srv/docs
cd "$SMBKIT_ARG_root" || exit 1
case $1 in
config) echo write ;;
list)
    cd "./$2" 2>/dev/null || exit 3
    for f in * .[!.]*; do
        if [ -d "$f" ]; then
            echo "$f/"
        elif [ -f "$f" ]; then
            printf '%s\t%s\t%s\n' "$f" "$(stat -c %s "./$f")" "$(stat -c %Y "./$f")"
        fi
    done
    ;;
read) cat "./$2" ;;
write) cat >"./$2" ;;
mkdir) mkdir "./$2" ;;
remove) if [ -d "./$2" ]; then rmdir "./$2"; else rm "./$2"; fi ;;
rename) mv "./$2" "./$3" ;;
*) exit 2 ;;
esac
