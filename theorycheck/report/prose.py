"""Names, numbers and formulas in running text, as a reader expects them."""

from __future__ import annotations

import math
import re

from markupsafe import Markup, escape

from theorycheck.verdict import Finding, InstanceResult

_LETTER = "[A-Za-zΑ-Ωα-ω]"
_SCRIPT = rf"[_^](?:\{{[^{{}}]*\}}|{_LETTER}+\*?|\d+|[*∞½]|[-−]\d+)"
_SCRIPTED = re.compile(
    rf"((?:(?<![^\W\d]){_LETTER}|[Α-Ωα-ω])[₀-₉²³\u0300-\u036f]*(?={_SCRIPT})|(?<!\w)(?:Var|Cov|KL)"
    rf"|(?<![\w.])10(?=\^)|[)\]‖])((?:{_SCRIPT})+)|`([^`]+)`"
)
_POWER = re.compile(r"(?<=\d)e([+−-]?)0*(\d+)\b")
_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")
_TWICE = re.compile(r"\[([^,\]]+), \1\]")
_NAME = re.compile(r"\b[a-z]{2,}(?:_[a-z]+)+\b")
_RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def typeset(text: str) -> Markup:
    """p_{t+1} and e^r with their indices lowered and powers raised, `code` as such; all else as text."""
    text = _POWER.sub(lambda m: f"×10{(m[1].replace('+', '') + m[2]).translate(_RAISED)}", text)
    text, parts, end = _MINUS.sub("−", text), [], 0
    for found in _SCRIPTED.finditer(text):
        parts += [escape(text[end : found.start()]), _marked(*found.groups())]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _marked(base: str | None, scripts: str | None, code: str | None) -> Markup:
    if code is not None:
        return Markup("<code>{}</code>").format(code)
    marked = escape(base or "")
    for script in re.findall(_SCRIPT, scripts or ""):
        inside = typeset(script[2:-1] if script[1] == "{" else script[1:])
        marked += Markup("<sub>{}</sub>" if script[0] == "_" else "<sup>{}</sup>").format(inside)
    return marked


def words(name: str) -> str:
    """ "Mean scale decays" for `mean_scale_decays`."""
    text = re.sub(r"[_-]+", " ", name).strip()
    return text[:1].upper() + text[1:]


def number(value: float, digits: int = 3) -> str:
    """A number to be read: "0.0123", "−2.3e-06" (which `typeset` turns into a power of ten), "∞"."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{digits}g}".replace("-", "−", 1) if value < 0 else f"{value:.{digits}g}"


def ratio(value: float) -> str:
    """Bound over value: five digits, as what counts is its excess over 1; two where that is out of sight."""
    return number(value, 5 if 1e-3 < value < 1e5 else 2)


def interval(ends: tuple[float, float]) -> str:
    """ "[−0.01, 0.02]", or one number where three digits do not tell the ends apart."""
    lo, hi = ends
    if abs(hi - lo) <= 1e-3 * abs(hi + lo):
        return number((lo + hi) / 2)
    return f"[{number(lo, 2)}, {number(hi, 2)}]"


def parameters(instance: InstanceResult) -> str:
    """ "n = 5, synthetic weight = 1/2"."""
    told = [f"{name.replace('_', ' ')} = {value}" for name, value in instance.parameters.items()]
    return ", ".join(told)


def scope(instance: InstanceResult) -> str:
    """The scope in words; the parameters in words where it only repeats them."""
    told, machine = instance.finding.scope, instance.id.replace(",", ", ")
    return named(told.replace(machine, parameters(instance), 1) if machine else told)


def named(text: str) -> str:
    """The names of arguments in a text, in words."""
    return _NAME.sub(lambda name: name[0].replace("_", " "), text)


def evidence(finding: Finding, margin: float | None) -> str:
    """The reason, or the certificate and the interval of the gap."""
    parts = [finding.reason or ""]
    gap = "" if finding.interval is None else f"gap {interval(finding.interval)}"
    if gap and finding.samples:
        parts += [f"{gap} from {finding.samples:,} draws"]
    elif gap and "gap" not in (finding.certificate or ""):
        parts += [gap, finding.certificate or ""]
    else:
        parts += [finding.certificate or ""]
    if gap and margin is not None:
        parts.append(f"margin {number(margin)}")
    return _polynomials(_TWICE.sub(r"\1", ", ".join(part for part in parts if part)))


def _polynomials(text: str) -> str:
    """Polynomials as sympy writes them, as a reader would."""
    told, named, polynomials = text.partition("coefficients of ")
    polynomials = re.sub(r"\*\*(\d+)", r"^\1", polynomials).replace("*", "·")
    polynomials = re.sub(r"(?<!\w)_(?=\w)", "", polynomials).replace("lambda", "λ")
    return told + named + polynomials
