"""Web pages that need nothing else: no other file, no network, no script to be read.

`markup` makes elements and escapes what is in them, `frame` is what every page has around them, the pictures are SVG.
Whatever comes from the target goes through `safe`, and the page's own policy forbids every script but its own.
"""
