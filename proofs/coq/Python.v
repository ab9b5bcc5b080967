(** * Python.v: what the text of refnn/network.py, layers.py and _floats.py means, over any kind of number

    A function of the syntax: [call program depth f args keywords] is what Python returns, for calls in calls down to
    this depth.  [None] is an error, or whatever has no meaning here: a float's own branch, for one, as arrays of any
    kind of number are of dtype object.  A list or dict is its content: that none is changed which another name still
    holds, as the functions are pure, is not seen here.

    Builds on:    NumPy.v, Syntax.v.
    Names:        a value's constructor says what it is to Python, where Syntax.v has the word for the node. *)

From Coq Require Import String List Arith Bool DecimalString.
From RefNN Require Import Generic NumPy Syntax.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

Notation "'let*' x := v 'in' e" := (match v with Some x => e | None => None end) (at level 200, x pattern).

Module Python (N : NUM).
Include NumPy N.

(** A tuple is not told from a list; [Record] is a NamedTuple, [Function] a function or class of a module, [Entrywise] a
    function of the user's own. *)
Inductive value :=
| Nothing | Truth (b : bool) | Integer (k : nat) | Text (s : string)
| Number (x : N.t) | Array (A : array) | Dtype
| Sequence (vs : list value) | Mapping (items : list (string * value)) | Record (fields : list (string * value))
| Package (name : string) | Builtin (name : string) | Function (module name : string)
| Closure (module : string) (env : list (string * value)) (args : list string) (body : expr)
| Method (self : value) (name : string)
| Entrywise (f : N.t -> N.t).

(** ** Dictionaries and sequences *)

Definition dict := list (string * value).
Fixpoint get {T : Type} (d : list (string * T)) (key : string) : option T :=
  match d with
  | [] => None
  | (key', v) :: d' => if String.eqb key key' then Some v else get d' key
  end.
Fixpoint set (d : dict) (key : string) (v : value) : dict :=
  match d with
  | [] => [(key, v)]
  | (key', v') :: d' => if String.eqb key key' then (key, v) :: d' else (key', v') :: set d' key v
  end.

(** All of them, if none is an error *)
Fixpoint all {T : Type} (vs : list (option T)) : option (list T) :=
  match vs with
  | [] => Some []
  | v :: vs' => let* v := v in let* vs := all vs' in Some (v :: vs)
  end.

Definition items (v : value) : option (list value) :=
  match v with
  | Sequence vs => Some vs
  | Record fields => Some (map snd fields)
  | _ => None
  end.

Definition subscript (v key : value) : option value :=
  match v, key with
  | Sequence vs, Integer k => nth_error vs k
  | Mapping d, Text s => get d s
  | _, _ => None
  end.

(** A dictionary of these items, whose keys must be distinct *)
Fixpoint distinct (keys : list string) : bool :=
  match keys with
  | [] => true
  | key :: keys' => negb (existsb (String.eqb key) keys') && distinct keys'
  end.
Definition mapping (d : dict) : option value := if distinct (map fst d) then Some (Mapping d) else None.

(** In an f-string *)
Definition decimal (k : nat) : string := NilEmpty.string_of_uint (Nat.to_uint k).
Definition text (v : value) : option string :=
  match v with
  | Integer k => Some (decimal k)
  | Text s => Some s
  | _ => None
  end.

(** ** Operators, on integers that are not negative, numbers and arrays *)

Definition as_number (v : value) : option N.t :=
  match v with
  | Integer k => Some (N.of_nat k)
  | Number x => Some x
  | _ => None
  end.
Definition as_array (v : value) : option array :=
  match v with
  | Array A => Some A
  | _ => let* x := as_number v in Some (fill 1 1 (fun _ _ => x))
  end.
Definition arithmetic (f : N.t -> N.t -> N.t) (v w : value) : option value :=
  match v, w with
  | Array _, _ | _, Array _ =>
      let* A := as_array v in let* B := as_array w in let* C := broadcast f A B in Some (Array C)
  | _, _ => let* x := as_number v in let* y := as_number w in Some (Number (f x y))
  end.

Definition binop (op : operator) (v w : value) : option value :=
  match op, v, w with
  | Add, Integer a, Integer b => Some (Integer (a + b))
  | Sub, Integer a, Integer b => if b <=? a then Some (Integer (a - b)) else None
  | FloorDiv, Integer a, Integer b => if b =? 0 then None else Some (Integer (a / b))
  | _, Integer _, Integer _ => None
  | Add, _, _ => arithmetic N.add v w
  | Sub, _, _ => arithmetic N.sub v w
  | Mult, _, _ => arithmetic N.mul v w
  | Div, _, _ => arithmetic N.div v w
  | MatMult, Array A, Array B => let* C := matmul A B in Some (Array C)
  | Pow, Array A, Integer 2 => Some (Array (each (fun x => N.mul x x) A))
  | _, _, _ => None
  end.

Definition negate (v : value) : option value :=
  match v with
  | Array A => Some (Array (each N.opp A))
  | Number x => Some (Number (N.opp x))
  | _ => None
  end.

Definition truth (v : value) : option bool := match v with Truth b => Some b | _ => None end.

Definition equal (v w : value) : option bool :=
  match v, w with
  | Text s, Text t => Some (String.eqb s t)
  | Sequence _, Text _ => Some false
  | Dtype, Builtin s => if String.eqb s "object" then Some true else None
  | _, _ => None
  end.
Definition compare (op : relation) (v w : value) : option value :=
  match op, v, w with
  | Lt, Integer a, Integer b | Gt, Integer b, Integer a => Some (Truth (a <? b))
  | Eq, _, _ => let* t := equal v w in Some (Truth t)
  | NotEq, _, _ => let* t := equal v w in Some (Truth (negb t))
  | Is, Nothing, Nothing => Some (Truth true)
  | Is, _, Nothing => Some (Truth false)
  | _, _, _ => None
  end.

(** ** What comes with Python and NumPy, and the words of refnn/_declaration.py *)

Definition attribute (v : value) (name : string) : option value :=
  match v with
  | Array A =>
      get [("T", Array (transpose A)); ("shape", Sequence [Integer (rows A); Integer (columns A)]); ("dtype", Dtype);
           ("sum", Method v "sum")] name
  | Mapping _ => get [("items", Method v "items")] name
  | Dtype => get [("kind", Text "O")] name
  | Record fields => get fields name
  | _ => None
  end.

Definition method (self : value) (name : string) (args : list value) (keywords : dict) : option value :=
  match self, args, keywords with
  | Array A, [], [] => Some (Number (sum_all A))
  | Array A, [], [(k, Integer axis); (k', Truth true)] =>
      if String.eqb k "axis" && String.eqb k' "keepdims"
      then let* sum := nth_error [sum_rows; sum_columns] axis in Some (Array (sum A)) else None
  | Mapping d, [], [] => Some (Sequence (map (fun '(key, v) => Sequence [Text key; v]) d))
  | _, _, _ => None
  end.

Definition length_of (v : value) : option nat :=
  match v with
  | Sequence vs => Some (length vs)
  | Mapping d => Some (length d)
  | Array A => Some (rows A)
  | _ => None
  end.

Definition cost_of (h : string) : string :=
  if String.eqb h "sigmoid" || String.eqb h "softmax" then "cross_entropy" else "half_squared_error".

Definition builtins : list (string * (list value -> dict -> option value)) :=
  let entrywise f args (keywords : dict) :=
    match args, keywords with [Array A], [] => Some (Array (f A)) | _, _ => None end in
  [("len", fun args _ => match args with [v] => let* k := length_of v in Some (Integer k) | _ => None end);
   ("range", fun args _ =>
      match args with [Integer a; Integer b] => Some (Sequence (map Integer (seq a (b - a)))) | _ => None end);
   ("reversed", fun args _ => match args with [Sequence vs] => Some (Sequence (rev vs)) | _ => None end);
   ("isinstance", fun args _ =>
      match args with
      | [v; Builtin s] =>
          if String.eqb s "str" then Some (Truth (match v with Text _ => true | _ => false end)) else None
      | _ => None
      end);
   ("numpy.exp", entrywise (each N.exp)); ("numpy.log", entrywise (each N.ln));
   ("numpy.asarray", entrywise (fun A => A)); ("numpy.ones_like", entrywise ones_like);
   ("numpy.eye", fun args _ => match args with [Integer k] => Some (Array (eye k)) | _ => None end);
   (* How a network is declared, by refnn/_declaration.py: a name, or for each hidden layer a pair; not leaky ReLU *)
   ("refnn._declaration.slope", fun args _ =>
      match args with [Text s] => if String.prefix "leaky_relu" s then None else Some Nothing | _ => None end);
   ("refnn._declaration.of_layer", fun args _ =>
      match args with
      | [Text s; Integer _] => Some (Text s)
      | [Sequence words; Integer (S p)] => nth_error words p
      | _ => None
      end);
   ("refnn._declaration.output", fun args _ =>
      match args with
      | [Text h] => Some (Sequence [Text h; Text (cost_of h)])
      | [Sequence [h; Text cost]] => Some (Sequence [h; Text cost])
      | _ => None
      end);
   ("str", fun _ _ => None); ("object", fun _ _ => None)].

(** ** Expressions and statements, in a module *)

Section Module.
Variable call : value -> list value -> dict -> option value.
Variable global : string -> string -> option value.
Variable module : string.

(** To a name, under a key, or to each of a tuple *)
Fixpoint assign (eval : dict -> expr -> option value) (target : expr) (v : value) (env : dict) {struct target} :
    option dict :=
  match target with
  | Name x => Some (set env x v)
  | Subscript (Name x) key =>
      let* k := eval env key in let* old := get env x in
      match old, k with
      | Mapping d, Text k => Some (set env x (Mapping (set d k v)))
      | _, _ => None
      end
  | Tuple targets =>
      let* vs := items v in
      (fix each targets vs env :=
         match targets, vs with
         | [], [] => Some env
         | t :: targets', v :: vs' => let* env := assign eval t v env in each targets' vs' env
         | _, _ => None
         end) targets vs env
  | _ => None
  end.

Definition literal_value (c : literal) : value :=
  match c with
  | none_ => Nothing
  | bool_ b => Truth b
  | int_ k => Integer k
  | str_ s => Text s
  end.

Fixpoint eval (env : dict) (e : expr) {struct e} : option value :=
  let evals es := all (map (eval env) es) in
  match e with
  | Constant c => Some (literal_value c)
  | Name x => match get env x with Some v => Some v | None => global module x end
  | Tuple es | List es => let* vs := evals es in Some (Sequence vs)
  | Dict keys es =>
      let* ks := evals keys in let* ks := all (map text ks) in let* vs := evals es in mapping (combine ks vs)
  | BinOp a op b => let* v := eval env a in let* w := eval env b in binop op v w
  | UnaryOp USub a => let* v := eval env a in negate v
  | UnaryOp Not a => let* v := eval env a in let* t := truth v in Some (Truth (negb t))
  | BoolOp Or [a; b] => let* v := eval env a in let* t := truth v in if t then Some v else eval env b
  | Compare a [op] [b] => let* v := eval env a in let* w := eval env b in compare op v w
  | IfExp test yes no => let* v := eval env test in let* t := truth v in if t then eval env yes else eval env no
  | Attribute a x =>
      let* v := eval env a in
      match v with
      | Package m => global m x
      | _ => attribute v x
      end
  | Subscript a k => let* v := eval env a in let* key := eval env k in subscript v key
  | Call f es keywords =>
      let* g := eval env f in
      let* vs := all (map (fun a => match a with
                                    | Starred b => let* v := eval env b in items v
                                    | _ => let* v := eval env a in Some [v]
                                    end) es) in
      let* ks := all (map (fun k => let* v := eval env (snd k) in Some (fst k, v)) keywords) in
      call g (concat vs) ks
  | JoinedStr es => let* vs := evals es in let* ss := all (map text vs) in Some (Text (String.concat "" ss))
  | FormattedValue a => let* v := eval env a in let* s := text v in Some (Text s)
  | DictComp key a [(target, iter)] =>
      let* v := eval env iter in let* vs := items v in
      let* kvs := all (map (fun v =>
        let* env := assign (fun _ _ => None) target v env in
        let* k := eval env key in let* k := text k in let* w := eval env a in Some (k, w)) vs) in
      mapping kvs
  | Lambda args body => Some (Closure module env args body)
  | _ => None
  end.

(** A statement leads to the next one, in an environment, or out of the function *)
Inductive outcome := Next (env : dict) | Returned (v : value).

Fixpoint loop (body : value -> dict -> option outcome) (vs : list value) (env : dict) : option outcome :=
  match vs with
  | [] => Some (Next env)
  | v :: vs' =>
      match body v env with
      | Some (Next env) => loop body vs' env
      | end_ => end_
      end
  end.

Fixpoint exec (env : dict) (s : stmt) {struct s} : option outcome :=
  let block := fix block (env : dict) (ss : list stmt) :=
    match ss with
    | [] => Some (Next env)
    | s :: ss' =>
        match exec env s with
        | Some (Next env) => block env ss'
        | end_ => end_
        end
    end in
  match s with
  | Assign [target] e | AnnAssign target (Some e) =>
      let* v := eval env e in let* env := assign eval target v env in Some (Next env)
  | Expr (Call (Attribute (Name x) method) [e] []) =>
      let* v := eval env e in let* old := get env x in
      match old with
      | Sequence vs => if String.eqb method "append" then Some (Next (set env x (Sequence (vs ++ [v])))) else None
      | _ => None
      end
  | If test yes no =>
      let* v := eval env test in let* t := truth v in if t then block env yes else block env no
  | For target iter body =>
      let* v := eval env iter in let* vs := items v in
      loop (fun v env => let* env := assign eval target v env in block env body) vs env
  | Return e => let* v := eval env e in Some (Returned v)
  | _ => None
  end.
Definition block : dict -> list stmt -> option outcome := fix block (env : dict) (ss : list stmt) :=
  match ss with
  | [] => Some (Next env)
  | s :: ss' =>
      match exec env s with
      | Some (Next env) => block env ss'
      | end_ => end_
      end
  end.
End Module.

(** ** Modules, and the calls of their functions, to some depth *)

Section Program.
Variable program : list (string * list stmt).

(** The statement of a module that gives this name its value *)
Definition gives (name : string) (s : stmt) : bool :=
  match s with
  | Import names | ImportFrom _ names => existsb (fun n => String.eqb name (snd n)) names
  | ClassDef x _ _ | FunctionDef x _ _ _ => String.eqb name x
  | Assign [Name x] _ => String.eqb name x
  | _ => false
  end.
Definition definition (module name : string) : option stmt := let* ss := get program module in find (gives name) ss.

(** What it imports under this name *)
Definition imported (name : string) (names : list (string * string)) : option string :=
  let* n := find (fun n => String.eqb name (snd n)) names in Some (fst n).

(** The names of a function with their arguments, and its options as given or else as they are by default *)
Definition given (keywords : dict) (name : string) (default : value) : value :=
  match get keywords name with Some v => v | None => default end.
Definition known (options keywords : dict) : bool :=
  forallb (fun k => existsb (String.eqb k) (map fst options)) (map fst keywords).
Definition bind (names : list string) (args : list value) (options keywords : dict) : option dict :=
  if (length names =? length args) && known options keywords
  then Some (combine names args ++ map (fun o => (fst o, given keywords (fst o) (snd o))) options) else None.

(** What a call returns, and the value of a name in a module; calls inside go to [call], names to [global]. *)
Definition called (call : value -> list value -> dict -> option value) (global : string -> string -> option value)
    (f : value) (args : list value) (keywords : dict) : option value :=
  match f with
  | Function m name =>
      match definition m name with
      | Some (FunctionDef _ names options body) =>
          let* options := all (map (fun o => let* v := eval call global m [] (snd o) in Some (fst o, v)) options) in
          let* env := bind names args options keywords in
          match block call global m env body with
          | Some (Returned v) => Some v
          | _ => None
          end
      | Some (ClassDef _ [Name "NamedTuple"] body) =>
          let fields := concat (map (fun s => match s with AnnAssign (Name x) None => [x] | _ => [] end) body) in
          if (length fields =? length args) && (length keywords =? 0) then Some (Record (combine fields args)) else None
      | _ => None
      end
  | Closure m env names body =>
      let* env' := bind names args [] keywords in eval call global m (env' ++ env) body
  | Builtin name => let* b := get builtins name in b args keywords
  | Method v name => method v name args keywords
  | Entrywise f => match args, keywords with [Array A], [] => Some (Array (each f A)) | _, _ => None end
  | _ => None
  end.

Definition named (call : value -> list value -> dict -> option value) (global : string -> string -> option value)
    (module name : string) : option value :=
  match definition module name with
  | Some (FunctionDef _ _ _ _) | Some (ClassDef _ _ _) => Some (Function module name)
  | Some (Assign _ e) => eval call global module [] e
  | Some (Import names) => let* m := imported name names in Some (Package m)
  | Some (ImportFrom m names) =>
      let* x := imported name names in
      match get program m with
      | Some _ => global m x
      | None => Some (Package (m ++ "." ++ x)%string)
      end
  | _ =>
      let x := match get program module with Some _ => name | None => (module ++ "." ++ name)%string end in
      let* _ := get builtins x in Some (Builtin x)
  end.

Fixpoint call (depth : nat) (f : value) (args : list value) (keywords : dict) {struct depth} : option value :=
  match depth with
  | O => None
  | S depth => called (call depth) (global depth) f args keywords
  end
with global (depth : nat) (module name : string) {struct depth} : option value :=
  match depth with
  | O => None
  | S depth => named (call depth) (global depth) module name
  end.
End Program.
End Python.
