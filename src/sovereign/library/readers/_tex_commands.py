"""Commands of TeX whose arguments are not for reading, units, and the sets of environments.

Letters of a shape, in order: `s` a star, `o` an optional argument, `m` an argument, all dropped; `K` one that is
read on in its place. A command that stands in no table is dropped, and what follows it in braces is read.
"""

from __future__ import annotations

_SHAPES = """
som includegraphics includesvg
sm vspace hspace addvspace
m color pagecolor bibliographystyle pagestyle thispagestyle pagenumbering hyphenation graphicspath usetikzlibrary
m tikzset pgfplotsset lstset hypersetup captionsetup sisetup acmConference acmISBN acmDOI copyrightyear acmYear
m acmPrice setcopyright ccsdesc settopmatter nocite markright vphantom stepcounter refstepcounter enlargethispage
m hphantom phantom pdfinfo icmlkeywords institute affil affiliation address email thanks inst
m fontfamily fontseries fontshape linespread institution city country state streetaddress postcode orcid
m authornote authornotemark setstretch ead cortext icmlcorrespondingauthor icmlsetsymbol usecolortheme
m glsresetall titlerunning authorrunning extracolsep noalign pdfoutput
om todo TODO usepackage RequirePackage documentclass documentstyle LoadClass rowcolor cellcolor columncolor
om arrayrulecolor
om correspondingauthor fnref corref tnoteref fntext
mm setlength addtolength setcounter addtocounter settowidth setkeys crefname Crefname fontsize numberwithin
mm markboth icmlaffiliation DeclareUnicodeCharacter newcolumntype
mmm definecolor addcontentsline crefrangeformat
omm rule
omK textcolor rotatebox
mK colorbox hypertarget hyperlink foreignlanguage scalebox adjustbox markoverwith textscale
oK hyperref
mmK fcolorbox resizebox
smmK resizebox*
ooomK parbox
ooK makebox framebox
mooK raisebox
Km texorpdfstring
o footnotemark printbibliography pagebreak nopagebreak linebreak nolinebreak bibliographyunit listoftodos
o addlinespace
"""
SHAPES: dict[str, str] = {}
for _line in _SHAPES.strip().splitlines():
    _shape, *_names = _line.split()
    SHAPES.update(dict.fromkeys(_names, _shape))

_units = """
milli m micro µ nano n pico p kilo k mega M giga G tera T peta P centi c deci d second s minute min hour h day d
meter m metre m gram g watt W joule J volt V ampere A hertz Hz byte B bit bit percent % degree ° celsius °C
degreeCelsius °C kelvin K pascal Pa newton N mole mol liter L litre L electronvolt eV ohm Ω tesla T bar bar per
/ squared ^2 cubed ^3 flop FLOP flops FLOPS token token mebi Mi gibi Gi kibi Ki dB dB ms ms us µs ns ns s s GHz
GHz MHz MHz kHz kHz Hz Hz mm mm cm cm km km m m kg kg mg mg W W kW kW mW mW J J kB kB MB MB GB GB TB TB
""".split()
UNITS = dict(zip(_units[::2], _units[1::2], strict=True))
MATH_ENVIRONMENTS = frozenset(
    """equation align gather multline eqnarray displaymath math flalign alignat dmath split aligned subequations@
    IEEEeqnarray empheq""".split()
)
TABULARS = {
    "tabular": "om", "tabular*": "mom", "tabularx": "mom", "tabulary": "mm", "longtable": "om", "tabu": "om",
    "array": "om", "NiceTabular": "om", "NiceTabular*": "mom", "xltabular": "omm", "supertabular": "m", "tblr": "om",
    "longtblr": "om", "xtabular": "m", "longtabu": "om", "tabularht": "mm", "ltablex": "mm",
}  # fmt: skip
FLOATS = frozenset(
    """table table* figure figure* wrapfigure wraptable sidewaystable sidewaystable* sidewaysfigure SCfigure SCtable
    marginfigure margintable algorithm algorithm* listing listing* floatfigure longtable supertabular xltabular
    deluxetable deluxetable* teaserfigure""".split()
)
# Environments with arguments that are not for reading.
ENVIRONMENT_SHAPES = {
    "wrapfigure": "omom", "wraptable": "omom", "minipage": "ooom", "adjustbox": "m", "subfigure": "om",
    "subtable": "om", "multicols": "m", "enumerate": "o", "itemize": "o", "description": "o", "adjustwidth": "mm",
    "spacing": "m", "algorithmic": "o", "textblock": "m", "tablenotes": "o", "threeparttable": "o",
    "otherlanguage": "m", "scope": "o", "mdframed": "o", "tcolorbox": "o", "SCfigure": "o", "landscape": "",
    "turn": "m", "rotate": "m", "resizebox": "mm", "thebibliography": "m", "center": "", "frame": "o",
    "alignat": "m", "IEEEeqnarray": "m", "list": "mm", "compactitem": "o", "compactenum": "o", "icmlauthorlist": "",
    "table": "o", "table*": "o", "figure": "o", "figure*": "o", "algorithm": "o", "algorithm*": "o",
    "sidewaystable": "o", "listing": "o", "savenotes": "", "pspicture": "",
}  # fmt: skip
LISTS = frozenset(
    "itemize enumerate description compactitem compactenum inparaenum enumitem tablenotes list asparaenum".split()
)
THEOREMS = {
    "theorem": "Theorem", "thm": "Theorem", "lemma": "Lemma", "lem": "Lemma", "definition": "Definition",
    "defn": "Definition", "proposition": "Proposition", "prop": "Proposition", "corollary": "Corollary",
    "cor": "Corollary", "remark": "Remark", "proof": "Proof", "example": "Example", "assumption": "Assumption",
    "claim": "Claim", "conjecture": "Conjecture",
}  # fmt: skip
