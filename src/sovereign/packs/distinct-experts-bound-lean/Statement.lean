/-
How many distinct experts a step touches.

A mixture-of-experts layer has `E` experts, numbered from 0. A step is a list of tokens, a token the list of the experts
that the router chose for it. `distinct E step` counts the experts that at least one token of the step chose: in decode
the weights of each of them are read once.
-/

/-- How many of the numbers below `n` satisfy `p`. -/
def count : Nat → (Nat → Bool) → Nat
  | 0, _ => 0
  | n + 1, p => count n p + (p n).toNat

/-- Whether a token chose expert `e`. -/
def chosen : List Nat → Nat → Bool
  | [], _ => false
  | a :: token, e => e == a || chosen token e

/-- Whether some token of a step chose expert `e`. -/
def touched : List (List Nat) → Nat → Bool
  | [], _ => false
  | token :: step, e => chosen token e || touched step e

def distinct (E : Nat) (step : List (List Nat)) : Nat := count E (touched step)

/-- Top-k routing: every token has `k` experts, all different, all among the `E`. -/
def TopK (E k : Nat) (step : List (List Nat)) : Prop :=
  ∀ token, token ∈ step → token.length = k ∧ token.Nodup ∧ ∀ e, e ∈ token → e < E

/-- A step of `B` tokens touches at most `min E (B * k)` distinct experts, and at least `k` unless it has no token. -/
def Stated : Prop :=
  ∀ (E k : Nat) (step : List (List Nat)),
    TopK E k step → distinct E step ≤ min E (step.length * k) ∧ (step ≠ [] → k ≤ distinct E step)
