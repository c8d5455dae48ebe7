"""Which parts of a video could not be decoded whole, and which frames show them.

A decoder goes on after lost or damaged packets: it fills holes with what was there before, and every picture that is
predicted from a filled one repeats it, up to the next one that is coded by itself. None of these shows what was filmed.
So from a loss on frames are left out until such a key frame, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Losses", "Packet"]


@dataclass(frozen=True, slots=True)
class Packet:
    """What is remembered of a packet until its frame comes out of the decoder."""

    number: int  # in the order of decoding
    is_key: bool


class Losses:
    """Told of packets in the order of decoding and of frames in the order of presentation."""

    def __init__(self) -> None:
        self.left_out = 0  # frames that came out and were not whole
        self.vanished = 0  # packets of which no frame came
        self._at: list[int] = []  # numbers of the packets at which something is missing, as far as it still shows
        self._span_s: tuple[float, float] | None = None  # of what was left out

    def lost(self, number: int) -> None:
        """Something is missing in this packet or right before it."""
        if number not in self._at:
            self._at.append(number)

    def vanish(self, number: int, packets: int = 1) -> None:
        """A packet of which nothing came."""
        self.vanished += packets
        self.lost(number)

    def is_whole(self, packet: Packet, is_corrupt: bool) -> bool:
        """Whether the next frame shows what was filmed. packet: that it was decoded from."""
        if is_corrupt:
            self.lost(packet.number)
        elif packet.is_key and self._at:
            self._at = [number for number in self._at if number >= packet.number]
        return all(number > packet.number for number in self._at)

    def leave_out(self, time_s: float) -> None:
        self.left_out += 1
        self._span_s = (self._span_s[0] if self._span_s else time_s, time_s)

    def describe(self, given: bool = False) -> str | None:
        """In words; None when nothing is missing. given: whether frames that are not whole were given all the same."""
        if not self.left_out and not self.vanished:
            return None
        where = "" if self._span_s is None else f" between {self._span_s[0]:.2f} s and {self._span_s[1]:.2f} s"
        counts = []
        if self.left_out:
            counts.append(f"{self.left_out} {'read as they are, since none is whole' if given else 'left out'}")
        if self.vanished:
            counts.append(f"about {self.vanished} missing")
        return f"the file is damaged: frames could not be decoded whole{where} ({', '.join(counts)})"
