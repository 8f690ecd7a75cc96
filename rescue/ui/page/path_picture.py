"""The path to a login as a picture: a point for each step, and the line to where it breaks."""

from __future__ import annotations

from rescue.login_path import LoginPath, State, StepVerdict
from rescue.ui.page.markup import Html, joined, tag

WORDS = {State.OK: "ok", State.BROKEN: "broken", State.DOUBTFUL: "doubtful", State.NOT_JUDGED: "not judged"}
CLASSES = {State.OK: "ok", State.BROKEN: "bad", State.DOUBTFUL: "doubt", State.NOT_JUDGED: "none"}
SIGNS = {
    State.OK: "\N{CHECK MARK}",
    State.BROKEN: "\N{MULTIPLICATION SIGN}",
    State.DOUBTFUL: "?",
    State.NOT_JUDGED: "-",
}
APART, EDGE, HEIGHT = 96, 60, 96


def path_picture(path: LoginPath) -> Html:
    """The steps from left to right. For wide screens: a list has the same in words."""
    steps = path.steps
    width = 2 * EDGE + APART * (len(steps) - 1)
    said = ", ".join(f"{each.step.word} {WORDS[each.state]}" for each in steps)
    line = tag("line", x1=EDGE, y1=34, x2=width - EDGE, y2=34, class_="edge", stroke_width=4)
    points = (_point(step, EDGE + APART * at) for at, step in enumerate(steps))
    return tag(
        "svg", line, *points, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {HEIGHT}", role="img",
        aria_label=f"The path to a login: {said}", class_="wide",
    )  # fmt: skip


def _point(step: StepVerdict, x: int) -> Html:
    kind = CLASSES[step.state]
    shape = tag("circle", cx=x, cy=34, r=22, class_=f"fill-{kind}")
    sign = tag("text", SIGNS[step.state], x=x, y=42, text_anchor="middle", font_size=24, class_="on")
    word = tag("text", step.step.word, x=x, y=76, text_anchor="middle", font_size=15)
    state = tag("text", WORDS[step.state], x=x, y=93, text_anchor="middle", font_size=12)
    return joined(shape, sign, word, state)


def path_list(path: LoginPath) -> Html:
    """The same in words, with what was found at each step."""
    return tag("ol", *(_item(step) for step in path.steps), class_="path")


def _item(step: StepVerdict) -> Html:
    kind = {"none": "soft"}.get(CLASSES[step.state], CLASSES[step.state])
    head = tag("span", f"{step.step.order}. {step.step.word}: {WORDS[step.state]}", class_=f"state {kind}")
    if step.findings:
        words = ", ".join(dict.fromkeys(each.check for each in step.findings))
    elif step.state is State.NOT_JUDGED and step.gaps:
        more = f" (and {len(step.gaps) - 1} more)" if len(step.gaps) > 1 else ""
        words = step.gaps[0].what + more
    else:
        words = step.step.holds
    return tag("li", head, Html(" "), tag("span", words, class_="soft"))
