"""LVM's own JSON, as pvs(8) and lvs(8) print it."""

from __future__ import annotations

import json

import pytest

from rescue.targets.disks.lvm_report import Logical, Physical, parse_report

PHYSICALS = """
  {
      "report": [
          {
              "pv": [
                  {"pv_name":"/dev/vdb", "pv_uuid":"4cqeOz", "vg_name":"server-vg", "vg_uuid":"Gi5", "vg_missing_pv_count":"0"},
                  {"pv_name":"/dev/vdc", "pv_uuid":"aaaaaa", "vg_name":"", "vg_uuid":"", "vg_missing_pv_count":""}
              ]
          }
      ]
  }
"""  # noqa: E501 - as it is printed
LOGICALS = """
  {"report": [{"lv": [
      {"lv_name":"root", "lv_dm_path":"/dev/mapper/server--vg-root", "lv_size":"1342177280", "vg_name":"server-vg", "vg_uuid":"Gi5"},
      {"lv_name":"var", "lv_dm_path":"/dev/mapper/server--vg-var", "lv_size":"536870912", "vg_name":"server-vg", "vg_uuid":"Gi5"}
  ]}]}
"""  # noqa: E501


def test_groups_and_volumes_are_told() -> None:
    told = parse_report(PHYSICALS, LOGICALS)
    server = Physical("server-vg", "Gi5", 0)
    assert told.physicals == {"/dev/vdb": server, "/dev/vdc": Physical("", "", 0)}
    var = Logical("var", "server-vg", "Gi5", 536870912, "/dev/mapper/server--vg-var")
    assert told.logical("/dev/mapper/server--vg-var") == var
    assert told.logical("/dev/mapper/other") is None
    root = "/dev/mapper/server--vg-root"
    some = [told.is_partly_active(server, devices) for devices in ([], [root], [root, var.path])]
    assert some == [False, True, False]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", json.dumps({"report": [{"lv": 3}]}), '{"report": 3}'])
def test_what_is_no_report_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_report(text, text)
