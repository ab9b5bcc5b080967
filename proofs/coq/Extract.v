(** * Extract.v: the program of Program.v, written out as OCaml, still over any kind of number

    Natural numbers become OCaml's int, which is exact as long as no array has 2^62 entries. *)

From Coq Require Import Extraction ExtrOcamlBasic ExtrOcamlNatInt.
From RefNN Require Import Program.

Extraction "refnn.ml" Program.
