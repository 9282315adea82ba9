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

#: Other ways round the checks: statement and proof. Every one must be refused, by whichever check.
REFUSED: dict[str, tuple[str, str]] = {
    "sorry": (FALSE, "theorem thm : Stated := by\n  unfold Stated\n  sorry\n"),
    "native code": (
        "def Stated : Prop := 2 + 2 = 4\n",
        "theorem thm : Stated := by\n  unfold Stated\n  native_decide\n",
    ),
    "an opaque constant": (FALSE, "axiom f : False\nopaque v : False := f\ntheorem thm : Stated := v\n"),
    "another False": (FALSE, "inductive Mine.False : Prop where | yes\ntheorem thm : Mine.False := .yes\n"),
    "a notation over the name": (FALSE, 'local notation "Stated" => True\ntheorem thm : Stated := trivial\n'),
    "unsafe code": (FALSE, "unsafe def u : False := u\ntheorem thm : Stated := u\n"),
    "partial code": (FALSE, "partial def p (n : Nat) : False := p (n + 1)\ntheorem thm : Stated := p 0\n"),
}
