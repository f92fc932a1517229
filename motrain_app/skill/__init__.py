"""Scores, intervals and baselines: pure functions on NumPy arrays.

`score_outputs` does all of it for one partition. Below it stand `Moments`, which every metric is a function
of; the registry of metrics; the climatology; and the block bootstrap. `held_out_coverage` judges intervals.
"""

from motrain_app.skill.anomalies import anomalies
from motrain_app.skill.areas import CellAreas, cell_areas
from motrain_app.skill.baselines import Climatology, fit_climatology
from motrain_app.skill.best_baselines import BestBaselines
from motrain_app.skill.block_length import BlockLength, block_length
from motrain_app.skill.blocks import Blocks, bootstrap_moments, group_blocks, influence, time_blocks
from motrain_app.skill.bootstrap import (
    MIN_BLOCKS,
    Intervals,
    bootstrap,
    bootstrap_groups,
    bootstrap_interval,
    bootstrap_p,
)
from motrain_app.skill.comparison import loss_difference, mae_difference, mse_difference, rmse_change, rmse_difference
from motrain_app.skill.coverage import Coverage, held_out_coverage, judge_folds, judge_rows
from motrain_app.skill.each_cell import score_each_cell
from motrain_app.skill.groups import evenly
from motrain_app.skill.metrics import (
    COVERAGE_LEVEL,
    anomaly_r,
    bias,
    coverage,
    kge,
    mae,
    n,
    n_effective,
    r,
    r2,
    rmse,
    sd_ratio,
    skill,
    spearman,
    ubrmse,
)
from motrain_app.skill.moments import Moments
from motrain_app.skill.pieces import Piece
from motrain_app.skill.ranks import Ranked, rank_correlation_parts
from motrain_app.skill.registry import (
    OVER,
    POOLED,
    Metric,
    best_index,
    best_indices,
    get_metric,
    get_metric_or_stand_in,
    metric,
    metric_names,
)
from motrain_app.skill.scores import Scores, score_outputs, scores_of, unpack_scores
from motrain_app.skill.season import DAYS_PER_YEAR, day_of_year, season_harmonics
from motrain_app.skill.season_bias import SeasonBias, cancels, season_bias
from motrain_app.skill.shared_season import explained_beyond_season
from motrain_app.skill.significance import adjusted_p, discoveries
from motrain_app.skill.summed import SummedOutputs, sum_outputs
from motrain_app.skill.summing import moments, moments_by_group
from motrain_app.skill.tables import score_frame, score_table
from motrain_app.skill.totals import Totals

__all__ = [
    "COVERAGE_LEVEL",
    "DAYS_PER_YEAR",
    "MIN_BLOCKS",
    "OVER",
    "POOLED",
    "BestBaselines",
    "BlockLength",
    "Blocks",
    "CellAreas",
    "Climatology",
    "Coverage",
    "Intervals",
    "Metric",
    "Moments",
    "Piece",
    "Ranked",
    "Scores",
    "SeasonBias",
    "SummedOutputs",
    "Totals",
    "adjusted_p",
    "anomalies",
    "anomaly_r",
    "best_index",
    "best_indices",
    "bias",
    "block_length",
    "bootstrap",
    "bootstrap_groups",
    "bootstrap_interval",
    "bootstrap_moments",
    "bootstrap_p",
    "cancels",
    "cell_areas",
    "coverage",
    "day_of_year",
    "discoveries",
    "evenly",
    "explained_beyond_season",
    "fit_climatology",
    "get_metric",
    "get_metric_or_stand_in",
    "group_blocks",
    "held_out_coverage",
    "influence",
    "judge_folds",
    "judge_rows",
    "kge",
    "loss_difference",
    "mae",
    "mae_difference",
    "metric",
    "metric_names",
    "moments",
    "moments_by_group",
    "mse_difference",
    "n",
    "n_effective",
    "r",
    "r2",
    "rank_correlation_parts",
    "rmse",
    "rmse_change",
    "rmse_difference",
    "score_each_cell",
    "score_frame",
    "score_outputs",
    "score_table",
    "scores_of",
    "sd_ratio",
    "season_bias",
    "season_harmonics",
    "skill",
    "spearman",
    "sum_outputs",
    "time_blocks",
    "ubrmse",
    "unpack_scores",
]
