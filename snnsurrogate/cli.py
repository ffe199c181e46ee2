"""The command line: each command parses, calls the public Python API, and prints."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from snnsurrogate import _output

app = typer.Typer(
    name="snnsurrogate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Learned surrogates of spiking neurons, judged by their regimes and bifurcations.

One line of work, each step usable alone:

system → simulate → dataset → fit → surrogate → evaluate → scores → report → page

Begin with `snnsurrogate systems`, or run everything at once:

`snnsurrogate study bursting-map --preset quick --out runs/bursting-map`
""",
)
Out = Annotated[Path, typer.Option("--out", "-o", help="File (or folder) to write.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same result.")]


@app.callback()
def _options(
    use: Annotated[
        list[Path] | None,
        typer.Option(help="Python file with a system of your own, registered before the command."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the full traceback of an error.")
    ] = False,
) -> None:
    """Register the user's own systems; --debug itself is read by main()."""
    import snnsurrogate as sns

    for path in use or ():
        sns.systems.register(path)


@app.command()
def systems(
    name: Annotated[str | None, typer.Argument(help="A system, or nothing for the list.")] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The whole catalogue as a Markdown page.")
    ] = False,
) -> None:
    """List the systems, or show one: equations, parameters with units and ranges, step, source.

    `snnsurrogate systems`   `snnsurrogate systems sherman`
    """
    import snnsurrogate as sns

    if markdown:
        from snnsurrogate import _catalogue

        sys.stdout.write(_catalogue.markdown())
        return
    if name is not None:
        sys.stdout.write(sns.systems.get(name).describe() + "\n")
        return
    cells = _output.table("neuron", "states", "what")
    for known in sns.systems.names("neuron"):
        system = sns.systems.get(known)
        cells.add_row(known, ", ".join(system.state_names), system.title)
    _output.show(cells)
    networks = _output.table("network", "presets (name:preset)", "what")
    for known in sns.systems.names("network"):
        network = sns.systems.get(known)
        networks.add_row(known, ", ".join(network.presets), network.title)
    _output.show(networks)


@app.command()
def simulate(
    system: Annotated[str, typer.Argument(help="Name of a system, or a .py file with your own.")],
    duration: Annotated[str, typer.Option(help='Length of the record, with unit: "20 s".')],
    record_every: Annotated[str, typer.Option(help='Recording step: "10 ms".')],
    out: Out,
    transient: Annotated[str, typer.Option(help="Run before the record, not kept.")] = "0 s",
    grid: Annotated[
        list[str] | None,
        typer.Option(help="`V_S=-44:-33:221` or `V_S=-44,-40`; again for another axis."),
    ] = None,
    sobol: Annotated[list[str] | None, typer.Option(help="`V_S=-44:-33`, with -n.")] = None,
    lhs: Annotated[list[str] | None, typer.Option(help="`V_S=-44:-33`, with -n.")] = None,
    points: Annotated[
        Path | None,
        typer.Option(help="CSV: a header of parameter names (initial_V for states), a row each."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="Number of Sobol or LHS points.")
    ] = None,
    initial: Annotated[
        list[str] | None, typer.Option(help="`V=-65:-20` draws from a box, `V=-50` is fixed.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="`tau_S=20`: another value of a parameter.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Samples per parameter point.")] = 1,
    dt: Annotated[str | None, typer.Option(help="Integration step; default: the system's.")] = None,
    engine: Annotated[
        str, typer.Option(help="`brian2`; for `markov-if` also `exact`, event by event.")
    ] = "brian2",
    record: Annotated[
        list[str] | None,
        typer.Option(help="Of a network: `spikes`, `histograms` or `none`; default: all it has."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Of a neuron's input: `step(10, start='5 ms')`.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Simulate a system over a design of parameter points and write a netCDF dataset.

    `snnsurrogate simulate sherman --sobol V_S=-44:-33 -n 600 --duration "20 s"
    --record-every "10 ms" --out train.nc`

    The sweep is stored in shards beside the file while it runs: the same command again goes on
    where it was interrupted.
    """
    from snnsurrogate import _options
    from snnsurrogate.simulate import simulate as run

    file = _options.netcdf(out)
    chosen = _system(system, _options.settings(set_))
    plan = _options.design(
        grid=grid, sobol=sobol, lhs=lhs, points=points, initial=initial, n=n, repeats=repeats,
        seed=seed,
    )  # fmt: skip
    dataset = run(
        chosen,
        plan,
        duration=duration,
        record_every=record_every,
        transient=transient,
        protocol=_options.protocol(protocol),
        engine=engine,
        record=None if not record else [name for name in record if name != "none"],
        seed=seed,
        dt=dt,
        out=file,
    )
    _output.summary(dataset)
    _output.show(f"wrote {file}")


def _system(name: str, parameters: dict[str, Any]) -> Any:
    import snnsurrogate as sns

    if name.endswith(".py"):
        return sns.systems.register(Path(name)).with_parameters(**parameters)
    return sns.systems.get(name, **parameters)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Datasets (.nc).")],
) -> None:
    """Check that files are valid datasets; names every violation, exit status 1 if there is one.

    `snnsurrogate check train.nc`
    """
    import snnsurrogate as sns

    bad = 0
    for path in files:
        violations = sns.check(path)
        _output.show(f"{path}: {'ok' if not violations else f'{len(violations)} violations'}")
        for line in violations:
            _output.show(f"  - {line}")
        bad += bool(violations)
    raise typer.Exit(1 if bad else 0)


@app.command()
def fit(
    model: Annotated[str, typer.Argument(help="Kind of surrogate, e.g. recurrent-map.")],
    train: Annotated[Path, typer.Argument(help="Training dataset (.nc).")],
    out: Out,
    budget: Annotated[str | None, typer.Option(help='Cap on the training time: "2 min".')] = None,
    validation: Annotated[Path | None, typer.Option(help="Dataset held out.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the model: `hidden=[64,64]`.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Train a surrogate on a dataset; writes a folder of weights and a card.

    `snnsurrogate fit recurrent-map train.nc --budget "2 min" --out surrogate`
    """
    import snnsurrogate as sns
    from snnsurrogate import _options
    from snnsurrogate.surrogate import fit as learn

    chosen = sns.models.get(model, **_options.settings(set_))
    _options.no_input(out, train, validation)
    held = sns.open(validation) if validation else None
    data = sns.open(train)
    learn(chosen, data, validation=held, budget=budget, seed=seed, out=out)
    _output.show(f"wrote {out}")


@app.command()
def rollout(
    surrogate: Annotated[str, typer.Argument(help="Folder, or name of a shipped surrogate.")],
    initial_from: Annotated[
        Path, typer.Option(help="Dataset whose first states and parameters to start from.")
    ],
    out: Out,
    duration: Annotated[str | None, typer.Option(help="Default: as long as that dataset.")] = None,
    seed: Seed = 0,
) -> None:
    """Run a surrogate from the states in which a dataset begins; writes a dataset.

    Samples of that dataset that are not ok are left out; what drove it drives the surrogate. A
    surrogate of a network starts in its own stationary regime instead.

    `snnsurrogate rollout bursting-map --initial-from truth.nc --out prediction.nc`
    """
    import snnsurrogate as sns
    from snnsurrogate import _options, schema

    file = _options.netcdf(out)
    _options.no_input(file, initial_from)
    loaded = sns.load(surrogate)
    truth = _usable(sns.open(initial_from), initial_from)
    first = truth.isel(time=0)
    initial = {name: first[name].values for name in schema.states_of(truth)} or None
    parameters = {name: truth[name].values for name in schema.parameters_of(truth)}
    protocol = sns.protocols.of(truth) if truth.attrs["protocol"] else None
    dataset = loaded.rollout(
        initial, parameters, duration or str(truth.attrs["duration"]), protocol=protocol, seed=seed
    )
    sns.save(dataset, file)
    _output.summary(dataset)
    _output.show(f"wrote {file}")


def _usable(dataset: Any, path: Path) -> Any:
    """Return the samples that are ok, with a warning if some are not."""
    from snnsurrogate import schema

    ok = schema.ok(dataset)
    if not ok.any():
        msg = f"none of the {ok.size} samples of {path} is ok; there is no state to start from"
        raise ValueError(msg)
    if not ok.all():
        left_out = f"{(~ok).sum()} of {ok.size} samples of {path} are not ok and are left out"
        warnings.warn(left_out, stacklevel=2)
        return schema.select(dataset, ok)
    return dataset


@app.command()
def evaluate(
    truth: Annotated[Path, typer.Argument(help="Dataset of the truth, not seen in training.")],
    prediction: Annotated[str, typer.Argument(help="Surrogate (folder or name) or dataset (.nc).")],
    out: Out,
    twin: Annotated[
        Path | None, typer.Option(help="The truth again (other seed, half step): gives floors.")
    ] = None,
) -> None:
    """Score a surrogate, or its prediction, against the truth; writes scores and their JSON.

    `snnsurrogate evaluate test.nc surrogate --twin twin.nc --out scores.nc`
    """
    import snnsurrogate as sns
    from snnsurrogate import _options
    from snnsurrogate.evaluate import evaluate as score

    file = _options.netcdf(out)
    flat = file.with_suffix(".json")
    for written in (file, flat):
        _options.no_input(written, truth, prediction, twin)
    other = sns.open(prediction) if prediction.endswith(".nc") else sns.load(prediction)
    scores = score(sns.open(truth), other, twin=sns.open(twin) if twin else None)
    sns.save_scores(scores, file)
    table = sns.to_json(scores)
    _output.write_json(table, flat)
    _output.score_table(table)
    _output.show(f"wrote {file} and {flat}")


@app.command()
def report(
    scores: Annotated[Path, typer.Argument(help="What `evaluate` wrote (.nc).")],
    out: Out = Path("report.html"),
) -> None:
    """Make one self-contained HTML page from scores, and its figures as PNG beside it.

    `snnsurrogate report scores.nc --out page.html`
    """
    import snnsurrogate as sns
    from snnsurrogate import _options
    from snnsurrogate.report import report as write

    _options.no_input(out, scores)
    page = write(sns.open_scores(scores), out)
    _output.show(f"wrote {page}")


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(help="A study, your own .py file, or none.")] = None,
    preset: Annotated[str, typer.Option(help="tiny (tests), quick (minutes) or full.")] = "quick",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: runs/NAME.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another argument of the study: `seed=3`.")
    ] = None,
) -> None:
    """Run a study from data to page, or list the studies. Running again reuses what is there.

    `snnsurrogate study bursting-map --preset quick --out runs/bursting-map`
    """
    from snnsurrogate import _options, _studies

    if name is None:
        table = _output.table("study", "question")
        for known in _studies.studies().values():
            table.add_row(known.name, known.question)
        _output.show(table)
        return
    found = _studies.find(name)
    folder = out or Path("runs") / found.name
    _studies.run(name, preset=preset, out=folder, settings=_options.settings(set_))
    flat, page = folder / "scores.json", folder / "report.html"
    if flat.is_file():
        _output.score_table(json.loads(flat.read_text()))
    if page.is_file():
        _output.show(f"page: {page.resolve()}")


@app.command()
def bench(
    only: Annotated[list[str] | None, typer.Option(help="Run these benchmarks only.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write JSON here.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes, rougher figures.")] = False,
) -> None:
    """Measure the speed figures on this machine, both sides of every ratio in one run.

    `snnsurrogate bench --out bench.json`
    """
    from snnsurrogate import bench as benchmarks

    results = benchmarks.run(only or None, quick=quick)
    table = _output.table("benchmark", "figure", right=("value", "to reach", "unit"))
    for r in results:
        goal = "" if r.target is None else f"{'≥' if r.better == 'higher' else '≤'} {r.target:g}"
        table.add_row(r.benchmark, r.name, f"{r.value:.4g}", goal, r.unit)
    _output.show(table)
    if out:
        _output.write_json(benchmarks.to_json(results), out)
        _output.show(f"wrote {out}")


def _warn(message: Warning | str, *_: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _fail(text: str) -> NoReturn:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"error: {text}")
    raise SystemExit(2)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; a user's error is one line on stderr and exit status 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]
            app(args=arguments, prog_name="snnsurrogate")
    except Exception as error:
        ours = type(error).__module__.startswith("snnsurrogate")
        users = ours or isinstance(error, ValueError | KeyError | OSError | ArithmeticError)
        if "--debug" in arguments or not users:
            raise
        # str() of a KeyError is its repr, with quotes around the message
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        _fail(" ".join(str(text).split()) or type(error).__name__)


if __name__ == "__main__":
    main()
