#!/usr/bin/env python3
"""Compiles the portable layers for Windows, so that nothing of Linux slips into them.

usage: check_portable.py [-j N]
Every shipped source of the portable layers (see check_layers.py) but those named after another
system. Nothing is linked: the libraries' headers, which name no system, are borrowed from the
host's, one by one, so that the rest of its include folder stays out of sight. Needs mingw-w64.
"""
import argparse
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys

from check_layers import NOT_SHIPPED, PORTABLE, sources

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, 'build/portable')
COMPILER = 'x86_64-w64-mingw32-g++-posix'
FLAGS = ['-std=c++23', '-O0', '-Wall', '-Wextra', '-Werror', '-Wno-error=attributes',
         '-D__USE_MINGW_ANSI_STDIO=1', '-DNETWATCH_VERSION="0"']
OTHER_SYSTEMS = ('_posix.cpp', '_linux.cpp', '_macos.cpp')
# Below the host's /usr/include (or its folder of this machine's architecture).
LIBRARIES = ['fmt', 'openssl', 'zlib.h', 'zconf.h', 'zstd.h', 'zstd_errors.h', 'utf8proc.h',
             'nghttp2', 'simdjson.h', 'toml++']


def borrow_headers():
    """A folder with the libraries' headers and no others."""
    folder = os.path.join(OUT, 'include')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in LIBRARIES:
        for found in [f'/usr/include/{name}', *glob.glob(f'/usr/include/*-linux-gnu/{name}')]:
            target = os.path.join(folder, name)
            if os.path.isdir(found):
                os.makedirs(target, exist_ok=True)
                for header in os.listdir(found):
                    os.symlink(os.path.join(found, header), os.path.join(target, header))
            elif os.path.exists(found) and not os.path.exists(target):
                os.symlink(found, target)
    return folder


def compile_one(path, include):
    target = os.path.join(OUT, path.replace('/', '_') + '.o')
    ccache = ['ccache'] if shutil.which('ccache') else []
    run = subprocess.run([*ccache, COMPILER, *FLAGS, '-Isrc', '-isystem', include, '-c',
                          os.path.join('src', path), '-o', target],
                         cwd=ROOT, capture_output=True, text=True, check=False)
    if os.path.exists(target):
        os.remove(target)
    return path, run.returncode, run.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-j', type=int, default=os.cpu_count())
    jobs = parser.parse_args().j
    if not shutil.which(COMPILER):
        sys.exit(f'check_portable: {COMPILER} is not installed')
    include = borrow_headers()
    paths = [p for p in sources(os.path.join(ROOT, 'src'))
             if p.split('/')[0] in PORTABLE and p.endswith('.cpp')
             and not p.endswith(NOT_SHIPPED + OTHER_SYSTEMS)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, status, errors in pool.map(lambda p: compile_one(p, include), paths):
            if status:
                failed += 1
                print(f'{path} does not compile for Windows:\n{errors}')
    print(f'{len(paths)} sources compile for Windows' if not failed else f'{failed} failed')
    return 1 if failed or not paths else 0


if __name__ == '__main__':
    sys.exit(main())
