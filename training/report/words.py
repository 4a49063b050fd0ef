"""Scores in words: names, units, and one sentence that says it all."""

from __future__ import annotations

from collections.abc import Sequence

from training.protocols.schema import Metric, Row

PERCENT = frozenset(
    {
        "top1",
        "top5",
        "class_precision10",
        "class_jaccard10",
        "class_map",
        "coverage_area",
        "over_chance",
        "class_top5_any",
    }
)
NAMES = {
    "top1": "top-1",
    "top5": "top-5",
    "mrr": "mean reciprocal rank",
    "median_rank": "median rank",
    "auc": "AUC",
    "category_auc": "AUC of categories",
    "class_precision10": "precision@10 within class",
    "class_jaccard10": "Jaccard@10 with class",
    "class_map": "mAP of class",
    "over_chance": "over chance",
    "bits_per_minute": "bits a minute",
    "ece": "calibration error",
    "brier": "Brier score",
    "coverage_area": "accuracy over coverage",
    "bits_an_answer": "bits an answer",
    "class_bits": "bits an answer about the class",
    "class_kappa": "kappa of classes",
    "class_top5_any": "class among the best 5",
    "neighbour_jaccard10": "Jaccard@10 with neighbours",
    "rsa": "RSA (Spearman)",
    "rsa_noise_ceiling_low": "noise ceiling, lower",
    "rsa_noise_ceiling_high": "noise ceiling, upper",
    "cka": "CKA (debiased)",
    "kernel_analysis_area": "kernel analysis, area",
    "vendi_of_results": "kinds among the best 10 (Vendi)",
    "mrr_from_low_level_alone": "MRR from low-level features alone",
    "mrr_without_low_level": "MRR without low-level features",
    "mrr_without_shuffled_low_level": "MRR without shuffled features",
    "share_left": "share of the score left",
    "top1_of_whole_windows": "top-1 of whole windows",
    "top1_of_committed": "top-1 of early answers",
    "top1_of_the_same_whole_windows": "top-1 of the same, whole windows",
    "committed_less_whole": "early less whole, top-1",
    "mean_time_to_answer_s": "mean time to answer (s)",
    "adjusted_rand": "adjusted Rand index",
    "normalised_mutual_information": "normalised mutual information",
}
LOWER_IS_BETTER = frozenset({"median_rank", "ece", "brier"})
HEADLINES = ("top1", "auc", "category_auc", "mrr")


def name(metric: str) -> str:
    """Of a metric, for people."""
    return NAMES.get(metric, metric.replace("_", " "))


def number(metric: str, value: float | None) -> str:
    """Value with its unit."""
    if value is None:
        return "–"
    if metric in PERCENT or metric.startswith("top"):
        return f"{100 * value:.1f} %"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def interval(metric: str, one: Metric) -> str:
    """Its interval; empty where there is none."""
    if one.low is None or one.high is None:
        return ""
    return f"{number(metric, one.low)} to {number(metric, one.high)}"


def metric(key: str, one: Metric) -> str:
    """Value, interval, chance and test in a line."""
    parts = [number(key, one.value)]
    if interval(key, one):
        parts.append(f"[{interval(key, one)}]")
    if one.chance is not None:
        parts.append(f"(chance {number(key, one.chance)})")
    if one.p is not None:
        parts.append(f"p {p_value(one.p)}")
    return " ".join(parts)


def p_value(p: float) -> str:
    """``= 0.012`` or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def repeats(row: Row) -> str:
    """How many trials an answer rests on."""
    return "all repeats" if row.repeats == 0 else "1 repeat" if row.repeats == 1 else f"{row.repeats} repeats"


def marks(row: Row) -> list[str]:
    """What to be wary of in a row."""
    found = {
        "transductive": row.transductive,
        "not causal": not row.causal,
        "blocked design": row.blocked,
        "trained on these stimuli": row.seen,
        "simulated": row.simulated,
    }
    return [word for word, holds in found.items() if holds]


def headline(rows: Sequence[Row]) -> Row | None:
    """The row that the summary speaks of: of the first protocol, most repeats, the images shown as gallery."""
    good = [row for row in rows if not row.error and key_of(row)]
    if not good:
        return None
    first = [row for row in good if row.protocol == good[0].protocol]
    return max(first, key=lambda row: (row.repeats or 10**9, row.gallery == "shown images"))


def key_of(row: Row) -> str | None:
    """Its first score that can stand for the row."""
    return next((key for key in HEADLINES if key in row.metrics and row.metrics[key].value is not None), None)


def summary(rows: Sequence[Row]) -> str:
    """The result in one or two plain sentences, with chance."""
    row = headline(rows)
    key = key_of(row) if row else None
    if row is None or key is None:
        return "Nothing could be scored; the rows below say why."
    one = row.metrics[key]
    trials = "all trials" if row.repeats == 0 else "one trial" if row.repeats == 1 else f"{row.repeats} trials"
    if key == "top1":
        lead = f"From {trials} of EEG, the decoder ({row.encoder}) names the right one of {row.n_way} first in"
        told = f"{lead} {number(key, one.value)} of cases"
    else:
        told = f"From {trials} of EEG, the decoder ({row.encoder}) reaches {name(key)} {number(key, one.value)}"
        told += f", {row.n_way} to tell apart"
    if interval(key, one):
        told += f" (95 % interval {interval(key, one)}, over {one.unit or 'units'})"
    if one.chance is not None:
        told += f"; guessing gives {number(key, one.chance)}"
    return f"{told}. {_verdict(one)}{_cautions(row)}"


def _verdict(one: Metric) -> str:
    if one.chance is None or one.value is None:
        return ""
    if one.p is not None:
        above = one.p < 0.05 and one.value > one.chance
        return f"That is {'more than' if above else 'not surely more than'} guessing (p {p_value(one.p)}; {one.test})."
    if one.low is None:
        return "There are too few units for an interval or a test, so it may be luck."
    return "The interval lies above guessing." if one.low > one.chance else "The interval reaches down to guessing."


def _cautions(row: Row) -> str:
    found = marks(row)
    return f" Mind: {', '.join(found)}." if found else ""


def joined(*parts: str) -> str:
    """Parts of a caption, the empty ones left out, the first letter raised."""
    text = "; ".join(part for part in parts if part)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
