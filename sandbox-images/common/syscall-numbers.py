#!/usr/bin/env python3
"""Writes the supervisor's table of system call numbers from the kernel's headers (Debian: linux-libc-dev and a C
preprocessor); run by hand where the lists in seccomp.py take up a call that the table lacks.

    syscall-numbers.py [FOLDER OF HEADERS, default /usr/include] > ../supervisor/drydock_sandbox/syscalls.py
"""
import glob
import re
import subprocess
import sys
import textwrap

# aarch64 has the generic table, with these parts of it (arch/arm64/include/uapi/asm/unistd.h).
GENERIC = "NEW_STAT RENAMEAT SET_GET_RLIMIT TIME32_SYSCALLS SYS_CLONE3 MEMFD_SECRET".split()


def numbers(header, options=()):
    """Name -> number of every call that the header defines."""
    command = ["cc", "-E", "-dM", *options, "-"]
    text = subprocess.run(command, input=f'#include "{header}"\n', text=True, capture_output=True, check=True).stdout
    macros = dict(re.findall(r"^#define (__NR\w+) (\w+)$", text, re.MULTILINE))
    found = {}
    for name, value in macros.items():
        value = macros.get(value, value)
        if name.startswith("__NR_") and value.isdigit() and name not in ("__NR_syscalls", "__NR_arch_specific_syscall"):
            found[name.removeprefix("__NR_")] = int(value)
    return found


def main(folder):
    (x86_64,) = glob.glob(f"{folder}/x86_64-linux-gnu/asm/unistd_64.h") or glob.glob(f"{folder}/asm/unistd_64.h")
    generic = [f"-I{folder}", *(f"-D__ARCH_WANT_{part}" for part in GENERIC), "-D__BITS_PER_LONG=64"]
    print('"""System call numbers by machine. Written by sandbox-images/common/syscall-numbers.py."""')
    for machine, table in (
        ("X86_64", numbers(x86_64)),
        ("AARCH64", numbers(f"{folder}/asm-generic/unistd.h", generic)),
    ):
        entries = [f"{name}={number}" for name, number in sorted(table.items(), key=lambda entry: entry[1])]
        print(f'{machine} = """')
        print(textwrap.fill(" ".join(entries), 118))
        print('"""')
    print("\n")
    print("def numbers(table):")
    print("    return {name: int(number) for name, number in (entry.split('=') for entry in table.split())}")


main(*(sys.argv[1:] or ["/usr/include"]))
