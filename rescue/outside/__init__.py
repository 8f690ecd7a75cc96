"""The outside view: what a client's side sees of a server, what that means, and what to do without the server's disk.

`probe.look` asks the network; `verdict.judge` decides, purely, what the answers mean.
"""
