"""``[gates]``: what the run is judged against."""

from __future__ import annotations

from harness.model import Limits
from harness.plan.fields import BytesPerQuery, RateBytesPerH, Section, SizeBytes


class GatesSection(Section):
    """Limits as the user gave them; none given means the defaults of the verdict."""

    max_growth: RateBytesPerH | None = None
    max_growth_per_query: BytesPerQuery | None = None
    max_memory: SizeBytes | None = None

    def limits(self) -> Limits:
        return Limits(
            max_growth_bytes_per_h=self.max_growth,
            max_growth_bytes_per_query=self.max_growth_per_query,
            max_memory_bytes=self.max_memory,
        )
