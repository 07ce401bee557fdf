"""How busy the processors are, for `viva doctor` and the progress of long work."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Two judge threads alone on two cores stay far below.
BUSY = 0.5
_PRESSURE = Path("/proc/pressure/cpu")
_SHARE = re.compile(r"some avg10=([\d.]+)")


def read_processor_wait() -> float:
    """Share of the last seconds in which some program waited for a processor, 0 to 1.

    Linux reports it for the last 10 seconds (pressure stall information). On other systems it is estimated from the
    load of the last minute: with twice as many programs as processors each waits half of the time.
    """
    try:
        reported = _SHARE.search(_PRESSURE.read_text(encoding="ascii"))
    except OSError:
        reported = None
    if reported:
        return float(reported[1]) / 100
    load = os.getloadavg()[0]
    return max(0.0, 1 - (os.cpu_count() or 1) / load) if load else 0.0
