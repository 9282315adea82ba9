import Lean

-- Reads declarations as text and hands each to the kernel of this process, which holds nothing but Lean's own library.
-- It elaborates nothing of a proof: names, types and terms come as data, and the kernel checks every one of them.
namespace SovereignKernel
open Lean

-- A name as it may be printed on a line: nothing of a proof's choosing can end that line.
def shown : Name → String
  | .anonymous => ""
  | .str .anonymous s => plain s
  | .str p s => shown p ++ "." ++ plain s
  | .num p k => shown p ++ "." ++ Nat.repr k
where
  plain (s : String) : String :=
    s.toList.foldl (fun acc c => acc.push (if c.isAlphanum || c == '_' || c == '\'' then c else '?')) ""

-- Plain functions of our own: a library that comes without its compiled insides does not run its general ones.
def skip {α : Type} : Nat → List α → List α
  | 0, xs => xs
  | _ + 1, [] => []
  | k + 1, _ :: xs => skip k xs

def first {α : Type} : Nat → List α → List α
  | 0, _ => []
  | _ + 1, [] => []
  | k + 1, x :: xs => x :: first k xs

def join {α : Type} : List α → List α → List α
  | [], ys => ys
  | x :: xs, ys => x :: join xs ys

def top : List Name → Name
  | [] => .anonymous
  | n :: _ => n

def sameNames : List Name → List Name → Bool
  | [], [] => true
  | a :: as, b :: bs => a == b && sameNames as bs
  | _, _ => false

structure Tables where
  names : Array Name := #[.anonymous]
  levels : Array Level := #[]
  exprs : Array Expr := #[]

def number (s : String) : Except String Nat :=
  match s.toNat? with
  | some n => .ok n
  | none => .error ("no number: " ++ s)

def get {α : Type} (what : String) (xs : Array α) (s : String) : Except String α := do
  let i ← number s
  match xs[i]? with
  | some x => .ok x
  | none => .error ("no such " ++ what ++ ": " ++ s)

def text (s : String) : Except String String := do
  let mut made := ""
  for part in skip 1 (s.splitOn ".") do
    made := made.push (Char.ofNat (← number part))
  return made

def ofList {α : Type} (what : String) (xs : Array α) (parts : List String) : Except String (List α) :=
  match parts with
  | [] => .ok []
  | p :: ps => do
    let x ← get what xs p
    let rest ← ofList what xs ps
    return x :: rest

structure Told where
  decl : Declaration
  names : List Name

-- The level parameters of a declaration and what follows them.
def params (t : Tables) (parts : List String) : Except String (List Name × List String) := do
  match parts with
  | [] => .error "no level parameters"
  | p :: ps =>
    let k ← number p
    let ns ← ofList "name" t.names (first k ps)
    return (ns, skip k ps)

def ctors (t : Tables) : Nat → List String → Except String (List Constructor × List String)
  | 0, parts => .ok ([], parts)
  | k + 1, n :: ty :: parts => do
    let name ← get "name" t.names n
    let type ← get "expression" t.exprs ty
    let (more, rest) ← ctors t k parts
    return ({ name, type } :: more, rest)
  | _, _ => .error "a constructor is cut short"

def types (t : Tables) : Nat → List String → Except String (List InductiveType)
  | 0, _ => .ok []
  | k + 1, n :: ty :: c :: parts => do
    let name ← get "name" t.names n
    let type ← get "expression" t.exprs ty
    let (made, rest) ← ctors t (← number c) parts
    let more ← types t k rest
    return { name, type, ctors := made } :: more
  | _, _ => .error "an inductive type is cut short"

def typeNames : List InductiveType → List Name
  | [] => []
  | t :: ts => t.name :: typeNames ts

def sameCtors : List Constructor → List Constructor → Bool
  | [], [] => true
  | a :: as, b :: bs => a.name == b.name && a.type == b.type && sameCtors as bs
  | _, _ => false

def sameTypes : List InductiveType → List InductiveType → Bool
  | [], [] => true
  | a :: as, b :: bs => a.name == b.name && a.type == b.type && sameCtors a.ctors b.ctors && sameTypes as bs
  | _, _ => false

def declaration (t : Tables) (parts : List String) : Except String Told := do
  match parts with
  | "DI" :: np :: rest =>
    let (ps, rest) ← params t rest
    match rest with
    | k :: rest =>
      let made ← types t (← number k) rest
      return { decl := .inductDecl ps (← number np) made false, names := typeNames made }
    | [] => .error "an inductive type is cut short"
  | kind :: n :: ty :: rest =>
    let name ← get "name" t.names n
    let type ← get "expression" t.exprs ty
    let (levelParams, rest) ← params t rest
    if kind == "DA" then
      return { decl := .axiomDecl { name, levelParams, type, isUnsafe := false }, names := [name] }
    match rest with
    | v :: rest =>
      let value ← get "expression" t.exprs v
      if kind == "DT" then
        return { decl := .thmDecl { name, levelParams, type, value }, names := [name] }
      if kind == "DO" then
        return { decl := .opaqueDecl { name, levelParams, type, value, isUnsafe := false, all := [name] }, names := [name] }
      if kind == "DD" then
        let hints ← match rest with
          | ["o"] => pure ReducibilityHints.opaque
          | ["a"] => pure ReducibilityHints.abbrev
          | [k] => pure (ReducibilityHints.regular (← number k).toUInt32)
          | _ => Except.error "a definition is cut short"
        return { decl := .defnDecl { name, levelParams, type, value, hints, safety := .safe, all := [name] }, names := [name] }
      .error "a declaration that is not safe"
    | [] => .error "a declaration is cut short"
  | _ => .error "a declaration is cut short"

def read (t : Tables) (parts : List String) : Except String (Option Tables) := do
  let nm (s : String) := get "name" t.names s
  let ex (s : String) := get "expression" t.exprs s
  let lv (s : String) := get "level" t.levels s
  match parts with
  | ["NS", p, s] => return some { t with names := t.names.push (.str (← nm p) (← text s)) }
  | ["NN", p, k] => return some { t with names := t.names.push (.num (← nm p) (← number k)) }
  | ["LZ"] => return some { t with levels := t.levels.push .zero }
  | ["LS", a] => return some { t with levels := t.levels.push (.succ (← lv a)) }
  | ["LM", a, b] => return some { t with levels := t.levels.push (.max (← lv a) (← lv b)) }
  | ["LI", a, b] => return some { t with levels := t.levels.push (.imax (← lv a) (← lv b)) }
  | ["LP", n] => return some { t with levels := t.levels.push (.param (← nm n)) }
  | ["EV", k] => return some { t with exprs := t.exprs.push (.bvar (← number k)) }
  | ["ES", l] => return some { t with exprs := t.exprs.push (.sort (← lv l)) }
  | "EC" :: n :: ls => return some { t with exprs := t.exprs.push (.const (← nm n) (← ofList "level" t.levels ls)) }
  | ["EA", f, a] => return some { t with exprs := t.exprs.push (.app (← ex f) (← ex a)) }
  | ["EL", n, ty, b] => return some { t with exprs := t.exprs.push (.lam (← nm n) (← ex ty) (← ex b) .default) }
  | ["EP", n, ty, b] => return some { t with exprs := t.exprs.push (.forallE (← nm n) (← ex ty) (← ex b) .default) }
  | ["EZ", n, ty, v, b] =>
    return some { t with exprs := t.exprs.push (.letE (← nm n) (← ex ty) (← ex v) (← ex b) false) }
  | ["EN", k] => return some { t with exprs := t.exprs.push (.lit (.natVal (← number k))) }
  | ["ET", s] => return some { t with exprs := t.exprs.push (.lit (.strVal (← text s))) }
  | ["EJ", n, k, b] => return some { t with exprs := t.exprs.push (.proj (← nm n) (← number k) (← ex b)) }
  | _ => return none

structure State where
  env : Environment
  tables : Tables := {}
  roots : List Name := []
  own : List (Name × Declaration) := []
  axioms : List Name := []

def sameDecl : Declaration → Declaration → Bool
  | .axiomDecl a, .axiomDecl b => sameNames a.levelParams b.levelParams && a.type == b.type
  | .defnDecl a, .defnDecl b => sameNames a.levelParams b.levelParams && a.type == b.type && a.value == b.value
  | .thmDecl a, .thmDecl b => sameNames a.levelParams b.levelParams && a.type == b.type
  | .opaqueDecl a, .opaqueDecl b => sameNames a.levelParams b.levelParams && a.type == b.type && a.value == b.value
  | .inductDecl ps k as _, .inductDecl qs j bs _ => sameNames ps qs && k == j && sameTypes as bs
  | _, _ => false

def before (n : Name) : List (Name × Declaration) → Option Declaration
  | [] => none
  | (m, d) :: rest => if n == m then some d else before n rest

def noting (d : Declaration) (own : List (Name × Declaration)) : List Name → List (Name × Declaration)
  | [] => own
  | n :: ns => (n, d) :: noting d own ns

def add (env : Environment) (decl : Declaration) : Except String Environment :=
  match env.addDeclCore 0 decl none with
  | .ok env => .ok env
  | .error (.unknownConstant _ n) => .error ("unknown constant " ++ shown n)
  | .error (.alreadyDeclared _ n) => .error ("already declared: " ++ shown n)
  | .error (.declTypeMismatch ..) => .error "its value has another type than it states"
  | .error (.thmTypeIsNotProp ..) => .error "a theorem whose type is no proposition"
  | .error (.appTypeMismatch ..) => .error "an application whose argument has another type"
  | .error (.deepRecursion) => .error "the kernel went too deep"
  | .error (.deterministicTimeout) => .error "the kernel took too long"
  | .error (.other s) => .error s
  | .error _ => .error "the kernel refuses it"

def line (keep : Bool) (s : State) (l : String) : Except String State := do
  let parts := l.splitOn " "
  match ← read s.tables parts with
  | some tables => return { s with tables }
  | none =>
    match parts with
    | ["R", n] => return { s with roots := join s.roots [← get "name" s.tables.names n] }
    | _ =>
      let told ← declaration s.tables parts
      match before (top told.names) s.own with
      | some earlier =>
        if sameDecl earlier told.decl then return s
        else .error ("it declares " ++ shown (top told.names) ++ " otherwise than the statement does")
      | none =>
        let env ← add s.env told.decl
        let own := if keep then noting told.decl s.own told.names else s.own
        let axioms := match told.decl with | .axiomDecl a => a.name :: s.axioms | _ => s.axioms
        return { s with env, own, axioms }

def all (keep : Bool) (s : State) : List String → Except String State
  | [] => .ok s
  | l :: ls => do
    if l.isEmpty then all keep s ls else
    let s ← line keep s l
    all keep s ls

-- What imported axioms a constant rests on. A library that comes without its proofs shows its theorems as axioms.
def rests (env : Environment) (n : Name) : List Name :=
  (((CollectAxioms.collect n).run env).run {}).2.axioms.toList

def ours (env : Environment) (yes : Bool) : List Name → List Name
  | [] => []
  | n :: ns => if (env.getModuleIdxFor? n).isNone == yes then n :: ours env yes ns else ours env yes ns

def sayAll (what : String) : List Name → IO Unit
  | [] => pure ()
  | n :: ns => do
    IO.println ("SOVEREIGN " ++ what ++ " " ++ shown n)
    sayAll what ns

def judge (env : Environment) (typed : Bool) : IO Unit := do
  let say (s : String) : IO Unit := IO.println ("SOVEREIGN " ++ s)
  let stripped := match env.find? ``Nat.add_comm with | some (.axiomInfo _) => true | _ => false
  if stripped then say "stripped"
  let statement := (← IO.FS.readFile "statement.txt").splitOn "\n"
  let proof := (← IO.FS.readFile "proof.txt").splitOn "\n"
  match all true { env } statement with
  | .error e => say ("refused statement " ++ e)
  | .ok s =>
    sayAll "declared" s.axioms
    let stated := top s.roots
    match all false { s with tables := {}, roots := [], axioms := [] } proof with
    | .error e => say ("refused proof " ++ e)
    | .ok p =>
      sayAll "declared" p.axioms
      let thm := top (skip 1 p.roots)
      let checked := `sovereign_check
      let env ← if typed then
          match add p.env (.thmDecl { name := checked, levelParams := [], type := .const stated [], value := .const thm [] }) with
          | .error e => do
            say ("refused type " ++ e)
            pure p.env
          | .ok env => do
            say "typed"
            pure env
        else do
          say "typed"
          pure p.env
      let found := rests env (if typed then checked else thm)
      sayAll "rests" (ours env true found)
      sayAll "library" (ours env false found)
      say "done"

end SovereignKernel
