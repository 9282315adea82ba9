"""What commands of TeX look like on the page: signs, letters with accents, names of functions."""

from __future__ import annotations

import unicodedata

_PLAIN = """
alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ
nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ
omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω varGamma Γ varDelta Δ
varOmega Ω times × div ÷ cdot · ast ∗ star ⋆ circ ∘ bullet • textbullet • partial ∂ nabla ∇ infty ∞ ell ℓ hbar ℏ
Re ℜ Im ℑ aleph ℵ emptyset ∅ varnothing ∅ forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ top ⊤ bot ⊥ angle ∠ triangle △
square □ Box □ Diamond ◇ blacksquare ■ checkmark ✓ degree ° prime ′ dagger † ddagger ‡ dag † ddag ‡ S § P ¶
copyright © textregistered ® texttrademark ™ pounds £ euro € yen ¥ textdegree ° textmu µ micro µ texttimes ×
textpm ± textdiv ÷ ldots … dots … cdots ⋯ vdots ⋮ ddots ⋱ textellipsis … dotsc … dotsb ⋯ langle ⟨ rangle ⟩ lfloor
⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lVert ‖ rVert ‖ Vert ‖ lvert | rvert | vert | mid | backslash \\ textbackslash \\
textasciitilde ~ textasciicircum ^ textunderscore _ lbrace { rbrace } textbar | textless < textgreater > sum ∑
prod ∏ coprod ∐ int ∫ iint ∬ oint ∮ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀ ss ß ae æ AE Æ oe
œ OE Œ o ø O Ø l ł L Ł aa å AA Å i ı j ȷ dh ð DH Ð th þ TH Þ ng ŋ textemdash — textendash – textquoteleft ‘
textquoteright ’ textquotedblleft “ textquotedblright ” textquotesingle ' guillemotleft « guillemotright » LaTeX
LaTeX TeX TeX LaTeXe LaTeX2e BibTeX BibTeX slash / textperiodcentered · wp ℘ imath ı jmath ȷ natural ♮ sharp ♯
flat ♭ clubsuit ♣ heartsuit ♥ spadesuit ♠ bigstar ★ blacktriangle ▲ triangledown ▽ % % & & # # $ $ _ _ { { } } | ‖
textdollar $ textpercent % textasteriskcentered ∗ complement ∁ surd √ eth ð digamma ϝ upmu µ textohm Ω ohm Ω mho ℧
textonehalf ½ textcent ¢ textsection § textparagraph ¶ i ı colon : coloneqq ≔ lbrack [ rbrack ] lozenge ◊
blacklozenge ⧫ bigcirc ◯ textcircledP ℗ dotso … textvisiblespace ␣ nobreakspace ~
"""
# Relations and the like are set with a space on either side.
_SPACED = """
pm ± mp ∓ leq ≤ le ≤ geq ≥ ge ≥ leqslant ≤ geqslant ≥ neq ≠ ne ≠ approx ≈ approxeq ≊ sim ∼ simeq ≃ cong ≅ equiv ≡
propto ∝ ll ≪ gg ≫ lesssim ≲ gtrsim ≳ prec ≺ succ ≻ preceq ⪯ succeq ⪰ in ∈ notin ∉ ni ∋ subset ⊂ subseteq ⊆ supset
⊃ supseteq ⊇ subsetneq ⊊ cup ∪ cap ∩ setminus ∖ sqcup ⊔ sqcap ⊓ oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ wedge ∧ land ∧
vee ∨ lor ∨ perp ⊥ parallel ∥ to → rightarrow → leftarrow ← gets ← leftrightarrow ↔ Rightarrow ⇒ implies ⇒
Leftarrow ⇐ Leftrightarrow ⇔ iff ⇔ mapsto ↦ longrightarrow ⟶ longleftarrow ⟵ Longrightarrow ⟹ uparrow ↑ downarrow
↓ updownarrow ↕ nearrow ↗ searrow ↘ hookrightarrow ↪ rightharpoonup ⇀ rightleftharpoons ⇌ vdash ⊢ models ⊨
therefore ∴ because ∵ triangleq ≜ doteq ≐ asymp ≍ bowtie ⋈ longmapsto ⟼ leadsto ⇝ rightsquigarrow ⇝ nleq ≰ ngeq ≱
Vdash ⊩ trianglelefteq ⊴ lhd ⊲ rhd ⊳ diamond ⋄ dashv ⊣
"""
_ARROWS_TIGHT = ("uparrow", "downarrow")
FUNCTIONS = frozenset(
    """log ln lg exp sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh max min sup inf lim limsup liminf arg
    det dim ker Pr gcd deg hom mod argmax argmin""".split()
)
BLACKBOARD = dict(zip("RNZQCEPHF", "ℝℕℤℚℂEPℍF", strict=True))
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "H": "\u030b", "u": "\u0306", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331",
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304", "vec": "\u20d7",
    "dot": "\u0307", "ddot": "\u0308", "check": "\u030c", "breve": "\u0306", "acute": "\u0301", "grave": "\u0300",
    "mathring": "\u030a", "overline": "\u0304", "overrightarrow": "\u20d7", "underline": "", "overbar": "\u0304",
}  # fmt: skip
TEXT_ACCENTS = frozenset("' ` ^ \" ~ = . c v H u k r d b".split())
MATH_ACCENTS = frozenset(_ACCENTS) - TEXT_ACCENTS
_DINGS = {
    "51": "✓",
    "52": "✔",
    "53": "✕",
    "54": "✖",
    "55": "✗",
    "56": "✘",
    "72": "★",
    "73": "☆",
    "108": "●",
    "109": "❍",
}
_words = (_PLAIN + _SPACED).split()
SIGNS: dict[str, str] = dict(zip(_words[::2], _words[1::2], strict=True))
SPACED = frozenset(_SPACED.split()[::2]) - frozenset(_ARROWS_TIGHT)


def accented(accent: str, base: str) -> str:
    """A letter with an accent; of a longer base in a formula only the base."""
    base = base.strip()
    letter = {"ı": "i", "ȷ": "j"}.get(base[:1], base[:1])
    if not letter or (accent in MATH_ACCENTS and len(base) != 1):
        return base
    return unicodedata.normalize("NFC", letter + _ACCENTS[accent]) + base[1:]


def ding(number: str) -> str:
    """A sign of the Dingbats font by its number."""
    return _DINGS.get(number.strip(), "")
