From Sov Require Import Statement.
Require Import List PeanoNat Lia Bool.

Lemma count_le (n : nat) (p : nat -> bool) : count n p <= n.
Proof. induction n as [|n IH]; simpl; [lia|]. destruct (p n); lia. Qed.

Lemma count_mono (n : nat) (p q : nat -> bool) :
  (forall e, p e = true -> q e = true) -> count n p <= count n q.
Proof.
  intros H. induction n as [|n IH]; simpl; [lia|].
  specialize (H n). destruct (p n), (q n); lia.
Qed.

Lemma count_or (n : nat) (p q : nat -> bool) : count n (fun e => p e || q e) <= count n p + count n q.
Proof. induction n as [|n IH]; simpl; [lia|]. destruct (p n), (q n); simpl; lia. Qed.

Lemma count_is (n a : nat) : count n (fun e => Nat.eqb e a) = if a <? n then 1 else 0.
Proof.
  induction n as [|n IH]; [reflexivity|]. simpl count. rewrite IH.
  destruct (Nat.ltb_spec a n), (Nat.ltb_spec a (S n)), (Nat.eqb_spec n a); lia.
Qed.

Lemma chosen_In (token : list nat) (e : nat) : chosen token e = true <-> In e token.
Proof.
  unfold chosen. rewrite existsb_exists. split.
  - intros [x [Hin Heq]]. apply Nat.eqb_eq in Heq. subst. exact Hin.
  - intros Hin. exists e. split; [exact Hin|apply Nat.eqb_refl].
Qed.

Lemma count_chosen_le (n : nat) (token : list nat) : count n (chosen token) <= length token.
Proof.
  induction token as [|a token IH]; simpl.
  - enough (count n (chosen nil) <= count n (fun _ => false)) as H.
    { clear -H. induction n as [|n IH']; simpl in *; lia. }
    apply count_mono. intros e H. discriminate H.
  - assert (H := count_or n (fun e => Nat.eqb e a) (chosen token)).
    rewrite count_is in H. unfold chosen in *. simpl. destruct (a <? n); lia.
Qed.

Lemma count_add (n a : nat) (p : nat -> bool) :
  a < n -> p a = false -> count n (fun e => Nat.eqb e a || p e) = S (count n p).
Proof.
  intros Ha Hp. induction n as [|n IH]; [lia|]. simpl.
  destruct (Nat.eqb_spec n a) as [->|Hne]; simpl.
  - rewrite Hp. enough (count a (fun e => Nat.eqb e a || p e) = count a p) by lia.
    clear. assert (forall m, m <= a -> count m (fun e => Nat.eqb e a || p e) = count m p) as H.
    { induction m as [|m IHm]; intros Hm; [reflexivity|]. simpl. rewrite IHm by lia.
      destruct (Nat.eqb_spec m a); [lia|reflexivity]. }
    apply H. lia.
  - rewrite IH by lia. destruct (p n); lia.
Qed.

Lemma count_chosen_ge (n : nat) (token : list nat) :
  NoDup token -> (forall e, In e token -> e < n) -> length token <= count n (chosen token).
Proof.
  induction token as [|a token IH]; intros Hd Hb; simpl; [lia|].
  inversion Hd as [|? ? Hnot Hrest]; subst.
  unfold chosen at 1. simpl.
  change (S (length token) <= count n (fun e => Nat.eqb e a || chosen token e)).
  rewrite count_add.
  - specialize (IH Hrest). assert (forall e, In e token -> e < n) as Hb' by (exact (fun e He => Hb e (in_cons a e token He))).
    specialize (IH Hb'). lia.
  - exact (Hb a (in_eq a token)).
  - destruct (chosen token a) eqn:H; [|reflexivity]. apply chosen_In in H. contradiction.
Qed.

Lemma distinct_le (E k : nat) (step : list (list nat)) :
  (forall token, In token step -> length token = k) -> distinct E step <= length step * k.
Proof.
  unfold distinct. induction step as [|token step IH]; intros H; simpl.
  - induction E as [|E IH']; simpl; lia.
  - assert (Hor := count_or E (chosen token) (fun e => existsb (fun t => chosen t e) step)).
    assert (Hc := count_chosen_le E token). rewrite (H token) in Hc by apply in_eq.
    assert (Hs := IH (fun t Ht => H t (in_cons token t step Ht))). lia.
Qed.

Theorem distinct_experts_bound : Stated.
Proof.
  intros E k step H. split.
  - apply Nat.min_glb.
    + apply count_le.
    + apply distinct_le. intros token Hin. apply (H token Hin).
  - intros Hne. destruct step as [|token step]; [contradiction|].
    destruct (H token (in_eq token step)) as [Hlen [Hd Hb]]. rewrite <- Hlen.
    eapply Nat.le_trans; [apply (count_chosen_ge E token Hd Hb)|].
    apply count_mono. intros e He. simpl. rewrite He. reflexivity.
Qed.
