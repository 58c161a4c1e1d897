# What a task would find here.

# Runs in an environment of its own: shows it, changes it as asked, and shows it again. Arguments: BOUNDARY CAT
# VARIABLES NAME=VALUE… FILE…. Whatever a file that is read does to names and arguments, these names stay.
in_environment='
grid_boundary=$1 grid_cat=$2 grid_left=$3
shift 3
printf "\036%s before\n" "$grid_boundary"
"$grid_cat" /proc/self/environ
while [ "$grid_left" -gt 0 ]; do
  export "$1"
  shift
  grid_left=$((grid_left - 1))
done
for grid_file in "$@"; do
  case $grid_file in "~/"*) grid_path=$HOME/${grid_file#"~/"} ;; *) grid_path=$grid_file ;; esac
  if [ -f "$grid_path" ] && [ -r "$grid_path" ]; then
    printf "\036%s sourced\n%s" "$grid_boundary" "$grid_file"
    set --
    . "$grid_path" >/dev/null 2>&1
  fi
done
printf "\036%s after\n" "$grid_boundary"
"$grid_cat" /proc/self/environ
'

# do_environment BOUNDARY INHERITED ENTRIES NAME=VALUE… VARIABLES NAME=VALUE… FILE…: the environment without
# the set-up, and then what changes it.
do_environment() {
  boundary=$1 inherited=$2 left=$3
  own_language
  cat=$(command -v cat)
  shift 3
  changes=$(($# - left))
  while [ "$left" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    left=$((left - 1))
  done
  # The entries stand last now; the shell and what it is to change go behind them.
  for name in $inherited; do
    case $name in [0-9]* | *[!0-9A-Za-z_]*) continue ;; esac
    eval "have=\${$name+yes} value=\${$name-}"
    [ -z "$have" ] || set -- "$@" "$name=$value"
  done
  set -- "$@" /bin/sh -c "$in_environment" sh "$boundary" "$cat"
  while [ "$changes" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    changes=$((changes - 1))
  done
  exec env -i "$@"
}

# do_find BOUNDARY ROOT MARKER PATH PROGRAMS PROGRAM… FOLDER…
do_find() {
  boundary=$1
  in_root "$2" - -
  marker=$3 path=$4 left=$5
  shift 5
  printf '%s' "$user"
  if [ -n "$marker" ] && [ -e "$marker" ]; then part marker; fi
  existing=$root
  [ -d "$existing" ] || existing=${root%/*}
  part free
  df -Pk "$existing/" 2>/dev/null | tail -n 1
  while [ "$left" -gt 0 ]; do
    part program
    case $1 in
      /*) if [ -f "$1" ] && [ -x "$1" ]; then printf '%s' "$1"; fi ;;
      */*) if [ -f "/$1" ] && [ -x "/$1" ]; then printf '%s' "$1"; fi ;;
      '') ;;
      *)
        rest=$path:
        while [ -n "$rest" ]; do
          folder=${rest%%:*}
          rest=${rest#*:}
          case $folder in /*) ;; *) folder=/$folder ;; esac
          if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then
            printf '%s' "$folder/$1"
            break
          fi
        done
        ;;
    esac
    shift
    left=$((left - 1))
  done
  for folder in "$@"; do
    part folder
    if [ -d "$folder" ] && [ -x "$folder" ]; then printf yes; fi
  done
}
