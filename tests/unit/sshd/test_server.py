"""Which value wins, and which line stops sshd. The rules were compared with real sshd 8.4, 9.2 and 10.0."""

from __future__ import annotations

import pytest

from rescue.sshd import Server
from rescue.tree import Entry, NotCaptured, Read, ReadError, Tree, directory, file, symlink
from tests.unit.sshd.configs import MAIN, Build, faults, for_user, reading, tree_of

pytestmark = pytest.mark.unit


def value(server: Server, keyword: str) -> str:
    return " ".join(for_user(server).words(keyword))


# -- which value wins ------------------------------------------------------------------------------------------


def test_a_later_value_does_not_win() -> None:
    server = reading("PermitRootLogin no\nPermitRootLogin yes\n")
    setting = for_user(server).setting("permitrootlogin")
    assert (setting.words, setting.location and setting.location.line) == (("no",), 1)


def test_a_default_has_no_place() -> None:
    setting = for_user(reading("")).setting("PermitRootLogin")
    assert (setting.words, setting.location) == (("prohibit-password",), None)


def test_values_are_spelt_as_sshd_spells_them() -> None:
    server = reading("PermitRootLogin WITHOUT-PASSWORD\nLoginGraceTime 1m30s\nLogLevel debug\nUsePAM Yes\n")
    assert value(server, "PermitRootLogin") == "prohibit-password"
    assert value(server, "LoginGraceTime") == "90"
    assert value(server, "LogLevel") == "DEBUG1"
    assert value(server, "UsePAM") == "yes"


def test_a_second_line_of_key_files_is_ignored() -> None:
    server = reading("AuthorizedKeysFile /etc/keys/%u ~/k\nAuthorizedKeysFile .ssh/authorized_keys\n")
    assert for_user(server).words("AuthorizedKeysFile") == ("/etc/keys/%u", "/root/k")


def test_ports_and_lists_add_up() -> None:
    server = reading("Port 22\nAllowUsers alice\nPort 2222\nAllowUsers bob carol\n")
    assert for_user(server).words("Port") == ("22", "2222")
    assert for_user(server).words("AllowUsers") == ("alice", "bob", "carol")
    assert [setting.location and setting.location.line for setting in for_user(server).all("AllowUsers")] == [2, 4]


def test_the_last_line_wins_for_the_few_that_overwrite() -> None:
    assert value(reading("MaxStartups 5:50:10\nMaxStartups 7\n"), "MaxStartups") == "7:50:7"
    assert value(reading("StreamLocalBindMask 0177\nStreamLocalBindMask 0077\n"), "StreamLocalBindMask") == "077"


def test_aliases_are_the_same_setting() -> None:
    server = reading("ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes\n")
    assert value(server, "KbdInteractiveAuthentication") == "no"
    assert value(server, "SkeyAuthentication") == "no"


def test_up_to_8_6_challenge_response_is_a_setting_of_its_own() -> None:
    assert value(reading("KbdInteractiveAuthentication no\n", (8, 4)), "KbdInteractiveAuthentication") == "yes"
    both = "KbdInteractiveAuthentication no\nChallengeResponseAuthentication no\n"
    assert value(reading(both, (8, 4)), "KbdInteractiveAuthentication") == "no"


# -- Include ---------------------------------------------------------------------------------------------------


def test_an_include_counts_where_it_stands() -> None:
    first = reading("Include a.conf\nPermitRootLogin yes\n", a_conf="PermitRootLogin no\n")
    last = reading("PermitRootLogin yes\nInclude a.conf\n", a_conf="PermitRootLogin no\n")
    assert (value(first, "PermitRootLogin"), value(last, "PermitRootLogin")) == ("no", "yes")


def test_included_files_are_sorted_by_bytes() -> None:
    server = reading(
        "Include sshd_config.d/*.conf\n",
        **{"d_9-x_conf": "PermitRootLogin no", "d_30-x_conf": "PermitRootLogin yes", "d_.hid_conf": "Foo"},
    )
    assert value(server, "PermitRootLogin") == "yes"
    assert faults(server) == []


def test_upper_case_comes_before_lower_case() -> None:
    server = reading("Include sshd_config.d/*.conf\n", d_a_conf="X11Forwarding no", d_Z_conf="X11Forwarding yes")
    assert value(server, "X11Forwarding") == "yes"


def test_a_pattern_without_a_match_and_a_directory_are_fine() -> None:
    server = reading("Include nothing*.conf sub.conf\nPort 23\n", sub_conf=directory())
    assert faults(server) == []
    assert value(server, "Port") == "23"


def test_a_link_to_nothing_stops_sshd() -> None:
    server = reading("Port 23\nInclude *.conf\n", a_conf=symlink("/gone"))
    assert faults(server) == [(2, "INCLUDE")]


def test_a_tilde_is_not_expanded() -> None:
    assert faults(reading("Include ~/x\n")) == []


def test_a_file_that_includes_itself_stops_sshd() -> None:
    server = reading("Port 23\nInclude sshd_config\n")
    assert [name for _, name in faults(server)] == ["INCLUDE"]


def test_sixteen_files_deep_is_allowed_and_seventeen_is_not() -> None:
    files = {f"f{n}_conf": f"Include f{n + 1}.conf\n" for n in range(1, 16)}
    assert faults(reading("Include f1.conf\n", **files, f16_conf="Port 23\n")) == []
    assert faults(reading("Include f1.conf\n", **files, f16_conf="Include f17.conf\n", f17_conf="Port 23\n")) != []


def test_files_that_multiply_do_not_hang() -> None:
    files = {f"f{n}_conf": f"Include f{n + 1}.conf\n" * 20 for n in range(1, 16)}
    server = reading("Include f1.conf\n", **files, f16_conf="X11Forwarding yes\n")
    assert [problem.fault.name for problem in server.problems] == ["UNDECIDED"]
    assert value(server, "X11Forwarding") == "yes"


def test_a_problem_in_a_file_that_is_included_twice_is_told_once() -> None:
    assert faults(reading("Include a.conf\nInclude a.conf\n", a_conf="Foo bar\n")) == [(1, "KEYWORD")]


# -- Match -----------------------------------------------------------------------------------------------------


def test_a_block_that_applies_wins_over_what_stands_before_it() -> None:
    server = reading("PermitRootLogin yes\nMatch User alice\nPermitRootLogin no\n")
    assert value(server, "PermitRootLogin") == "no"
    assert for_user(server, "bob").words("PermitRootLogin") == ("yes",)


def test_of_two_blocks_the_first_wins() -> None:
    server = reading("Match User alice\nX11Forwarding yes\nMatch Group alice\nX11Forwarding no\n")
    assert value(server, "X11Forwarding") == "yes"


def test_a_list_in_a_block_takes_the_place_of_the_global_one() -> None:
    server = reading("AllowUsers bob\nMatch User alice\nAllowUsers alice\n")
    assert for_user(server).words("AllowUsers") == ("alice",)


def test_all_criteria_of_a_line_must_hold() -> None:
    server = reading("Match User alice Address 10.0.0.0/8\nX11Forwarding yes\n")
    assert value(server, "X11Forwarding") == "no"
    assert for_user(server, address="10.1.1.1").words("X11Forwarding") == ("yes",)


def test_the_port_that_is_dialled_is_a_criterion() -> None:
    server = reading("Port 22\nPort 2222\nMatch LocalPort 2222\nX11Forwarding yes\n")
    assert for_user(server, port=2222).words("X11Forwarding") == ("yes",)
    assert for_user(server, port=22).words("X11Forwarding") == ("no",)


def test_match_all_ends_a_block_and_is_global_again() -> None:
    server = reading("Match User bob\nX11Forwarding no\nMatch all\nPort 23\nX11Forwarding yes\n")
    assert faults(server) == []
    assert (value(server, "Port"), value(server, "X11Forwarding")) == ("23", "yes")


def test_a_block_in_an_included_file_ends_with_it() -> None:
    server = reading("Include a.conf\nPort 23\n", a_conf="Match User bob\nX11Forwarding yes\n")
    assert faults(server) == []
    assert value(server, "X11Forwarding") == "no"


def test_an_include_in_a_block_is_conditional() -> None:
    server = reading("Match User bob\nInclude a.conf\n", a_conf="X11Forwarding yes\n")
    assert value(server, "X11Forwarding") == "no"
    assert for_user(server, "bob").words("X11Forwarding") == ("yes",)


def test_a_block_in_a_file_that_a_block_includes_needs_both() -> None:
    server = reading("Match User bob\nInclude a.conf\n", a_conf="Match all\nX11Forwarding yes\n")
    assert value(server, "X11Forwarding") == "no"
    assert for_user(server, "bob").words("X11Forwarding") == ("yes",)


def test_a_host_is_matched_by_address_unless_dns_is_used() -> None:
    block = "Match Host 203.0.113.*\nX11Forwarding yes\n"
    assert value(reading(block), "X11Forwarding") == "yes"
    assert for_user(reading("UseDNS yes\n" + block)).alternatives("X11Forwarding") != ()


def test_a_block_that_depends_on_an_unknown_address_is_an_alternative() -> None:
    server = reading("PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes\n")
    effective = for_user(server, address=None)
    assert effective.words("PermitRootLogin") == ("no",)
    (alternative,) = effective.alternatives("PermitRootLogin")
    assert (alternative.match.line, alternative.settings[0].words) == (2, ("yes",))
    assert for_user(server).alternatives("PermitRootLogin") == ()


def test_a_block_that_surely_applies_comes_before_an_unknown_one() -> None:
    server = reading("Match User alice\nX11Forwarding no\nMatch Address 10.0.0.0/8\nX11Forwarding yes\n")
    assert for_user(server, address=None).alternatives("X11Forwarding") == ()


# -- what stops sshd -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("PermitRootLogn no", "KEYWORD"),
        ("Port", "MISSING"),
        ("Port ''", "MISSING"),
        ("Port 22 23", "EXTRA"),
        ("Port 0", "VALUE"),
        ("Port 65536", "VALUE"),
        ("UsePAM true", "VALUE"),
        ("PermitRootLogin maybe", "VALUE"),
        ("LoginGraceTime 5x", "VALUE"),
        ("MaxAuthTries -1", "VALUE"),
        ("Banner 'x", "QUOTES"),
        ("ListenAddress 1.2.3.4.5", "VALUE"),
        ("ListenAddress [::1", "VALUE"),
        ("Ciphers aes128-ctr,arcfour", "ALGORITHM"),
        ("KexAlgorithms sntrup4591761x25519-sha512@tinyssh.org", "ALGORITHM"),
        ("AllowUsers a@127.0.0.1/8", "VALUE"),
        ("AuthenticationMethods publickey,nosuch", "VALUE"),
        ("AuthorizedKeysCommand keys", "VALUE"),
        ("AuthorizedKeysCommand /bin/keys", "COMBINATION"),
        ("RDomain x", "VALUE"),
        ("MaxStartups 0", "VALUE"),
        ("MaxStartups 10:30", "VALUE"),
        ("Match", "MISSING"),
        ("Match User", "MISSING"),
        ("Match Usr alice", "VALUE"),
        ("Match all User alice", "VALUE"),
        ("Match Address 10.0.0.1/8", "VALUE"),
        ("Include", "MISSING"),
        ("RSAMinSize 1024", "KEYWORD"),
        ("PAMServiceName x", "KEYWORD"),
    ],
)
def test_a_wrong_line_stops_sshd(line: str, fault: str) -> None:
    assert faults(reading(f"# first\n{line}\n")) == [(2, fault)]


@pytest.mark.parametrize(
    "line",
    [
        "Protocol 2", "UsePrivilegeSeparation yes", "RSAAuthentication yes", "KeyRegenerationInterval 3600",
        "PAMAuthenticationViaKbdInt yes", "GSSAPIKeyExchange yes", "DebianBanner no", "Port 22 # why", "Port=22",
        "PERMITROOTLOGIN No", "AllowUsers # nobody", "Banner none", "IPQoS 0x10", "RekeyLimit default none",
        "PermitListen 80 host:90", "ListenAddress 10", "ListenAddress *", "MaxStartups 10abc", "SetEnv A=b",
        "HostKeyAlgorithms +ssh-rsa", "PubkeyAcceptedKeyTypes ssh-ed25519", "Subsystem sftp internal-sftp -f LOCAL0",
        "AuthenticationMethods keyboard-interactive password", "Match User alice # note", "Match user=alice",
    ],
)  # fmt: skip
def test_a_line_that_sshd_takes_is_no_problem(line: str) -> None:
    assert faults(reading(line + "\n")) == []


def test_windows_line_ends_are_harmless_and_a_byte_order_mark_is_not() -> None:
    assert faults(reading("Port 23\r\nUsePAM yes\r\n")) == []
    assert faults(reading("\ufeffPort 23\n")) == [(1, "MARK")]


def test_a_global_keyword_behind_a_match_line_stops_sshd() -> None:
    assert faults(reading("Match User bob\nX11Forwarding no\nPort 2222\nUsePAM no\n")) == [(3, "PLACE"), (4, "PLACE")]


def test_a_global_keyword_in_a_file_that_a_block_includes_stops_sshd() -> None:
    server = reading("Match User bob\nInclude a.conf\n", a_conf="Port 23\n")
    assert [(str(each.location), each.fault.name) for each in server.fatal] == [("/etc/ssh/a.conf:1", "PLACE")]


def test_a_subsystem_may_be_defined_twice_from_9_5_on() -> None:
    text = "Subsystem sftp /a\nSubsystem sftp /b\n"
    assert faults(reading(text)) == [(2, "DUPLICATE")]
    assert faults(reading(text, (10, 0))) == []
    assert for_user(reading(text, (10, 0))).words("Subsystem") == ("sftp", "/a")


def test_what_a_version_does_not_know_stops_it() -> None:
    assert faults(reading("Include a.conf\n", (8, 0))) == [(1, "KEYWORD")]
    assert faults(reading("PubkeyAcceptedAlgorithms +ssh-rsa\n", (8, 4))) == [(1, "KEYWORD")]
    assert faults(reading("HostKeyAlgorithms +ssh-dss\n", (10, 0))) == [(1, "ALGORITHM")]
    assert faults(reading("HostKeyAlgorithms +ssh-dss\n", (9, 2))) == []
    assert faults(reading("PAMAuthenticationViaKbdInt yes\n", (10, 6))) == [(1, "KEYWORD")]
    assert faults(reading("Match User a\nChallengeResponseAuthentication no\n", (8, 4))) == [(2, "PLACE")]


def test_an_unknown_version_is_not_held_to_a_version() -> None:
    server = Server(tree_of("PerSourcePenalties no\nRSAMinSize 1024\nKexAlgorithms new@example.org\n"), None)
    assert faults(server) == []
    assert faults(Server(tree_of("Foo bar\n"), None)) == [(1, "KEYWORD")]


def test_another_distributions_keyword_stops_this_one() -> None:
    tree = tree_of("GSSAPIKeyExchange no\n")
    assert faults(Server(tree, Build((9, 7), "alpine"))) == [(1, "KEYWORD")]
    assert faults(Server(tree, Build((9, 9), "opensuse-leap"))) == []


def test_a_list_of_methods_needs_one_that_is_enabled() -> None:
    text = "KbdInteractiveAuthentication no\nAuthenticationMethods publickey,keyboard-interactive\n"
    assert faults(reading(text)) == [(2, "COMBINATION")]
    assert faults(reading(text.strip() + " publickey\n")) == []


def test_an_address_of_the_other_family_stops_sshd() -> None:
    assert faults(reading("ListenAddress ::\nAddressFamily inet\n")) == [(1, "COMBINATION")]


def test_a_host_name_to_listen_on_is_undecided() -> None:
    (problem,) = reading("ListenAddress server.example.org\n").problems
    assert (problem.fatal, problem.fault.name) == (False, "UNDECIDED")


def test_a_subsystem_of_a_match_block_alone_can_end_sshd() -> None:
    text = "Match User alice\nSubsystem sftp internal-sftp\n"
    (problem,) = reading(text, (10, 0)).problems
    assert (problem.fatal, problem.fault.name, problem.location.line) == (False, "UNDECIDED", 2)
    assert faults(reading("Subsystem x /x\n" + text, (10, 0))) == []
    assert faults(reading(text, (9, 2))) == [(2, "PLACE")]


def test_a_misspelt_word_carries_what_was_meant_only_where_that_is_clear() -> None:
    assert reading("PermitRootLogn no\n").problems[0].suggestion == "PermitRootLogin"
    assert reading("AuthorizedKeysFiles x\n").problems[0].suggestion == "AuthorizedKeysFile"
    assert reading("AllowUser x\n").problems[0].suggestion == "AllowUsers"
    assert reading("Whatever x\n").problems[0].suggestion == ""


def test_a_missing_file_stops_sshd_and_an_empty_one_or_a_directory_does_not() -> None:
    assert [name for _, name in faults(Server(Tree.of({"/etc/ssh": directory()}), Build()))] == ["FILE"]
    assert faults(reading("")) == []
    assert faults(Server(Tree.of({MAIN: directory()}), Build())) == []


def test_the_vendors_file_counts_only_where_there_is_none_in_etc() -> None:
    vendor: dict[str, Entry | str] = {"/usr/etc/ssh/sshd_config": "Port 23\n", "/etc/ssh": directory()}
    assert value(Server(Tree.of(vendor), Build()), "Port") == "23"
    assert value(Server(Tree.of({**vendor, MAIN: "Port 24\n"}), Build()), "Port") == "24"


def test_nothing_is_said_of_a_file_that_was_not_read() -> None:
    entry = file(b"")
    large = type(entry)(entry.kind, 0o644, size=1 << 30)
    with pytest.raises(ReadError):
        _ = Server(Tree.of({MAIN: large}), Build()).problems


@pytest.mark.parametrize("junk", [b"\xff\xfe\0\0P\0o\0r\0t\0", bytes(range(256)) * 4, b"Match " * 5000, b'"' * 9999])
def test_junk_is_read_without_a_traceback(junk: bytes) -> None:
    for version in ((8, 4), (9, 2), (10, 0)):
        for_user(Server(Tree.of({MAIN: junk}), Build(version))).words("Port")


def test_what_was_not_captured_is_asked_for() -> None:
    with pytest.raises(NotCaptured) as wanted:
        Server(Tree({}, ()), Build())
    assert wanted.value.reads[0].path == "/etc/ssh"


def test_an_included_file_outside_of_the_snapshot_is_asked_for() -> None:
    entries = Tree.of({MAIN: "Include /opt/ssh/a.conf\n"})
    tree = Tree({str(path): entry for path in entries.paths() if (entry := entries.entry(path))}, (Read("/etc/ssh"),))
    with pytest.raises(NotCaptured) as wanted:
        Server(tree, Build())
    assert "/opt" in wanted.value.reads[0].path


def test_up_to_8_6_an_empty_word_ends_the_list_of_key_files() -> None:
    line = 'AuthorizedKeysFile == "yes"\n'
    assert faults(reading(line, (8, 4))) == []
    assert value(reading(line, (8, 4)), "AuthorizedKeysFile") == ".ssh/authorized_keys .ssh/authorized_keys2"


# -- Include, where it leads far ---------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["Include /", "Include / x.conf", "Include //"])
def test_the_root_may_be_included_and_says_nothing(line: str) -> None:
    server = reading(f"{line}\nPermitRootLogin no\n")
    assert not server.problems
    assert value(server, "PermitRootLogin") == "no"


def test_nothing_is_said_where_a_pattern_leads_over_the_whole_disk() -> None:
    tree = tree_of("Port 22\nInclude /*/*/*\nPort 2222\n")
    tree = Tree.of({**{str(path): found for path in tree.paths() if (found := tree.lentry(path))},
                    **{f"/srv/{number}/x": "" for number in range(1001)}})  # fmt: skip
    with pytest.raises(ReadError, match="all over the disk"):
        _ = Server(tree, None).problems


def test_ten_thousands_of_drop_ins_and_lines_are_read() -> None:
    tree = tree_of("Include many/*.conf\n" + "".join(f"Match User u{at}\n X11Forwarding no\n" for at in range(20_000)))
    tree = Tree.of({**{str(path): found for path in tree.paths() if (found := tree.lentry(path))},
                    **{f"/etc/ssh/many/{number:05}.conf": "" for number in range(40_000)},
                    "/etc/ssh/many/99999.conf": "PermitRootLogin no\n"})  # fmt: skip
    server = Server(tree, None)
    assert not server.problems
    assert value(server, "PermitRootLogin") == "no"
