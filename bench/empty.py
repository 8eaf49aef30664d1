"""Programs in the kernel that do nothing (empty.bpf.c), by libbpf itself: no tool attaches to
tracepoints by their types everywhere."""
import contextlib
import ctypes
import os
import re
import subprocess
import tempfile

SOURCE = os.path.join(os.path.dirname(__file__), 'empty.bpf.c')


class NoPrograms(Exception):
    """They cannot be made, loaded or attached; says why."""


def load_library():
    try:
        library = ctypes.CDLL('libbpf.so.1', use_errno=True)
    except OSError as error:
        raise NoPrograms(error) from error
    pointer = ctypes.c_void_p
    for name, result, arguments in (
            ('object__open_file', pointer, (ctypes.c_char_p, pointer)),
            ('object__load', ctypes.c_int, (pointer,)),
            ('object__next_program', pointer, (pointer, pointer)),
            ('object__close', None, (pointer,)),
            ('program__name', ctypes.c_char_p, (pointer,)),
            ('program__section_name', ctypes.c_char_p, (pointer,)),
            ('program__fd', ctypes.c_int, (pointer,)),
            ('program__attach', pointer, (pointer,)),
            ('program__attach_cgroup', pointer, (pointer, ctypes.c_int)),
            ('link__destroy', ctypes.c_int, (pointer,))):
        function = getattr(library, f'bpf_{name}')
        function.restype, function.argtypes = result, arguments
    return library


def made(what):
    """Of libbpf, a pointer."""
    if not what:
        raise NoPrograms(os.strerror(ctypes.get_errno()))
    return what


def open_cgroups():
    with open('/proc/mounts', encoding='utf-8') as file:
        found = re.search(r'^\S+ (\S+) cgroup2 ', file.read(), re.M)
    if not found:
        raise NoPrograms('no cgroup2 tree')
    return os.open(found[1], os.O_RDONLY)


@contextlib.contextmanager
def attached():
    """{name: descriptor} of the programs, which are attached meanwhile."""
    library = load_library()
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        path = os.path.join(scratch, 'empty.bpf.o')
        try:
            subprocess.run(['clang', '-O2', '-target', 'bpf', '-c', SOURCE, '-o', path], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoPrograms(error) from error
        programs = made(library.bpf_object__open_file(path.encode(), None))
        stack.callback(library.bpf_object__close, programs)
        if library.bpf_object__load(programs) != 0:
            raise NoPrograms(os.strerror(ctypes.get_errno()))
        cgroups = open_cgroups()
        stack.callback(os.close, cgroups)
        descriptors = {}
        one = library.bpf_object__next_program(programs, None)
        while one:
            of_cgroup = library.bpf_program__section_name(one).startswith(b'cgroup/')
            link = made(library.bpf_program__attach_cgroup(one, cgroups) if of_cgroup else
                        library.bpf_program__attach(one))
            stack.callback(library.bpf_link__destroy, link)
            descriptors[library.bpf_program__name(one).decode()] = library.bpf_program__fd(one)
            one = library.bpf_object__next_program(programs, one)
        yield descriptors
