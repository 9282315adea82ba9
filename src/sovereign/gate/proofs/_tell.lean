

-- Appended to a file that is compiled: writes the declarations on which a constant rests as text, one per line, in the
-- order in which a kernel can take them. It runs beside whatever that file holds, so nothing it writes is believed.
namespace SovereignTell
open Lean

-- A table of our own: where a library comes without its compiled insides, its tables do not run.
structure Table (α : Type) where
  rows : Array (List (α × Nat)) := Array.replicate 4096 []
  size : Nat := 0

def seek [BEq α] (a : α) : List (α × Nat) → Option Nat
  | [] => none
  | (b, i) :: rest => if a == b then some i else seek a rest

def count : List Name → Nat
  | [] => 0
  | _ :: rest => count rest + 1

def Table.find [BEq α] [Hashable α] (t : Table α) (a : α) : Option Nat :=
  seek a (t.rows[(hash a).toNat % 4096]!)

def Table.add [BEq α] [Hashable α] (t : Table α) (a : α) (i : Nat) : Table α :=
  let k := (hash a).toNat % 4096
  let row := t.rows[k]!
  { rows := t.rows.set! k ((a, i) :: row), size := t.size + 1 }

structure Tables where
  names : Table Name := {}
  levels : Table Level := {}
  exprs : Table Expr := {}
  told : Table Name := {}

def codes (s : String) : String :=
  s.toList.foldl (fun acc c => acc ++ "." ++ Nat.repr c.toNat) "c"

partial def name (st : IO.Ref Tables) (out : IO.FS.Handle) (n : Name) : IO Nat := do
  if n.isAnonymous then return 0
  if let some i := (← st.get).names.find n then return i
  let line ← match n with
    | .str p s => do pure ("NS " ++ Nat.repr (← name st out p) ++ " " ++ codes s)
    | .num p k => do pure ("NN " ++ Nat.repr (← name st out p) ++ " " ++ Nat.repr k)
    | .anonymous => pure ""
  out.putStr (line ++ "\n")
  let i := (← st.get).names.size + 1
  st.modify fun t => { t with names := t.names.add n i }
  return i

partial def level (st : IO.Ref Tables) (out : IO.FS.Handle) (l : Level) : IO Nat := do
  if let some i := (← st.get).levels.find l then return i
  let line ← match l with
    | .zero => pure "LZ"
    | .succ a => do pure ("LS " ++ Nat.repr (← level st out a))
    | .max a b => do pure ("LM " ++ Nat.repr (← level st out a) ++ " " ++ Nat.repr (← level st out b))
    | .imax a b => do pure ("LI " ++ Nat.repr (← level st out a) ++ " " ++ Nat.repr (← level st out b))
    | .param n => do pure ("LP " ++ Nat.repr (← name st out n))
    | .mvar _ => pure "LX"
  out.putStr (line ++ "\n")
  let i := (← st.get).levels.size
  st.modify fun t => { t with levels := t.levels.add l i }
  return i

partial def list (tell : α → IO Nat) (xs : List α) : IO String := do
  let mut said := ""
  for x in xs do
    said := said ++ " " ++ Nat.repr (← tell x)
  return said

partial def expr (st : IO.Ref Tables) (out : IO.FS.Handle) (e : Expr) : IO Nat := do
  if let .mdata _ b := e then return ← expr st out b
  if let some i := (← st.get).exprs.find e then return i
  let sub (x : Expr) : IO String := do return " " ++ Nat.repr (← expr st out x)
  let nm (n : Name) : IO String := do return " " ++ Nat.repr (← name st out n)
  let line ← match e with
    | .bvar k => pure ("EV " ++ Nat.repr k)
    | .sort l => do pure ("ES " ++ Nat.repr (← level st out l))
    | .const n ls => do
      let a ← nm n
      let b ← list (level st out) ls
      pure ("EC" ++ a ++ b)
    | .app f a => do
      let x ← sub f
      let y ← sub a
      pure ("EA" ++ x ++ y)
    | .lam n t b _ => do
      let x ← nm n
      let y ← sub t
      let z ← sub b
      pure ("EL" ++ x ++ y ++ z)
    | .forallE n t b _ => do
      let x ← nm n
      let y ← sub t
      let z ← sub b
      pure ("EP" ++ x ++ y ++ z)
    | .letE n t v b _ => do
      let x ← nm n
      let y ← sub t
      let w ← sub v
      let z ← sub b
      pure ("EZ" ++ x ++ y ++ w ++ z)
    | .lit (.natVal k) => pure ("EN " ++ Nat.repr k)
    | .lit (.strVal s) => pure ("ET " ++ codes s)
    | .proj n k b => do
      let x ← nm n
      let y ← sub b
      pure ("EJ" ++ x ++ " " ++ Nat.repr k ++ y)
    | _ => pure "EX"
  out.putStr (line ++ "\n")
  let i := (← st.get).exprs.size
  st.modify fun t => { t with exprs := t.exprs.add e i }
  return i

partial def constant (env : Environment) (st : IO.Ref Tables) (out : IO.FS.Handle) (n : Name) : IO Unit := do
  if ((← st.get).told.find n).isSome || (env.getModuleIdxFor? n).isSome then return
  let some info := env.find? n | return
  st.modify fun t => { t with told := t.told.add n 0 }
  let uses (e : Expr) : IO Unit := do
    for m in e.getUsedConstants.toList do constant env st out m
  let head (kind : String) (v : ConstantVal) : IO String := do
    uses v.type
    let a ← name st out v.name
    let b ← expr st out v.type
    let c ← list (name st out) v.levelParams
    return kind ++ " " ++ Nat.repr a ++ " " ++ Nat.repr b ++ " " ++ Nat.repr (count v.levelParams) ++ c
  match info with
  | .axiomInfo v => out.putStr ((← head "DA" v.toConstantVal) ++ "\n")
  | .defnInfo v =>
    uses v.value
    let h ← head (match v.safety with | .safe => "DD" | _ => "DX") v.toConstantVal
    let hint := match v.hints with | .opaque => "o" | .abbrev => "a" | .regular k => Nat.repr k.toNat
    out.putStr (h ++ " " ++ Nat.repr (← expr st out v.value) ++ " " ++ hint ++ "\n")
  | .thmInfo v =>
    uses v.value
    let h ← head "DT" v.toConstantVal
    out.putStr (h ++ " " ++ Nat.repr (← expr st out v.value) ++ "\n")
  | .opaqueInfo v =>
    uses v.value
    let h ← head (if v.isUnsafe then "DX" else "DO") v.toConstantVal
    out.putStr (h ++ " " ++ Nat.repr (← expr st out v.value) ++ "\n")
  | .inductInfo v =>
    for m in v.all do st.modify fun t => { t with told := t.told.add m 0 }
    for m in v.all do
      if let some (.inductInfo w) := env.find? m then
        uses w.type
        for c in w.ctors do
          if let some k := env.find? c then uses k.type
    let mut said := ""
    for m in v.all do
      if let some (.inductInfo w) := env.find? m then
        let a ← name st out m
        let b ← expr st out w.type
        said := said ++ " " ++ Nat.repr a ++ " " ++ Nat.repr b ++ " " ++ Nat.repr (count w.ctors)
        for c in w.ctors do
          if let some k := env.find? c then
            let x ← name st out c
            let y ← expr st out k.type
            said := said ++ " " ++ Nat.repr x ++ " " ++ Nat.repr y
    let ps ← list (name st out) v.levelParams
    let many := Nat.repr (count v.levelParams)
    let kind := if v.isUnsafe then "DX 0 0 0 0" else "DI"
    out.putStr (kind ++ " " ++ Nat.repr v.numParams ++ " " ++ many ++ ps ++ " " ++ Nat.repr (count v.all) ++ said ++ "\n")
  | .ctorInfo v => constant env st out v.induct
  | .recInfo v => for m in v.all do constant env st out m
  | .quotInfo v => out.putStr ((← head "DA" v.toConstantVal) ++ "\n")

def tell (env : Environment) (path : System.FilePath) (roots : List Name) : IO Unit := do
  let out ← IO.FS.Handle.mk path .write
  let st ← IO.mkRef ({} : Tables)
  for n in roots do
    -- A build that takes every file for a module makes its names private to it.
    let n := if (env.find? n).isSome then n else mkPrivateName env n
    if (env.find? n).isSome then
      constant env st out n
      out.putStr ("R " ++ Nat.repr (← name st out n) ++ "\n")
    else
      out.putStr "R 0\n"
  out.flush

end SovereignTell

