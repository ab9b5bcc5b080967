"""The network with a fault planted in the text of network.py, layers.py or _floats.py."""

import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import refnn
from refnn import _floats, layers, network

FILES = {"_floats": _floats, "layers": layers, "network": network}  # each imports those before it
SOURCES = {name: Path(module.__file__).read_text() for name, module in FILES.items()}


def network_with(changes):
    """network.py run anew, with layers.py and _floats.py, after changes of their texts: {text: what stands there}.

    Each text must stand once in the three files together.
    """
    sources = dict(SOURCES)
    for text, instead in changes.items():
        places = [name for name, source in SOURCES.items() for _ in range(source.count(text))]
        assert len(places) == 1, f"{text!r} stands in {places}, expected once"
        sources[places[0]] = sources[places[0]].replace(text, instead)
    modules = {name: ModuleType(f"refnn.{name}") for name in FILES}
    with (
        mock.patch.dict(sys.modules, {f"refnn.{name}": module for name, module in modules.items()}),
        mock.patch.multiple(refnn, **modules),
    ):
        for name, module in modules.items():
            exec(compile(sources[name], f"{name}.py with a fault", "exec"), module.__dict__)
    return modules["network"]
