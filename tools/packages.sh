# Sourced by ./dev: which Debian packages each step needs, and how they are installed.
# shellcheck shell=bash

packages_build=(g++ cmake ninja-build ccache pkg-config ca-certificates git libpcap-dev libssl-dev
  zlib1g-dev libzstd-dev libfmt-dev libcli11-dev libutf8proc-dev libnghttp2-dev libseccomp-dev
  libcap-dev libtomlplusplus-dev clang-14 bpftool libbpf-dev)
packages_test=(libgtest-dev libgmock-dev python3 zstd util-linux iproute2 procps curl openssl tmux
  libcap2-bin bind9-dnsutils nginx-light tshark)
packages_clang=(clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev llvm-19 lld-19 python3)
packages_portable=(g++-mingw-w64-x86-64-posix)
packages_bench=(libbenchmark-dev libndpi-bin tshark tcpdump valgrind time python3)
packages_guests=(qemu-system-x86 busybox-static cpio iproute2 util-linux python3)
packages_corpus=(python3 tshark)

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
  local -A installed=()
  local name state
  while read -r name state; do
    [[ $state != installed ]] || installed[$name]=1
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
  for name in "$@"; do
    [[ -n ${installed[$name]:-} ]] || echo "$name"
  done
}

# as_root COMMAND...: runs it as root, by sudo where we are not.
as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "dev: root or sudo is needed to install packages; as root, run:" >&2
    echo "  apt-get install --no-install-recommends ${wanted_packages[*]}" >&2
    exit 1
  fi
}

# A server's package starts its daemon unless policy-rc.d says no; nobody asked for a web server.
forbid_daemons() {
  policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] && return
  trap 'as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
}

# need GROUP...: installs what is missing of the named groups; silent and quick when nothing is.
need() {
  local group list wanted=()
  if ! command -v dpkg-query >/dev/null; then
    echo "dev: not a Debian system: install the packages of tools/packages.sh by hand" >&2
    return
  fi
  for group in "$@"; do
    list="packages_${group}[@]"
    wanted+=("${!list}")
  done
  mapfile -t wanted_packages < <(missing_packages "${wanted[@]}" | sort -u)
  ((${#wanted_packages[@]})) || return 0
  echo "dev: installing ${wanted_packages[*]}" >&2
  (
    forbid_daemons
    as_root apt-get update -qq
    if [[ " ${wanted_packages[*]} " == *" tshark "* ]]; then
      echo 'wireshark-common wireshark-common/install-setuid boolean false' |
        as_root debconf-set-selections
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      "${wanted_packages[@]}" </dev/null >&2
  )
}
