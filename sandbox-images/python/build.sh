#!/usr/bin/env bash
# Builds the Python sandbox's root file system: build.sh OUT.tar. `drydock sandbox build` runs it and imports the
# archive under a content-hash tag.
. "$(dirname "$0")/../common/rootfs.sh"
begin "$@"
unpack "${python_packages[@]}"
echo "keeping what a program needs"
add_python
finish
