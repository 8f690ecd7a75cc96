#!/bin/sh
# rescue @VERSION@ for @ARCH@: finds out why SSH does not let you in, and repairs it. Start: sh @NAME@ [VERB ...]
# This file holds all that it needs, Python too. The first start unpacks it into a private folder: $RESCUE_HOME, else
# /run, /tmp, /dev/shm or the folder of this file, whichever has room first. Nothing else on this system is changed.

say() { echo "rescue: $*" >&2; }

# safe DIRECTORY: whether nobody else can put another folder in the place of one that we make there
safe() {
    mode=$(ls -ldn -- "$1/." 2>/dev/null) || return 1
    case $mode in
        d????????[tT]*) return 0 ;;
        d????w*|d???????w*) return 1 ;;
    esac
    set -- $mode
    [ "$3" = 0 ] || [ "$3" = "$user" ]
}

# own DIRECTORY: whether it is a real folder of ours that nobody else may enter
own() {
    [ -d "$1" ] && [ ! -L "$1" ] || return 1
    mode=$(ls -ldn -- "$1" 2>/dev/null) || return 1
    case $mode in drwx------*) ;; *) return 1 ;; esac
    set -- $mode
    [ "$3" = "$user" ]
}

# room DIRECTORY: whether it has the space, as far as df can tell
room() {
    free=$(df -Pk -- "$1" 2>/dev/null || df -Pk "$1" 2>/dev/null) || return 0
    set -- $(echo "$free" | tail -n 1)
    case ${4:-} in ''|*[!0-9]*) return 0 ;; esac
    [ "$4" -ge "$kilobytes" ]
}

# runs DIRECTORY: whether programs can be started there
runs() {
    printf '#!/bin/sh\nexit 0\n' > "$1/.try" && chmod 700 "$1/.try" && "$1/.try" 2>/dev/null
    tried=$?
    rm -f -- "$1/.try"
    return $tried
}

# unpacked DIRECTORY: unpack below it if that is not done; home is then the folder
unpacked() {
    [ -n "$1" ] && [ -d "$1" ] || return 1
    home=$1/rescue-$user-$digest
    if own "$home" && [ -f "$home/complete" ]; then
        return 0
    fi
    if ! safe "$1"; then
        tried_places="$tried_places
  $1 can be changed by other users"
        return 1
    fi
    if ! room "$1"; then
        tried_places="$tried_places
  $1 has less than $megabytes MB free"
        return 1
    fi
    new=$1/rescue-$user-$digest.new$$
    if ! mkdir -m 700 -- "$new" 2>/dev/null; then
        tried_places="$tried_places
  $1 can't be written"
        return 1
    fi
    if ! runs "$new"; then
        tried_places="$tried_places
  $1 is mounted with noexec"
        rm -rf -- "$new"
        return 1
    fi
    trap 'rm -rf -- "$new"; exit 130' INT HUP TERM
    if tail -c +"$start" "$self" | gzip -dc 2>/dev/null | tar -xf - -C "$new" 2>/dev/null && [ -f "$new/complete" ]; then
        if [ -e "$home" ] || [ -L "$home" ]; then
            # Somebody else's, or a half one of ours: only ours can be removed.
            own "$home" && rm -rf -- "$home"
        fi
        mv -- "$new" "$home" 2>/dev/null
        own "$home" && [ -f "$home/complete" ]
        done=$?
    else
        tried_places="$tried_places
  $1 could not take all files"
        done=1
    fi
    rm -rf -- "$new"
    trap - INT HUP TERM
    return $done
}

main() {
    umask 077
    digest=@DIGEST@ start=@START@ kilobytes=@KILOBYTES@ megabytes=@MEGABYTES@
    case $0 in */*) self=$0 ;; *) self=./$0; [ -f "$self" ] || self=$(command -v -- "$0") ;; esac
    machine=$(uname -m 2>/dev/null) || machine=@ARCH@
    case $machine in @MACHINES@) ;; *)
        say "this file is for @ARCH@, and this machine is $machine."
        case $machine in
            x86_64|amd64) say "Take rescue-@VERSION@-x86_64.run." ;;
            aarch64|arm64) say "Take rescue-@VERSION@-aarch64.run." ;;
            *) say "There is none for it; with Python 3.11 or newer, take rescue.pyz." ;;
        esac
        exit 1 ;;
    esac
    for tool in tail gzip tar mkdir ls rm mv; do
        command -v "$tool" >/dev/null 2>&1 || { say "the program $tool is not here; it is needed to unpack this file."; exit 1; }
    done
    user=$(id -u 2>/dev/null) || user=0
    tried_places=
    found=
    for place in "${RESCUE_HOME:-}" /run /tmp /dev/shm "${self%/*}"; do
        [ -n "$place" ] && own "$place/rescue-$user-$digest" && [ -f "$place/rescue-$user-$digest/complete" ] || continue
        home=$place/rescue-$user-$digest found=1
        break
    done
    if [ -z "$found" ]; then
        if ! tail -c +"$start" "$self" | gzip -t 2>/dev/null; then
            say "this file is incomplete or damaged. Fetch it again, and compare its SHA256SUMS. Nothing was started."
            exit 1
        fi
        for place in "${RESCUE_HOME:-}" /run /tmp /dev/shm "${self%/*}"; do
            if unpacked "$place"; then
                found=1
                break
            fi
        done
    fi
    if [ -z "$found" ]; then
        say "no folder can take the $megabytes MB that this file unpacks to.$tried_places"
        say "Name one: RESCUE_HOME=/some/folder sh $0"
        exit 1
    fi
    RESCUE_STARTED_AS=$0 RESCUE_BUNDLED=$home
    export RESCUE_STARTED_AS RESCUE_BUNDLED
    umask 022
    exec "$home/bin/python3" -I -m rescue "$@"
}

main "$@"
exit 1
