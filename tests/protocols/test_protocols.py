"""Protocols as functions of time: known values, samples, noise, text and bad input."""

import json

import numpy as np
import pytest

from snnsurrogate import protocols

UNIT = "uA/cm**2"


def values(protocol, time_step="0.5 ms", n_steps=8, **more):
    return protocol.values(time_step, n_steps, unit=UNIT, **more)


def line(protocol, **more):
    return values(protocol, **more)[0].tolist()


def test_shapes_have_their_closed_forms():
    assert line(protocols.constant(2)) == [2] * 9
    assert line(protocols.step(3, start="1 ms")) == [0, 0] + [3] * 7
    assert line(protocols.step(3, start="1 ms", duration="1 ms")) == [0, 0, 3, 3, 0, 0, 0, 0, 0]
    ramp = protocols.ramp(-1, 3, start="1 ms", duration="2 ms")
    assert line(ramp) == [0, 0, -1, 0, 1, 2, 0, 0, 0]
    assert line(ramp, n_steps=6)[-1] == 3, "the last point is the value before it"
    train = protocols.pulse_train(4, width="0.5 ms", period="1.5 ms", count=2, start="0.5 ms")
    assert line(train) == [0, 4, 0, 0, 4, 0, 0, 0, 0]
    assert line(protocols.release(-5, duration="2 ms")) == [-5] * 4 + [0] * 5


def test_sums_multiples_and_sequences():
    step = protocols.step(3, duration="1 ms")
    assert line(step + protocols.constant(1)) == [4, 4] + [1] * 7
    assert line(2 * step - protocols.constant(1)) == [5, 5] + [-1] * 7
    assert line(-step) == [-3, -3] + [0] * 7
    # Each part of a sequence has a clock of its own.
    later = protocols.step(1, start="0.5 ms", duration="1 ms")
    assert line(step.then(later).then(later), n_steps=9)[:9] == [3, 3, 0, 1, 1, 0, 1, 1, 0]
    with pytest.raises(ValueError, match="has no end, so nothing can follow it; give it a dur"):
        values(protocols.constant(1).then(step))


def test_before_time_zero_only_a_constant_flows():
    both = protocols.constant(2) + protocols.step(3)
    drive = both.drive()
    assert drive.values("1 ms", 3, unit=UNIT, first=-2).tolist() == [[2, 2, 5, 5]]


def test_units_are_converted():
    step = protocols.step("0.02 A/m**2", start="0.001 s")
    assert line(step, n_steps=2) == [0, 0, 0]
    assert line(step, n_steps=3)[-1] == pytest.approx(2)
    numbers = protocols.array(np.arange(4.0), "0.5 ms", rule="hold")
    assert line(2 * numbers, n_steps=3) == [0, 2, 4, 4]
    brian2 = pytest.importorskip("brian2")
    wide = protocols.array(np.arange(4) * brian2.uA / brian2.cm**2, "0.5 ms", rule="hold")
    np.testing.assert_allclose(line(wide, n_steps=4), [0, 1, 2, 3, 3])
    assert line(protocols.step(3 * brian2.amp / brian2.meter**2))[0] == pytest.approx(300)


def test_segments_are_exact_whatever_the_step():
    protocol = (
        protocols.ramp(0, 8, start="1 ms", duration="4 ms")
        + protocols.step(3, start="2 ms")
        + protocols.array([0.0, 1.0, -1.0, 2.0, 0.5], "1.5 ms", rule="linear")
    )
    fine_start, fine_stop = protocol.segments("0.1 ms", 60, unit=UNIT)
    start, stop = protocol.segments("0.5 ms", 12, unit=UNIT)
    np.testing.assert_allclose(start, fine_start[:, ::5], atol=1e-12)
    np.testing.assert_allclose(stop, fine_stop[:, 4::5], atol=1e-12)
    assert protocol.rule == "linear"
    # Only at the onset of the ramp (no jump) and of the step does a step not begin where it ended.
    assert np.flatnonzero(np.abs(start[0, 1:] - stop[0, :-1]) > 1e-12).tolist() == [3, 9]


def test_hold_and_linear_read_the_same_numbers_differently():
    numbers = [0.0, 4.0, 2.0]
    hold = protocols.array(numbers, "1 ms", rule="hold")
    linear = protocols.array(numbers, "1 ms", rule="linear")
    assert line(hold, n_steps=6) == [0, 0, 4, 4, 2, 2, 2]
    assert line(linear, n_steps=4) == [0, 2, 4, 3, 2]
    start, stop = hold.segments("0.5 ms", 4, unit=UNIT)
    np.testing.assert_array_equal(start, stop)
    start, stop = linear.segments("0.5 ms", 4, unit=UNIT)
    assert stop.tolist() == [[2, 4, 3, 2]]


def test_chirp_is_a_sine_of_rising_frequency():
    chirp = protocols.chirp(2, low="10 Hz", high="50 Hz", duration="1 s", step="0.1 ms")
    t = np.arange(10001) * 1e-4
    exact = 2 * np.sin(2 * np.pi * (10 * t + 20 * t**2))
    np.testing.assert_allclose(values(chirp, "0.1 ms", 10000)[0], exact, atol=1e-9)
    middle = 2 * np.sin(2 * np.pi * (10 * (t + 5e-5) + 20 * (t + 5e-5) ** 2))
    between = values(chirp, "0.05 ms", 20000)[0, 1::2]
    bound = 2 * (2 * np.pi * 50 * 1e-4) ** 2 / 8
    assert 0.5 * bound < np.abs(between - middle[:-1]).max() < bound
    with pytest.raises(ValueError, match="under 4 per period; give a shorter step, at most 2.5 ms"):
        values(protocols.chirp(1, low="1 Hz", high="100 Hz", duration="1 s", step="5 ms"))


def test_noise_has_its_mean_deviation_and_correlation():
    noise = protocols.ou(mean=5, sd=2, tau="4 ms", step="0.5 ms")
    x = values(noise, "0.5 ms", 20000, n_samples=20, seed=3)[:, :-1]
    # 10 s of a process with a correlation time of 4 ms: 1250 independent values per sample.
    assert x.mean() == pytest.approx(5, abs=4 * 2 / np.sqrt(1250 * 20))
    assert x.std() == pytest.approx(2, rel=0.02)
    assert values(noise, n_samples=4000, seed=1)[:, 0].std() == pytest.approx(2, rel=0.05)
    for lag in (1, 8, 16):
        c = np.mean((x[:, lag:] - 5) * (x[:, :-lag] - 5)) / 4
        assert c == pytest.approx(np.exp(-lag * 0.5 / 4), abs=0.02)
    between = values(noise, "0.25 ms", 20000, n_samples=20, seed=3)[:, 1::2]
    assert between.std() == pytest.approx(2 * np.sqrt((1 + np.exp(-1 / 8)) / 2), rel=0.02)


def test_noise_depends_on_seed_and_time_only():
    noise = protocols.ou(mean=0, sd=1, tau="4 ms", step="0.5 ms")
    whole = values(noise, "0.5 ms", 20000, n_samples=3, seed=7)
    np.testing.assert_array_equal(
        whole[:, :200], values(noise, "0.5 ms", 200, n_samples=3, seed=7)[:, :200]
    )
    drive = noise.drive(3, seed=7)
    np.testing.assert_array_equal(
        drive.values("0.5 ms", 20, unit=UNIT, first=19000), np.r_["1", whole[:, 19000:19021]]
    )
    np.testing.assert_array_equal(
        drive.values("0.5 ms", 20, unit=UNIT, first=10)[:, :-1], whole[:, 10:30]
    )
    fine = values(noise, "0.1 ms", 500, n_samples=3, seed=7)
    np.testing.assert_allclose(fine[:, :-1:5], whole[:, :100], atol=1e-12)
    seeds = protocols.seeds(7, 3)
    np.testing.assert_array_equal(
        noise.drive(seed=seeds[1:]).values("0.5 ms", 50, unit=UNIT)[0, :50], whole[1, :50]
    )
    assert np.unique(whole[:, 5]).size == 3, "noise of each sample its own"
    frozen = protocols.ou(mean=0, sd=1, tau="4 ms", seed=3)
    assert np.ptp(values(frozen, n_samples=3, seed=7), axis=0).max() == 0
    two = values(noise + noise, n_samples=1) - 2 * values(noise, n_samples=1)
    assert np.abs(two).max() > 0.1, "two terms are two noises"


def test_values_per_sample_become_columns():
    protocol = protocols.step([1.0, 2.0], start=["1 ms", "2 ms"]) + protocols.constant([5.0, 6.0])
    assert protocol.samples == 2
    drive = protocol.drive()
    assert drive.protocol.columns == ("amplitude", "start", "amplitude_2")
    assert drive.units(UNIT) == {"amplitude": UNIT, "start": "ms", "amplitude_2": UNIT}
    expected = [[5, 6, 6, 6], [6, 6, 8, 8]]
    assert drive.values("1 ms", 3, unit=UNIT).tolist() == expected
    again = protocols.from_json(drive.json).drive(seed=drive.seeds, columns=drive.columns)
    assert again.values("1 ms", 3, unit=UNIT).tolist() == expected
    assert drive.select([1]).values("1 ms", 3, unit=UNIT).tolist() == expected[1:]
    two = protocols.step("amplitude", start="onset").drive(
        columns={"amplitude": [1.0, 2.0], "onset": [0.001, 0.002]}, time_unit="s"
    )
    assert two.values("1 ms", 3, unit=UNIT).tolist() == [[0, 1, 1, 1], [0, 0, 2, 2]]


def test_a_list_is_one_protocol_per_sample():
    step, noise = protocols.step(3), protocols.ou(mean=0, sd=1, tau="2 ms")
    drive = protocols.read([step, noise, noise], 3, seed=4)
    found = drive.values("0.1 ms", 20, unit=UNIT)
    assert (found[0] == 3).all()
    assert (found[1] != found[2]).any()
    assert drive.columns["protocol"].tolist() == [0, 1, 2]
    part = drive.select([2, 0]).values("0.1 ms", 20, unit=UNIT)
    np.testing.assert_array_equal(part, found[[2, 0]])
    rows = protocols.array([[1.0, 2.0], [3.0, 4.0]], "1 ms", rule="hold")
    assert values(rows, "1 ms", 2)[:, :2].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="values for \\[3\\] samples; expected 2"):
        protocols.read([step, noise, noise], 2)
    with pytest.raises(TypeError, match="entry 1 of the list"):
        protocols.read([step, 3.0], 2)
    with pytest.raises(ValueError, match="whole numbers from 0 to 0, positions in the list"):
        values(protocols.each([step], which=[1.0]))


EVERY = {
    "constant": protocols.constant("0.02 A/m**2"),
    "step": protocols.step(1, start="1 ms", duration="2 ms"),
    "ramp": protocols.ramp(0, 5, duration="2 ms"),
    "pulse_train": protocols.pulse_train(3, width="0.5 ms", period="1 ms", count=3),
    "ou": protocols.ou(mean=1, sd=2, tau="5 ms", step="0.5 ms", rule="hold", duration="3 ms"),
    "chirp": protocols.chirp(2, low="1 Hz", high="200 Hz", duration="4 ms", step="0.5 ms"),
    "array": protocols.array([0.1, 1 / 3, np.pi], "1 ms", rule="linear", start="0.5 ms"),
    "sum": protocols.step(1) + protocols.ou(mean=0, sd=1, tau="2 ms", step="0.5 ms"),
    "scale": protocols.step("amplitude") * 2.5,
    "then": protocols.release(-3, duration="2 ms"),
    "each": protocols.each([protocols.step(1), protocols.step(2)], which="which"),
}


def test_one_line_of_text_is_a_protocol():
    text = "2 * step(10, start='5 ms') - protocols.constant(-1.5)"
    assert protocols.parse(text) == 2 * protocols.step(10, start="5 ms") - protocols.constant(-1.5)
    text = "release(amplitude='low', duration='9 ms').then(ou(mean=0, sd=1, tau='5 ms'))"
    expected = protocols.release("low", duration="9 ms").then(
        protocols.ou(mean=0, sd=1, tau="5 ms")
    )
    assert protocols.parse(text) == expected
    assert protocols.parse(expected.to_json()) == expected
    for wrong, message in (
        ("stepp(1)", "no protocol 'stepp'.*Did you mean 'step'"),
        ("step(1", "is no protocol"),
        ("step(1).open('x')", "no protocol"),
        ("__import__('os')", "no protocol"),
        ("step(amplitude=1, stop='1 ms')", "unexpected keyword argument 'stop'"),
        ("ramp(1, 2)", "duration"),
        ("step(x)", "cannot read 'x'"),
        ("5", "is no protocol"),
        ("step(1) * step(2)", "factor"),
    ):
        with pytest.raises(ValueError, match=message):
            protocols.parse(wrong)


def test_every_kind_is_here():
    from snnsurrogate.protocols._base import KINDS

    assert set(EVERY) == set(KINDS)


@pytest.mark.parametrize("kind", EVERY)
def test_text_makes_the_same_protocol_again(kind):
    protocol = EVERY[kind]
    again = protocols.from_json(protocol.to_json())
    assert again == protocol
    assert protocols.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol
    columns = {"amplitude": [2.0, 3.0], "which": [1.0, 0.0]}
    given = {"seed": 2, "n_samples": 2, "columns": columns}
    np.testing.assert_array_equal(values(again, **given), values(protocol, **given))


@pytest.mark.parametrize("kind", EVERY)
def test_pieces_are_the_segments(kind):
    """What the simulator is sent, against what the definition says, in one piece and in two."""
    drive = EVERY[kind].drive(3, columns={"amplitude": [2.0, 3.0, 4.0], "which": [1.0, 0.0, 1.0]})
    start, stop = drive.segments("0.25 ms", 24, unit=UNIT, first=-4)
    for spans in ([(-4, 20)], [(-4, 7), (7, 20)]):
        for first, last in spans:
            events = drive.events("0.25 ms", first, last, unit=UNIT)
            assert events.steps[0] == first
            steps = np.arange(first, last)
            at = np.searchsorted(events.steps, steps, side="right") - 1
            value, slope = events.value[at].T, events.slope[at].T
            here = value + slope * (steps - events.since[at].T)
            inside = slice(first + 4, last + 4)
            np.testing.assert_allclose(here, start[:, inside], atol=1e-12)
            np.testing.assert_allclose(here + slope, stop[:, inside], atol=1e-12)


def test_pieces_of_a_sample_do_not_depend_on_the_others():
    protocol = protocols.ramp(0, 3, start="start", duration="4 ms") + protocols.constant(0.1)
    drive = protocol.drive(columns={"start": [0.25, 1.0, 2.5]})
    many, one = (d.events("0.25 ms", -4, 30, unit=UNIT) for d in (drive, drive.select([1])))
    steps = np.arange(-4, 30)
    rows = [np.searchsorted(e.steps, steps, side="right") - 1 for e in (many, one)]
    for name in ("value", "slope", "since"):
        all_of, alone = getattr(many, name)[rows[0], 1], getattr(one, name)[rows[1], 0]
        np.testing.assert_array_equal(all_of, alone)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: protocols.step(1, start=5), ValueError, 'start of step=5 has no unit; write "5'),
        (lambda: protocols.step(1, start="-5 ms"), ValueError, "expected a time of at least 0"),
        (lambda: protocols.step(1, start="5 mV"), ValueError, "unit of the dimension of 'ms'"),
        (lambda: protocols.step(np.nan), ValueError, "expected a finite value"),
        (lambda: values(protocols.step("5 mV")), ValueError, "dimension of 'uA/cm"),
        (lambda: protocols.array([1.0, np.nan], "1 ms", rule="hold"), ValueError,
         r"is nan at position 1 \(1 such numbers\); fill or cut the gap"),
        (lambda: protocols.array([1.0], "1 ms", rule="hold"), ValueError, "at least two numbers"),
        (lambda: protocols.array([1, 2], "1 ms", rule="cubic"), ValueError, "'hold' .* 'linear'"),
        (lambda: protocols.array([1, 2], "1 ms"), TypeError, "rule"),
        (lambda: protocols.array([1, 2], 1.0, rule="hold"), ValueError, "step of array=1 has no"),
        (lambda: protocols.ou(mean=0, sd=1, tau="0 ms").values("1 ms", 1, unit="1"), ValueError,
         "expected tau > 0"),
        (lambda: protocols.pulse_train(1, width="2 ms", period="1 ms", count=2).values("1 ms", 1,
         unit="1"), ValueError, "a period longer than the pulse"),
        (lambda: protocols.step(1) + 2, TypeError, r"protocols\.constant\(2\)"),
        (lambda: values(protocols.step("amp"), columns={"amps": [1.0]}), ValueError,
         "column 'amp', which is not given; columns are: none"),
        (lambda: protocols.step("a", start="a").columns, ValueError, "is used as amplitude and"
         "|reads the column"),
        (lambda: protocols.from_dict({"kind": "stepp"}), ValueError, "Did you mean 'step'"),
        (lambda: protocols.from_dict({"kind": "constant", "amplitud": 1}), ValueError,
         "no field .*Did you mean 'amplitude'"),
        (lambda: protocols.from_json("no"), ValueError, "is no protocol"),
        (lambda: protocols.read(3.0, 1), TypeError, "expected a protocol such as"),
        (lambda: protocols.seeds(-1, 2), ValueError, "at least 0"),
        (lambda: protocols.step(1).drive(2, seed=[1, 2, 3]), ValueError, "values for"),
    ],
)  # fmt: skip
def test_bad_input_is_said_plainly(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_edge_inside_a_step_is_refused():
    protocol = protocols.step(1, start="10.01 ms")
    protocol.values("1 ms", 20, unit=UNIT)  # looking is allowed at any step
    with pytest.raises(ValueError, match=r"10\.01 ms, which is no multiple of the step 0\.025 ms"):
        protocol.segments("0.025 ms", 10, unit=UNIT)
    noise = protocols.ou(mean=0, sd=1, tau="5 ms", step="0.1 ms")
    with pytest.raises(ValueError, match=r"step of ou is 0\.1 ms.*step that divides 0\.1 ms"):
        noise.segments("0.25 ms", 10, unit=UNIT)


def check(protocol, duration="100 ms", low=-20, high=200):
    protocol.drive(1).check(duration, unit=UNIT, low=low, high=high, what="I")


def test_protocols_are_compared_with_the_record():
    check(protocols.step(10, start="10 ms"))
    with pytest.raises(ValueError, match="begins at 100 ms, but the record lasts 100 ms"):
        check(protocols.step(1) + protocols.step(1, start="100 ms"))
    late = protocols.release(-5, duration="150 ms")
    with pytest.raises(ValueError, match="begins at 150 ms"):
        check(late)
    with pytest.warns(UserWarning, match="ends before the protocol, which lasts 120 ms"):
        check(protocols.step(1, duration="120 ms"))
    short = protocols.array(np.ones(81), "1 ms", rule="linear")
    with pytest.raises(ValueError, match="recorded current ends at 80 ms.*say what follows it"):
        check(short)
    check(short, "80 ms")
    check(short.then(protocols.step(0)))
    with pytest.warns(
        UserWarning, match=r"\[0, 250\] uA/cm\*\*2, outside its declared range \[-20"
    ):
        check(protocols.ramp(0, 250, duration="50 ms"))
    with pytest.warns(UserWarning, match=r"over \[-30, 0\]"):
        check(protocols.pulse_train(-30, width="1 ms", period="5 ms", count=3, start="20 ms"))


def test_seeds_are_those_of_a_sweep():
    expected = np.random.SeedSequence(5).generate_state(4)
    np.testing.assert_array_equal(protocols.seeds(5, 4), expected)
