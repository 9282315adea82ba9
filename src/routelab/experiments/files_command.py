"""`routelab shapeqa` and `routelab answer`: files in the public formats, and a lab model's answers to such files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from routelab._errors import BadData
from routelab.data import Settings, export, generate, mmbench, seed, visual7w, vqav2
from routelab.scoring.command import BENCHMARKS

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def write_shapeqa(benchmark: str, n: int, seed_: int, text_share: float, folder: Path) -> dict[str, Any]:
    """ShapeQA's questions in a benchmark's public files; which files, and how many questions.

    VQAv2 has questions and annotations, the others one file; pictures lie in `pictures`, black for a question without
    one (MMBench's file holds its own, in circular passes).

    Raises:
        BadData: the benchmark or a number does not fit.
    """
    data = generate(n, seed_, Settings(text_share=text_share))
    pictures = folder / "pictures"
    if benchmark == "vqav2":
        header = vqav2.Header({"description": f"ShapeQA, {n} questions, seed {seed_}"})
        part = header.data_subtype
        questions, annotations = export.vqav2_records(data, seed_)
        file = vqav2.write_questions(folder / f"v2_OpenEnded_mscoco_{part}_questions.json", header, questions)
        also = vqav2.write_annotations(folder / f"v2_mscoco_{part}_annotations.json", header, annotations)
        export.write_pictures(pictures, [vqav2.image_name(part, one.image_id) for one in questions], data.images)
        return {"questions": str(file), "annotations": str(also), "pictures": str(pictures), "n": len(questions)}
    if benchmark == "visual7w":
        images = export.visual7w_records(data, seed_)
        file = visual7w.write(folder / "dataset.json", images)
        rows = [one.image_id - 1 for one in images]
        export.write_pictures(pictures, [one.filename for one in images], data.images[rows])
        return {"questions": str(file), "pictures": str(pictures), "n": len(images)}
    if benchmark == "seed":
        records = export.seed_records(data, seed_)
        file = seed.write(folder / "SEED-Bench.json", records)
        rows = [int(one.data_id) - 1 for one in records.questions]
        export.write_pictures(pictures, [f"{one.data_id}.png" for one in records.questions], data.images[rows])
        return {"questions": str(file), "pictures": str(pictures), "n": len(rows)}
    if benchmark == "mmbench":
        rows_ = mmbench.circular(export.mmbench_records(data, seed_))
        return {"questions": str(mmbench.write(folder / "mmbench_circular.tsv", rows_)), "n": len(rows_)}
    raise BadData(f"benchmark {benchmark!r} is not known", f"one of {', '.join(BENCHMARKS)}")


@click.command()
@click.option("--benchmark", type=click.Choice(BENCHMARKS), required=True, help="Whose format.")
@click.option("--questions", "n", type=click.IntRange(1), default=1000, show_default=True, help="How many are drawn.")
@click.option("--seed", "seed_", type=click.IntRange(0), default=0, show_default=True, help="Of the generator.")
@click.option("--text-share", type=click.FloatRange(0, 1), default=0.0, help="Share of questions without a picture.")
@click.option("--out", "folder", type=_FOLDER, required=True, help="Folder of the files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shapeqa(benchmark: str, n: int, seed_: int, text_share: float, folder: Path, as_json: bool) -> None:
    """Write ShapeQA questions in a benchmark's public files, pictures beside them.

    What the format cannot hold is left out, so that there may be fewer questions than were drawn.
    """
    written = write_shapeqa(benchmark, n, seed_, text_share, folder)
    if as_json:
        click.echo(json.dumps(written, indent=1))
    else:
        click.echo(f"{written.pop('n')} questions")
        for name, path in written.items():
            click.echo(f"  {name:<12} {path}")


@click.command()
@click.option("--weights", type=_FILE, required=True, help="A weights file of `routelab train`.")
@click.option("--benchmark", type=click.Choice(BENCHMARKS), required=True, help="Whose format.")
@click.option("--questions", type=_FILE, required=True, help="The benchmark's questions.")
@click.option("--pictures", type=_FOLDER, help="Folder of its pictures (MMBench's file holds them).")
@click.option("--results", type=_FILE, required=True, help="The results file to write; `routelab score` reads it.")
@click.option("--protocol", type=click.Choice(("likelihood", "letter")), help="seed: how a choice is made.")
@click.option("--resize", is_flag=True, help="Bring pictures to the model's size.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def answer(
    weights: Path,
    benchmark: str,
    questions: Path,
    pictures: Path | None,
    results: Path,
    protocol: str | None,
    resize: bool,
    as_json: bool,
) -> None:
    """Let a trained lab model answer a benchmark's questions.

    Its vocabulary is ShapeQA's: a question with another word is refused, and the word named.
    """
    from routelab.experiments.answering import answer_file
    from routelab.experiments.unit import load_weights

    last = time.monotonic()

    def say(line: str) -> None:
        nonlocal last
        if time.monotonic() - last > 2:
            last = time.monotonic()
            click.echo(line, err=True)

    n = answer_file(
        load_weights(weights),
        benchmark,
        questions,
        results,
        pictures=pictures,
        protocol=protocol,
        resize=resize,
        progress=say,
    )
    click.echo(json.dumps({"results": str(results), "n": n}) if as_json else f"{n} answers in {results}")
