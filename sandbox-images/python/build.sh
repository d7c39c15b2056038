#!/usr/bin/env bash
# Builds the Python sandbox's root file system from Debian packages, without a container registry:
#   build.sh OUT.tar
# Needs mmdebstrap (Debian, Ubuntu: apt-get install --no-install-recommends mmdebstrap) and a Debian mirror; root or
# unprivileged user namespaces. `drydock sandbox build` runs it and imports the archive under a content-hash tag.
set -euo pipefail
recipe=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUT.tar}
suite=bookworm
python=python3.11

command -v mmdebstrap >/dev/null || {
  echo "mmdebstrap is missing; as root: apt-get install -y --no-install-recommends mmdebstrap" >&2
  exit 3
}
[[ $(uname -m) == x86_64 ]] || {
  echo "this image is for x86-64 (its system call filter is); this machine is $(uname -m)" >&2
  exit 3
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "fetching and unpacking Debian packages"
# Unpack only: no maintainer script runs, and nothing of the archive is executed but Python, below.
mmdebstrap --quiet --variant=extract --architectures=amd64 --include="$python-minimal,lib$python-stdlib" "$suite" - |
  tar -x -C "$work" --no-same-owner --exclude=./dev
full=$work

echo "keeping what a program needs"
root=$work/root
lib=usr/lib/x86_64-linux-gnu
mkdir -p "$root"/{usr/bin,"$lib",lib64,tmp,proc,sys,dev,etc,supervisor}
ln -s usr/lib "$root/lib"
ln -s usr/bin "$root/bin"
cp "$full/usr/bin/$python" "$root/usr/bin/"
ln -s "$python" "$root/usr/bin/python3"
cp -r "$full/usr/lib/$python" "$root/usr/lib/"
std=$root/usr/lib/$python
rm -rf "$std"/{idlelib,lib2to3,ensurepip,distutils,turtledemo,tkinter,pydoc_data,venv,dbm,curses,sqlite3,xmlrpc,wsgiref,test,EXTERNALLY-MANAGED} \
  "$std"/config-*
for module in _sqlite3 readline _curses _dbm _gdbm _ssl nis ossaudiodev _tkinter _test _xxtest _ctypes_test audioop spwd _crypt; do
  rm -f "$std/lib-dynload/$module"*.so
done
# The shared libraries that are left over need, found by the archive's own loader.
loader=$root/lib64/ld-linux-x86-64.so.2
for place in "$full/$lib" "$full/lib/x86_64-linux-gnu"; do
  [[ -e $place/ld-linux-x86-64.so.2 ]] && cp -L "$place/ld-linux-x86-64.so.2" "$loader"
done
path=$full/$lib:$full/lib/x86_64-linux-gnu
for object in "$root/usr/bin/$python" "$std"/lib-dynload/*.so; do
  "$loader" --library-path "$path" --list "$object" | awk -v at="$full" '$2 == "=>" && index($3, at) == 1 { print $3 }'
done | sort -u | while read -r library; do
  cp -L "$library" "$root/$lib/"
done

cp -r "$recipe/supervisor/." "$root/supervisor/"
printf 'root:x:0:0:root:/:/nologin\nbox:x:1000:1000:box:/tmp:/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nbox:x:1000:\n' >"$root/etc/group"
find "$root" -name __pycache__ -prune -exec rm -rf {} +

echo "compiling the standard library"
# The root will be read-only, so byte code is written now; checked never, so that file times do not matter.
PYTHONHOME=$root/usr PYTHONHASHSEED=0 "$loader" --library-path "$root/$lib" "$root/usr/bin/$python" -sSBP -m compileall \
  -q -j 0 -s "$root" --invalidation-mode unchecked-hash "$std" "$root/supervisor" || true

chmod -R a+rX "$root"
chmod 1777 "$root/tmp"
echo "packing"
tar -c -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -f "$out" .
