"""Where ten providers keep their console, their rescue system and their snapshots: menu names as text.

Panels change. `checked` says what was held against the provider's own pages, and in which month; the other menu names
were not, and the panel may call them by another word.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """name: as it is typed. console, rescue, snapshot: the way in the panel. firewall: the provider's own, outside of
    the server. login: what the console asks for."""

    name: str
    title: str
    console: str
    rescue: str
    snapshot: str
    firewall: str
    login: str
    checked: str = ""


PROVIDERS = (
    Provider(
        "digitalocean",
        "DigitalOcean",
        "Droplets, the Droplet, Access, Launch Recovery Console (the plain Console needs SSH)",
        "the Droplet, Recovery, Boot from Recovery ISO, then switch it off and on; its menu: 1 mounts the disk image,"
        " 6 is a shell",
        "the Droplet, Backups & Snapshots, Take Live Snapshot",
        "Networking, Firewalls",
        "the root password; Access, Reset Root Password mails a new one",
        "console, password, recovery menu: 2026-12",
    ),
    Provider(
        "vultr",
        "Vultr",
        "Products, the instance, the View Console symbol at the top",
        "the instance, Settings, Custom ISO: attach SystemRescue from the ISO library; the server restarts",
        "the instance, Snapshots, Take Snapshot",
        "Network, Firewall",
        "root's password, on the instance's Overview page",
    ),
    Provider(
        "linode",
        "Linode (Akamai)",
        "Linodes, the Linode, Launch LISH Console; Weblish is text, Glish the screen",
        "the Linode, the ... menu, Rescue, Reboot into Rescue Mode: Finnix, without SSH, in the LISH console; your disk"
        " is usually /dev/sda",
        "the Linode, Backups, Take Snapshot (the Backup service has to be on); or Storage, Clone",
        "Firewalls",
        "root's password; the Linode, Settings, Reset Root Password needs it switched off",
        "rescue system, LISH: 2026-11",
    ),
    Provider(
        "hetzner",
        "Hetzner",
        "Cloud: the server, Actions, Console. Robot: the server, Support, Remote Console (KVM); or Rescue, vKVM, whose"
        " Send Alt-Gr button is for backslash and pipe",
        "Cloud: the server, Rescue, Enable rescue & power cycle. Robot: the server, Rescue, Activate, then Reset. A"
        " Debian with SSH; its root password is shown once",
        "Cloud: the server, Snapshots, Take snapshot",
        "Cloud: Firewalls. Robot: the server, Firewall",
        "root's password; Cloud: Rescue, Reset root password",
        "rescue system: 2026-11, vKVM: 2026-12",
    ),
    Provider(
        "aws",
        "Amazon EC2",
        "EC2, Instances, the instance, Connect, EC2 Serial Console. The account has to allow it (EC2 Dashboard, Account"
        " attributes, EC2 Serial Console), and a user needs a password",
        "no rescue system: stop the instance, detach its root volume (Elastic Block Store, Volumes), attach it to"
        " another instance, rescue inspect it there, attach it again as the same device",
        "Elastic Block Store, Volumes, the volume, Actions, Create snapshot",
        "EC2, Security Groups; VPC, Network ACLs",
        "a user with a password: most images have none, then only the way by another instance is left",
        "serial console and its passwords: 2026-12",
    ),
    Provider(
        "google",
        "Google Cloud",
        "Compute Engine, VM instances, the instance, Edit, Enable connecting to serial ports; then Connect to serial"
        " console",
        "gcloud compute has no rescue mode of its own in the panel: stop it, detach the boot disk, attach it to another"
        " instance",
        "Compute Engine, Snapshots, Create snapshot",
        "VPC network, Firewall",
        "a user with a password; a startup-script in the instance's metadata can set one at the next boot",
        "rescue by another instance: 2026-11",
    ),
    Provider(
        "azure",
        "Azure",
        "Virtual machines, the machine, Help (or Support + Troubleshooting), Serial console; Boot diagnostics has to be"
        " on",
        "az vm repair create makes a second machine with a copy of the disk; by hand: the disk, Create snapshot, a new"
        " disk from it, attach it to another machine",
        "Disks, the disk, Create snapshot",
        "the machine, Networking, Network settings (network security group)",
        "a user with a password; Help, Reset password sets one through the agent",
        "serial console, boot diagnostics: 2026-12; repair machine: 2026-11",
    ),
    Provider(
        "ovh",
        "OVHcloud",
        "Bare Metal Cloud, VPS, the VPS, the ... menu, KVM",
        "the VPS, Boot, the ... menu, Reboot in rescue mode: a Debian; the password comes by mail, the server's disk is"
        " the second one (/dev/sdb)",
        "the VPS, the Snapshot tab (an option that has to be ordered)",
        "Network, IP, the ... menu of the address, Firewall (Edge Network Firewall)",
        "root's password, or that of the image's user",
        "rescue system: 2026-11",
    ),
    Provider(
        "scaleway",
        "Scaleway",
        "Instances, the instance, Console",
        "the instance, Advanced settings, Boot mode, Use rescue image; then power off and on, not a mere reboot",
        "the instance, Attached volumes, the ... menu, Create a snapshot",
        "Instances, Security groups",
        "a user with a password: images come with keys alone",
        "rescue mode, power off: 2026-11",
    ),
    Provider(
        "oracle",
        "Oracle Cloud",
        "Compute, Instances, the instance, OS management or Resources, Console connection, Launch Cloud Shell"
        " connection",
        "no rescue system: stop the instance, detach the boot volume, attach it to another instance as a block volume",
        "Block Storage, Boot Volumes, the volume, Create Manual Backup",
        "Networking, the VCN, Security Lists and Network Security Groups; the images' own iptables rules, too",
        "a user with a password; without one, interrupt the boot menu and add the words below",
    ),
)

GENERAL = (
    "The console is the server's screen and keyboard. It needs no network of the server and no SSH.",
    "Black screen? Press Enter once; a screen saver looks like a dead server.",
    "The keyboard may be an American one whatever is printed on yours: y and z change places, the minus is where the"
    " sharp s is on a German one. Type y z - / at the login prompt for the name, to see what comes, and delete them.",
    "Some consoles lose | > $ _ - and capitals. What rescue console prints does without, or says to press Tab.",
    "Login asks for a password, and keys do not help. If nobody knows one: the provider's panel may set root's; else"
    " its rescue system lets you mend the disk without any.",
    "sudo -i makes root of a user who may; all commands here are root's.",
    "Send Ctrl-Alt-Del (a button of most consoles) reboots in order. It costs a minute of downtime, and everything that"
    " runs in memory.",
    "Without any password: at the boot menu press e, add  init=/bin/bash  at the end of the line that begins with"
    " linux, press Ctrl-X. Then: mount -o remount -o rw /  then: passwd  then: sync  and switch the server off and on."
    " It costs a reboot; on SELinux systems also  touch /.autorelabel  and a slow next boot. Providers without a boot"
    " menu have their rescue system.",
    "Take a snapshot of the disk before you try anything that you can't take back.",
)
"""What is true of every console."""


def provider_of(word: str) -> Provider | None:
    """The provider whose name begins so; None for none, or for several."""
    wanted = word.lower().replace(" ", "").replace("ec2", "aws").replace("akamai", "linode")
    found = [each for each in PROVIDERS if each.name.startswith(wanted)] if wanted else []
    return found[0] if len(found) == 1 else None
