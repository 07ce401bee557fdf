"""A reader of events that kills itself after every 100: `python -m tests.cohorts.reader DATABASE_URL FILE`.

The file has a line for each event that was read. It is also the cursor: a new life goes on after its last whole line.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from vivavoce.service.storage.engine import connect, sessions
from vivavoce.service.storage.repositories import EventRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION

LIFE = 100


def main() -> None:
    """Have a child read events; when it is killed, have another one go on."""
    url, name = sys.argv[1:]
    while True:
        child = os.fork()
        if not child:
            read_events(url, Path(name))
        os.waitpid(child, 0)
        # Its parent is gone, too.
        if os.getppid() == 1:
            return


def read_events(url: str, path: Path) -> None:
    """Read events until killed."""
    with path.with_suffix(".lives").open("ab") as lives:
        lives.write(b"+")
    database = sessions(connect(url))
    cursor = _read_cursor(path)
    left = LIFE
    with path.open("ab", buffering=0) as file:
        while True:
            with database() as session:
                events = EventRepository(session).after(cursor, organisation_id=DEFAULT_ORGANISATION, limit=37)
                found = [(event.sequence, event.kind, event.subject_id) for event in events]
            for sequence, kind, subject in found:
                if not left:
                    # In the middle of a line, as it may happen.
                    file.write(str(sequence)[:2].encode())
                    os.kill(os.getpid(), signal.SIGKILL)
                file.write(f"{sequence} {kind} {subject}\n".encode())
                cursor, left = sequence, left - 1
            if not found:
                time.sleep(0.1)
            if os.getppid() == 1:
                os._exit(0)


def _read_cursor(path: Path) -> int:
    """The number of the last whole line; what is left of a torn one is cut off."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    os.truncate(path, len(whole))
    return int(whole.splitlines()[-1].split()[0]) if whole else 0


if __name__ == "__main__":
    main()
