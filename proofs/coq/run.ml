(* Runs the extracted program on networks from stdin, over a finite field or over floats.

   A network is read as words:  field KEY | float,  L m n_0 ... n_L,  learning_rate,  W_1 b_1 ... W_L b_L,  X, Y;
   arrays row by row.  Printed, one line a network:  cost, logistic_cost;  A_l for l = 1 ... L;  dW_l db_l dA_(l-1) for
   l = L ... 1;  W_l b_l after the step for l = 1 ... L.  tie.py writes and reads this, and compares with network.py. *)

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

  let run () =
    let layers = int () in
    let m = int () in
    let dims = Array.init (layers + 1) (fun _ -> int ()) in
    let n l = dims.(l) in
    let learning_rate = N.of_string (word ()) in
    let params = Array.init layers (fun l ->
      let w = read (n (l + 1)) (n l) in
      let b = read (n (l + 1)) 1 in
      (w, b)) in
    let w l = fst params.(l - 1) and b l i = snd params.(l - 1) i 0 in
    let x = read (n 0) m in
    let y = read (n layers) m in

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
end

module Run_field = Run (Field)
module Run_float = Run (Float)

let () =
  let rec loop () =
    match word () with
    | "field" -> Field.key := int (); Run_field.run (); loop ()
    | "float" -> Run_float.run (); loop ()
    | "" -> ()
    | other -> failwith ("expected field or float, not " ^ other)
  in
  loop ()
