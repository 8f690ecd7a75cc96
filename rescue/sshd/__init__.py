"""sshd's configuration, computed offline: the effective settings, the line that decided, and errors that stop sshd.

`Server` reads the files as the installed version of sshd would, `Server.effective` gives the settings for one login,
`listeners` the addresses and ports after the next boot, `access` and `root_login` the policy for a user, and `edit`
changes one line and leaves every other byte.
"""

from rescue.sshd.effective import Alternative, Effective, Setting
from rescue.sshd.language.faults import Fault, Problem
from rescue.sshd.listen import Listener, listeners, options
from rescue.sshd.server import Server

__all__ = ["Alternative", "Effective", "Fault", "Listener", "Problem", "Server", "Setting", "listeners", "options"]
