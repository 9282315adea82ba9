theorem count_le (n : Nat) (p : Nat → Bool) : count n p ≤ n := by
  induction n with
  | zero => exact Nat.le_refl 0
  | succ n ih =>
    have h := Bool.toNat_le (p n)
    simp only [count]
    omega

theorem count_mono (n : Nat) (p q : Nat → Bool) (h : ∀ e, p e = true → q e = true) : count n p ≤ count n q := by
  induction n with
  | zero => exact Nat.le_refl 0
  | succ n ih =>
    have hn := h n
    simp only [count]
    cases hp : p n with
    | false => simp; omega
    | true => rw [hn hp]; omega

theorem count_or (n : Nat) (p q : Nat → Bool) : count n (fun e => p e || q e) ≤ count n p + count n q := by
  induction n with
  | zero => exact Nat.le_refl 0
  | succ n ih =>
    have h : (p n || q n).toNat ≤ (p n).toNat + (q n).toNat := by cases p n <;> cases q n <;> decide
    simp only [count]
    omega

theorem count_is (n a : Nat) : count n (fun e => e == a) = if a < n then 1 else 0 := by
  induction n with
  | zero => rfl
  | succ n ih =>
    simp only [count, ih]
    by_cases h : n = a
    · subst h; simp
    · have h' : (n == a) = false := by simp [h]
      simp only [h', Bool.toNat_false]
      by_cases h2 : a < n
      · have h3 : a < n + 1 := by omega
        simp [h2, h3]
      · have h3 : ¬ a < n + 1 := by omega
        simp [h2, h3]

theorem count_none (n : Nat) (p : Nat → Bool) (h : ∀ e, p e = false) : count n p = 0 := by
  induction n with
  | zero => rfl
  | succ n ih => simp [count, ih, h n]

theorem chosen_mem (token : List Nat) (e : Nat) : chosen token e = true → e ∈ token := by
  induction token with
  | nil => intro h; simp [chosen] at h
  | cons a token ih =>
    intro h
    simp only [chosen, Bool.or_eq_true, beq_iff_eq] at h
    cases h with
    | inl h => subst h; exact List.mem_cons_self
    | inr h => exact List.mem_cons_of_mem _ (ih h)

theorem count_chosen_le (n : Nat) (token : List Nat) : count n (chosen token) ≤ token.length := by
  induction token with
  | nil => rw [count_none n (chosen []) (fun _ => rfl)]; exact Nat.zero_le _
  | cons a token ih =>
    have h := count_or n (fun e => e == a) (chosen token)
    rw [count_is] at h
    have h1 : (if a < n then 1 else 0) ≤ 1 := by split <;> omega
    have h2 : count n (chosen (a :: token)) = count n (fun e => e == a || chosen token e) := rfl
    rw [h2, List.length_cons]
    omega

theorem count_same (n a : Nat) (p : Nat → Bool) (h : n ≤ a) :
    count n (fun e => e == a || p e) = count n p := by
  induction n with
  | zero => rfl
  | succ n ih =>
    have hn : (n == a) = false := by
      have : n ≠ a := by omega
      simp [this]
    simp only [count, ih (by omega), hn, Bool.false_or]

theorem count_add (n a : Nat) (p : Nat → Bool) (ha : a < n) (hp : p a = false) :
    count n (fun e => e == a || p e) = count n p + 1 := by
  induction n with
  | zero => omega
  | succ n ih =>
    by_cases h : n = a
    · subst h
      simp only [count, count_same n n p (Nat.le_refl n)]
      simp [hp]
    · have hn : (n == a) = false := by simp [h]
      have h1 := ih (by omega)
      simp only [count, h1, hn, Bool.false_or]
      omega

theorem count_chosen_ge (n : Nat) (token : List Nat) (hd : token.Nodup) (hb : ∀ e, e ∈ token → e < n) :
    token.length ≤ count n (chosen token) := by
  induction token with
  | nil => exact Nat.zero_le _
  | cons a token ih =>
    have hd' := List.nodup_cons.mp hd
    have h2 : count n (chosen (a :: token)) = count n (fun e => e == a || chosen token e) := rfl
    have hn : chosen token a = false := by
      cases h : chosen token a with
      | false => rfl
      | true => exact absurd (chosen_mem token a h) hd'.1
    have h1 := ih hd'.2 (fun e he => hb e (List.mem_cons_of_mem _ he))
    rw [h2, count_add n a (chosen token) (hb a List.mem_cons_self) hn, List.length_cons]
    omega

theorem distinct_le (E k : Nat) (step : List (List Nat)) (h : ∀ token, token ∈ step → token.length = k) :
    distinct E step ≤ step.length * k := by
  induction step with
  | nil =>
    show count E (touched []) ≤ _
    rw [count_none E (touched []) (fun _ => rfl)]
    exact Nat.zero_le _
  | cons token step ih =>
    have h1 := count_or E (chosen token) (touched step)
    have h2 := count_chosen_le E token
    rw [h token List.mem_cons_self] at h2
    have h3 : count E (touched step) ≤ step.length * k := ih (fun t ht => h t (List.mem_cons_of_mem _ ht))
    have h4 : distinct E (token :: step) = count E (fun e => chosen token e || touched step e) := rfl
    rw [h4, List.length_cons, Nat.succ_mul]
    omega

theorem distinct_experts_bound : Stated := by
  intro E k step h
  constructor
  · have h1 : distinct E step ≤ E := count_le E (touched step)
    have h2 := distinct_le E k step (fun token ht => (h token ht).1)
    exact Nat.le_min.mpr ⟨h1, h2⟩
  · intro hne
    cases step with
    | nil => exact absurd rfl hne
    | cons token step =>
      have ⟨hl, hd, hb⟩ := h token List.mem_cons_self
      have h1 := count_chosen_ge E token hd hb
      have h2 : count E (chosen token) ≤ distinct E (token :: step) := by
        apply count_mono
        intro e he
        simp [touched, he]
      omega
