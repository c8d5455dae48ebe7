"""Times as players show them."""

from __future__ import annotations

__all__ = ["clock"]


def clock(time_s: float, longest_s: float = 0.0) -> str:
    """m:ss.t, or h:mm:ss.t where longest_s is an hour or more; tenths are cut off, so that no time is ahead."""
    tenths = int(time_s * 10 + 1e-6)
    seconds, minutes, hours = tenths // 10 % 60, tenths // 600 % 60, tenths // 36000
    if hours or longest_s >= 3600:
        return f"{hours}:{minutes:02}:{seconds:02}.{tenths % 10}"
    return f"{minutes}:{seconds:02}.{tenths % 10}"
