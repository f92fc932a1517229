"""The check finds each silent trap in the values, counts it, and finds nothing in good data."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from motrain_app.data import DataError, Problem, check_dataset
from motrain_app.data.sentinels import find_sentinels
from motrain_app.data.value_scan import DISTINCT_KEPT, Limits, Tally, scan_variable, tally_block


def dataset(
    values: object, *, n_times: int | None = None, dtype: object = np.float64, **attributes: float
) -> xr.Dataset:
    """Canonical: cells by days from 2007 on."""
    array = np.asarray(values, dtype=dtype)
    cells = np.arange(array.shape[0])
    return xr.Dataset(
        {"TG1": (("space", "time"), array, attributes)},
        coords={
            "lat": ("space", 40.0 + cells),
            "lon": ("space", 5.0 + cells),
            "time": pd.date_range("2007-07-01", periods=n_times or array.shape[1]),
        },
    )


def good(n_cells: int = 4, n_times: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 280 + 10 * np.sin(np.arange(n_times) / 58) + rng.normal(size=(n_cells, n_times))


RANDOM = np.random.default_rng(0).random(4000)


def found(data: xr.Dataset) -> dict[str, Problem]:
    return {problem.code: problem for problem in check_dataset(data)}


def test_nothing_is_found_in_good_data() -> None:
    assert check_dataset(dataset(good())) == []


class TestSentinels:
    @pytest.mark.parametrize("value", [-999, -9999, -99.0, 999, 9999, 1e20, -1e30, 9.96921e36, 0.0, -32768])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_an_undeclared_sentinel_is_found_and_can_be_declared(self, value: float, dtype: object) -> None:
        values = good().astype(dtype)
        values[0, :7] = value
        problem = found(dataset(values, dtype=dtype))["undeclared_sentinel"]
        assert (problem.severity, problem.count) == ("warning", 7)
        assert problem.fix is not None
        assert np.asarray(problem.fix["value"], dtype=dtype) == values[0, 0]

    def test_two_sentinels_are_both_found(self) -> None:
        values = good()
        values[0, :3], values[1, :4] = -999, 1e20
        problems = [one for one in check_dataset(dataset(values)) if one.code == "undeclared_sentinel"]
        assert sorted(problem.count for problem in problems) == [3, 4]

    def test_a_sentinel_nobody_knows_is_found_when_repeated_and_far_away(self) -> None:
        values = good()
        values[2, 5:10] = -12345.678
        assert found(dataset(values))["undeclared_sentinel"].count == 5

    @pytest.mark.parametrize("value", [1e30, -3.7e12, 1e39])
    def test_one_value_that_would_decide_every_fit_is_found(self, value: float) -> None:
        values = good()
        values[1, 3] = value
        problem = found(dataset(values))["undeclared_sentinel"]
        assert problem.count == 1
        assert "occurs once, far outside all others" in problem.what

    @pytest.mark.parametrize(
        "absurd",
        [(1e7, -1e7), (1e7, 2e7), (1e20, 2e20, -3e19), (-1e8, -3e8, 1e8, 2e8), (1e30, 2e7, *[-12345.678] * 3)],
    )
    def test_absurd_values_do_not_hide_each_other_nor_a_sentinel(self, absurd: tuple[float, ...]) -> None:
        values = good()
        values[1, : len(absurd)] = absurd
        values[2, :3] = -999.0
        told = [one.fix["value"] for one in check_dataset(dataset(values)) if one.code == "undeclared_sentinel"]
        assert sorted(told) == sorted({*absurd, -999.0})

    @pytest.mark.parametrize("draw", ["lognormal", "cauchy", "rain", "signed"])
    def test_long_tails_are_no_sentinels(self, draw: str) -> None:
        for seed in range(200):
            random = np.random.default_rng(seed)
            normal = random.normal(size=2000)
            values = {
                "lognormal": np.exp(3 * normal),
                "cauchy": random.standard_cauchy(2000),
                "rain": np.where(random.random(2000) < 0.9, 0.0, np.abs(random.standard_cauchy(2000))).round(4),
                "signed": np.sign(normal) * np.exp(3 * np.abs(normal)),
            }[draw]
            assert find_sentinels(tally_block(values, Limits(), None)) == []

    def test_a_sentinel_in_whole_numbers_is_a_whole_number(self) -> None:
        values = (good() * 10).astype(np.int32)
        values[0, :7] = -9999
        problem = found(dataset(values, dtype=np.int32))["undeclared_sentinel"]
        assert problem.fix == {"code": "declare_missing", "variable": "TG1", "value": -9999}
        assert isinstance(problem.fix["value"], int)

    @pytest.mark.parametrize(
        "values",
        [
            pytest.param(np.where(good() > 285, 0.0, good() - 280), id="many zeros among values around zero"),
            pytest.param(np.maximum(good() - 288, 0), id="rain: mostly zero"),
            pytest.param((good() > 280).astype(float), id="a flag of 0 and 1"),
            pytest.param(np.clip(good(), 272, 288), id="clipped at both ends"),
            pytest.param(np.where(good() > 285, 200, np.where(good() > 280, 1, 2)), id="classes 1, 2 and 200"),
            pytest.param(good() * 999 / good().max(), id="999 as the greatest of all values"),
            pytest.param(np.where(good() == good().max(), 999, good()), id="999 once"),
            pytest.param(np.exp(np.random.default_rng(0).normal(size=(4, 400)) * 3), id="a long tail"),
        ],
    )
    def test_legitimate_values_are_no_sentinels(self, values: np.ndarray) -> None:
        assert "undeclared_sentinel" not in found(dataset(values))


class TestValues:
    def test_gaps_are_counted(self) -> None:
        values = good()
        values[0, :50] = np.nan
        problem = found(dataset(values))["gaps"]
        assert (problem.severity, problem.count) == ("note", 50)
        assert "3.1 %" in problem.what

    def test_a_variable_without_values_is_found(self) -> None:
        assert list(found(dataset(np.full((2, 400), np.nan)))) == ["all_missing"]

    @pytest.mark.parametrize("constant", [0.0, 7.5, -999.0])
    def test_a_constant_is_found(self, constant: float) -> None:
        assert found(dataset(np.full((2, 400), constant)))["constant_variable"].count == 800

    def test_infinities_are_counted_and_do_not_hide_the_rest(self) -> None:
        values = good()
        values[0, :3], values[0, 3] = np.inf, -np.inf
        values[1, :5] = -999
        problems = found(dataset(values))
        assert problems["infinite_values"].count == 4
        assert problems["undeclared_sentinel"].count == 5

    def test_small_variations_around_a_large_mean_are_found(self) -> None:
        assert "single_precision" in found(dataset(1e6 + good() / 100))
        assert "single_precision" not in found(dataset(1e6 + good() * 100))

    def test_values_outside_the_declared_range_are_counted(self) -> None:
        values = good()
        values[0, :6] = 400.0
        assert found(dataset(values, valid_min=200.0, valid_max=350.0))["outside_valid_range"].count == 6

    def test_overflown_packing_is_found(self) -> None:
        waves = 50000 * np.sin(np.arange(4000) / 50) + np.random.default_rng(0).normal(size=(2, 4000)) * 100
        problem = found(packed((waves + 32768) % 65536 - 32768))["packed_overflow"]
        assert problem.severity == "warning"

    @pytest.mark.parametrize(
        "integers",
        [
            pytest.param(np.arange(4000) * 997 % 65536 - 32768, id="a saw that falls"),
            pytest.param(np.arange(4000)[::-1] * 997 % 65536 - 32768, id="a saw that rises"),
            pytest.param(np.where(RANDOM > 0.5, 32767, -32767), id="a flag that uses the whole range"),
            pytest.param(np.where(RANDOM > 0.9, RANDOM * 65000 - 32767, -32767), id="rain that uses the whole range"),
            pytest.param((RANDOM - 0.5) * 30000, id="noise over less than half of the range"),
        ],
    )
    def test_legitimate_packed_values_are_no_overflow(self, integers: np.ndarray) -> None:
        assert "packed_overflow" not in found(packed(integers))


def packed(integers: np.ndarray) -> xr.Dataset:
    """A dataset whose values were stored as hundredths in 16 bits."""
    data = dataset(np.atleast_2d(integers) * 0.01)
    data["TG1"].encoding = {"packed_bits": 16, "packed_step": 0.01}
    return data


class TestCoordinates:
    def test_one_calendar_year_is_found(self) -> None:
        assert found(dataset(good(n_times=100)))["one_year"].severity == "warning"

    def test_exchanged_latitudes_and_longitudes_are_suspected(self) -> None:
        data = dataset(good()).assign_coords(lat=("space", [100.0, 110, 120, 130]), lon=("space", [10.0, 11, 12, 13]))
        assert found(data)["swapped_lat_lon"].severity == "error"

    def test_latitudes_beyond_the_poles_are_an_error(self) -> None:
        data = dataset(good()).assign_coords(lat=("space", [89.0, 90, 91, 92]), lon=("space", [100.0, 110, 120, 130]))
        assert (
            found(data)["latitude_out_of_range"].severity,
            found(data)["latitude_out_of_range"].count,
        ) == ("error", 2)

    def test_repeated_cells_are_counted(self) -> None:
        data = dataset(good()).assign_coords(lat=("space", [1.0, 1, 1, 2]), lon=("space", [3.0, 3, 4, 3]))
        assert found(data)["repeated_cells"].count == 1


def test_a_dataset_in_another_form_is_refused() -> None:
    with pytest.raises(DataError, match="open_dataset"):
        check_dataset(xr.Dataset({"T": ("x", [1.0])}))


class Counting:
    """An array that counts how often each of its values is read, and how many at once."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.reads, self.largest = values, np.zeros(values.shape, dtype=int), 0
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, key: object) -> np.ndarray:
        self.reads[key] += 1
        self.largest = max(self.largest, self.values[key].size)
        return self.values[key]


def test_each_value_is_read_once_and_never_all_at_once() -> None:
    source = Counting(good(40, 4000))
    data = dataset(np.zeros((40, 4000)))
    data["TG1"] = (
        ("space", "time"),
        da.from_array(source, chunks=(10, 400), asarray=False, meta=np.empty((0, 0))),
    )
    assert check_dataset(data) == []
    assert (source.reads == 1).all()
    assert source.largest == 4000


def test_progress_rises_to_the_number_of_bytes_and_can_stop_the_check() -> None:
    data = dataset(good(40, 4000)).chunk(space=1)
    reports: list[tuple[int, int]] = []
    check_dataset(data, progress=lambda done, total: reports.append((done, total)))
    assert reports == sorted(reports)
    assert reports[-1] == (data["TG1"].nbytes, data["TG1"].nbytes)
    assert [problem.code for problem in check_dataset(data, progress=lambda done, total: False)] == ["check_stopped"]


@given(
    parts=st.lists(
        st.lists(st.one_of(st.integers(-12, 12).map(float), st.just(np.nan), st.just(np.inf)), max_size=300),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None, max_examples=60)
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole(parts: list[list[float]]) -> None:
    total = Tally()
    for part in parts:
        total.add(tally_block(np.array(part, dtype=np.float64), Limits(-5, 5), None))
    values = np.array([value for part in parts for value in part], dtype=np.float64)
    finite = values[np.isfinite(values)]
    distinct, counts = np.unique(finite, return_counts=True)
    pairs = list(zip(distinct.tolist(), counts.tolist(), strict=True))
    assert list(total.lowest.items()) == pairs[:DISTINCT_KEPT]
    assert list(total.highest.items()) == pairs[::-1][:DISTINCT_KEPT]
    assert (total.count, total.missing) == (len(values), int(np.isnan(values).sum()))
    assert total.beyond == int((np.abs(finite) > 5).sum())
    if len(finite):
        assert total.mean == pytest.approx(finite.mean(), abs=1e-12)
        assert total.spread == pytest.approx(finite.std(), abs=1e-9)


@example(mean=999_999.97, spread=0.1, seed=0)
@given(mean=st.floats(-1e6, 1e6), spread=st.floats(0.1, 1e3), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_the_spread_of_single_precision_values_is_that_of_double_precision(
    mean: float, spread: float, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(mean, spread, 999).astype(np.float32)
    tally = tally_block(values, Limits(), None)
    assert tally.mean == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
    assert tally.spread == pytest.approx(values.astype(np.float64).std(), rel=1e-4)


@given(seed=st.integers(0, 100), frequent=st.floats(0, 0.99))
@settings(deadline=None, max_examples=30)
def test_the_ends_of_a_large_block_are_counted_exactly(seed: int, frequent: float) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(3000) < frequent, 0.0, np.round(rng.gamma(1, 5, 3000), 1)).astype(np.float32)
    tally, complete = scan_variable(xr.Variable("x", values))
    distinct, counts = np.unique(values, return_counts=True)
    assert complete
    assert list(tally.lowest.items()) == list(zip(distinct.tolist(), counts.tolist(), strict=True))[:DISTINCT_KEPT]
    assert (
        list(tally.highest.items()) == list(zip(distinct.tolist(), counts.tolist(), strict=True))[::-1][:DISTINCT_KEPT]
    )
