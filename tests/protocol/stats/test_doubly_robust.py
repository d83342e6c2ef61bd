import math

import numpy as np
import pytest

from protocol.stats.doubly_robust import AugmentedSums, augmented, augmented_risks


def test_by_hand() -> None:
    # a y  e    m0   m1    psi0                           psi1
    # 1 1  1/2  1/4  1/2   1/4                            1/2 + (1 - 1/2)/(1/2) = 3/2
    # 1 0  1/2  1/4  1/2   1/4                            1/2 - 1 = -1/2
    # 0 1  1/4  1/4  1/2   1/4 + (3/4)/(3/4) = 5/4        1/2
    # 0 0  1/4  1/4  1/2   1/4 - (1/4)/(3/4) = -1/12      1/2
    arm, y = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    e = np.array([0.5, 0.5, 0.25, 0.25])
    psi0, psi1 = augmented(arm, y, e, (np.full(4, 0.25), np.full(4, 0.5)))
    np.testing.assert_allclose(psi0, [1 / 4, 1 / 4, 5 / 4, -1 / 12])
    np.testing.assert_allclose(psi1, [3 / 2, -1 / 2, 1 / 2, 1 / 2])
    sums = AugmentedSums(
        4, psi0.sum(), psi1.sum(), (psi0**2).sum(), (psi1**2).sum(), (psi0 * psi1).sum()
    )
    found = augmented_risks(sums)
    assert (found.comparator, found.treated) == pytest.approx((5 / 12, 1 / 2))
    d = psi1 - psi0
    error = math.sqrt(float(((d - d.mean()) ** 2).sum()) / 16)
    assert found.difference.estimate == pytest.approx(1 / 12)
    assert found.difference.upper == pytest.approx(1 / 12 + 1.959964 * error, rel=1e-6)
    assert found.risk_ratio.estimate == pytest.approx(6 / 5)
    influence = psi1 / found.treated - psi0 / found.comparator  # of the log ratio; mean 0
    width = 1.959964 * math.sqrt(float((influence**2).sum()) / 16)
    assert found.risk_ratio.upper == pytest.approx(6 / 5 * math.exp(width), rel=1e-6)


def test_risks_that_are_not_positive_have_no_ratio() -> None:
    assert math.isnan(augmented_risks(AugmentedSums(2, 0.0, 1.0, 0.0, 1.0, 0.0)).risk_ratio.lower)
    with pytest.raises(ValueError, match="nobody"):
        augmented_risks(AugmentedSums(0, 0.0, 0.0, 0.0, 0.0, 0.0))
