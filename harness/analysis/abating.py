"""Whether growth lasts: what the second half of it adds, beside what the first half did.

A young process grows by ever smaller steps while its allocator, caches and pools find their size. A short run sees a
few of them, and a line fits a few steps well; but a leak adds as much in its second half as in its first, and what
comes to rest does not. Step 11 of section 3.2 of the study, for all growth together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to load

from harness.analysis.regression import Floats, fit

LASTING_SHARE = 0.4
"""Of the growth that the whole run suggests. A leak of 16 standard errors falls below in one run of two thousand: its
halves are known to 18 %."""


@dataclass(frozen=True, slots=True)
class SecondHalf:
    """Growth in the second half as a share of what the whole run suggests: 1 for a leak, 0 for what has come to rest;
    ``low`` is the lower end that one run in a hundred falls below."""

    share: float
    low: float

    @property
    def abates(self) -> bool:
        return self.share < LASTING_SHARE


def second_half(y: Floats, path: Floats, gaps: Floats, phi: float, noise_floor: float) -> SecondHalf | None:
    """What the second half of ``path`` added; None where it does not rise.

    Args:
        y: K levels, less all that is no growth.
        path: (K,) growth as fitted, which never falls; ``y`` goes along with it where growth lasts.
        gaps: as from ``regression.spacings``.
        phi: autocorrelation of neighbouring levels.
        noise_floor: standard deviation below which the noise is not believed.
    """
    rise = float(path[-1] - path[0])
    if rise <= 0.0:
        return None
    share = (path - path[0]) / rise
    later = np.maximum(share - 0.5, 0.0)
    found = fit(
        y, np.column_stack([np.ones_like(share), share, later]), gaps, noise_floor=noise_floor, phis=(min(phi, 0.99),)
    )
    contrast = np.array([0.0, 1.0, 1.0]) / rise
    error = math.sqrt(max(float(contrast @ found.covariance @ contrast), 0.0))
    middle = float(contrast @ found.mean)
    return SecondHalf(middle, middle - float(stdtrit(max(y.size - 3, 1), 0.99)) * error)
