"""The help of each command: one screen of a console that can't scroll back, examples first.

All options are in the parser (`--help --verbose`) and in the manual. A test holds that every screen fits, that each
example can be parsed, and that each option is there.
"""

from __future__ import annotations

TOP = """\
usage: rescue COMMAND [TARGET] [OPTION ...]    (without a command it asks)
Find out from a server's disk why SSH is refused; repair it; undo it.

    disks           find the server's disk: rescue disks
    inspect         what keeps you out (changes nothing): rescue inspect TARGET
    fix             repair it; shows every change, and asks: rescue fix TARGET
    undo, history   take a fix back; list the fixes
    probe           ask the server from outside, on your own computer
    console, ticket what to type in a web console; a request to the support
    timeline        what happened since the last login, by the server's logs
    firewall        who may reach the port, and which rule decides
    diff, blame     compare two states: who lost access, and by which change
    space           show what fills the disk
    mount, umount   the server's files under one folder, to repair by hand
    shell           a shell inside the server, with its own programs
    capture         save the settings, without secrets, for someone else
    explain         the manual of a cause, or of a line that ssh printed
    lab             practise on servers that lock you out
    doctor          what this system can do, and how to get the rest
    help, version   the options of a command: rescue help fix

TARGET: a disk (/dev/vda), an image (server.qcow2), a directory, / (this system)
On another machine, over ssh: rescue --via root@HOST inspect /dev/vda
More (--via, the exit status): rescue --help --verbose
"""

OF_VERBS = {
    "disks": """\
usage: rescue disks [DISK or IMAGE ...] [OPTION ...]
List the disks here, which look like a server's root, and what to type next.

    rescue disks                      all disks of this machine
    rescue disks /dev/vda             only this one
    rescue disks server.qcow2         what is in an image
    rescue disks --key-file FILE      also look into encrypted disks

--disk FILE     another disk of the same server (LVM, RAID)
--key-file FILE the passphrase of an encrypted disk
--json          one JSON document instead
""",
    "inspect": """\
usage: rescue inspect [TARGET] [OPTION ...]
Show the path to a login, step by step, and what breaks it. Changes nothing.

    rescue inspect /dev/vda
    rescue inspect /dev/vda --user alice --from 198.51.100.7
    rescue inspect server.qcow2 --key ~/.ssh/id_ed25519.pub
    rescue inspect / --html report.html     this system; also as a web page

The more it knows, the more exact it is:
--user NAME     who logs in (default: root and every account with keys)
--from ADDRESS  your public address (repeatable)
--port N        the port that you connect to
--key FILE      your public key, as a file or pasted in quotes
--console FILE  what the provider's serial console showed

--root DEVICE   which file system, where several look like a server's root
--key-file FILE the passphrase of an encrypted disk
--all           what holds, too;  --quiet: the verdict alone;  --json
""",
    "fix": """\
usage: rescue fix [TARGET] [NUMBER or CAUSE ...] [OPTION ...]
Repair what is broken: shows every change, asks, and can be undone.

    rescue fix /dev/vda                     ask about each finding
    rescue fix 2                            finding 2 of the last inspect
    rescue fix /dev/vda --dry-run           show the changes, write nothing
    rescue fix /dev/vda --from 198.51.100.7 let in your address alone
    rescue fix /dev/vda --user alice --add-key ~/.ssh/id_ed25519.pub

--yes           take every safe repair without asking
--unsafe        with --yes: also what weakens something or deletes logs
--only CAUSE    this cause, or finding by number, alone (repeatable)
--add-key FILE  add this public key for --user
--user NAME, --from ADDRESS, --port N, --key FILE: as for inspect
--undo-log DIR  keep the record of the fix here, not on the server
--html FILE     write what was found and changed as a web page
--json          one JSON document (with --yes or --dry-run)
""",
    "undo": """\
usage: rescue undo [TARGET] [ID] [OPTION ...]
Take a fix back: shows what comes back, and asks.

    rescue undo /dev/vda                the last fix
    rescue undo                         of the server inspected last
    rescue undo /dev/vda ID             this one (rescue history lists them)
    rescue undo /dev/vda --dry-run      show it, write nothing

--yes           do it without asking, for scripts
--undo-log DIR  where the record was kept, if not on the server
--json          one JSON document instead
""",
    "history": """\
usage: rescue history [TARGET] [OPTION ...]
List the fixes that were made, with the ID that undo takes.

    rescue history /dev/vda
    rescue history                      of the server inspected last

--undo-log DIR  where the records were kept, if not on the server
--json          one JSON document instead
""",
    "timeline": """\
usage: rescue timeline [TARGET] [OPTION ...]
Show what happened since the last login, and how the last boot went.

    rescue timeline /dev/vda
    rescue timeline /dev/vda --html story.html    with a picture
    rescue timeline /dev/vda --console boot.txt   with a saved serial console

--console FILE  what the provider's serial console showed
--user NAME, --from ADDRESS: whose logins
--json          one JSON document instead
""",
    "firewall": """\
usage: rescue firewall [TARGET] [OPTION ...]
Show who may reach the SSH port, for every address, and which rule decides.

    rescue firewall /dev/vda
    rescue firewall /dev/vda --from 198.51.100.7   follow these packets
    rescue firewall /dev/vda --port 443            another port
    rescue firewall / --prove                      ask this machine's kernel

--from ADDRESS  whose packets to follow through the rules (repeatable)
--port N        the port (default: the one that SSH clients connect to)
--interface NAME  the network interface that they arrive on
--all           every address and every rule, however many
--json          one JSON document instead
""",
    "probe": """\
usage: rescue probe [HOST] [OPTION ...]
Ask a server from outside why SSH does not answer. Runs on your own computer.

    rescue probe server.example.org
    rescue probe alice@198.51.100.7 --port 2222
    rescue probe server.example.org --check     one line, for Nagios

Only this host is asked, few ports, slowly; nobody logs in.
--port N         the port (default: as your ssh has it, else 22)
--user NAME      for whom it is asked how to log in
-4, -6           IPv4 or IPv6 alone
--reference NAME  also try this host: is the port blocked where you are?
--json           one JSON document instead
""",
    "console": """\
usage: rescue console [CAUSE or NUMBER or TARGET] [OPTION ...]
The shortest commands to mend a cause by hand, in a provider's web console.

    rescue console ufw-no-ssh-rule
    rescue console 2                  finding 2 of the last inspect
    rescue console --provider hetzner   where its console and rescue system are

--provider NAME  the provider's names for console, rescue system, snapshots
--system NAME    debian, redhat, suse or arch (default: as the target's)
--json           one JSON document instead
""",
    "ticket": """\
usage: rescue ticket [HOST or TARGET ...] [OPTION ...]
Write a support request from what was probed and inspected, without secrets.

    rescue ticket server.example.org
    rescue ticket server.example.org /dev/vda --markdown

--markdown      as Markdown, in full
--json          one JSON document instead
""",
    "diff": """\
usage: rescue diff OLD NEW [OPTION ...]
Show who gained and who lost access between two states of a server.

    rescue diff before.bundle /
    rescue diff old.qcow2 new.qcow2 --from 198.51.100.7

--user NAME     who logs in (default: root and every account with keys)
--from ADDRESS  your public address (repeatable)
--port N        the port that you connect to
--json          one JSON document instead
""",
    "blame": """\
usage: rescue blame [OLD] NEW [OPTION ...]
Show the smallest set of changes, down to the line, that keeps somebody out.

    rescue blame before.bundle /dev/vda --user alice
    rescue blame /dev/vda         with the backups that lie on the disk

--user NAME     who logs in (default: root and every account with keys)
--from ADDRESS  your public address (repeatable)
--port N        the port that you connect to
--json          one JSON document instead
""",
    "space": """\
usage: rescue space [TARGET] [OPTION ...]
Show what fills the disk, and what could go. Changes nothing.

    rescue space /dev/vda
    rescue space                        of the server inspected last

--json          one JSON document instead

When the disk is full, `rescue fix` makes room, and asks before.
""",
    "mount": """\
usage: rescue mount [TARGET] [DIR] [OPTION ...]
Mount the server's file systems under one folder, to repair by hand.

    rescue mount /dev/vda               under /mnt/rescue-NAME
    rescue mount /dev/vda /mnt/server   there
    rescue mount /dev/vda --read-only   to look at only
    rescue umount                       unmount it all again

--root DEVICE   which file system, where several look like a server's root
--key-file FILE the passphrase of an encrypted disk
--backend kernel  let this machine's kernel read an image that you trust
""",
    "umount": """\
usage: rescue umount [TARGET or DIR] [OPTION ...]
Unmount what rescue mount has mounted, and what a killed run has left.

    rescue umount                       all of it
    rescue umount /mnt/server           only this

--json          one JSON document instead
""",
    "shell": """\
usage: rescue shell [TARGET] [OPTION ...] [-- COMMAND ...]
A shell, or one command, of the server's own inside its root.

    rescue shell /dev/vda                       a shell; exit leaves it
    rescue shell /dev/vda -- passwd alice       one command
    rescue shell /dev/vda --no-network          to use ufw or iptables there
    rescue shell /dev/vda --read-only           the disk is not changed

--root DEVICE   which file system, where several look like a server's root
--key-file FILE the passphrase of an encrypted disk

It runs the server's programs: don't use it on a disk that you don't trust.
With a command its exit status is given (127: not there, 126: can't be run).
""",
    "capture": """\
usage: rescue capture [TARGET] [OPTION ...]
Save the settings, without secrets, so that someone else can diagnose.

    rescue capture /dev/vda
    rescue capture / -o server.bundle         this system
    rescue capture /dev/vda --with-logs       with what the logs say of logins
    rescue inspect server.bundle              what the other person types

-o FILE         the file (default: the server's name with .bundle, here)
--quick         do not measure what fills the disk
--with-logs     logins, commands and changes, with names and addresses
--user NAME, --from ADDRESS, --port N, --key FILE: saved along with it
""",
    "explain": """\
usage: rescue explain [CAUSE or LINE] [TARGET] [OPTION ...]
Show the manual of a cause or a page, with the way by hand; or list them all.

    rescue explain                              the list
    rescue explain nologin                      a cause
    rescue explain "Connection timed out"       what ssh printed
    rescue explain path                         a page: how a login works
    rescue explain sshd /dev/vda --user alice   sshd's settings for a login

--all           explain sshd: every keyword, with its default
--user NAME, --from ADDRESS, --port N: explain sshd: for this connection
--json          one JSON document instead
""",
    "lab": """\
usage: rescue lab [ACTION] [LAB] [OPTION ...]
Practise on real servers that lock you out, until you are in again.

    rescue lab list             the labs, the easy ones first
    rescue lab start 1          build, break and try a server
    rescue lab status           which lab is going on, and what to do next
    rescue lab hint             one hint more
    rescue lab check            are you in, and what did you change?
    rescue lab solve            the manual way; types it in if you agree
    rescue lab reset            the broken disk again
    rescue lab stop             the end: everything is removed

--random        start one without saying which
--difficulty WORD  "first-steps", "everyday" or "tricky"
--with WAY      vagrant, qemu, namespaces or image
--explain       check, solve, status: all that there is to learn
""",
    "doctor": """\
usage: rescue doctor [OPTION ...]
Show what this system can do, what is lost without the rest, and how to get it.

    rescue doctor               each ability: ok, limited or missing
    rescue doctor --json        the same for a program; status 3: some missing
""",
    "version": """\
usage: rescue version [OPTION ...]
Show the version of this program.

    rescue version
    rescue version --verbose    with this system's versions, for bug reports
""",
}
"""By the command."""


def screen(verb: str) -> str:
    """The help of `verb`, or of all commands for one that has none of its own."""
    if verb not in OF_VERBS:
        return TOP
    return f"{OF_VERBS[verb]}\nAll options: rescue {verb} --help --verbose\n"
