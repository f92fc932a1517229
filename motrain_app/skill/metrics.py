"""The scores, each one decorated function of `Moments`.

Formula, range, best value, unit and source of each stand in its own docstring; n, a count, has no source. In the
formulas o is observed, p predicted, e = p − o, ⟨ ⟩ the weighted mean over rows and σ² = ⟨(x − ⟨x⟩)²⟩.

What holds for all of them stands here. Rows with a gap in o or p, of skill in the baseline as well, do not count (see
`motrain_app.skill.summing.moments`). Without a row a score is NaN, n and n_effective are 0; where else a score of
finite values is NaN, its docstring says. A row of weight w counts as w equal rows; rows of a partition or a cell weigh
alike, over all cells they weigh so that each cell counts by its area (see `motrain_app.skill.totals`). n, n_effective
and ranks are of rows, whatever these weigh. Scores marked temporal are taken of each cell of ten rows or more, and of
several cells the median; the functions themselves take what rows there are.
"""

from __future__ import annotations

import numpy as np

from motrain_app.skill.block_length import block_length
from motrain_app.skill.moments import SHIFT_ERR, FloatArray, Moments, divide
from motrain_app.skill.near_days import near_days
from motrain_app.skill.registry import metric

__all__ = [
    "COVERAGE_LEVEL",
    "anomaly_r",
    "bias",
    "coverage",
    "kge",
    "mae",
    "n",
    "n_effective",
    "r",
    "r2",
    "rmse",
    "sd_ratio",
    "skill",
    "spearman",
    "ubrmse",
]

COVERAGE_LEVEL = 0.9  # of the intervals that `coverage` counts


@metric(best=0.0, direction="zero", unit="output")
def bias(m: Moments) -> FloatArray:
    """Mean error.

    bias = ⟨e⟩ = ⟨p⟩ − ⟨o⟩. Range (−∞, ∞), best 0, in the unit of the output.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.4.
    """
    return m.error_mean


@metric(best=0.0, direction="min", unit="output", bounds=(0.0, np.inf))
def mae(m: Moments) -> FloatArray:
    """Mean absolute error.

    MAE = ⟨|e|⟩. Range [0, ∞), best 0, in the unit of the output.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.4.
    """
    return m.absolute_error_mean


@metric(best=0.0, direction="min", unit="output", bounds=(0.0, np.inf))
def rmse(m: Moments) -> FloatArray:
    """Root-mean-square error.

    RMSE = √⟨e²⟩ with RMSE² = bias² + ubRMSE². Range [0, ∞), best 0, in the unit of the output.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.4.
    """
    return np.sqrt(m.mse)


@metric(best=0.0, direction="min", unit="output", temporal=True, bounds=(0.0, np.inf), falls_short=True)
def ubrmse(m: Moments) -> FloatArray:
    """Unbiased root-mean-square error.

    ubRMSE = √⟨(e − ⟨e⟩)²⟩, the standard deviation of the error. Range [0, ∞), best 0, in the unit of the
    output.

    Few rows flatter, as ⟨e⟩ is that of the same rows: of n independent ones ubRMSE² is too low by 1/n of itself on
    average, and the median of ubRMSE over cells of so many by 5/(6n), so that over many such cells its interval may lie
    below the truth. That of one cell is stretched upwards for it. A cell of fewer than ten rows has none, and takes no
    part in the median.

    References
    ----------
    Entekhabi, D., Reichle, R. H., Koster, R. D., Crow, W. T. (2010): Performance metrics for soil moisture
    retrievals and application requirements. J. Hydrometeorol. 11, 832–840, doi:10.1175/2010JHM1223.1.
    """
    return np.sqrt(m.error_variance)


@metric(best=1.0, direction="max", unit="none", association=True, temporal=True, bounds=(-1.0, 1.0))
def r(m: Moments) -> FloatArray:
    """Pearson correlation.

    r = cov(o, p) / (σₒ σₚ). Range [−1, 1], best 1, without unit. NaN where observed or predicted is constant,
    rounding aside, and so for fewer than two rows.

    Few rows flatter: of two |r| is 1, and the median over cells of few lies farther from 0 than the truth. A cell of
    fewer than ten rows has none, and takes no part in the median.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 3.5.
    """
    product = np.sqrt(m.observed_variance) * np.sqrt(m.predicted_variance)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.where(product > 0, np.clip(m.covariance / product, -1.0, 1.0), np.nan)


@metric(best=1.0, direction="max", unit="none", association=True, temporal=True, of="ranks", bounds=(-1.0, 1.0))
def spearman(m: Moments) -> FloatArray:
    """Spearman rank correlation.

    ρ is the Pearson correlation of the ranks of o and p, equal values sharing their mean rank. Range [−1, 1], best 1,
    without unit. NaN where observed or predicted is constant. Rows have no weights here: a rank counts rows. The
    moments are those of the pseudo-values of `motrain_app.skill.ranks.rank_correlation_parts`, whose mean is ρ.

    References
    ----------
    Spearman, C. (1904): The proof and measurement of association between two things. Am. J. Psychol. 15, 72–101.
    """
    return np.clip(m.error_mean, -1.0, 1.0)


@metric(best=1.0, direction="max", unit="none", temporal=True, bounds=(-np.inf, 1.0))
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


@metric(
    best=1.0, direction="max", unit="none", association=True, temporal=True, bounds=(-np.inf, 1.0), falls_short=True
)
def kge(m: Moments) -> FloatArray:
    """Kling–Gupta efficiency.

    KGE = 1 − √((r − 1)² + (σₚ/σₒ − 1)² + ((⟨p⟩ − ⟨o⟩)/σₒ)²). Range (−∞, 1], best 1, without unit; the mean of the
    observed has no r and so no KGE. The bias is set against σₒ in place of ⟨o⟩: means near zero, and scales without a
    natural zero such as dB and °C, make the ratio of means arbitrary. NaN where observed or predicted is constant.

    It is a distance from the best, so that noise alone lowers it: of predictions that have mean and spread of the
    observed, a sample's value is too low, in a median over cells as well, whose interval may then lie below the truth.

    References
    ----------
    Gupta, H. V., Kling, H., Yilmaz, K. K., Martinez, G. F. (2009): Decomposition of the mean squared error and NSE
    performance criteria. J. Hydrol. 377, 80–91, doi:10.1016/j.jhydrol.2009.08.003.

    Tang, G., Clark, M. P., Papalexiou, S. M. (2021): SC-Earth: a station-based serially complete Earth dataset from
    1950 to 2019. J. Climate 34, 6493–6511, doi:10.1175/JCLI-D-21-0067.1 (KGE″, this form).
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        shift = divide(m.error_mean, np.sqrt(m.observed_variance))
        distance = (r(m) - 1) ** 2 + (sd_ratio(m) - 1) ** 2 + shift**2
        return np.asarray(1 - np.sqrt(distance))


@metric(best=1.0, direction="zero", unit="none", temporal=True, bounds=(0.0, np.inf))
def sd_ratio(m: Moments) -> FloatArray:
    """Ratio of standard deviations.

    σₚ/σₒ. Range [0, ∞), best 1, under 1 where predictions vary too little, without unit. NaN where observed is
    constant.

    References
    ----------
    Taylor, K. E. (2001): Summarizing multiple aspects of model performance in a single diagram. J. Geophys. Res. 106,
    7183–7192, doi:10.1029/2000JD900719.
    """
    return divide(np.sqrt(m.predicted_variance), np.sqrt(m.observed_variance))


@metric(best=1.0, direction="max", unit="none", association=True, temporal=True, of="anomalies", bounds=(-1.0, 1.0))
def anomaly_r(m: Moments) -> FloatArray:
    """Anomaly correlation.

    Pearson correlation of what is left of o and p when each has lost its own climatology, the mean and two harmonics of
    the year, cell by cell: whether departures from the season are told. They are fitted by least squares; where the
    days see a combination of harmonics badly, as those of half a year do, its coefficient is drawn towards zero, and
    some of the season may be left. Range [−1, 1], best 1, without unit. NaN where a cell has too few rows to see the
    season, or under three years of it: where over a fifth of the months that have rows have them in fewer than three
    years.

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.8.
    """
    return r(m)


@metric(best=1.0, direction="max", unit="none", needs_baseline=True, bounds=(-np.inf, 1.0))
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


@metric(best=COVERAGE_LEVEL, direction="zero", unit="none", of="intervals", bounds=(0.0, 1.0))
def coverage(m: Moments) -> FloatArray:
    """Coverage of the 90 % interval.

    Share of rows whose observed value lies in the prediction interval of level 0.9, which other folds calibrated.
    Range [0, 1], best 0.9, without unit. NaN without a row that has an interval.

    References
    ----------
    Gneiting, T., Balabdaoui, F., Raftery, A. E. (2007): Probabilistic forecasts, calibration and sharpness. J. R. Stat.
    Soc. B 69, 243–268, doi:10.1111/j.1467-9868.2007.00587.x.
    """
    return m.error_mean


@metric(best=np.inf, direction="max", unit="none")
def n(m: Moments) -> FloatArray:
    """Number of rows.

    n = Σ 1 over rows in which observed and predicted have values. Range [0, ∞), best ∞, the more the better, without
    unit; 0, never NaN, without a row.
    """
    return m.n


@metric(best=np.inf, direction="max", unit="none", of="days")
def n_effective(m: Moments) -> FloatArray:
    """Effective number of rows.

    n²/ΣΣρ over all pairs of rows, with ρ the correlation of their errors: how many independent rows would leave the
    mean error as uncertain. ΣΣρ comes from the autocovariance of the errors summed over each day, so that cells that
    err together count, too, and from days that are not absurd. Range [0, n], best n, the more the better, without
    unit; 0 without a row. n where errors do not vary, NaN where one is infinite, or
    its square.

    References
    ----------
    Bayley, G. V., Hammersley, J. M. (1946): The "effective" number of independent observations in an autocorrelated
    time series. Suppl. J. R. Stat. Soc. 8, 184–197, doi:10.2307/2983560.

    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 5.2.4.
    """
    if not m.shape[-1]:
        return np.zeros(m.shape[:-1])
    n_rows, there, weight = m.n.sum(axis=-1), m.weight > 0, _of_all(m.weight)
    about = m.shift[SHIFT_ERR][..., :1]  # for its digits
    near = near_days(m.error_sum_about(about), weight)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = divide(near.sum(axis=-1), n_rows)[..., None]
        whole, deviation = m.error_sum_about(about + mean), np.where(there, near - m.weight * mean, 0.0)
        kept = np.divide(deviation, whole, out=np.ones_like(whole), where=whole != 0)  # of the errors of a day
        alone = (kept**2 * m.squared_error_sum_about(about + mean)).sum(axis=-1)
        # Of the variance that the sum would have, were errors independent.
        shrinkage = divide(alone, block_length(deviation, weight).variance)
        found = np.where(np.isfinite(shrinkage), n_rows * np.minimum(shrinkage, 1.0), n_rows)
        known = np.isfinite(m.squared_error_sum_about(about)).all(axis=-1)
    return np.asarray(np.where(known, found, np.nan))


def _of_all(weight: FloatArray) -> FloatArray:
    """Return the weights of days once where they are the same for all: what pairs of days tell is found once, too."""
    each = weight.reshape(-1, weight.shape[-1])
    return np.asarray(each[0] if (each == each[0]).all() else weight)


def _one_minus_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.where(denominator > 0, 1.0 - numerator / denominator, np.nan)
