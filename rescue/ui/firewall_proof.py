"""What a kernel did with the target's rules, on the terminal and as a document."""

from __future__ import annotations

from rescue.kernel_check.result import Proof
from rescue.text.numbers import plural
from rescue.text.safe import safe
from rescue.ui.report import Report

SEEN = {"open": "opened", "no-reply": "timed out", "rst": "were refused", "synack-only": "hung"}
"""What a probe sees, in words."""


def show_proof(report: Report, proof: Proof, port: int) -> None:
    """What this computer's kernel did with the same rules."""
    line = report.line
    where = f"on {safe(proof.interface)}, to {proof.addresses[4]} and {proof.addresses[6]}"
    line(f"Proof: this computer's kernel was given these rules, and port {port} was dialled ({where}).", "bold")
    told = [f"{plural(proof.asked, 'question')}: {proof.agreed} answered as said above"]
    if proof.depends:
        told.append(f"{proof.depends} depend, so that no kernel can tell")
    if proof.left_out:
        told.append(
            f"{plural(proof.left_out, 'address', 'addresses')} left out, as others had used up what a limit grants"
        )
    line(", ".join(told) + ".", "green" if proof.holds else "", 2, 2)
    seen = ", ".join(f"{count} {SEEN.get(word, word)}" for word, count in proof.seen.most_common())
    if seen:
        line(f"Connections: {seen}.", "dim", 2, 2)
    for each in proof.differences:
        line(
            f"{safe(each.what)}: rescue says {_in_words(each.said)}, the kernel {_in_words(each.seen)}",
            "bold red",
            2,
            4,
        )
    if proof.differences:
        line("This is a fault of rescue: don't rely on the table above, and please report it.", "red", 2, 2)
    line()


def _in_words(word: str) -> str:
    """A probe's answer, for people."""
    if word.startswith("icmp:"):
        return f'"refused" (ICMP {word[5:]})'
    return f'"{safe(SEEN.get(word, word))}"'


def proof_document(proof: Proof) -> dict[str, object]:
    return {
        "holds": proof.holds,
        "interface": proof.interface,
        "server": [str(each) for each in proof.addresses.values()],
        "asked": proof.asked,
        "agreed": proof.agreed,
        "depends": proof.depends,
        "left_out": proof.left_out,
        "seen": dict(proof.seen),
        "loads": [{"file": each.what, "program": each.program, "loaded": each.taken} for each in proof.loads],
        "differences": [{"what": each.what, "said": each.said, "seen": each.seen} for each in proof.differences],
    }
