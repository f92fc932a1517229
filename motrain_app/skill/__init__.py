"""Scores, intervals and baselines: pure functions on NumPy arrays.

`score_outputs` does all of it for one partition. Below it stand `Moments`, which every metric is a function
of; the registry of metrics; the climatology; and the block bootstrap. `held_out_coverage` judges intervals.
"""

from motrain_app.skill.baselines import Climatology, fit_climatology
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
from motrain_app.skill.comparison import mae_difference, mse_difference, rmse_change, rmse_difference
from motrain_app.skill.coverage import Coverage, calibrate_by_fold, held_out_coverage, judge_folds
from motrain_app.skill.metrics import bias, mae, n, r, r2, rmse, skill, ubrmse
from motrain_app.skill.moments import Moments
from motrain_app.skill.registry import Metric, best_index, best_indices, get_metric, metric, metric_names
from motrain_app.skill.scores import Scores, score_outputs, unpack_scores
from motrain_app.skill.season import DAYS_PER_YEAR, day_of_year, season_harmonics
from motrain_app.skill.significance import adjusted_p, discoveries
from motrain_app.skill.summing import moments, moments_by_group
from motrain_app.skill.tables import score_frame, score_table

__all__ = [
    "DAYS_PER_YEAR",
    "MIN_BLOCKS",
    "BlockLength",
    "Blocks",
    "Climatology",
    "Coverage",
    "Intervals",
    "Metric",
    "Moments",
    "Scores",
    "adjusted_p",
    "best_index",
    "best_indices",
    "bias",
    "block_length",
    "bootstrap",
    "bootstrap_groups",
    "bootstrap_interval",
    "bootstrap_moments",
    "bootstrap_p",
    "calibrate_by_fold",
    "day_of_year",
    "discoveries",
    "fit_climatology",
    "get_metric",
    "group_blocks",
    "held_out_coverage",
    "influence",
    "judge_folds",
    "mae",
    "mae_difference",
    "metric",
    "metric_names",
    "moments",
    "moments_by_group",
    "mse_difference",
    "n",
    "r",
    "r2",
    "rmse",
    "rmse_change",
    "rmse_difference",
    "score_frame",
    "score_outputs",
    "score_table",
    "season_harmonics",
    "skill",
    "time_blocks",
    "ubrmse",
    "unpack_scores",
]
