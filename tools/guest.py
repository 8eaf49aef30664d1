#!/usr/bin/env python3
"""Tries netwatch on other kernels: Debian's, in QEMU by software emulation, no network.

usage: tools/guest.py --all | KERNEL...        KERNEL: 6.1, 6.12

A guest is a kernel of Debian's (the newest package linux-image-KERNEL.*-cloud-amd64; it stays in
build/guests) and a file system in memory: the release program, the traffic that keeps a ledger, the
tests of the programs in the kernel (preset "plain": no sanitizers), what they need, and
tests/guest/init, which runs it all and powers off. Its console goes to build/guests/KERNEL.log, what
the steps have written to build/guests/KERNEL. Exits with 1 unless every step of every guest has
ended well. `./dev guests` builds and does all of it.
"""
import argparse
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

KERNELS = ('6.1', '6.12')
PATIENCE_S = 600
MEMORY_MB = 1024
DISK_BYTES = 256 << 20
BUILT = ('release/netwatch', 'release/known_traffic', 'plain/ebpf_test')
PYTHON = '/usr/bin/python3'
PROGRAMS = ('ip', 'tc', 'nsenter', 'setpriv', 'bash', 'cat', PYTHON)
MODULES = ('virtio_pci', 'virtio_blk', 'veth', 'tcp_diag', 'udp_diag', 'sch_netem')
# What netwatch is held against. Emulation is some twenty times slower than the machine.
LEDGER = '--connections 400 --rate 100 --datagrams 200 --unowned 200'
STEPS = ('doctor', 'ledger', 'delay', 'ebpf_test')


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def newest_package(kernel):
    """The newest package of that kernel that apt can get, or None."""
    name = re.compile(rf'^(linux-image-{re.escape(kernel)}\.[\w.+-]*cloud-amd64) ', re.M)
    found = name.findall(output_of('apt-cache', 'search', '--names-only', 'linux-image-6'))
    return max(found, default=None,
               key=lambda one: [int(number) for number in re.findall(r'\d+', one)])


def kernel_files(kernel, folder):
    """The folder with boot/ and lib/modules/ of the package that is there, else of the newest."""
    there = [name for name in os.listdir(folder) if name.startswith(f'linux-image-{kernel}.') and
             name.endswith('amd64')]
    package = there[0] if there else newest_package(kernel)
    if package is None:
        sys.exit(f'guest: apt knows no package linux-image-{kernel}.*-cloud-amd64')
    unpacked = os.path.join(folder, package)
    if not os.path.isdir(unpacked):
        subprocess.run(['apt-get', 'download', '-qq', package], cwd=folder, check=True)
        archive, = [name for name in os.listdir(folder)
                    if name.startswith(package + '_') and name.endswith('.deb')]
        partial = unpacked + '.partial'
        subprocess.run(['dpkg', '-x', os.path.join(folder, archive), partial], check=True)
        os.rename(partial, unpacked)
    return unpacked


class Tree:
    """The file system of a guest, as a folder."""

    def __init__(self, root):
        self.root = root
        self.libraries = set()

    def path(self, name):
        path = os.path.join(self.root, name.lstrip('/'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def add(self, source, name):
        """A file, and the libraries that it is linked with."""
        shutil.copy(source, self.path(name))
        with open(source, 'rb') as file:
            if file.read(4) != b'\x7fELF':
                return
        linked = subprocess.run(['ldd', source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, check=False).stdout
        for library in re.findall(r'(?:=> |^\s)(/\S+) \(', linked, re.M):
            if library not in self.libraries:
                self.libraries.add(library)
                shutil.copy(library, self.path(library))

    def add_script(self, script):
        """A script of Python's, what stands beside it, and the modules that they load."""
        load = ('import encodings.ascii, encodings.idna, encodings.latin_1, runpy, sys\n'
                'runpy.run_path(sys.argv[1], run_name="not main")\n'
                'print("\\n".join(m.__file__ for m in [*sys.modules.values()] '
                'if getattr(m, "__file__", None)))')
        environment = {**os.environ, 'PYTHONPATH': os.path.dirname(script)}
        said = subprocess.run([PYTHON, '-X', 'frozen_modules=off', '-B', '-c', load, script],
                              check=True, stdout=subprocess.PIPE, text=True, env=environment)
        for source in said.stdout.splitlines():
            if source.startswith('/usr/lib/'):
                self.add(source, source)
        for name in os.listdir(os.path.dirname(script)):
            if name.endswith('.py'):
                self.add(os.path.join(os.path.dirname(script), name), f'/bench/{name}')

    def add_modules(self, kernel):
        """Those of MODULES that the kernel does not hold itself, each after what it needs."""
        modules = {}
        for folder, _, names in os.walk(os.path.join(kernel, 'lib/modules')):
            for name in names:
                if '.ko' in name:
                    modules[name.split('.ko')[0].replace('-', '_')] = os.path.join(folder, name)
        order = []

        def take(name):
            if name in order or name not in modules:
                return
            with (lzma.open if modules[name].endswith('.xz') else open)(modules[name], 'rb') as file:
                module = file.read()
            for needed in re.search(rb'\0depends=([^\0]*)\0', module)[1].decode().split(','):
                take(needed.replace('-', '_'))
            order.append(name)
            with open(self.path(f'/modules/{name}'), 'wb') as file:
                file.write(module)

        for name in MODULES:
            take(name)
        self.write('/modules/order', ''.join(f'{name}\n' for name in order))

    def pack(self, archive):
        """As cpio's "newc", which the kernel unpacks."""
        names = output_of('find', self.root, '-mindepth', '1', '-printf', '%P\\n')
        with open(archive, 'wb') as file:
            subprocess.run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0'], cwd=self.root,
                           input=names.encode(), stdout=file, check=True)


def make_file_system(version, kernel, archive):
    with tempfile.TemporaryDirectory() as root:
        tree = Tree(root)
        tree.add('/bin/busybox', '/bin/busybox')
        for program in PROGRAMS:
            tree.add(os.path.realpath(shutil.which(program)), f'/bin/{os.path.basename(program)}')
        for program in BUILT:
            tree.add(os.path.join('build', program), f'/bin/{os.path.basename(program)}')
        for script in ('bench/ledger.py', 'tests/guest/delay.py'):
            tree.add_script(os.path.abspath(script))
        tree.add_modules(kernel)
        tree.add('tests/guest/init', '/init')
        tree.write('/arguments', LEDGER + (' --waiting-unseen' if version == '6.1' else ''))
        tree.write('/etc/passwd', 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n')
        tree.write('/etc/group', 'root:x:0:\nnogroup:x:65534:\n')
        for folder in ('proc', 'sys', 'dev', 'tmp', 'run', 'out', 'root'):
            os.makedirs(os.path.join(root, folder))
        tree.pack(archive)


def boot(kernel, archive, disk, log):
    """Until the guest powers off; its console is shown and kept. False if it had to be ended."""
    with open(disk, 'wb') as file:
        file.truncate(DISK_BYTES)
    image, = [name for name in os.listdir(os.path.join(kernel, 'boot'))
              if name.startswith('vmlinuz-')]
    guest = subprocess.Popen(
        ['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m',
         str(MEMORY_MB), '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot',
         '-net', 'none', '-drive', f'file={disk},format=raw,if=virtio', '-kernel',
         os.path.join(kernel, 'boot', image), '-initrd', archive, '-append',
         'console=ttyS0 quiet panic=-1 nokaslr mitigations=off'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    ended = threading.Event()

    def end():
        ended.set()
        guest.kill()

    timer = threading.Timer(PATIENCE_S, end)
    timer.start()
    try:
        with open(log, 'w', encoding='utf-8') as file:
            for line in guest.stdout:
                text = line.decode(errors='replace').replace('\r', '')
                file.write(text)
                file.flush()
                print(text, end='', flush=True)
    finally:
        timer.cancel()
        if sys.exc_info()[0]:
            guest.kill()
        guest.wait()
    return not ended.is_set()


def try_kernel(version, folder):
    """What is not as it should be, in words."""
    kernel = kernel_files(version, folder)
    archive, disk, log, results = (os.path.join(folder, f'{version}{end}')
                                   for end in ('.cpio', '.disk', '.log', ''))
    make_file_system(version, kernel, archive)
    begun = time.monotonic()
    in_time = boot(kernel, archive, disk, log)
    print(f'guest: {os.path.basename(kernel)}: {time.monotonic() - begun:.0f} s')
    if not in_time:
        return [f'{version}: not ended after {PATIENCE_S} s']
    shutil.rmtree(results, ignore_errors=True)
    try:
        with tarfile.open(disk) as written:
            written.extractall(results)
    except tarfile.ReadError:
        return [f'{version}: it ended before all steps had']
    finally:
        os.unlink(disk)
    with open(log, encoding='utf-8') as file:
        ends = dict(re.findall(r'^== (\w+): (\d+)$', file.read(), re.M))
    return [f'{version}: {step} ended with {ends.get(step, "nothing")}' for step in STEPS
            if ends.get(step) != '0']


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('kernels', nargs='*', metavar='KERNEL')
    parser.add_argument('--all', action='store_true')
    options = parser.parse_args()
    if not options.all and not options.kernels:
        parser.error('no kernel')
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    folder = os.path.abspath('build/guests')
    os.makedirs(folder, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('guest: ended'))  # and its guest with it
    failures = []
    for version in KERNELS if options.all else options.kernels:
        failures += try_kernel(version, folder)
    for failure in failures:
        print(f'guest: FAILED: {failure}', file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f'guest: every step has ended well: {", ".join(STEPS)}')


if __name__ == '__main__':
    main()
