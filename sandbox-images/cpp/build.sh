#!/usr/bin/env bash
# Builds the C++ sandbox's root file system: build.sh OUT.tar. `drydock sandbox build` runs it and imports the archive
# under a content-hash tag. Beyond what common/rootfs.sh needs: root, or unprivileged user namespaces, to run g++ in it.
. "$(dirname "$0")/../common/rootfs.sh"
begin "$@"
unpack "${python_packages[@]}" g++-12 libc6-dev libssl-dev libboost1.74-dev
echo "keeping what a compiler and a program need"
add_python
gcc=usr/lib/gcc/$triplet/12
# libm and the rest of the C library are in /lib in these packages; in the image that is /usr/lib.
cp -a "$full/lib/$triplet"/{libc,libm,libmvec,libgcc_s,libpthread}.so.* "$root/usr/lib/$triplet/"
for name in crt1.o Scrt1.o crti.o crtn.o libc.so libc_nonshared.a libm.so libpthread.a libcrypto.so libcrypto.so.3 \
  libstdc++.so.6 libstdc++.so.6.0.30; do
  [[ ! -e $full/usr/lib/$triplet/$name ]] || keep "usr/lib/$triplet/$name"
done
for name in as ld g++-12; do
  cp -L "$full/usr/bin/$name" "$root/usr/bin/${name%-12}"
done
keep "$gcc/"{cc1plus,collect2,crtbegin.o,crtbeginS.o,crtend.o,crtendS.o,include,libgcc.a,libgcc_s.so,liblto_plugin.so,libstdc++.so}
libraries "$root/usr/bin/"{as,ld,g++} "$root/$gcc/"{cc1plus,collect2}
keep usr/include
rm -rf "$root/usr/include"/{mtd,net,netinet,arpa,misc,rdma,rpc,rpcsvc,tirpc,sound,scsi,video,xen,drm,cxl,python*} \
  "$root/usr/include/linux"/*/ "$root/$gcc/include/"{avx512,amx,sanitizer}*
cp -r "$recipe/include/drydock" "$root/usr/include/"

# In the image, so that paths inside the precompiled headers are the image's.
inside() {
  if [[ $(id -u) == 0 ]]; then chroot "$root" "$@"; else unshare --map-root-user chroot "$root" "$@"; fi
}
echo "compiling headers"
# The header with the very flags that programs are compiled with, or g++ would not take it.
flags=(-std=gnu++17 -O2 -w)
standard=/usr/include/$triplet/c++/12/bits/stdc++.h
inside g++ "${flags[@]}" -x c++-header "$standard" -o "$standard.gch"
cp "$recipe"/source/*.cpp "$root/tmp/"
objects=()
for name in plain candidate checker; do
  inside g++ "${flags[@]}" -c "/tmp/$name.cpp" -o "/tmp/$name.o"
  objects+=("$root/tmp/$name.o")
done
"$root/$interpreter" --library-path "$full/usr/lib/$triplet:$full/lib/$triplet" "$full/usr/bin/$triplet-ar" \
  rcsD "$root/usr/lib/libdrydock.a" "${objects[@]}"
rm "$root"/tmp/*
# Of Boost, what <boost/any.hpp> includes.
mkdir "$root/boost"
echo '#include <boost/any.hpp>' >"$root/tmp/any.cpp"
inside g++ -M /tmp/any.cpp | tr -d '\\' | tr -s ' ' '\n' | grep '^/usr/include/boost/' | while read -r header; do
  mkdir -p "$root/boost/$(dirname "${header#/usr/include/boost/}")"
  cp "$root$header" "$root/boost/${header#/usr/include/boost/}"
done
rm -rf "$root/usr/include/boost" "$root/tmp/any.cpp"
mv "$root/boost" "$root/usr/include/boost"
finish
