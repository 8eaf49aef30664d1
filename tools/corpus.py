"""What netwatch and the ground truth say about each capture of the corpus, set against each other.

The rules (fields, scope, canonical form) are those of the corpus's own tools/agreement.py, which is
loaded and not repeated; only its report per value is ours."""
import collections
import concurrent.futures
import json
import os
import subprocess


def load_rules(corpus):
    """The functions and tables of agreement.py, without running it."""
    path = os.path.join(corpus, 'tools/agreement.py')
    with open(path, encoding='utf-8') as file:
        text = file.read()
    text = text[:text.rindex('sys.exit(main())')]
    rules = {'__name__': 'agreement', '__file__': path}
    exec(compile(text, path, 'exec'), rules)  # pylint: disable=exec-used
    return rules


def lines(program, capture):
    """What `netwatch read --json` writes about a capture, line by line."""
    run = subprocess.run(['timeout', '60', program, 'read', '--json', capture],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for line in run.stdout.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def in_parallel(function, values):
    """function(value) for each, in order."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, values)


def ours(rules, program, capture, fields):
    """{field: set of values} that netwatch reads in a capture."""
    values = collections.defaultdict(set)
    for row in lines(program, capture):
        if row.get('type') != 'record':
            continue
        for field in fields:
            for path in rules['FIELDS'][field][0] if field in rules['FIELDS'] else [field]:
                values[field] |= {rules['canon'](v) for v in rules['dig'](row, path)
                                  if v not in ('', None)}
    return values


def theirs(rules, truth, hellos, field):
    """The values of the truth of one capture in scope "all" (whatever is around their streams), which
    holds those of scope "base"; None if the truth was cut."""
    if field == 'ja4':
        return {h['ja4'] for h in hellos}
    names = rules['FIELDS'][field][1]
    if any('<more>' in truth['values'].get(name, {}) for name in names):
        return None
    return {rules['canon'](v) for name in names for v in truth['values'].get(name, {})}


def disagreements(program, corpus, listing, fields):
    """Rows (capture, field, value, side) and a count of compared values per field."""
    rules = load_rules(corpus)
    truths, hellos = rules['truths'](os.path.join(corpus, 'truth'))
    with open(listing, encoding='utf-8') as file:
        captures = [line.strip() for line in file if line.strip() in truths]
    rows, compared = [], collections.Counter()

    def look_at(capture):
        return capture, ours(rules, program, os.path.join(corpus, capture), fields)

    for capture, mine in in_parallel(look_at, captures):
        for field in fields:
            truth = theirs(rules, truths[capture], hellos.get(capture, []), field)
            if truth is None:
                continue
            empty = {'', '<root>', '.'}
            truth, got = truth - empty, mine[field] - empty
            compared[field] += len(truth | got)
            rows += [(capture, field, value, 'missing') for value in sorted(truth - got)]
            rows += [(capture, field, value, 'extra') for value in sorted(got - truth)]
    return rows, compared


def one_line(value):
    """A value as one column of a tab-separated line."""
    return value.replace('\t', '\\t').replace('\n', '\\n').replace('\r', '\\r')


