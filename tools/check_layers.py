#!/usr/bin/env python3
"""Checks the layers of src/ from the real includes.

usage: check_layers.py [SRC]
- a folder includes itself and folders of lower rank only; folders of one rank never meet
- portable folders include no operating system header; aside from tests, the files of base that are
  named after a system (base/*_posix.cpp) and what tools/layer_exceptions.txt lists with a reason
- a library's headers stay in the folder that owns the library
- included files exist, includes make no cycle, and every source lies where CMake finds it
"""
import os
import re
import sys

RANKS = {'base': 0, 'model': 1, 'wire': 2, 'query': 2, 'decrypt': 2, 'net': 2, 'confine': 2,
         'capture': 3, 'collect': 3, 'ebpf': 3, 'flow': 3, 'dpi': 3, 'detect': 3, 'enrich': 3,
         'record': 3, 'store': 3, 'export': 3, 'rpc': 3, 'pipeline': 4, 'tui': 5, 'agent': 5,
         'hub': 5, 'apps': 6}
PORTABLE = {'base', 'model', 'wire', 'query', 'decrypt', 'flow', 'dpi', 'detect'}
SYSTEM_HEADERS = re.compile(
    r'^(linux|sys|net|netinet|netpacket|arpa|asm|bits)/|'
    r'^(unistd|fcntl|poll|dirent|pwd|grp|sched|termios|ifaddrs|netdb|syslog|dlfcn|pthread|spawn|'
    r'mntent|endian|byteswap|ucontext|wordexp|ftw|glob|langinfo|windows)\.h$')
# header prefix -> where it may be included: folders, or name endings that start with "_" or "."
CONFINED = {
    'pcap.h': ['capture'], 'pcap/': ['capture'],
    'openssl/': ['base'], 'zlib.h': ['base'], 'zstd.h': ['base'], 'brotli/': ['base'],
    'utf8proc.h': ['base', 'tui'],
    'CLI/': ['apps'],
    'gtest/': ['_test.cpp'], 'gmock/': ['_test.cpp'],
    'benchmark/': ['_bench.cpp'],
    'fmt/': ['.cpp'], 'spdlog/': ['base'],
    'seccomp.h': ['confine'], 'sys/capability.h': ['confine'],
    'bpf/': ['ebpf'], 'sqlite3.h': ['store'], 'curl/': ['net'], 'ares.h': ['net'],
    'maxminddb.h': ['enrich'],
}
SYSTEM_SEAM = re.compile(r'^base/.*_(posix|linux|macos|windows)\.cpp$')
NOT_SHIPPED = ('_test.cpp', '_fuzz.cpp', '_bench.cpp', '_program.cpp')
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def sources(src):
    for folder, _, names in os.walk(src):
        for name in sorted(names):
            if name.endswith(('.cpp', '.h', '.cc', '.hpp', '.c', '.cxx')):
                yield os.path.relpath(os.path.join(folder, name), src)


def includes_of(src, path):
    with open(os.path.join(src, path), encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            m = INCLUDE.match(line)
            if m:
                yield number, m[1] == '"', m[2]


def read_exceptions(path):
    """Lines of "FILE HEADER REASON": the pairs that are allowed."""
    allowed, problems = set(), []
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                words = line.split(None, 2)
                if not words or line.startswith('#'):
                    continue
                if len(words) < 3:
                    problems.append(f'{path}:{number}: an exception needs FILE HEADER REASON')
                    continue
                allowed.add((words[0], words[1]))
    return allowed, problems


def place_problem(path):
    """Why CMake would not find this file, or nothing."""
    parts = path.split('/')
    if len(parts) < 2 or parts[0] not in RANKS:
        return 'lies in no known layer (tools/check_layers.py lists them)'
    if parts[0] == 'apps' and len(parts) != 3:
        return 'sources of a program lie directly in src/apps/NAME/'
    if path.startswith('ebpf/programs/') and path.endswith('.bpf.c'):
        return None  # a program of the kernel (cmake/Ebpf.cmake)
    if not path.endswith(('.cpp', '.h')):
        return 'sources end in .cpp, headers in .h'
    return None


def quoted_problem(src, path, header):
    layer, target = path.split('/')[0], header.split('/')[0]
    if not os.path.exists(os.path.join(src, header)):
        return f'"{header}" does not exist; includes are written from src/'
    if target not in RANKS:
        return f'"{header}" lies in no known layer'
    if layer == target:
        if layer == 'apps' and path.split('/')[1] != header.split('/')[1]:
            return f'"{header}": programs do not include each other'
        return None
    if RANKS[target] == RANKS[layer]:
        return f'"{header}": {layer} and {target} have the same rank and must not meet'
    if RANKS[target] > RANKS[layer]:
        return f'"{header}": {target} (rank {RANKS[target]}) is above {layer} ({RANKS[layer]})'
    return None


def system_problem(path, header):
    layer = path.split('/')[0]
    for prefix, places in CONFINED.items():
        if header == prefix or (prefix.endswith('/') and header.startswith(prefix)):
            if not any(path.endswith(p) if p[0] in '_.' else layer == p for p in places):
                return f'<{header}> is confined to {", ".join(places)}'
            return None
    if layer not in PORTABLE or not SYSTEM_HEADERS.match(header):
        return None
    if path.endswith(NOT_SHIPPED) or SYSTEM_SEAM.match(path):
        return None
    return f'<{header}>: {layer} is portable and knows no operating system header'


def find_cycle(graph):
    """One cycle of includes as a list of files, or nothing. Iterative depth-first search."""
    state = {}
    for start in sorted(graph):
        if start in state:
            continue
        state[start] = 'open'
        path = [(start, iter(graph[start]))]
        while path:
            node, targets = path[-1]
            target = next(targets, None)
            if target is None:
                state[node] = 'done'
                path.pop()
            elif state.get(target) == 'open':
                names = [n for n, _ in path]
                return names[names.index(target):] + [target]
            elif target not in state:
                state[target] = 'open'
                path.append((target, iter(graph.get(target, ()))))
    return None


def check(src, exceptions_path):
    """All problems of a source tree as text, and the number of files looked at."""
    allowed, problems = read_exceptions(exceptions_path)
    used, graph, files = set(), {}, list(sources(src))
    for path in files:
        place = place_problem(path)
        if place:
            problems.append(f'src/{path}: {place}')
            continue
        graph[path] = []
        for number, quoted, header in includes_of(src, path):
            if quoted:
                problem = quoted_problem(src, path, header)
                graph[path].append(header)
            else:
                problem = system_problem(path, header)
            if problem and (f'src/{path}', header) in allowed:
                used.add((f'src/{path}', header))
            elif problem:
                problems.append(f'src/{path}:{number}: {problem}')
    for path, header in sorted(allowed - used):
        problems.append(f'{exceptions_path}: {path} {header} is not needed any more')
    cycle = find_cycle(graph)
    if cycle:
        problems.append('includes in a circle: ' + ' -> '.join(cycle))
    if not files:
        problems.append(f'{src}: no source files')
    return problems, len(files)


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    src = sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, 'src')
    os.chdir(root)
    problems, files = check(src, 'tools/layer_exceptions.txt')
    print('\n'.join(problems + [f'{files} files, {len(problems)} problems']))
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
