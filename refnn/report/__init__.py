"""Reports of gradient checks that can be cited and rechecked: built, drawn, written, read and replayed."""
