"""Statements, proofs and cheats in Lean 4: what the tests put to a real Lean, and the committed transcript too."""

from __future__ import annotations

STATED = "def Stated : Prop := ∀ n m : Nat, n + m = m + n\n"
FALSE = "def Stated : Prop := False\n"
GOOD = "theorem thm : Stated := by\n  intro n m\n  omega\n"

#: Puts a declaration into the environment without the kernel, as lean4checker's own test does.
_UNCHECKED = """\
open Lean in
run_cmd do
  let env ← getEnv
  match env.addDeclCore (doCheck := false) 0 ({decl}) none with
  | .ok made => setEnv made
  | .error _ => pure ()
"""
_BAD = ".thmDecl { name := `bad, levelParams := [], type := .const ``False [], value := .const ``True [] }"


def _forged() -> str:
    """A proof that writes the account of itself, an easier statement and a proof of that, and stops before ours can."""

    def codes(text: str) -> str:
        return "c" + "".join(f".{ord(character)}" for character in text)

    def account(first: list[str], stated: int, theorem: int) -> str:
        true, intro = theorem + 1, theorem + 2
        lines = [*first, f"NS 0 {codes('True')}", f"NS {true} {codes('intro')}", "LZ", "ES 0", f"EC {true}"]
        lines += [f"EC {stated}", f"EC {intro}", f"DD {stated} 0 0 1 a", f"R {stated}", f"DT {theorem} 2 0 3"]
        return "\\n".join([*lines, f"R {theorem}"]) + "\\n"

    plain = account([f"NS 0 {codes('Stated')}", f"NS 0 {codes('thm')}"], 1, 2)
    chain = [f"NS 0 {codes('_private')}", f"NS 1 {codes('Main')}", "NN 2 0"]
    private = account([*chain, f"NS 3 {codes('Stated')}", f"NS 3 {codes('thm')}"], 4, 5)
    return (
        "open Lean in\nrun_cmd do\n  match ``Stated with\n"
        f'  | .str .anonymous _ => IO.FS.writeFile "told.txt" "{plain}"\n'
        f'  | _ => IO.FS.writeFile "told.txt" "{private}"\n#exit\n'
    )


#: Check -> statement, proof, and what else the folder says.
CHEATS: dict[str, tuple[str, str, dict[str, object]]] = {
    "statement-digest": (
        "def Stated : Prop := True\n", "theorem thm : Stated := trivial\n", {"digest": "0" * 64},
    ),
    "own-definitions": (FALSE, _forged(), {}),
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
