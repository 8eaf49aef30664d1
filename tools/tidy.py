#!/usr/bin/env python3
"""Runs clang-tidy over what changed, with a cache of the files that were clean.

usage: tidy.py [-j N] [--all] [FILE...]
Changed: against $LINT_BASE; else origin/main, where HEAD has left it; else HEAD~1; without any of
these everything. Uncommitted and new files count as changed. A changed header is looked at through
one source that includes it, its own if it has one. A source is looked at again only if its text,
that of a header it includes, its compile command, .clang-tidy (but for comments) or the tool has
changed. $TIDY_CACHE is a folder for the cache that several checkouts may share.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = 'build/tidy'
CACHE = os.environ.get('TIDY_CACHE') or 'build/tidy-cache'
TOOL = 'clang-tidy-19'
NOT_SHIPPED = ('_test.cpp', '_fuzz.cpp', '_bench.cpp', '_program.cpp')
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def git(*words):
    result = subprocess.run(['git', *words], capture_output=True, text=True, check=False)
    return result.stdout.split('\n')[:-1] if result.returncode == 0 else None


def base_revision():
    if os.environ.get('LINT_BASE'):
        base = git('merge-base', os.environ['LINT_BASE'], 'HEAD')
        if not base:
            sys.exit(f'tidy: LINT_BASE={os.environ["LINT_BASE"]} is no revision')
        return base[0]
    head = git('rev-parse', 'HEAD')
    main = git('merge-base', 'origin/main', 'HEAD')
    if main and main != head:
        return main[0]
    parent = git('rev-parse', '--verify', '-q', 'HEAD~1')
    return parent[0] if parent else None


def changed_files():
    """Paths that differ from the base, or nothing if there is no base to compare with."""
    base = base_revision()
    changed = base and git('diff', '--name-only', base, '--', 'src')
    if changed is None:
        return None
    return set(changed) | set(git('ls-files', '--others', '--exclude-standard', '--', 'src') or [])


class Sources:
    def __init__(self):
        with open(f'{BUILD}/compile_commands.json', encoding='utf-8') as file:
            entries = json.load(file)
        self.commands = {os.path.relpath(e['file'], ROOT): e['command'] for e in entries}
        self.direct, self.digest = {}, {}

    def read(self, path):
        if path not in self.direct:
            try:
                with open(path, 'rb') as file:
                    data = file.read()
            except OSError:
                data = b''
            self.digest[path] = hashlib.sha256(data).hexdigest()
            found = INCLUDE.findall(data.decode('utf-8', 'replace'))
            self.direct[path] = [f'src/{h}' for h in found if os.path.exists(f'src/{h}')]
        return self.direct[path]

    def closure(self, path):
        """`path` and all project files that it includes."""
        seen, open_ = {path}, [path]
        while open_:
            for header in self.read(open_.pop()):
                if header not in seen:
                    seen.add(header)
                    open_.append(header)
        return seen

    def key(self, path, settings):
        command = self.commands[path].replace(ROOT, '.')  # the same in every checkout
        text = '\n'.join([settings, command, *command_for(path)] +
                         sorted(f'{p} {self.digest[p]}' for p in self.closure(path)))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_look_at(self, changed):
        """The sources among `changed`, and one that includes each changed header."""
        chosen = {p for p in changed if p in self.commands}
        for header in sorted(p for p in changed if p.endswith('.h') and os.path.exists(p)):
            stem = header[:-2]
            own = [s for s in (f'{stem}.cpp', f'{stem}_test.cpp') if s in self.commands]
            users = own or sorted(s for s in self.commands if header in self.closure(s))
            if users and not chosen & set(users):
                chosen.add(users[0])
        return sorted(chosen)


def command_for(path):
    # Warning flags are GCC's and clang's own business; tidy would report them a second time.
    command = [TOOL, '-p', BUILD, '--quiet', '--extra-arg=-Wno-everything']
    if path.endswith(NOT_SHIPPED):
        # GoogleTest's macros cost the analyzer half a minute a file; tests may be slow but plain.
        unwanted = '-clang-analyzer-*,-performance-inefficient-string-concatenation'
        return [*command, f'--checks={unwanted}', path]
    # A fifth of the usual number of paths, for half the time.
    for argument in ('-analyzer-config', 'max-nodes=40000'):
        command += ['--extra-arg=-Xclang', f'--extra-arg={argument}']
    return [*command, path]


def look_at(path):
    result = subprocess.run(command_for(path),
                            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return path, result.returncode, result.stdout, result.stderr


def settings_of_tool():
    version = subprocess.run([TOOL, '--version'], capture_output=True, text=True, check=True).stdout
    with open('.clang-tidy', encoding='utf-8') as file:
        return version + re.sub(r'^#.*\n', '', file.read(), flags=re.M)


def main():
    os.chdir(ROOT)
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('-j', type=int, default=os.cpu_count())
    parser.add_argument('--all', action='store_true')
    parser.add_argument('files', nargs='*')
    options = parser.parse_args()
    sources, settings = Sources(), settings_of_tool()
    changed = set(options.files) or (None if options.all else changed_files())
    paths = sorted(sources.commands) if changed is None else sources.to_look_at(changed)
    os.makedirs(CACHE, exist_ok=True)
    keys = {path: sources.key(path, settings) for path in paths}
    todo = [path for path in paths if not os.path.exists(f'{CACHE}/{keys[path]}')]
    failed, shown = 0, set()
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        for path, status, out, err in pool.map(look_at, todo):
            if status == 0:
                with open(f'{CACHE}/{keys[path]}', 'w', encoding='utf-8') as file:
                    file.write(path)
                continue
            failed += 1
            for block in re.split(r'(?=^/[^\n]*: (?:error|warning): )', out or err, flags=re.M):
                if block.strip() and block not in shown:  # one header, many sources
                    shown.add(block)
                    print(block.replace(ROOT + '/', '').rstrip(), flush=True)
    print(f'{len(paths)} sources: {len(paths) - len(todo)} known to be clean, '
          f'{len(todo) - failed} found clean, {failed} with findings')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
