"""The scores, each one decorated function of `Moments`.

In the formulas o is observed, p predicted, e = p − o, ⟨ ⟩ the weighted mean over rows and σ² = ⟨(x − ⟨x⟩)²⟩.
Rows with a gap in o or p do not count (see `motrain_app.skill.summing.moments`); without a row a score is
NaN.
"""

from __future__ import annotations

import numpy as np

from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import metric

__all__ = ["bias", "mae", "n", "r", "r2", "rmse", "skill", "ubrmse"]


@metric(best=0.0, direction="zero", unit="output")
def bias(m: Moments) -> FloatArray:
    """Mean error.

    bias = ⟨e⟩ = ⟨p⟩ − ⟨o⟩. Range (−∞, ∞), best 0, in the unit of the output.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.4.
    """
    return m.error_mean


@metric(best=0.0, direction="min", unit="output")
def mae(m: Moments) -> FloatArray:
    """Mean absolute error.

    MAE = ⟨|e|⟩. Range [0, ∞), best 0, in the unit of the output.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.4.
    """
    return m.absolute_error_mean


@metric(best=0.0, direction="min", unit="output")
def rmse(m: Moments) -> FloatArray:
    """Root-mean-square error.

    RMSE = √⟨e²⟩ with RMSE² = bias² + ubRMSE². Range [0, ∞), best 0, in the unit of the output.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.4.
    """
    return np.sqrt(m.mse)


@metric(best=0.0, direction="min", unit="output")
def ubrmse(m: Moments) -> FloatArray:
    """Unbiased root-mean-square error.

    ubRMSE = √⟨(e − ⟨e⟩)²⟩, the standard deviation of the error. Range [0, ∞), best 0, in the unit of the
    output.

    References
    ----------
    Entekhabi, D., Reichle, R. H., Koster, R. D., Crow, W. T. (2010): Performance metrics for soil moisture
    retrievals and application requirements. J. Hydrometeorol. 11, 832–840, doi:10.1175/2010JHM1223.1.
    """
    return np.sqrt(m.error_variance)


@metric(best=1.0, direction="max", unit="none", association=True)
def r(m: Moments) -> FloatArray:
    """Pearson correlation.

    r = cov(o, p) / (σₒ σₚ). Range [−1, 1], best 1, without unit. NaN where observed or predicted is constant,
    rounding aside, and so for fewer than two rows.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 3.5.
    """
    product = np.sqrt(m.observed_variance) * np.sqrt(m.predicted_variance)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.where(product > 0, np.clip(m.covariance / product, -1.0, 1.0), np.nan)


@metric(best=1.0, direction="max", unit="none")
def r2(m: Moments) -> FloatArray:
    """Coefficient of determination (Nash–Sutcliffe efficiency).

    R² = 1 − ⟨e²⟩ / σₒ². Range (−∞, 1], best 1, without unit; it equals the NSE and scikit-learn's `r2_score`,
    not the square of r. NaN where observed is constant, rounding aside.

    References
    ----------
    Nash, J. E., Sutcliffe, J. V. (1970): River flow forecasting through conceptual models, part I. J. Hydrol.
    10, 282–290, doi:10.1016/0022-1694(70)90255-6.
    """
    return _one_minus_ratio(m.mse, m.observed_variance)


@metric(best=1.0, direction="max", unit="none", needs_baseline=True)
def skill(m: Moments) -> FloatArray:
    """Skill over the baseline.

    skill = 1 − MSE / MSE_baseline, both on the same rows. Range (−∞, 1], best 1, 0 for no better than the
    baseline, without unit. NaN where the baseline has no error, rounding aside.

    References
    ----------
    Murphy, A. H. (1988): Skill scores based on the mean square error and their relationships to the
    correlation coefficient. Mon. Wea. Rev. 116, 2417–2424.
    """
    return _one_minus_ratio(m.mse, m.baseline_mse)


@metric(best=np.inf, direction="max", unit="none")
def n(m: Moments) -> FloatArray:
    """Number of rows.

    n = Σ 1 over rows in which observed and predicted have values. Range [0, ∞), the more the better; 0, never
    NaN, without a row.
    """
    return m.n


def _one_minus_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.where(denominator > 0, 1.0 - numerator / denominator, np.nan)
