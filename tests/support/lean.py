"""Statements, proofs and cheats in Lean 4: what the tests put to a real Lean, and the committed transcript too."""

from __future__ import annotations

STATED = "def Stated : Prop := ∀ n m : Nat, n + m = m + n\n"
FALSE = "def Stated : Prop := False\n"
GOOD = "theorem thm : Stated := by\n  intro n m\n  omega\n"

#: Puts a declaration into the environment without the kernel, as lean4checker's own test does.
_UNCHECKED = """\
open Lean in
run_cmd Elab.Command.liftCoreM do
  match (← getEnv).addDeclCore (doCheck := false) 0 ({decl}) none with
  | .ok env => setEnv env
  | .error _ => pure ()
"""
_BAD = ".thmDecl { name := `bad, levelParams := [], type := .const ``False [], value := .const ``True [] }"
_EASY = ".defnDecl { name := ``Stated, levelParams := [], type := .sort .zero, value := .const ``True [], "
_EASY += "hints := .abbrev, safety := .safe }"

#: Check -> statement, proof, and what else the folder says.
CHEATS: dict[str, tuple[str, str, dict[str, object]]] = {
    "statement-digest": (
        "def Stated : Prop := True\n", "theorem thm : Stated := trivial\n", {"digest": "0" * 64},
    ),
    "own-definitions": (FALSE, _UNCHECKED.replace("{decl}", _EASY) + "theorem thm : Stated := trivial\n", {}),
    "fresh-check": (FALSE, _UNCHECKED.replace("{decl}", _BAD) + "theorem thm : Stated := bad\n", {}),
    "stated-type": (STATED, "theorem thm : ∀ n : Nat, n = n := fun _ => rfl\n", {}),
    "axioms": (FALSE, "axiom assumed : False\ntheorem thm : Stated := assumed\n", {}),
}  # fmt: skip

#: Other ways to a proof of False; every one of them must be refused, by whichever check.
REFUSED: dict[str, str] = {
    "sorry": "theorem thm : Stated := by\n  unfold Stated\n  sorry\n",
    "native code": "theorem helper : (0 : Nat) = 1 := by native_decide\ntheorem thm : Stated := nomatch helper\n",
    "an opaque constant": "axiom f : False\nopaque v : False := f\ntheorem thm : Stated := v\n",
    "another False": "namespace Mine\ninductive False : Prop where | yes\nend Mine\nopen Mine in\n"
    "theorem thm : Mine.False := .yes\n",
    "a macro over the name": 'macro_rules | `(Stated) => `(True)\ntheorem thm : True := trivial\n',
    "unsafe code": "unsafe def u : False := u\ntheorem thm : Stated := u\n",
    "partial code": "partial def p (n : Nat) : False := p (n + 1)\ntheorem thm : Stated := p 0\n",
}
