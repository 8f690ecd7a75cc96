"""Advice for data that rescue does not delete: whose it is, and the tool that shrinks it."""

from __future__ import annotations

from pathlib import PurePosixPath

_ADVICE = {
    "/boot": "kernels: remove old ones with the package manager (apt autoremove --purge, dnf remove --oldinstallonly)",
    "/home": "users' files: ask their owners",
    "/root": "root's own files: look for downloads and dumps",
    "/srv": "what this server serves: ask its owner",
    "/opt": "third-party software: often keeps its own logs and backups here",
    "/usr/lib/modules": "kernels: remove old ones with the package manager (apt autoremove --purge)",
    "/usr/src": "kernel headers: remove old ones with the package manager (apt autoremove --purge)",
    "/var/backups": "backups: move them to another machine",
    "/var/lib/containerd": "container images: crictl rmi --prune",
    "/var/lib/containers": "containers and images: podman system prune",
    "/var/lib/docker": "containers and images: docker system prune (never delete files in it)",
    "/var/lib/docker/volumes": "container data: ask whoever runs the containers",
    "/var/lib/elasticsearch": "a database: delete old indices with its own tools",
    "/var/lib/influxdb": "a database: shorten its retention with its own tools",
    "/var/lib/libvirt": "virtual machines: move or remove their images",
    "/var/lib/mongodb": "a database: use its own tools, never delete its files",
    "/var/lib/mysql": "a database: PURGE BINARY LOGS frees its logs, never delete its files",
    "/var/lib/php": "web sessions: old ones can be deleted; visitors must log in again",
    "/var/lib/postgresql": "a database: look for unused replication slots, never delete its files",
    "/var/lib/prometheus": "a database: shorten its retention with its own options",
    "/var/lib/puppet/reports": "reports: old ones can be deleted",
    "/var/lib/snapd": "snaps: snap set system refresh.retain=2, and remove disabled revisions",
    "/var/log/audit": "the audit log: ask whoever must keep it",
    "/var/mail": "mail: ask its owners",
    "/var/spool": "queued mail and jobs: find out why they are stuck (mailq)",
    "/var/www": "web sites: look for their caches, logs and backups",
    "/.snapshots": "snapshots hold what was deleted: snapper list, snapper delete",
    "/timeshift": "snapshots hold what was deleted: timeshift --delete",
}


def advice(path: PurePosixPath) -> str:
    """What is at `path` and how to shrink it safely; empty if there is no general advice."""
    for each in (path, *path.parents):
        if (found := _ADVICE.get(str(each))) is not None:
            return found
    return ""
