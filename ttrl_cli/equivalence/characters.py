"""Unicode as LaTeX: signs, Greek letters, raised and lowered digits, fractions."""

import re
import unicodedata

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_COMMANDS = {
    **_GREEK,
    "×": "times", "·": "cdot", "⋅": "cdot", "∙": "cdot", "∞": "infty", "±": "pm", "∓": "mp",
    **dict.fromkeys("°º˚", "degree"),
    "≤": "le", "⩽": "le", "≦": "le", "≥": "ge", "⩾": "ge", "≧": "ge", "≠": "ne", "≈": "approx",
    "∈": "in", "∉": "notin", "∪": "cup", "∩": "cap", "∨": "lor", "∧": "land", "¬": "neg",
    "→": "to", "⟶": "to", "←": "gets", "⇒": "Rightarrow", "⟹": "Rightarrow", "⇔": "iff", "⟺": "iff",
    "↔": "leftrightarrow", "∀": "forall", "∃": "exists", "⊂": "subset", "⊃": "supset",
    "⊆": "subseteq", "⊇": "supseteq", "⊕": "oplus", "⊗": "otimes", "⊥": "perp", "∥": "parallel",
    "≡": "equiv", "∘": "circ", "∂": "partial", "∇": "nabla", "∫": "int", "∑": "sum", "∏": "prod",
    "∖": "setminus", "∣": "mid", "∅": "emptyset",
    "∠": "angle", "△": "triangle", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil",
    **{sign: f"mathbb{{{letter}}}" for sign, letter in zip("ℝℤℕℚℂ", "RZNQC", strict=True)},
}  # fmt: skip
_TABLE = str.maketrans(
    {
        **dict.fromkeys("−–—‐‑", "-"),
        **dict.fromkeys("’‘′“”„", "'"),
        "″": "''",
        **dict.fromkeys("÷⁄∕", "/"),
        "、": ", ",
        **{sign: rf"\{name} " for sign, name in _COMMANDS.items()},
    }
)
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LOWERED = "₀₁₂₃₄₅₆₇₈₉"
_POWER = re.compile(f"[{_RAISED}⁺⁻⁽⁾ⁱⁿᵃᵇᶜᵈᵏᵐᵖᵗˣʸᶻ]+")
_INDEX = re.compile(f"[{_LOWERED}₊₋₍₎ₐₑₕₖₗₘₙₒₚₛₜₓᵢⱼᵣᵤᵥ]+")
_SLANTED = re.compile(f"([{_RAISED}]+)[⁄∕/]([{_LOWERED}]+)")
_VULGAR_FRACTION = re.compile(r"[¼-¾⅐-⅞]")
_ROOT_SIGN = re.compile(r"([√∛∜])\s*(?:(\d+(?:\.\d+)?|[a-zA-Z])|\(([^()]*)\)|\{([^{}]*)\})")
_ROOTS = {"√": r"\sqrt", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]"}


def plain_characters(text: str) -> str:
    """Replace Unicode characters that have a mathematical meaning by LaTeX."""
    if text.isascii():
        return text
    text = _VULGAR_FRACTION.sub(lambda match: _fraction(*_plain(match[0]).split("⁄")), text)
    text = _SLANTED.sub(lambda match: _fraction(_plain(match[1]), _plain(match[2])), text)
    text = _POWER.sub(lambda match: f"^{{{_plain(match[0])}}}", text)
    text = _INDEX.sub(lambda match: f"_{{{_plain(match[0])}}}", text)
    text = _ROOT_SIGN.sub(_root, text)
    return _plain(text.translate(_TABLE))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _fraction(top: str, bottom: str) -> str:
    return rf"\frac{{{top}}}{{{bottom}}}"


def _root(match: re.Match[str]) -> str:
    return f"{_ROOTS[match[1]]}{{{match[2] or match[3] or match[4]}}}"
