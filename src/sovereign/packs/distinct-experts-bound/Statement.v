(* How many distinct experts a step touches.

   A mixture-of-experts layer has E experts, numbered from 0. A step is a list of tokens, a token the list of the experts
   that the router chose for it. [distinct E step] counts the experts that at least one token of the step chose: in decode
   the weights of each of them are read once. *)
Require Import List PeanoNat.

(* How many of the numbers below n satisfy p. *)
Fixpoint count (n : nat) (p : nat -> bool) : nat :=
  match n with
  | 0 => 0
  | S m => count m p + (if p m then 1 else 0)
  end.

Definition chosen (token : list nat) (e : nat) : bool := existsb (Nat.eqb e) token.

Definition distinct (E : nat) (step : list (list nat)) : nat :=
  count E (fun e => existsb (fun token => chosen token e) step).

(* Top-k routing: every token has k experts, all different, all among the E. *)
Definition top_k (E k : nat) (step : list (list nat)) : Prop :=
  forall token, In token step -> length token = k /\ NoDup token /\ forall e, In e token -> e < E.

(* A step of B tokens touches at most min(E, B*k) distinct experts, and at least k unless it has no token. *)
Definition Stated : Prop :=
  forall (E k : nat) (step : list (list nat)),
    top_k E k step ->
    distinct E step <= Nat.min E (length step * k) /\ (step <> nil -> k <= distinct E step).
