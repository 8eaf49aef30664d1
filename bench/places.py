"""Network namespaces of their own for the measurements beside this file: `middle`, in which
netwatch runs, between `left` and `right`, whose traffic it forwards."""
import os
import signal
import subprocess
import sys

LEFT4, MIDDLE4, RIGHT4 = '10.79.1.1', '10.79.1.2', '10.79.2.1'
LEFT6, MIDDLE6, RIGHT6 = 'fd79:1::1', 'fd79:1::2', 'fd79:2::1'


def ip(*words):
    subprocess.run(['ip', *words], check=True)


class Places:
    """with Places() as places: all of them are there; afterwards none is."""

    def __init__(self):
        self.names = {place: f'nw-{place}-{os.getpid()}' for place in ('left', 'middle', 'right')}

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))  # and not without __exit__
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names.values():
            subprocess.run(['ip', 'netns', 'del', name], stderr=subprocess.DEVNULL, check=False)

    def make(self):
        for name in self.names.values():
            ip('netns', 'add', name)
            ip('-n', name, 'link', 'set', 'lo', 'up')
        for place, own4, own6, net in (('left', LEFT4, LEFT6, '1'), ('right', RIGHT4, RIGHT6, '2')):
            far, middle = self.names[place], self.names['middle']
            ip('link', 'add', f'nw{place}', 'netns', middle, 'type', 'veth', 'peer', 'name', 'nwup',
               'netns', far)
            for name, link, host4, host6 in ((far, 'nwup', own4, own6),
                                             (middle, f'nw{place}', f'10.79.{net}.2',
                                              f'fd79:{net}::2')):
                ip('-n', name, 'addr', 'add', f'{host4}/24', 'dev', link)
                ip('-n', name, 'addr', 'add', f'{host6}/64', 'dev', link, 'nodad')
                ip('-n', name, 'link', 'set', link, 'up')
            ip('-n', far, 'route', 'add', 'default', 'via', f'10.79.{net}.2')
            ip('-n', far, '-6', 'route', 'add', 'default', 'via', f'fd79:{net}::2')
        for key in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding'):
            subprocess.run(self.inside('middle', 'sh', '-c', f'echo 1 >/proc/sys/net/{key}'),
                           check=True)

    def path(self, place):
        return f'/run/netns/{self.names[place]}'

    def inside(self, place, *command):
        """The command, from that namespace; /sys stays what it is."""
        return ['nsenter', f'--net={self.path(place)}', '--', *command]
