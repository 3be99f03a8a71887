"""Commands that are sessions of their own, so that all processes that they start can be found, and killed."""

import os
import subprocess

import psutil


class Session:
    """A command that is started, killed with all of its processes, and started again."""

    def __init__(self, name, command, environment, log):
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._started = []
        self._process = None

    @property
    def exit_code(self):
        """None while it runs."""
        return self._process.poll()

    def start(self):
        """Start the command."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(self._process.pid)

    def processes(self):
        """All living processes of the session as it was started last."""
        return members(self._started[-1:])

    def kill(self):
        """Kill -9 of all of its processes, also of what an earlier start has left."""
        while found := members(self._started):
            for process in found:
                kill(process)
            self._process.wait()


def members(sessions):
    """The living processes of some sessions."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def kill(process):
    """Kill -9 of one process; whether it was there. Never of another that has got its number meanwhile."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True
