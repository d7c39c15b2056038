#!/usr/bin/env bash
# Builds the Node sandbox's root file system: build.sh OUT.tar. `drydock sandbox build` runs it and imports the
# archive under a content-hash tag. Debian's Node without npm or any package.
. "$(dirname "$0")/../common/rootfs.sh"
begin "$@"
unpack "${python_packages[@]}" nodejs
echo "keeping what a program needs"
add_python
keep usr/bin/node
libraries "$root/usr/bin/node"
# Modules of Node's own that Debian keeps outside the executable.
for module in acorn acorn-walk cjs-module-lexer undici; do
  [[ ! -e $full/usr/share/nodejs/$module ]] || keep "usr/share/nodejs/$module"
done
mkdir -p "$root/drydock"
cp -r "$recipe/runner/." "$recipe/guest" "$root/drydock/"
unreadable=(usr/bin/node)
finish
