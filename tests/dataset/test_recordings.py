"""Recordings: what a file holds comes back, what was done is said, bad input is refused."""

import datetime
import json
import struct

import numpy as np
import pytest
import xarray as xr

import snnsurrogate as sns
from snnsurrogate import schema
from snnsurrogate.dataset import DatasetError

STEP = 5e-4
TIME = np.arange(4000) * STEP
WAVE = -60 + 3 * np.sin(2 * np.pi * 2 * TIME) + 60 * np.exp(-(((TIME % 0.25) - 0.1) ** 2) / 2e-5)


def write_text(path, header="time (s),V (mV)", rows=None, mark=","):
    rows = np.stack([TIME, WAVE], 1) if rows is None else rows
    body = "\n".join(mark.join(f"{x:.10g}" for x in row) for row in rows)
    path.write_text((header + "\n" if header else "") + body + "\n")
    return path


def write_abf(path, columns, names, units):
    """A gap-free ABF 1 file of float32 numbers."""
    head = bytearray(6144)

    def put(offset, form, *values):
        struct.pack_into("<" + form, head, offset, *values)

    n = len(names)
    put(0, "4s", b"ABF ")
    put(4, "f", 1.83)
    put(8, "h", 3)
    put(10, "i", columns.size)
    put(16, "i", 1)
    put(20, "i", 20200101)
    put(40, "i", 12)  # the data begin at block 12 of 512 bytes
    put(100, "h", 1)
    put(120, "h", n)
    put(122, "f", STEP * 1e6 / n)
    put(410, "16h", *range(n), *[-1] * (16 - n))
    for i in range(n):
        put(442 + 10 * i, "10s", names[i].encode().ljust(10))
        put(602 + 8 * i, "8s", units[i].encode().ljust(8))
    path.write_bytes(bytes(head) + columns.astype("<f4").tobytes())
    return path


def check(ds, values, *, rtol=1e-7, step="0.5 ms"):
    assert schema.violations(ds) == []
    assert ds.attrs["kind"] == ds.attrs["system"] == "recording"
    assert ds.attrs["record_every"] == step
    assert schema.states_of(ds) == ["V"]
    assert ds["V"].attrs["units"] == "mV"
    np.testing.assert_allclose(ds["V"].values[0], values, rtol=rtol)


@pytest.mark.parametrize(
    ("header", "mark", "options"),
    [
        ("time (s),V (mV)", ",", {}),
        ("t [s]\tV", "\t", {"unit": "mV"}),
        ("", ";", {"time": 0, "unit": "mV", "time_unit": "s"}),
        ("# a comment\n", " ", {"time": 0, "column": 1, "unit": "mV", "time_unit": "s"}),
    ],
)
def test_text_comes_back(tmp_path, header, mark, options):
    ds = sns.recording(write_text(tmp_path / "a.csv", header, mark=mark), **options)
    check(ds, WAVE)
    done = json.loads(ds.attrs["recording"])
    assert done["file"] == "a.csv"
    assert done["step"] == "0.0005 s"
    again = sns.open(sns.save(ds, tmp_path / "a.nc"))
    xr.testing.assert_equal(again, ds)


def test_text_with_decimal_commas_and_no_times(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(f"{v:.9g};0".replace(".", ",") for v in WAVE))
    check(sns.recording(path, column=0, unit="mV", step="0.5 ms"), WAVE)


def test_netcdf_comes_back_in_the_unit_asked_for(tmp_path):
    ds = xr.Dataset(
        {"soma": ("t", WAVE / 1e3, {"units": "V"}), "other": ("t", WAVE)},
        {"t": ("t", TIME * 1e3, {"units": "ms"})},
    )
    ds.to_netcdf(tmp_path / "a.nc")
    check(sns.recording(tmp_path / "a.nc", channel="soma", unit="mV"), WAVE)


def test_nwb_comes_back(tmp_path):
    pytest.importorskip("neo")
    pynwb = pytest.importorskip("pynwb")
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile("session", "id", now)
    file.add_acquisition(pynwb.TimeSeries(name="Vm", data=WAVE / 1e3, unit="V", rate=1 / STEP))
    file.add_acquisition(pynwb.TimeSeries(name="odd", data=WAVE, unit="mV", timestamps=TIME))
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    for channel in ("Vm", "odd"):
        check(sns.recording(tmp_path / "a.nwb", channel=channel, unit="mV"), WAVE)
    with pytest.raises(DatasetError, match=r"no signal 'vm'.* Did you mean 'Vm'"):
        sns.recording(tmp_path / "a.nwb", channel="vm")


def test_abf_comes_back(tmp_path):
    pytest.importorskip("neo")
    columns = np.stack([WAVE, 0 * WAVE + 5], 1)
    path = write_abf(tmp_path / "a.abf", columns, ("IN 0", "IN 1"), ("mV", "pA"))
    check(sns.recording(path, channel="IN 0"), WAVE, rtol=1e-6)
    with pytest.raises(DatasetError, match="constant"):
        sns.recording(path, channel="IN 1")
    with pytest.raises(DatasetError, match="holds 2 signals: 'IN 0', 'IN 1'. Choose one"):
        sns.recording(path)
    path.write_bytes(b"no")
    with pytest.raises(DatasetError, match="damaged or no ABF file"):
        sns.recording(path)


def test_objects_of_neo_and_their_sweeps():
    neo = pytest.importorskip("neo")
    sweeps = [neo.Segment() for _ in range(3)]
    for i, sweep in enumerate(sweeps):
        sweep.analogsignals.append(_signal(neo, WAVE + i))
    block = neo.Block()
    block.segments.extend(sweeps)
    check(sns.recording(block, segment=2), WAVE + 2)
    with pytest.raises(DatasetError, match="3 segments"):
        sns.recording(block)
    check(sns.recording(sweeps[0].analogsignals[0]), WAVE)


def _signal(neo, values):
    import quantities as pq

    return neo.AnalogSignal(values[:, None], units="mV", sampling_period=STEP * pq.s, name="Vm")


def test_a_simulation_keeps_its_parameters_and_system(toy):
    ds = toy(V_S=(-44.0, -36.0), records=400)
    kept = sns.recording(ds, channel="V", resample="20 ms")
    assert kept.attrs["system"] == "toy"
    assert kept.attrs["kind"] == "simulation"
    assert kept["V_S"].values.tolist() == [-44, -36]
    assert schema.states_of(kept) == ["V"]
    assert json.loads(kept.attrs["spike_rule"])["state"] == "V"
    assert kept.attrs["record_every"] == "0.02 s"
    with pytest.raises(DatasetError, match="holds 2 signals: 'V', 'n'"):
        sns.recording(ds)


def test_resampling_takes_out_what_the_new_step_cannot_hold(tmp_path):
    slow, fast = np.sin(2 * np.pi * 5 * TIME), np.sin(2 * np.pi * 790 * TIME)
    path = write_text(tmp_path / "a.csv", rows=np.stack([TIME, -60 + slow + fast], 1))
    ds = sns.recording(path, resample="2.5 ms")
    assert ds.sizes["time"] == 800
    got = ds["V"].values[0]
    # plain decimation would fold 790 Hz to 10 Hz with its full amplitude
    expected = -60 + np.sin(2 * np.pi * 5 * ds["time"].values)
    assert abs(got - expected)[20:-20].max() < 0.01
    assert json.loads(ds.attrs["recording"])["resample"]["down"] == 5


def test_detrending_keeps_the_level(tmp_path):
    path = write_text(tmp_path / "a.csv", rows=np.stack([TIME, WAVE + 4 * TIME], 1))
    ds = sns.recording(path, detrend="linear")
    assert float(ds["V"].mean()) == pytest.approx(np.mean(WAVE + 4 * TIME))
    assert abs(np.polyfit(TIME, ds["V"].values[0], 1)[0]) < 1e-9
    slow = sns.recording(path, detrend="500 ms")["V"].values[0]
    assert abs(np.polyfit(TIME, slow, 1)[0]) < 0.5
    assert json.loads(ds.attrs["recording"])["detrend"] == {"how": "linear"}


def test_spikes_and_known_parameters(tmp_path):
    path = write_text(tmp_path / "a.csv")
    ds = sns.recording(path, threshold="-30 mV", parameters={"V_S": "-36 mV", "dose": 2})
    np.testing.assert_allclose(np.diff(ds["spike_time"].values), 250, rtol=0.02)
    assert float(ds["V_S"][0]) == -36
    assert ds["V_S"].attrs["units"] == "mV"
    assert ds["dose"].attrs["units"] == "1"
    with pytest.raises(DatasetError, match=r"misses the spikes. Take a step of at most 0.00\d+ s"):
        sns.recording(path, threshold="-30 mV", resample="15 ms")


def test_a_gap_can_be_cut_out(tmp_path):
    rows = np.stack([TIME, WAVE], 1)
    path = write_text(tmp_path / "a.csv", rows=np.delete(rows, slice(100, 150), 0))
    with pytest.raises(DatasetError, match=r"1 gap; the first is from 0.0495 to 0.075 s"):
        sns.recording(path)
    check(sns.recording(path, start="75 ms", stop="1 s"), WAVE[150:2001])


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (np.stack([TIME, WAVE], 1)[:50], {}, "50 points; a recording needs 100"),
        (np.stack([TIME, 0 * WAVE], 1), {}, "constant"),
        (np.stack([TIME, np.where(np.arange(4000) == 7, np.nan, WAVE)], 1), {}, "first at point 7"),
        (np.stack([TIME**1.1, WAVE], 1), {}, "not sampled uniformly"),
        (np.stack([TIME[::-1], WAVE], 1), {}, "do not rise at row 1"),
        (None, {"column": "v"}, "no signal 'v'; it has 'V'. Did you mean 'V'"),
        (None, {"unit": "nA"}, "expected a unit of the dimension of 'nA'"),
        (None, {"resample": "0.1 ms"}, "finer than the record"),
        (None, {"resample": "1.23456789 ms"}, "no ratio of integers"),
        (None, {"threshold": 100}, "a threshold within the record"),
        (None, {"start": "5 s"}, "it ends at 1.9995 s"),
        (None, {"detrend": "1 ms"}, "a window of 2 points"),
    ],
)
def test_what_cannot_be_used_is_refused_with_reason(tmp_path, rows, options, message):
    path = write_text(tmp_path / "a.csv", rows=rows)
    with pytest.raises(DatasetError, match=message):
        sns.recording(path, **options)


def test_arguments_are_checked(tmp_path):
    path = write_text(tmp_path / "a.csv", "time,V")
    with pytest.raises(DatasetError, match="states no unit of its times"):
        sns.recording(path)
    with pytest.raises(DatasetError, match="states no unit of 'V'; give it, e.g. unit='mV'"):
        sns.recording(path, time_unit="s")
    with pytest.raises(ValueError, match="channel='V' is not for a text file, which takes column"):
        sns.recording(path, channel="V")
    with pytest.raises(ValueError, match="detrend='liner'.* Did you mean 'linear'"):
        sns.recording(path, time_unit="s", unit="mV", detrend="liner")
    with pytest.raises(FileNotFoundError, match="no file"):
        sns.recording(tmp_path / "b.csv")
    with pytest.raises(DatasetError, match="has no column 'time'; its columns are 'x', 'V'"):
        sns.recording(write_text(tmp_path / "c.csv", "x,V"))
    path = tmp_path / "d.wav"
    path.write_text("")
    with pytest.raises(DatasetError, match=r"ends in '.wav'; expected one of .csv"):
        sns.recording(path)
