"""fail2ban as its files make it: which jails ban from which ports, for how long, and how that looks from outside."""

from __future__ import annotations

import pytest

from rescue.bans.fail2ban import Jail, bans, fail2ban, seconds
from rescue.bans.fail2ban_actions import split_actions
from rescue.bans.fail2ban_config import Config, ConfigError
from rescue.model import Symptom
from rescue.tree import Tree
from tests.unit.bans.fail2ban_files import DATABASE, NOW, Row, database, installed

pytestmark = pytest.mark.unit

HOUR, DAY = 3600, 86400
BANNED: Row = ("sshd", "192.0.2.1", 5, 600)


def jail(local: str, name: str = "sshd") -> Jail:
    return next(each for each in fail2ban(Tree.of(installed(local=local))).jails if each.name == name)


def banned(*rows: Row, local: str = "", port: int = 22) -> list[str]:
    tree = Tree.of(installed(rows, local=local))
    return sorted(ban.written for ban in bans(tree, fail2ban(tree), port, NOW))


def symptom(local: str, **more: str) -> Symptom:
    tree = Tree.of({**installed([BANNED], local=local), **more})
    (ban,) = bans(tree, fail2ban(tree), 22, NOW)
    return ban.symptom


def test_the_later_file_wins_option_by_option() -> None:
    tree = Tree.of(
        {
            "/etc/fail2ban/jail.conf": "[DEFAULT]\nbantime = 1\nport = 0\n[sshd]\nport = 1\nfilter = x\n",
            "/etc/fail2ban/jail.d/b.conf": "[sshd]\nport = 2\n",
            "/etc/fail2ban/jail.d/a.local": "[sshd]\nport = 4 ; mine\n",
            "/etc/fail2ban/jail.local": "[sshd]\nport = 3\n[DEFAULT]\nbantime = 2\n",
        }
    )
    config = Config(tree, "jail")
    assert [config.get("sshd", name) for name in ("port", "filter", "bantime")] == ["4", "x", "2"]


def test_references_find_options_of_the_section_of_the_defaults_of_others_and_what_stood_there_before() -> None:
    tree = Tree.of(
        {
            "/etc/fail2ban/jail.conf": "[DEFAULT]\na = %(b)s!\nb = B\n"
            "[x]\nb = X\nc = %(y/b)s %(default/b)s 5%%\n[y]\nb=Y\n",
            "/etc/fail2ban/jail.local": "[x]\nb = %(known/b)s and more of %(__name__)s\n",
        }
    )
    config = Config(tree, "jail")
    assert config.get("x", "a") == "X and more of x!"
    assert config.get("x", "c") == "Y B 5%"


@pytest.mark.parametrize(
    "text",
    [
        "[x]\na = %(a)s\n",
        "[x]\na = %(gone)s\n",
        "[x]\na = 5%\n",
        "[x]\nd =\n" + "".join(f"{one} = {f'%({two})s' * 99}\n" for one, two in ("ab", "bc", "cd")),
        "[x]\nd = 1234567890\n" + "".join(f"{one} = {f'%({two})s' * 99}\n" for one, two in ("ab", "bc", "cd")),
    ],
)
def test_references_that_lead_nowhere_or_too_far_are_errors(text: str) -> None:
    config = Config(Tree.of({"/etc/fail2ban/jail.conf": text}), "jail")
    with pytest.raises(ConfigError):
        config.get("x", "a")


@pytest.mark.parametrize("text", ["a = 1\n", "[x]\na = 1\na = 2\n", "[x\n", b"[x]\na = \xff\n"])
def test_a_file_that_python_does_not_parse_is_an_error(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        Config(Tree.of({"/etc/fail2ban/jail.conf": text}), "jail")


def test_a_line_of_blanks_takes_no_time() -> None:
    tree = Tree.of({"/etc/fail2ban/jail.conf": "[x]\na" + " " * 500_000 + "b\n"})
    with pytest.raises(ConfigError):
        Config(tree, "jail")


def test_files_include_others_before_and_after_themselves_with_their_local_ones() -> None:
    tree = Tree.of(
        {
            "/etc/fail2ban/jail.conf": "[INCLUDES]\nbefore = a.conf\nafter = z.conf\n[x]\nv = main\n",
            "/etc/fail2ban/a.conf": "[x]\nv = a\nw = a\nu = a\n",
            "/etc/fail2ban/a.local": "[x]\nw = local\n",
            "/etc/fail2ban/z.conf": "[INCLUDES]\nbefore = jail.conf\n[x]\nv = z\n",
        }
    )
    config = Config(tree, "jail")
    assert [config.get("x", name) for name in "uvw"] == ["a", "z", "local"]


def test_includes_that_multiply_end() -> None:
    files = {
        f"/etc/fail2ban/{at}{letter}.conf": f"[INCLUDES]\nbefore = {at + 1}a.conf\n {at + 1}b.conf\n"
        for at in range(40)
        for letter in "ab"
    }
    with pytest.raises(ConfigError):
        Config(Tree.of({**files, "/etc/fail2ban/jail.conf": "[INCLUDES]\nbefore = 0a.conf\n"}), "jail")


def test_times_are_read_as_fail2ban_spells_them() -> None:
    told = {"600": 600, "10m": 600, "1d 12h": 1.5 * DAY, "1d12h": 1.5 * DAY, "-1": -1, "2mon": 5259600}
    assert {text: seconds(text) for text in told} == told
    assert [seconds(text) for text in ("", "1+1", "ten", "5 parsecs", "60*60")] == [None] * 5


def test_actions_are_told_apart_with_quotes_and_brackets() -> None:
    text = 'iptables[name=SSH, port="22,2222", protocol=tcp]\n  mail [dest="a]b", x=\'y\'][z=1] plain'
    assert list(split_actions(text)) == [
        ("iptables", {"name": "SSH", "port": "22,2222", "protocol": "tcp"}),
        ("mail", {"dest": "a]b", "x": "y", "z": "1"}),
        ("plain", {}),
    ]


def test_a_ban_is_restored_until_it_ends() -> None:
    assert banned(BANNED) == ["192.0.2.1"]
    assert banned(("sshd", "192.0.2.1", 11, 600)) == []


def test_a_ban_for_ever_lasts_no_longer_than_the_jail_now_bans() -> None:
    for_ever: Row = ("sshd", "192.0.2.1", 60, -1)
    assert banned(for_ever) == []
    assert banned(for_ever, local="[sshd]\nbantime = 2h\n") == ["192.0.2.1"]
    assert banned(for_ever, local="[DEFAULT]\nbantime = -1\n") == ["192.0.2.1"]


def test_with_growing_bans_the_longest_is_what_counts() -> None:
    grown: Row = ("sshd", "192.0.2.1", 60, DAY)
    assert banned(grown) == []
    assert banned(grown, local="[sshd]\nbantime.increment = true\n") == ["192.0.2.1"]
    assert banned(grown, local="[sshd]\nbantime.increment = true\nbantime.maxtime = 30m\n") == []


def test_a_jail_counts_if_it_is_on_and_has_the_port() -> None:
    assert banned(("recidive", "192.0.2.1", 5, 600)) == []
    assert banned(("recidive", "192.0.2.1", 5, 600), local="[recidive]\nenabled = 1\n") == ["192.0.2.1"]
    assert banned(("nginx-http-auth", "192.0.2.1", 5, 600), local="[nginx-http-auth]\nenabled = yes\n") == []
    assert banned(BANNED, port=2222) == []
    assert banned(BANNED, local="[sshd]\nport = ssh,2200:2300\n", port=2222) == ["192.0.2.1"]
    assert banned(BANNED, local="[sshd]\nenabled = false\n") == []


def test_whom_ignoreip_names_is_not_banned_again() -> None:
    network: Row = ("sshd", "192.0.2.0/24", 5, 600)
    assert banned(BANNED, local="[DEFAULT]\nignoreip = 127.0.0.1/8, 192.0.2.0/24 ::1\n") == []
    assert banned(BANNED, network, local="[sshd]\nignoreip = 192.0.2.1\n") == ["192.0.2.0/24"]


@pytest.mark.parametrize(
    "local, expected",
    [
        ("", Symptom.REFUSED),
        ("[sshd]\naction = iptables-multiport[port=ssh, blocktype=DROP]\n", Symptom.TIMED_OUT),
        ('[sshd]\naction = iptables[blocktype="REJECT --reject-with icmp-host-prohibited"]\n', Symptom.UNREACHABLE),
        ("[sshd]\nbanaction = hostsdeny\n", Symptom.CLOSED),
        ("[sshd]\nbanaction = route\n", Symptom.TIMED_OUT),
        ("[sshd]\nbanaction = my-own\n", Symptom.TIMED_OUT),
    ],
)
def test_what_the_banned_one_sees_is_what_the_action_does(local: str, expected: Symptom) -> None:
    actions = {
        "hostsdeny": "[Definition]\nactionban = echo 'ALL: <ip>' >> <file>\n[Init]\nfile = /etc/hosts.deny\n",
        "route": "[Definition]\nactionban = ip route add <blocktype> <ip>\n[Init]\nblocktype = unreachable\n",
        "my-own": "[Definition]\nactionban = /sbin/iptables -A INPUT -s <ip> -j DROP\n",
    }
    files = {f"/etc/fail2ban/action.d/{name}.conf": text for name, text in actions.items()}
    assert symptom(local, **files) is expected


def test_the_local_file_of_an_action_changes_its_answer() -> None:
    assert symptom("", **{"/etc/fail2ban/action.d/iptables.local": "[Init]\nblocktype = DROP\n"}) is Symptom.TIMED_OUT


@pytest.mark.parametrize(
    "name, text",
    [
        ("mail", "[Definition]\nactionban = printf '<ip> is banned' | mail -s banned root\n"),
        ("once", "[Definition]\nnorestored = 1\nactionban = iptables -I INPUT -s <ip> -j DROP\n"),
        ("pass2allow", "[Definition]\nactionban = iptables -s <ip> -j <blocktype>\n[Init]\nblocktype = RETURN\n"),
        ("dns", "[Definition]\nactionban = iptables -I INPUT -p <protocol> -s <ip>\n[Init]\nprotocol = udp\n"),
        ("guests", "[Definition]\nactionban = iptables -I <chain> -s <ip> -j DROP\n[Init]\nchain = DOCKER-USER\n"),
    ],
)
def test_an_action_that_does_not_keep_anybody_out_after_a_restart_counts_for_nothing(name: str, text: str) -> None:
    tree = Tree.of(
        {**installed([BANNED], local=f"[sshd]\naction = {name}\n"), f"/etc/fail2ban/action.d/{name}.conf": text}
    )
    assert list(bans(tree, fail2ban(tree), 22, NOW)) == []


def test_a_jail_that_is_wrong_leaves_a_doubt_on_the_others() -> None:
    tree = Tree.of(installed([BANNED], local="[recidive]\nenabled = true\naction = gone\n"))
    (ban,) = bans(tree, fail2ban(tree), 22, NOW)
    assert "gone" in ban.doubt


@pytest.mark.parametrize(
    "local, there",
    [("", False), ("[sshd]\nbackend = systemd\n", True), ("[sshd]\nlogpath = /var/log/a*.log tail\n", True)],
)
def test_a_jail_without_a_log_keeps_fail2ban_from_starting(local: str, there: bool) -> None:
    files = installed([BANNED], local=local)
    del files["/var/log/auth.log"]
    tree = Tree.of({**files, "/var/log/apt.log": ""})
    (ban,) = bans(tree, fail2ban(tree), 22, NOW)
    assert ban.doubt == ("" if there else "fail2ban may not start: there is no log for the jail sshd")


def test_tags_that_refer_to_each_other_are_an_error() -> None:
    looping = "[Definition]\nactionban = iptables <a>\na = <b><b>\nb = <a><a>\n"
    tree = Tree.of({**installed(local="[sshd]\naction = x\n"), "/etc/fail2ban/action.d/x.conf": looping})
    assert "refer to each other" in fail2ban(tree).problem


def test_an_old_database_has_bans_alone() -> None:
    import sqlite3

    made = sqlite3.connect(":memory:")
    made.executescript("CREATE TABLE bans(jail TEXT, ip TEXT, timeofban INTEGER, data JSON);")
    made.execute("INSERT INTO bans VALUES ('sshd', '192.0.2.1', ?, '{}')", (NOW.timestamp() - 300,))
    made.execute("INSERT INTO bans VALUES ('sshd', '192.0.2.2', ?, '{}')", (NOW.timestamp() - 700,))
    made.commit()
    tree = Tree.of({**installed(), DATABASE: made.serialize()})
    assert [ban.written for ban in bans(tree, fail2ban(tree), 22, NOW)] == ["192.0.2.1"]


@pytest.mark.parametrize("place", ["None", ":memory:"])
def test_without_a_database_nothing_is_restored(place: str) -> None:
    tree = Tree.of({**installed([BANNED]), "/etc/fail2ban/fail2ban.local": f"[Definition]\ndbfile = {place}\n"})
    assert fail2ban(tree).database is None


def test_the_database_is_where_the_configuration_says() -> None:
    tree = Tree.of(
        {
            **installed(),
            "/etc/fail2ban/fail2ban.d/place.local": "[Definition]\ndbfile = /srv/bans.db\n",
            "/srv/bans.db": database(BANNED),
        }
    )
    assert [str(ban.network) for ban in bans(tree, fail2ban(tree), 22, NOW)] == ["192.0.2.1/32"]
