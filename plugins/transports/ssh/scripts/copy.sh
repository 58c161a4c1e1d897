# Moving files into and out of the work folder of a run, whose directory is $1 of every verb. Names come on
# standard input, each `./path` from the work folder and NUL after it; what is on its way in stays in the run's
# `incoming` folder until it is whole.
#
# Exit codes: 3 a checksum differs, 4 the way leads through a symbolic link, 5 no work folder, 6 something else
# is where a file or folder must go, 1 anything else, said on standard error.

# A record ends with `//` and a newline, which no name that find prints can hold.
copy_facts='%f %s %Y %y %n//'

copy_enter() {
  if [ ! -d "$1/work" ] || [ -L "$1/work" ]; then exit 5; fi
  cd "$1/work" || exit 5
}

# What is known of the names given, and how much space there is. Names that do not exist are left out.
do_copy_facts() {
  copy_enter "$1"
  printf 'free %s//\n' "$(df -Pk . 2>/dev/null | tail -n 1)"
  xargs -0 -r stat -c "$copy_facts" 2>/dev/null
  printf '//\n'
}

# Everything in the work folder that is no folder. What vanishes meanwhile is left out.
do_copy_list() {
  copy_enter "$1"
  find . ! -type d -print0 | xargs -0 -r stat -c "$copy_facts" 2>/dev/null
  printf '//\n'
}

# Where symbolic links lead, each with a NUL.
do_copy_links() {
  copy_enter "$1"
  xargs -0 -r sh -c 'for link do readlink -n "$link"; printf "\\0"; done' links
}

# The checksum of the files' bytes, one file after the other.
do_copy_digest() {
  copy_enter "$1"
  xargs -0 cat | sha256sum
}

# The same of up to $4 MiB of the file $2 from $3 MiB on.
do_copy_slice() {
  copy_enter "$1"
  dd if="$2" bs=1048576 skip="$3" count="$4" 2>/dev/null | sha256sum
}

# The files' bytes, then their checksum: it is printed when tee has passed all of them on. tee opens a pipe of
# ours, for a socket can not be opened.
do_copy_fetch() {
  copy_enter "$1"
  { xargs -0 cat | tee /proc/self/fd/3 | sha256sum; } 3>&1 | cat
}

# The same of one file $2 from $3 MiB on.
do_copy_range() {
  copy_enter "$1"
  [ -f "$2" ] || return 1
  { dd if="$2" bs=1048576 skip="$3" 2>/dev/null | tee /proc/self/fd/3 | sha256sum; } 3>&1 | cat
}

# copy_move TO NAME…: into the folder TO. A symbolic link that has one of the names is replaced.
copy_move() {
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then return 0; fi # a pattern without a match
  to=$1
  shift
  mv -f "$@" "$to/"
}

# copy_merge FROM TO: moves what is in the folder FROM into the folder TO, and never through a symbolic link.
copy_merge() (
  cd "$1" || exit 1
  for entry in ./* ./.[!.]* ./..?*; do
    if [ -d "$entry" ] && [ ! -L "$entry" ]; then
      if [ -L "$2/$entry" ]; then
        printf '%s\n' "$entry" >&2
        exit 4
      elif [ -d "$2/$entry" ]; then
        copy_merge "$entry" "$2/$entry" || exit
        rmdir "$entry" || exit 1
      elif [ -e "$2/$entry" ]; then
        printf '%s is not a folder\n' "$entry" >&2
        exit 6
      fi
    elif [ -d "$2/$entry" ] && [ ! -L "$2/$entry" ]; then
      printf '%s is a folder\n' "$entry" >&2
      exit 6
    fi
  done
  copy_move "$2" ./* && copy_move "$2" ./.[!.]* && copy_move "$2" ./..?* || exit 1
)

copy_incoming() {
  if [ -L "$1/incoming" ]; then
    printf 'incoming\n' >&2
    exit 4
  fi
  mkdir -p "$1/incoming" || exit 1
}

# copy_stage RUN: makes the folder `stage`, on the file system of the work folder.
copy_stage() {
  copy_incoming "$1"
  stage=$(mktemp -d "$1/incoming/stage.XXXXXX") || exit 1
}

copy_drop_stage() {
  rm -rf "$stage"
  exit "$1"
}

# Takes a tar with `list`, the names of the files in it; `t`, the tree; `sum`, the checksum of the list and of the
# files in the list's order.
do_copy_unpack() {
  set +f
  copy_enter "$1"
  copy_stage "$1"
  tar -xpof - -C "$stage" || copy_drop_stage 1
  cd "$stage/t" || copy_drop_stage 1
  read -r sum <../sum || [ -n "$sum" ] || copy_drop_stage 1
  [ "$(xargs -0 cat <../list | sha256sum)" = "$sum  -" ] || copy_drop_stage 3
  copy_merge . "$1/work" || copy_drop_stage $?
  cd / && copy_drop_stage 0
}

# The size of the part $2 of a large file; 0 when there is none.
do_copy_part() {
  stat -c %s "$1/incoming/$2" 2>/dev/null || echo 0
}

# Says so when the file system is full: not every tee knows why it failed.
copy_say_full() {
  df -Pk "$1" | {
    read -r _
    read -r _ _ _ free _
    if [ "${free:-1}" = 0 ]; then printf 'No space left on device\n' >&2; fi
  }
}

# Appends standard input to the part $2 after its first $3 MiB, which makes $4 bytes in all, and prints the
# checksum of what came. A part that was cut off stays; one for which there is no space goes.
do_copy_append() {
  copy_enter "$1"
  copy_incoming "$1"
  part=$1/incoming/$2
  if [ "$3" -eq 0 ]; then
    : >"$part" || exit 1
  else
    dd if=/dev/null of="$part" bs=1048576 seek="$3" count=0 2>/dev/null || exit 1
  fi
  {
    tee -a "$part" || {
      copy_say_full "$part"
      rm -f "$part"
    }
  } | sha256sum
  [ "$(stat -c %s "$part" 2>/dev/null)" = "$4" ]
}

# Gives the part $2 its name $3, its mode $4 and its time $5, in seconds and $6 nanoseconds.
do_copy_place() {
  set +f
  copy_enter "$1"
  copy_stage "$1"
  case $3 in
    */*) mkdir -p "$stage/t/${3%/*}" ;;
    *) mkdir "$stage/t" ;;
  esac || copy_drop_stage 1
  file=$stage/t/$3
  mv -f "$1/incoming/$2" "$file" || copy_drop_stage 1
  # Not every touch knows fractions.
  touch -d "@$5.$6" "$file" 2>/dev/null || touch -d "@$5" "$file" || copy_drop_stage 1
  chmod "$4" "$file" || copy_drop_stage 1
  copy_merge "$stage/t" "$1/work" || copy_drop_stage $?
  copy_drop_stage 0
}

# Gives the folders named the mode $2. The names are $3 bytes: a list cut short would end in a wrong name.
do_copy_modes() {
  copy_enter "$1"
  copy_stage "$1"
  cat >"$stage/names" || copy_drop_stage 1
  [ "$(stat -c %s "$stage/names")" = "$3" ] || copy_drop_stage 1
  xargs -0 chmod "$2" <"$stage/names" || copy_drop_stage 1
  copy_drop_stage 0
}

# For a moment on the client's thread for this node.
do_copy_nothing() { cat; }
