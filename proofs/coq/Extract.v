(** * Extract.v: the program of Program.v, and the text with its meaning, written out as OCaml over any kind of number

    Natural numbers become OCaml's int, which is exact as long as no array has 2^62 entries; strings become strings. *)

From Coq Require Import Extraction ExtrOcamlBasic ExtrOcamlNatInt ExtrOcamlNativeString.
From RefNN Require Import Program Python Source.

Extraction "refnn.ml" Program Python refnn.
