# bash completion for netwatch
_netwatch() {
  local cur prev words=("${COMP_WORDS[@]}")
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD - 1]}
  case $prev in
    -i | --interface)
      mapfile -t COMPREPLY < <(compgen -W "any $(command ls /sys/class/net 2>/dev/null)" -- "$cur")
      return ;;
    -f | --capture-filter | -Y | --filter | -c | --count | --samples | --threads) return ;;
    -b | --ring-buffer)
      compopt -o nospace
      mapfile -t COMPREPLY < <(compgen -W "filesize: packets: duration: interval: files:" -- "$cur")
      return ;;
    --annotate)
      mapfile -t COMPREPLY < <(compgen -W "both comments blocks" -- "$cur")
      return ;;
    --confine)
      mapfile -t COMPREPLY < <(compgen -W "best-effort strict off" -- "$cur")
      return ;;
    --view)
      mapfile -t COMPREPLY < <(compgen -W "full lite dense" -- "$cur")
      return ;;
    --tab)
      mapfile -t COMPREPLY < <(compgen -W "dashboard connections processes interfaces" -- "$cur")
      return ;;
    --theme)
      mapfile -t COMPREPLY < <(compgen -W "dark light terminal contrast colour-blind ocean forest \
        amber dusk paper mono rose" -- "$cur")
      return ;;
    -w | --write | -r | --read | --config)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return ;;
  esac
  local live="-r --read -i --interface -f --capture-filter -Y --filter --no-capture --no-probes --theme --view --tab --config --print-config --capture --probes --confine"
  local read="-r --read --json --flows --records -q --quiet -Y --filter -w --write -b --ring-buffer -c --count --threads --follow --confine"
  local headless="-i --interface -f --capture-filter -Y --filter -c --count --json -q --quiet --samples --no-probes --confine"
  local record="-w --write -i --interface -f --capture-filter -Y --filter -b --ring-buffer -c --count --annotate --confine"
  local sockets="-Y --filter --json"
  local general="-h --help"
  if [[ " ${words[*]:1:COMP_CWORD-1} " == *" read "* ]]; then
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$read $general" -- "$cur")
    else
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
  elif [[ " ${words[*]:1:COMP_CWORD-1} " == *" record "* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$record $general" -- "$cur")
  elif [[ " ${words[*]:1:COMP_CWORD-1} " == *" sockets "* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$sockets $general" -- "$cur")
  elif [[ " ${words[*]:1:COMP_CWORD-1} " == *" live "* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$headless $general" -- "$cur")
  elif [[ " ${words[*]:1:COMP_CWORD-1} " == *" doctor "* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "--json $general" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "read live record sockets doctor $live $general -V --version" -- "$cur")
  fi
}
complete -o filenames -F _netwatch netwatch
