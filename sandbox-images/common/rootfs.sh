# What every image's build.sh does: a root file system out of Debian packages, without a container registry. Sourced.
#   begin OUT.tar; unpack PACKAGE...; add_python; keep PATH...; libraries OBJECT...; finish
# $full is what the packages hold, $root what the image will hold. Needs mmdebstrap (Debian, Ubuntu: apt-get install
# --no-install-recommends mmdebstrap) and a Debian mirror; root or unprivileged user namespaces.
set -euo pipefail
recipe=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
recipes=$(dirname "$recipe")
suite=bookworm
python=python3.11
# The supervisor's own needs, so every image's.
python_packages=("$python-minimal" "lib$python-stdlib")
# What launch.json runs by command line, for an image to name.
unreadable=()

case $(uname -m) in
  x86_64) architecture=amd64 triplet=x86_64-linux-gnu interpreter=lib64/ld-linux-x86-64.so.2 ;;
  aarch64) architecture=arm64 triplet=aarch64-linux-gnu interpreter=usr/lib/ld-linux-aarch64.so.1 ;;
  *)
    echo "sandbox images are for x86-64 and aarch64 (their system call filters are); this machine is $(uname -m)" >&2
    exit 3
    ;;
esac

begin() {
  out=${1:?usage: build.sh OUT.tar}
  command -v mmdebstrap >/dev/null || {
    echo "mmdebstrap is missing; as root: apt-get install -y --no-install-recommends mmdebstrap" >&2
    exit 3
  }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  full=$work/full root=$work/root
  mkdir -p "$full" "$root"/{usr/bin,usr/lib/"$triplet",lib64,tmp,proc,sys,dev,etc,supervisor}
  ln -s usr/lib "$root/lib"
  ln -s usr/bin "$root/bin"
}

# Unpacks only: no maintainer script runs, and nothing of the packages is executed but Python, below.
unpack() {
  echo "fetching and unpacking Debian packages"
  local IFS=,
  mmdebstrap --quiet --variant=extract --architectures="$architecture" --include="$*" "$suite" - |
    tar -x -C "$full" --no-same-owner --exclude=./dev
  mkdir -p "$root/$(dirname "$interpreter")"
  for place in "$full"/{usr/,}lib/"$triplet"; do
    [[ ! -e $place/$(basename "$interpreter") ]] || cp -L "$place/$(basename "$interpreter")" "$root/$interpreter"
  done
}

# Copies files or folders of the packages to the same place in the image, links as links.
keep() {
  local path
  for path in "$@"; do
    mkdir -p "$root/$(dirname "$path")"
    cp -a --no-preserve=ownership "$full/$path" "$root/$path"
  done
}

# Copies the shared libraries that the given programs and libraries need, found by the packages' own loader.
libraries() {
  local object
  for object in "$@"; do
    "$root/$interpreter" --library-path "$full/usr/lib/$triplet:$full/lib/$triplet" --list "$object" |
      awk -v at="$full" '$2 == "=>" && index($3, at) == 1 { print $3 }'
  done | sort -u | while read -r object; do
    cp -L "$object" "$root/usr/lib/$triplet/"
  done
}

# Python and its standard library, without what no program here needs.
add_python() {
  local std=$root/usr/lib/$python module
  keep "usr/bin/$python" "usr/lib/$python"
  ln -s "$python" "$root/usr/bin/python3"
  rm -rf "$std"/{idlelib,lib2to3,ensurepip,distutils,turtledemo,tkinter,pydoc_data,venv,dbm,curses,sqlite3,xmlrpc,wsgiref,test,EXTERNALLY-MANAGED} \
    "$std"/config-*
  for module in _sqlite3 readline _curses _dbm _gdbm _ssl nis ossaudiodev _tkinter _test _xxtest _ctypes_test audioop spwd _crypt; do
    rm -f "$std/lib-dynload/$module"*.so
  done
  libraries "$root/usr/bin/$python" "$std"/lib-dynload/*.so
}

# Adds the supervisor with this image's launch.json, writes byte code and packs the archive.
finish() {
  cp -r "$recipes/supervisor/." "$root/supervisor/"
  [[ ! -e $recipe/launch.json ]] || cp "$recipe/launch.json" "$root/supervisor/"
  printf 'root:x:0:0:root:/:/nologin\nbox:x:1000:1000:box:/tmp:/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nbox:x:1000:\n' >"$root/etc/group"
  find "$root" -name __pycache__ -prune -exec rm -rf {} +
  echo "compiling the standard library"
  # The root will be read-only, so byte code is written now; checked never, so that file times do not matter.
  PYTHONHOME=$root/usr PYTHONHASHSEED=0 "$root/$interpreter" --library-path "$root/usr/lib/$triplet" \
    "$root/usr/bin/$python" -sSBP -m compileall -q -j 0 -s "$root" --invalidation-mode unchecked-hash \
    "$root/usr/lib/$python" "$root/supervisor" || true
  chmod -R a+rX "$root"
  # The kernel lets nobody of the same user look into a process whose executable he may not read: for the rung of the
  # isolation ladder on which programs and checkers share a process namespace.
  local executable
  for executable in ${unreadable[@]+"${unreadable[@]}"}; do chmod 0711 "$root/$executable"; done
  chmod 1777 "$root/tmp"
  echo "packing"
  tar -c -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -f "$out" .
}
