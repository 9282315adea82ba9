"""JATS: sections, tables, formulas, notes; entity bombs and entities that reach for other files."""

# ruff: noqa: E501 (whole documents)

from __future__ import annotations

from pathlib import Path

import pytest

from sovereign.library.readers import Unreadable, read_bytes

FRONT = """<front><article-meta><article-id pub-id-type="doi">10.1234/Abc.5</article-id>
<article-id pub-id-type="pmc">1234567</article-id><title-group><article-title>Routing <italic>experts</italic></article-title>
</title-group><contrib-group><contrib contrib-type="author"><name><surname>Lovelace</surname><given-names>Ada</given-names></name>
</contrib></contrib-group><pub-date><year>2021</year></pub-date><abstract><p>We route.</p></abstract></article-meta></front>"""
BODY = """<body><sec><label>1</label><title>Results</title><p>It gains 10<sup>−3</sup> in CO<sub>2</sub> <xref ref-type="bibr"><sup>4</sup></xref>
for <inline-formula><alternatives><tex-math>\\documentclass{m}\\begin{document}$$x^2$$\\end{document}</tex-math>
<mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math><graphic href="f"/></alternatives></inline-formula>.<fn><p>A note.</p></fn></p>
<table-wrap><label>Table 3.</label><caption><p>Costs.</p></caption><table><thead><tr><th rowspan="2">Item</th>
<th colspan="2">Year</th></tr><tr><th>2020</th><th>2021</th></tr></thead><tbody><tr><td>A</td><td>1</td><td>2</td></tr></tbody></table>
<table-wrap-foot><p>In euros.</p></table-wrap-foot></table-wrap>
<fig><label>Figure 1</label><caption><p>A plot.</p></caption></fig><sec><title>Deeper</title><list><list-item><p>One</p></list-item></list></sec>
</sec></body><back><ref-list><title>References</title><ref><mixed-citation>Fedus 2022.</mixed-citation></ref></ref-list></back>"""


def article(inner: str, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{head}<article xmlns:mml="http://www.w3.org/1998/Math/MathML">{inner}</article>'
    ).encode()


def test_an_article() -> None:
    paper = read_bytes(article(FRONT + BODY), "a.nxml")
    assert paper.text == (
        "Routing experts\n\n# Abstract\n\nWe route.\n\n# 1 Results\n\nIt gains 10^−3 in CO2 [4] for x^2.\n\nFootnote: A note.\n\n"
        "Table 3: Costs.\nA | Year > 2020: 1 | Year > 2021: 2\n\nIn euros.\n\nFigure 1: A plot.\n\n## Deeper\n\n- One\n"
    )
    assert (paper.title, paper.authors, paper.year, paper.abstract) == (
        "Routing experts",
        ("Ada Lovelace",),
        2021,
        "We route.",
    )
    assert paper.ids == {"doi": "10.1234/abc.5", "pmc": "PMC1234567"} and paper.references == ("Fedus 2022.",)
    assert [(s.depth, s.title) for s in paper.sections] == [(1, "Abstract"), (1, "1 Results"), (2, "Deeper")]


def test_without_a_body_it_is_an_abstract() -> None:
    assert read_bytes(article(FRONT), "a.xml").text_level == "abstract"
    with pytest.raises(Unreadable, match="without an abstract and a body"):
        read_bytes(article("<front/>"), "a.xml")


BOMB = "<!DOCTYPE article [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
) + "]>"  # fmt: skip


def test_entity_bombs_and_external_entities(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    for head, use in (
        (BOMB, "&j;"),
        (f'<!DOCTYPE article [<!ENTITY x SYSTEM "file://{secret}">]>', "&x;"),
        ('<!DOCTYPE article [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>', "&x;"),
        (f'<!DOCTYPE article [<!ENTITY % p SYSTEM "file://{secret}"> %p;]>', ""),
        ("<!DOCTYPE article [<!ENTITY x 'quiet'>]>", ""),
    ):
        with pytest.raises(Unreadable, match="entities") as said:
            read_bytes(article(f"{FRONT}<body><p>Text {use}</p></body>", head), "a.xml")
        assert said.value.remedy


def test_a_doctype_is_not_fetched_and_known_names_are_understood(tmp_path: Path) -> None:
    dtd = tmp_path / "jats.dtd"
    dtd.write_text("<!ENTITY nbsp 'SECRET'>")
    head = f'<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "{dtd}">'
    text = read_bytes(article(f"{FRONT}<body><p>a&nbsp;&alpha; b</p></body>", head), "a.xml").text
    assert "a α b" in text and "SECRET" not in text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (article(FRONT + BODY)[:900], "well-formed"),
        (b"<?xml version='1.0'?><TEI><text>hello</text></TEI>", "not JATS"),
        (article("<front/>" + "<sec>" * 10_000), "well-formed|parse"),
        (b"<article>" + b"\xff\xfe\x00" * 100, "well-formed|parse|binary"),
    ],
)
def test_what_is_no_jats(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as error:
        read_bytes(data, "a.xml")
    assert error.value.remedy
