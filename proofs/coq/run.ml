(* Runs the extracted program on networks from stdin, over a finite field or over floats.

   A network is read as words:  field KEY | text KEY | float,  L m n_0 ... n_L,  learning_rate,  W_1 b_1 ... W_L b_L,  X, Y;
   arrays row by row.  Printed, one line a network:  cost, logistic_cost;  A_l for l = 1 ... L;  dW_l db_l dA_(l-1) for
   l = L ... 1;  W_l b_l after the step for l = 1 ... L.  tie.py writes and reads this, and compares with network.py.
   text is the field once more, where the translated text of network.py runs by its meaning in Python.v.

   numpy KEY OPERATION A B runs an operation of NumPy.v; an array is  rows columns entries.  Printed, an array, or None. *)

(* The integers modulo p = 2^61 - 1 with the atoms of refnn/numbers/field.py.  OCaml's int has 63 bits. *)
module Field = struct
  type t = int
  let p = (1 lsl 61) - 1
  let key = ref 0

  let zero = 0
  let one = 1
  let add x y = let s = x + y in if s >= p then s - p else s
  let opp x = if x = 0 then 0 else p - x
  let sub x y = add x (opp y)

  (* x = x1 2^31 + x0, likewise y; 2^61 = 1 and 2^62 = 2 modulo p, and no intermediate value reaches 2^62. *)
  let mul x y =
    let low z = z land ((1 lsl 31) - 1) and high z = z lsr 31 in
    let middle = high x * low y + low x * high y in
    let middle = add (middle lsr 30) ((middle land ((1 lsl 30) - 1)) lsl 31) in
    add (2 * high x * high y mod p) (add middle (low x * low y mod p))

  let rec power x n =
    if n = 0 then 1
    else let h = power (mul x x) (n / 2) in if n land 1 = 1 then mul x h else h

  let inv x = if x = 0 then raise Division_by_zero else power x (p - 2)
  let div x y = mul x (inv y)
  let of_nat n = n mod p

  let atom x =
    let y = add x !key in
    let y = mul ((y lxor (y lsr 31)) mod p) 0x1F83D9ABFB41BD6B in
    let y = mul ((y lxor (y lsr 29)) mod p) 0x1BE0CD19137E2179 in
    (y lxor (y lsr 32)) mod p

  let rec exp x =
    if x = 0 then 1
    else if x <= p - x then max 1 (atom x)
    else inv (exp (p - x))

  let ln x =
    let scaled x = mul x 0x0A09E667F3BCC908 and r = inv x in
    if x = r then 0 else if x < r then atom (scaled x) else opp (atom (scaled r))

  let of_string = int_of_string
  let to_string = string_of_int
end

module Float = struct
  type t = float
  let zero = 0. and one = 1.
  let add = ( +. ) and sub = ( -. ) and mul = ( *. ) and div = ( /. ) and opp = ( ~-. )
  let exp = Stdlib.exp and ln = Stdlib.log
  let of_nat = float_of_int
  let of_string = float_of_string
  let to_string = Printf.sprintf "%h"
end

module type NUMBER = sig
  include Refnn.NUM
  val of_string : string -> t
  val to_string : t -> string
end

let word () = Scanf.scanf " %s" Fun.id
let int () = int_of_string (word ())

module Run (N : NUMBER) = struct
  module P = Refnn.Program (N)

  let read rows columns =
    let a = Array.init rows (fun _ -> Array.init columns (fun _ -> N.of_string (word ()))) in
    fun i j -> a.(i).(j)

  let print rows columns matrix =
    for i = 0 to rows - 1 do
      for j = 0 to columns - 1 do print_string (N.to_string (matrix i j) ^ " ") done
    done

  type network = {
    layers : int; m : int; n : int -> int; learning_rate : N.t;
    w : int -> int -> int -> N.t; b : int -> int -> N.t; x : int -> int -> N.t; y : int -> int -> N.t }

  let network () =
    let layers = int () in
    let m = int () in
    let dims = Array.init (layers + 1) (fun _ -> int ()) in
    let n l = dims.(l) in
    let learning_rate = N.of_string (word ()) in
    let params = Array.init layers (fun l ->
      let w = read (n (l + 1)) (n l) in
      let b = read (n (l + 1)) 1 in
      (w, b)) in
    let x = read (n 0) m in
    let y = read (n layers) m in
    { layers; m; n; learning_rate; x; y; w = (fun l -> fst params.(l - 1)); b = (fun l i -> snd params.(l - 1) i 0) }

  let run () =
    let { layers; m; n; learning_rate; w; b; x; y } = network () in
    let out = P.coq_Logistic n layers m y in
    let caches = P.forward n m P.coq_Sigmoids w b x layers in
    let zL, aL = List.hd caches in
    print 1 1 (fun _ _ -> P.cost_function n layers m y (P.entry aL));
    print 1 1 (fun _ _ -> P.logistic_cost n layers m y (P.entry zL));
    List.iteri (fun l (_, a) -> if l > 0 then print (n l) m (P.entry a)) (List.rev caches);

    let grads = P.backprop n layers m P.coq_Sigmoids out w caches in
    List.iteri (fun s g ->
      let l = layers - s in
      print (n l) (n (l - 1)) (P.entry g.P.grad_W);
      print (n l) 1 (P.entry g.P.grad_b);
      print (n (l - 1)) m (P.entry g.P.grad_A_prev)) grads;

    let grad l = List.nth grads (layers - l) in
    let w' = P.update_W learning_rate w (fun l -> P.entry (grad l).P.grad_W) in
    let b' = P.update_b learning_rate b (fun l i -> P.entry (grad l).P.grad_b i 0) in
    for l = 1 to layers do
      print (n l) (n (l - 1)) (w' l);
      print (n l) 1 (fun i _ -> b' l i)
    done;
    print_newline ()

  module T = Refnn.Python (N)

  let array rows columns matrix = T.Array (T.fill rows columns matrix)

  let show = function
    | T.Array a -> print (T.rows a) (T.columns a) (T.entry a)
    | T.Number x -> print 1 1 (fun _ _ -> x)
    | _ -> failwith "no numbers"

  let call name args =
    match T.call Refnn.refnn 20 (T.Function ("refnn.network", name)) args [] with
    | Some v -> v
    | None -> failwith (name ^ " has no value")

  let text () =
    let { layers; m; n; learning_rate; w; b; x; y } = network () in
    let key name l = name ^ string_of_int l in
    let each_layer f = List.concat_map f (List.init layers succ) in
    let params = T.Mapping (each_layer (fun l ->
      [ (key "W" l, array (n l) (n (l - 1)) (w l)); (key "b" l, array (n l) 1 (fun i _ -> b l i)) ])) in
    let labels = array (n layers) m y in
    match call "forward_prop" [ array (n 0) m x; params ] with
    | T.Sequence [ aL; T.Sequence layer_caches ] ->
      let inputs_and_z = List.map (function
        | T.Sequence [ T.Sequence (a :: _); z ] -> (a, z)
        | _ -> failwith "no cache") layer_caches in
      show (call "cost_function" [ aL; labels ]);
      show (call "logistic_cost" [ snd (List.nth inputs_and_z (layers - 1)); labels ]);
      List.iter (fun (a, _) -> show a) (List.tl inputs_and_z);
      show aL;
      let grads = call "backprop" [ aL; labels; T.Sequence layer_caches ] in
      let after = call "update_parameters" [ params; grads; T.Number learning_rate ] in
      let at dict name = match dict with
        | T.Mapping items -> show (List.assoc name items)
        | _ -> failwith "no dict" in
      for s = 0 to layers - 1 do
        let l = layers - s in
        at grads (key "dW" l); at grads (key "db" l); at grads (key "dA" (l - 1))
      done;
      for l = 1 to layers do at after (key "W" l); at after (key "b" l) done;
      print_newline ()
    | _ -> failwith "forward_prop returns no pair"

  let numpy () =
    let operation = word () in
    let read_array () =
      let rows = int () in
      let columns = int () in
      T.fill rows columns (read rows columns) in
    let a = read_array () in
    let b = read_array () in
    let number x = Some (T.fill 1 1 (fun _ _ -> x)) in
    let result = match operation with
      | "add" -> T.broadcast N.add a b
      | "sub" -> T.broadcast N.sub a b
      | "mul" -> T.broadcast N.mul a b
      | "div" -> T.broadcast N.div a b
      | "matmul" -> T.matmul a b
      | "T" -> Some (T.transpose a)
      | "exp" -> Some (T.each N.exp a)
      | "log" -> Some (T.each N.ln a)
      | "neg" -> Some (T.each N.opp a)
      | "sum" -> number (T.sum_all a)
      | "sum_rows" -> Some (T.sum_rows a)
      | "sum_columns" -> Some (T.sum_columns a)
      | "eye" -> Some (T.eye (T.rows a))
      | "ones_like" -> Some (T.ones_like a)
      | other -> failwith ("no operation " ^ other) in
    (match result with
     | Some c -> Printf.printf "%d %d " (T.rows c) (T.columns c); show (T.Array c)
     | None -> print_string "None");
    print_newline ()
end

module Run_field = Run (Field)
module Run_float = Run (Float)

let () =
  let rec loop () =
    match word () with
    | "field" -> Field.key := int (); Run_field.run (); loop ()
    | "text" -> Field.key := int (); Run_field.text (); loop ()
    | "numpy" -> Field.key := int (); Run_field.numpy (); loop ()
    | "float" -> Run_float.run (); loop ()
    | "" -> ()
    | other -> failwith ("expected field, text, numpy or float, not " ^ other)
  in
  loop ()
