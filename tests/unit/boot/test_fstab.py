"""One reader of fstab: what systemd-fstab-generator makes a mount of (252, asked with SYSTEMD_FSTAB), it reads."""

from pathlib import PurePosixPath

import pytest

from rescue.boot.fstab import holding, read_fstab, with_option

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("line", "source", "point", "kind", "options"),
    [
        ("UUID=aa /two", "UUID=aa", "/two", "", ()),
        ("LABEL=home /home ext4", "LABEL=home", "/home", "ext4", ()),
        ("LABEL=x /cr ext4\r", "LABEL=x", "/cr", "ext4", ()),
        ("  LABEL=x\t/lead ext4 defaults,noatime 0 2", "LABEL=x", "/lead", "ext4", ("defaults", "noatime")),
        ("LABEL=x /a\\040b ext4", "LABEL=x", "/a b", "ext4", ()),
        ("LABEL=a\u00a0b /nbsp ext4", "LABEL=a\u00a0b", "/nbsp", "ext4", ()),
        ("LABEL=x //double//slash/ ext4", "LABEL=x", "/double/slash", "ext4", ()),
        ("LABEL=x /o\\777 ext4", "LABEL=x", "/o\\777", "ext4", ()),
        ("LABEL=x /h ext4 #c", "LABEL=x", "/h", "ext4", ("#c",)),
    ],
)
def test_a_line_is_read_as_systemd_reads_it(
    line: str, source: str, point: str, kind: str, options: tuple[str, ...]
) -> None:
    (found,) = read_fstab(f"# a comment\n{line}\n")
    assert (found.number, found.source, found.point, found.type, found.options) == (2, source, point, kind, options)
    assert found.required


@pytest.mark.parametrize("line", ["", "LABEL=one", "# LABEL=x /c ext4", "  #LABEL=x /c ext4"])
def test_what_is_no_line_is_none(line: str) -> None:
    assert read_fstab(line) == ()


@pytest.mark.parametrize("line", ["UUID=d /dot/../up ext4", "UUID=n none ext4", "UUID=n rel ext4", "UUID=n ext4"])
def test_what_systemd_ignores_is_not_required(line: str) -> None:
    assert [each.required for each in read_fstab(line)] == [False]


def test_a_comment_that_looks_like_a_line_is_read_where_it_is_asked_for() -> None:
    (found,) = read_fstab("# UUID=a /home ext4 defaults 0 2\n# a word of mine\n", commented=True)
    assert (found.point, found.active, found.at_boot) == ("/home", False, False)


def test_the_nearest_line_holds_a_path() -> None:
    lines = read_fstab("a / x\nb /srv x\nc /srv/www x\n# d /srv/www x\n", commented=True)
    found = [holding(lines, PurePosixPath(path)) for path in ("/srv/www/a", "/srv/wwwa", "/home")]
    assert [each.source if each else None for each in found] == ["c", "b", None]


def test_what_a_line_stands_on() -> None:
    text = (
        "overlay /ov overlay lowerdir=/a:/b,upperdir=/u,workdir=/w\n"
        "/srv/img.raw /loop ext4 loop\n"
        "LABEL=q /x/req ext4 x-systemd.requires=/d,x-systemd.requires-mounts-for=/e\n"
    )
    assert [line.stands_on for line in read_fstab(text)] == [
        ("/a", "/b", "/u", "/w", "/"), ("/srv/img.raw", "/"), ("/d", "/e", "/x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("a /b", "a /b auto defaults,nofail"),
        ("a /b ext4\r", "a /b ext4 defaults,nofail\r"),
        ("a /b ext4 ro 0 2", "a /b ext4 ro,nofail 0 2"),
    ],
)
def test_one_option_is_added(line: str, made: str) -> None:
    assert with_option(f"x\n{line}\n", 2, "nofail") == f"x\n{made}\n"


@pytest.mark.parametrize("number", [0, 1, 9])
def test_a_line_that_is_none_gets_none(number: int) -> None:
    with pytest.raises(ValueError, match="line"):
        with_option("# a /b ext4\n", number, "nofail")


@pytest.mark.parametrize(
    ("fields", "required"),
    [
        ("ext4 nofail,fail", True),
        ("ext4 fail,nofail", False),
        ("ext4 noauto,auto", True),
        ("ignore defaults", True),
        ("9p defaults", True),
        ("orangefs defaults", False),
        ("ext4 x-systemd.required-by=a.service", False),
        ("ext4 nofail,x-systemd.required-by=local-fs.target", True),
        ("nfs x-systemd.required-by=local-fs.target", True),
        ("ext4 x-systemd.automount,x-systemd.required-by=local-fs.target", False),
    ],
)
def test_the_last_word_decides_and_a_unit_may_be_named_instead(fields: str, required: bool) -> None:
    (line,) = read_fstab(f"LABEL=x /srv {fields} 0 0\n")
    assert line.required == required
