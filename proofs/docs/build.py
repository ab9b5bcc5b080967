"""The API reference as HTML, made of the docstrings, in build/docs (make docs).

Formulas become MathML, which browsers show without a script and without a network. In a docstring `$…$` is a formula
in its line and `$$…$$` one in a line of its own: LaTeX, or what reads better in `help`, as Σ, ∘ and log. Symbols like
W_l and shapes like (n_l, m) need no mark. Exit status 1 if something is named or linked to that is not there.
"""

import builtins
import importlib
import inspect
import json
import posixpath
import re
import shutil
import sys
import textwrap
import warnings
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import numpy
import pdoc.doc
import pdoc.render
import pdoc.render_helpers
from latex2mathml.converter import convert
from pygments.formatters import HtmlFormatter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "build/docs"
MODULES = ["refnn", *(f"refnn.{room}" for room in ("testing", "torch", "jax", "autograd", "gradcheck", "numbers"))]
# The drop-ins are read for their docstrings alone, so these need not be there.
FRAMEWORKS = ["torch", "torch.autograd", "torch.autograd.gradcheck", "jax", "autograd.core", "autograd.extend"]
FONT = "STIXTwoMath-Regular.ttf"  # in another than a mathematical font, browsers draw formulas badly
ELSEWHERE = {"CertificateError", "requires_grad", "grad_outputs", "custom_vjp", "custom_jvp"}  # named, not shown

# ---------------------------------------------------------------------- formulas

LATEX = {  # of what stands in docstrings
    " {2,}": r"\\quad ",
    "Σ": r"\\sum ",
    "∘": r"\\circ ",
    "·": r"\\cdot ",
    "…": r"\\dots ",
    "ᵀ": r"^\\top ",
    "²": "^2",
    "′": "'",
    "←": r"\\leftarrow ",
    r"\|(\w)\|": r"\\lvert \1 \\rvert ",
    r"1/m (?=\\sum)": r"\\frac{1}{m} ",
    r"sqrt\(((?:[^()]|\([^()]*\))*)\)": r"\\sqrt{\1}",
    r"_prev\b": r"_{\\text{prev}}",
    r"\\big[lr]": "",
    r"\\operatorname\{(\w+)\}": r"\1",
    r"\\?\b(softplus|log|exp|cosh|tanh|vjp|jvp)\b": r"\\text{\1}",
    r"(?<=[\w)]) *(?=\\text\{(?!prev))": r"\\,",  # between factors of which one is a function
    r"(\\text\{\w+\}) +(?=[^( ])": r"\1\\,",
}
FORMS = {  # what the converter does not say: that a sign is no operation, norms do not stretch, quotients stand close
    r"(?<=<mrow>)<mo>&#x02212;": '<mo form="prefix">&#x02212;',
    r"((?:&#x00028;|\[|&#x0003D;|,)</mo>)<mo>&#x02212;": r'\1<mo form="prefix">&#x02212;',
    "<mo>&#x02016;": '<mo stretchy="false">&#x02016;',
    "<mo>&#x0002F;": '<mo lspace="0" rspace="0">&#x0002F;',
}
TOKEN = re.compile(
    r"""
      \$\$(?P<block>.+?)\$\$(\ \((?P<tag>D\d+)\))?
    | ```math\n(?P<equation>.+?)```
    | \$`(?P<ticked>.+?)`\$
    | (?P<code>```.+?```|``.+?``|`[^`]+`|^\ {4}(?!\ *-\ ).*?$)
    | \$(?P<inline>[^$]+)\$
    | (?P<word>"[^"\s]+")
    | \((?P<number>D\d+)\)
    | (?P<symbol>\b(d?[A-Z]|[bgn])_(\{[^}]+\}|\w)(?!\w) | \(((n_\w|n_\{l-1\}|m|1),?\ ?)+\))
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def with_formulas(markdown):
    """The Markdown with formulas as MathML, and a link where it names an equation."""

    def html(token):
        if token["code"]:
            return token[0]
        if token["word"]:
            return f"`{token[0]}`"
        if token["number"]:
            return linked(token["number"])
        if token["block"]:
            latex, _, tags = token["block"].partition(r"\tag{")
            return displayed(latex, ", ".join(map(linked, re.findall(r"D\d+", token["tag"] or tags))))
        if token["equation"]:
            latex, _, tag = token["equation"].rstrip("}\n").partition(r"\tag{")
            return displayed(latex, f'<a id="{tag}">({tag})</a>')
        return mathml(token["ticked"] or token["inline"] or token["symbol"])

    if "$" in TOKEN.sub("", markdown):
        raise ValueError(f"a formula does not end: {markdown}")
    return TOKEN.sub(html, markdown)


def linked(equation):
    return f'<a href="{{derivation}}#{equation}">({equation})</a>'


def displayed(latex, number):
    return f'\n\n<div class="formula">{mathml(latex, "block")}<span>{number}</span></div>\n\n'


def mathml(latex, display="inline"):
    latex = replaced(LATEX, latex.strip())
    formula = replaced(FORMS, convert(latex, display=display))
    if "\\" in formula or re.search(r"[\a\b\f\r\t\v]", latex):
        raise ValueError(f"a command is unknown, or its backslash was none: {latex!r}")
    return formula


def replaced(table, text):
    for pattern, new in table.items():
        text = re.sub(pattern, new, text)
    return text


# ---------------------------------------------------------------------- docstrings

SECTION = re.compile(r"^([A-Z]\w+)\n-{3,}\n", re.MULTILINE)
LISTS = ("Parameters", "Attributes", "Returns", "Raises")
BLOCK = re.compile(r"^\S.*(?:\n*\n[ ].*)*", re.MULTILINE)  # a line, and what is indented below it
ENTRY = re.compile(r"(\*{0,2}[A-Za-z_]\w*(?:, [*\w]+)*) : (.+)")
CLASSES = re.compile(r"^[A-Z][a-z]\w+(?:, [A-Z][a-z]\w+)*(?=$|,)")


def as_markdown(docstring):
    """A docstring in NumPy's form as Markdown, its sections as lists."""
    head, *sections = SECTION.split(docstring)
    for title, text in zip(sections[::2], sections[1::2]):
        head += f"###### {title}\n\n{as_list(text) if title in LISTS else text}\n"
    return head


def as_list(text, depth=0):
    """`name : what it is`, with lists below; what begins below as a sentence gets a line of its own."""
    lines = []
    for block in BLOCK.findall(text):
        first, _, below = block.partition("\n")
        below, nested = textwrap.dedent(below), ""
        first = CLASSES.sub(lambda names: ", ".join(f"`{name}`" for name in names[0].split(", ")), first, count=1)
        first = ENTRY.sub(lambda entry: f"**{entry[1].replace('*', '&ast;')}**: {entry[2]}", first, count=1)
        if all(map(ENTRY.match, BLOCK.findall(below))):
            nested = as_list(below, depth + 1)
        else:
            first += ("<br>" if re.match(r'[A-Z"]|``', below) else " ") + " ".join(below.split())
        lines.append(f"{'    ' * depth}- {first}\n{nested}")
    return "".join(lines)


def plain_signature(signature, colon):
    """Names and defaults; the docstring says what each argument is, with its shape."""
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    plain = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return pdoc.render_helpers.format_signature(plain, colon).replace("\t", "")  # before each parameter of many


# ---------------------------------------------------------------------- pages


def build(modules):
    """The text of each file by its path."""
    pdoc.render.configure(template_directory=HERE)
    env = pdoc.render.env
    env.filters["to_markdown"] = lambda text: with_formulas(as_markdown(text))
    env.filters["format_signature"] = plain_signature
    env.globals["font"] = FONT
    env.globals["dark_code"] = HtmlFormatter(style="github-dark").get_style_defs(".pdoc-code")
    pages = {path_of(name): pdoc.render.html_module(module, modules) for name, module in modules.items()}
    pages |= {"index.html": pdoc.render.html_index(modules), "search.js": pdoc.render.search_index(modules)}
    return {
        path: text.replace("{derivation}", "derivation.html" if "/" in path else "refnn/derivation.html")
        for path, text in pages.items()
    }


def path_of(module):
    return f"{module.replace('.', '/')}.html"


def documented():
    """The modules, with their functions in the order of a reader, and the pages beside them."""
    for name in FRAMEWORKS:
        sys.modules.setdefault(name, MagicMock())
    first, *others = map(importlib.import_module, MODULES)
    modules = [pdoc.doc.Module(module) for module in (first, tutorial(), derivation(), *others)]
    for module in modules:
        module.members = {member.name: member for member in sorted(module.members.values(), key=place)}
    return {module.modulename: module for module in modules}


def place(member):
    """Functions before classes, the article's before all others, as they stand in their files."""
    file = getattr(member.obj, "__module__", "")
    return member.kind == "class", file != "refnn.network", file, member.source_lines or (0, 0)


def beside(name, text):
    """A page beside those of the modules, as if it were one. What it links to does not stand beside it here."""
    module = ModuleType(f"refnn.{name}", re.sub(r"(?<!!)\[([^\]]+)\]\([^)]+\)", r"\1", text))
    module.__all__ = []
    return module


def derivation():
    return beside("derivation", (HERE.parent / "derivation.md").read_text(encoding="utf-8"))


def tutorial():
    """The notebook: its text, its code, what that printed and drew."""
    parts = []
    for cell in json.loads((HERE.parent / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(f"```python\n{source}\n```" if cell["cell_type"] == "code" else source)
        for output in cell.get("outputs", []):
            if "text" in output:
                parts.append(f"```text\n{''.join(output['text'])}```")
            else:
                parts.append(f"![figure](data:image/png;base64,{output['data']['image/png'].strip()})")
    return beside("tutorial", "\n\n".join(parts))


# ---------------------------------------------------------------------- what is missing


def missing(pages, modules):
    """What is linked to and not there, and what is named in code and unknown."""
    places = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    for path, text in pages.items():
        for link in set(re.findall(r'\bhref="(?!https?:|data:|\$)([^"]*)"', text)):
            target, _, fragment = link.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
            if target not in pages or (fragment and fragment not in places[target]):
                yield f"{path}: a link to {link}"
    for name, module in ((name, modules[name]) for name in MODULES):
        text = pages[path_of(name)]
        for word in set(re.findall(r"<code>(\w+|refnn[\w.]+)</code>", text)) - ELSEWHERE - parameters(module):
            if not any(hasattr(scope, word) for scope in (module.obj, builtins, numpy)):
                yield f"{path_of(name)}: the name {word}"


def parameters(module):
    """The names of the arguments of its functions, and of the fields of its classes."""
    things = [member.obj for member in module.members.values()]
    arguments = {name for thing in filter(inspect.isfunction, things) for name in inspect.signature(thing).parameters}
    return arguments.union(*(getattr(thing, "__dataclass_fields__", ()) for thing in things))


def main():
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "Error parsing type annotation")  # none is shown
    modules = documented()
    pages = build(modules)
    found = sorted(missing(pages, modules))
    print(*(f"not found  {each}" for each in found), f"{len(pages)} files in {OUT.relative_to(ROOT)}", sep="\n")
    shutil.rmtree(OUT, ignore_errors=True)
    for path, text in pages.items():
        (OUT / path).parent.mkdir(parents=True, exist_ok=True)
        (OUT / path).write_text(text, encoding="utf-8")
    shutil.copy(Path(find_spec("ziamath").origin).parent / "fonts" / FONT, OUT)
    return len(found) > 0


if __name__ == "__main__":
    sys.exit(main())
