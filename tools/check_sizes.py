#!/usr/bin/env python3
"""Checks the sizes and the words of the sources.

usage: check_sizes.py [ROOT]
- files <= 500 lines, headers <= 200, functions <= 70, lines <= 100 columns; stated exceptions with
  their reasons stand in tools/size_exceptions.txt
- no note of unfinished work is left, and no type has a name that says nothing
Function lengths are found by counting braces in clang-formatted code: a function is a block whose
head holds "(" and which stands in a namespace or class; lambdas count to the function around them.
"""
import os
import re
import sys

FILE_LINES, HEADER_LINES, FUNCTION_LINES, COLUMNS = 500, 200, 70, 100
NOTES = re.compile(r'\b(' + '|'.join(('TO' 'DO', 'FIX' 'ME', 'XX' 'X', 'HA' 'CK')) + r')\b')
EMPTY_NAMES = re.compile(
    r'\b(?:class|struct|enum(?:\s+class)?)\s+(\w*(?:Manager|Helper|Util|Utils|Common|Info))\b'
    r'\s*(?::|\{|final|;|$)')
CPP = ('.cpp', '.h')
LOOKED_AT = CPP + ('.py', '.sh', '.cmake', '.txt', '.md', '.ts', '.tsx', '.c')
FOLDERS = ('src', 'tools', 'cmake', 'tests', 'bench', 'web/src', 'packaging', 'docs')
LONE_FILES = ('dev', '.ci/run', 'CMakeLists.txt', 'README.md', 'ARCHITECTURE.md')


def blank(text):
    """`text` with comments, strings, characters and preprocessor lines blanked; newlines stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\\ ]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.S | re.M)
    return pattern.sub(lambda m: re.sub(r'[^\n]', ' ', m[0]), text)


def is_scope(head):
    """Whether a block with this head holds declarations, not statements."""
    return bool(re.match(r'^(inline\s+)?namespace\b|^extern\s*$', head) or
                (re.search(r'\b(class|struct|union|enum)\b', head) and '(' not in
                 re.sub(r'\b(alignas|requires|__attribute__)\s*\([^()]*\)', '', head) and
                 '=' not in re.sub(r'template\s*<[^{}]*?>', '', head)))


def is_function(head):
    """Whether a block with this head, in a namespace or class, is the body of a function."""
    before_parenthesis = head.split('(')[0]
    return '(' in head and ('=' not in before_parenthesis or 'operator' in before_parenthesis or
                            'template' in before_parenthesis)


def kind_of(head):
    if is_scope(head):
        return 'scope'
    if not is_function(head):
        return 'other'
    # C() : member_{1}, ... the brace of a member initializer follows a name, that of a body does not
    return 'initializer' if re.search(r'\)[^()]*(?<!:):(?!:).*[\w>]$', head) else 'function'


def functions(text):
    """(first line, lines, head) of each function of `text`, a C++ source."""
    code, found, stack = blank(text), [], []  # stack of (kind, line of head, head)
    head_start = None
    line, head = 1, []
    parentheses = 0
    for c in code:
        if c == '\n':
            line += 1
        if c == '(':
            parentheses += 1
        elif c == ')':
            parentheses = max(0, parentheses - 1)
        outside = not any(kind != 'scope' for kind, _, _ in stack)
        if c == '{':
            words = ' '.join(''.join(head).split())
            kind = 'other'
            if outside and parentheses == 0:
                kind = kind_of(words)
            stack.append((kind, head_start or line, words))
            if kind in ('scope', 'function'):
                head, head_start = [], None
        elif c == '}':
            if stack:
                kind, start, words = stack.pop()
                if kind == 'function':
                    found.append((start, line - start + 1, words))
                if kind == 'initializer':
                    head.append('()')
                elif kind != 'other':
                    head, head_start = [], None
        elif outside:
            label = c == ':' and ''.join(head).strip() in ('public', 'protected', 'private')
            if label or (c == ';' and parentheses == 0):
                head, head_start = [], None
            else:
                if head_start is None and not c.isspace():
                    head_start = line
                head.append(c)
    return found


def read_exceptions(path):
    """Lines of "KIND PLACE REASON" (KIND: lines, columns, function, word)."""
    allowed, problems = set(), []
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                words = line.split(None, 2)
                if not words or line.startswith('#'):
                    continue
                if len(words) < 3 or words[0] not in ('lines', 'columns', 'function', 'word'):
                    problems.append(f'{path}:{number}: an exception needs KIND PLACE REASON')
                    continue
                allowed.add((words[0], words[1]))
    return allowed, problems


def name_of(head):
    """The name in the head of a function: test names as Suite.Case."""
    test = re.match(r'(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+)\s*,\s*(\w+)', head)
    if test:
        return f'{test[1]}.{test[2]}'
    named = re.search(r'([\w:~]+|operator\s*\S+?)\s*\(', head)
    return named[1].replace(' ', '') if named else head[:40]


def findings(path, text):
    """(kind, place, message) of everything too large or left open in one file."""
    lines = text.split('\n')
    if lines and not lines[-1]:
        lines.pop()
    cpp = path.endswith(CPP)
    limit = HEADER_LINES if path.endswith('.h') else FILE_LINES
    if not path.endswith('.md') and len(lines) > limit:
        yield 'lines', path, f'{path}: {len(lines)} lines, at most {limit}'
    for number, line in enumerate(lines, 1):
        if cpp and len(line) > COLUMNS:
            yield 'columns', path, f'{path}:{number}: {len(line)} columns, at most {COLUMNS}'
        if NOTES.search(line):
            yield 'word', path, f'{path}:{number}: a note of unfinished work'
    if cpp:
        for m in EMPTY_NAMES.finditer(blank(text)):
            yield 'word', path, f'{path}: {m[1]}: say what it is or does'
        for start, length, head in functions(text):
            if length > FUNCTION_LINES:
                yield ('function', f'{path}:{name_of(head)}',
                       f'{path}:{start}: {name_of(head)}: {length} lines, at most {FUNCTION_LINES}')


def files_of(root):
    for folder in FOLDERS:
        for where, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = [f for f in folders if f not in ('node_modules', '__pycache__', 'testdata')]
            for name in sorted(names):
                if name.endswith(LOOKED_AT):
                    yield os.path.relpath(os.path.join(where, name), root)
    for name in LONE_FILES:
        if os.path.exists(os.path.join(root, name)):
            yield name


def check(root):
    """All problems below `root` as text, and the number of files looked at."""
    listed = os.path.join(root, 'tools/size_exceptions.txt')
    allowed, problems = read_exceptions(listed)
    used, count = set(), 0
    for path in files_of(root):
        count += 1
        with open(os.path.join(root, path), encoding='utf-8') as file:
            for kind, place, message in findings(path, file.read()):
                if (kind, place) in allowed:
                    used.add((kind, place))
                else:
                    problems.append(message)
    for kind, place in sorted(allowed - used):
        problems.append(f'tools/size_exceptions.txt: {kind} {place} is not needed any more')
    if not count:
        problems.append(f'{root}: no files')
    return problems, count


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    problems, count = check(sys.argv[1] if len(sys.argv) > 1 else here)
    print('\n'.join(problems + [f'{count} files, {len(problems)} problems']))
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
