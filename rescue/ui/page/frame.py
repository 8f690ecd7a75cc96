"""What every page has: the head, the style for light and dark and for a phone, the policy, the copy buttons."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from rescue.ui.page.markup import Html, joined, tag, text
from rescue.version import __version__

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2128; --soft: #545d68; --card: #f4f6f8; --edge: #cdd4dc;
  --link: #0a53b8; --ok: #146c2e; --bad: #a8071a; --doubt: #7a4a00; --none: #545d68;
  --ok-fill: #7bc992; --bad-fill: #e5737d; --doubt-fill: #e8bf5a; --none-fill: #c3cad2; --on-fill: #101418; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0f141a; --text: #e6e9ed; --soft: #a3adb8; --card: #182029; --edge: #36414d;
    --link: #82b6ff; --ok: #6fd08c; --bad: #ff9492; --doubt: #edc164; --none: #a3adb8;
    --ok-fill: #4a9c63; --bad-fill: #d8606a; --doubt-fill: #c99a35; --none-fill: #7d8894; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
main, header, footer { max-width: 60rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
footer { padding-bottom: 2rem; color: var(--soft); font-size: .9rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 0 0 .25rem; }
h4 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .4rem 0; }
a { color: var(--link); }
pre, code { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { margin: .3rem 0; padding: .5rem .7rem; border: 1px solid var(--edge); border-radius: .3rem;
  background: var(--back); white-space: pre-wrap; overflow-wrap: anywhere; }
article { margin: 1rem 0; padding: 1rem; border: 1px solid var(--edge); border-left: .35rem solid var(--none);
  border-radius: .4rem; background: var(--card); overflow-wrap: anywhere; }
article.broken { border-left-color: var(--bad); }
article.doubtful { border-left-color: var(--doubt); }
ul, ol { margin: .3rem 0; padding-left: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .5rem .3rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--edge);
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--link); }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--text); font-family: system-ui, sans-serif; }
svg .on { fill: var(--on-fill); }
svg .edge { stroke: var(--edge); }
.mark { stroke: var(--text); stroke-width: 2; fill: none; }
.fill-ok { fill: var(--ok-fill); } .fill-bad { fill: var(--bad-fill); }
.fill-doubt { fill: var(--doubt-fill); } .fill-none { fill: var(--none-fill); }
.ok { color: var(--ok); } .broken > .state, .bad { color: var(--bad); }
.doubt { color: var(--doubt); } .soft { color: var(--soft); }
.state { font-weight: 600; }
.verdict { font-size: 1.1rem; font-weight: 600; }
.path { list-style: none; padding: 0; }
.path li { padding: .2rem 0; border-top: 1px solid var(--edge); }
.bar { height: .8rem; width: 100%; }
.copy { position: relative; }
.copy button { position: absolute; top: .35rem; right: .35rem; font: inherit; font-size: .8rem; padding: .05rem .5rem;
  color: var(--text); background: var(--card); border: 1px solid var(--edge); border-radius: .3rem; cursor: pointer; }
.copy.ready pre { padding-right: 5.5rem; }
ins { color: var(--ok); text-decoration: none; } del { color: var(--bad); text-decoration: none; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
@media (max-width: 40rem) { .wide { display: none; } body { font-size: .95rem; } article { padding: .7rem; }
  th, td { display: block; border: 0; padding: 0; } tr { display: block; border-top: 1px solid var(--edge);
  padding: .3rem 0; } thead { display: none; } }
@media print { .copy button { display: none; } article { break-inside: avoid; } }
"""
SCRIPT = """
document.querySelectorAll(".copy").forEach(function (block) {
  if (!navigator.clipboard) { return; }
  var words = block.querySelector("code").textContent, button = document.createElement("button");
  var what = block.dataset.label || words.split("\\n")[0].slice(0, 60);
  button.type = "button"; button.textContent = "Copy"; button.setAttribute("aria-label", "Copy: " + what);
  button.addEventListener("click", function () {
    navigator.clipboard.writeText(words).then(function () {
      button.textContent = "Copied"; setTimeout(function () { button.textContent = "Copy"; }, 2000);
    });
  });
  block.appendChild(button); block.classList.add("ready");
});
"""
"""Adds the copy buttons, and nothing else: a page is whole without it."""


def _allowed(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


POLICY = f"default-src 'none'; style-src {_allowed(STYLE)}; script-src {_allowed(SCRIPT)}; base-uri 'none'"
"""The browser runs this page's one script and loads nothing, whatever a hostile disk had put in."""


def framed(title: str, header: str, *sections: str, at: str = "") -> str:
    """A whole page. at: when it was made, for its last line."""
    head = joined(
        Html('<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">\n'),
        Html('<meta name="referrer" content="no-referrer">\n'),
        tag("title", title), Html("\n<style>"), Html(STYLE), Html("</style>"),
    )  # fmt: skip
    made = tag("footer", tag("p", f"Made by rescue {__version__}" + (f" on {at}" if at else "") + "."))
    body = joined(
        tag("header", header), Html("\n"), tag("main", *(joined(each, Html("\n")) for each in sections)), made
    )
    if 'class="copy"' in body:
        body = joined(body, Html("<script>"), Html(SCRIPT), Html("</script>"))
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def section(title: str, *children: str) -> Html:
    """A part of a page with its heading; nothing where there is nothing in it."""
    inner = joined(*children)
    return tag("section", tag("h2", title), inner) if inner else Html("")
