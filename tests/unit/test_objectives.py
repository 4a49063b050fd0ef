"""Objectives: least where they should be, differentiable, blind to what they should not see, and good to learn by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from config.errors import SettingsError
from inference.encoders.generative import Generated
from training.fitting import fit
from training.objectives.base import Batch, correlation
from training.objectives.infonce import InfoNCE
from training.objectives.registry import OBJECTIVES, Term, combine, make, parse
from training.objectives.snr import snr_distance
from training.trials.examples import Examples

DIM = 16
REPEATED = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 3])
DISTINCT = torch.arange(8)
TWO_SIDED = [name for name in OBJECTIVES if name != "vae"]
SCALE_FREE = ["infonce", "siglip", "multi_head", "siamese", "rsa", "mmd", "cosine"]


def items(seed: int = 0, m: int = 8, dim: int = DIM) -> torch.Tensor:
    return functional.normalize(torch.randn(m, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def batch(vectors: torch.Tensor, index: torch.Tensor, targets: torch.Tensor | None = None) -> Batch:
    return Batch(torch.zeros(len(vectors), 2, 5), vectors, items() if targets is None else targets, index)


@pytest.mark.parametrize("index", [DISTINCT, REPEATED], ids=["distinct", "repeated"])
@pytest.mark.parametrize("name", TWO_SIDED)
def test_perfect_vectors_are_better_than_others(name: str, index: torch.Tensor) -> None:
    objective, perfect = make(Term(name=name)), items()[index]
    best = objective(batch(perfect, index)).item()
    noise = torch.randn(perfect.shape, generator=torch.Generator().manual_seed(1))
    near, far = (objective(batch(perfect + s * noise, index)).item() for s in (0.2, 1.0))
    assert best < near < far
    if name in ("siamese", "rsa", "mse", "cosine") or (name == "mmd" and index is DISTINCT):
        assert best == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", [n for n in TWO_SIDED if n not in ("rsa", "mmd")])
def test_the_right_item_is_better_than_another(name: str) -> None:
    objective, perfect = make(Term(name=name)), items()
    assert objective(batch(perfect, DISTINCT)) < objective(batch(perfect.roll(1, 0), DISTINCT)) - 0.01


@pytest.mark.parametrize("name", TWO_SIDED)
def test_gradients_are_those_of_the_loss(name: str) -> None:
    objective = make(Term(name=name)).double()
    targets, index = items().double(), REPEATED
    vectors = torch.randn(len(index), DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    if name == "mmd":  # its bandwidth is taken from the vectors without a gradient
        targets, vectors = targets * 1.0, functional.normalize(vectors, dim=1) * 0.01 + targets[index]
        loss = objective(batch(vectors.requires_grad_(), index, targets))
        loss.backward()
        with torch.no_grad():
            lower = objective(batch(vectors - 1e-3 * vectors.grad, index, targets))
        assert lower < loss
        return
    assert torch.autograd.gradcheck(lambda x: objective(batch(x, index, targets)), vectors.requires_grad_())
    for parameter in objective.parameters():
        (gradient,) = torch.autograd.grad(objective(batch(vectors, index, targets)), parameter)
        assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), factor=st.floats(0.1, 50.0))
@pytest.mark.parametrize("name", SCALE_FREE)
def test_length_does_not_matter_where_search_goes_by_direction(name: str, seed: int, factor: float) -> None:
    objective = make(Term(name=name))
    vectors = torch.randn(len(REPEATED), DIM, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(
        objective(batch(factor * vectors, REPEATED)), objective(batch(vectors, REPEATED)), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("name", TWO_SIDED)
def test_order_of_windows_does_not_matter(name: str) -> None:
    objective = make(Term(name=name))
    vectors = torch.randn(len(REPEATED), DIM, generator=torch.Generator().manual_seed(3))
    order = torch.randperm(len(REPEATED), generator=torch.Generator().manual_seed(4))
    assert torch.allclose(
        objective(batch(vectors[order], REPEATED[order])), objective(batch(vectors, REPEATED)), atol=1e-5
    )


@pytest.mark.parametrize("name", ["rsa"])
def test_turning_the_space_does_not_matter_to_distances(name: str) -> None:
    """Within the space of centred vectors, which is where Pearson's correlation lives."""
    centred = items() - items().mean(1, keepdim=True)
    basis = torch.linalg.svd(centred, full_matrices=False)[2]
    turned = centred @ basis.T @ torch.linalg.qr(torch.randn(8, 8))[0] @ basis
    assert make(Term(name=name))(batch(turned, DISTINCT)).item() == pytest.approx(0, abs=1e-5)


def test_infonce_is_clips_where_no_item_repeats() -> None:
    x = torch.randn(8, DIM)
    logits = functional.normalize(x, dim=1) @ items().T / 0.07
    clip = (functional.cross_entropy(logits, DISTINCT) + functional.cross_entropy(logits.T, DISTINCT)) / 2
    assert torch.allclose(InfoNCE()(batch(x, DISTINCT)), clip, atol=1e-5)


def test_siglip_is_the_published_sum_over_pairs() -> None:
    x = torch.randn(8, DIM)
    logits = 10 * functional.normalize(x, dim=1) @ items().T - 10
    pairs = -functional.logsigmoid(logits * (2 * torch.eye(8) - 1))
    assert torch.allclose(make(Term(name="siglip"))(batch(x, DISTINCT)), pairs.sum() / 8, atol=1e-5)


def test_snr_distance_is_variance_of_noise_over_variance_of_signal() -> None:
    x, y = torch.randn(5, DIM), torch.randn(3, DIM)
    by_hand = (x[:, None] - y).var(2, correction=0) / y.var(1, correction=0)
    assert torch.allclose(snr_distance(x, y), by_hand, atol=1e-4)


def test_correlation_is_pearsons() -> None:
    a, b = torch.randn(4, 9), torch.randn(3, 9)
    assert np.allclose(correlation(a, b), np.corrcoef(a, b)[:4, 4:], atol=1e-5)


def test_every_head_has_its_own_temperature() -> None:
    objective = make(parse("multi_head=1,heads=3"))
    x = torch.randn(8, DIM)
    objective(batch(x, DISTINCT)).backward()
    gradient = objective.temperature.log_scale.grad
    assert len(gradient) == 4 and len(set(gradient.tolist())) == 4


def test_mmd_sees_another_distribution_but_not_another_pairing() -> None:
    objective = make(Term(name="mmd"))
    assert objective(batch(items().roll(1, 0), DISTINCT)).item() == pytest.approx(0, abs=1e-6)
    assert objective(batch(items() + 1, DISTINCT)) > 0.05


def test_vae_divergence_and_error_by_hand() -> None:
    windows, mean, log_variance = torch.randn(6, 2, 5), torch.randn(6, 3), torch.randn(6, 3)
    made = Generated(torch.randn(6, DIM), windows + 0.5, mean, log_variance)
    given = replace(batch(made.vectors, torch.arange(6)), windows=windows, generated=made)
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    divergence = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    assert make(parse("vae=1,beta=3"))(given).item() == pytest.approx(0.25 + 2 * 3 * divergence.item() / 10, rel=1e-5)
    perfect = replace(given, generated=Generated(made.vectors, windows, torch.zeros(6, 3), torch.zeros(6, 3)))
    assert make(Term(name="vae"))(perfect).item() == 0
    with pytest.raises(SettingsError, match="needs an encoder that reconstructs"):
        make(Term(name="vae"))(batch(made.vectors, torch.arange(6)))


def test_a_weighted_sum() -> None:
    both = combine([parse("infonce"), parse("mse=0.25")])
    given = batch(torch.randn(8, DIM), DISTINCT)
    total, each = both(given)
    parts = [make(Term(name=name))(given) for name in ("infonce", "mse")]
    assert total.item() == pytest.approx(parts[0].item() + 0.25 * parts[1].item(), rel=1e-5)
    assert each.tolist() == pytest.approx([part.item() for part in parts], rel=1e-5) and not each.requires_grad


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("infonse", "did you mean 'infonce'"),
        ("mse=0", "weight above 0, such as mse=0.5"),
        ("mse=much", "weight above 0"),
        ("vae=1,gamma=2", "no option 'gamma'; known: beta"),
        ("vae=1,beta", "not of the form name=number"),
        ("multi_head=1,heads=1", "heads=1 must be 2 or more"),
    ],
)
def test_mistakes(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse(text)


def test_what_never_ties_a_window_to_its_item_needs_company() -> None:
    with pytest.raises(SettingsError, match=r"rsa \+ mmd never ties a window to its item; add one"):
        combine([parse("rsa"), parse("mmd")])
    with pytest.raises(SettingsError, match="each once"):
        combine([parse("mse"), parse("mse=2")])


class Reconstructing(nn.Module):
    """The smallest generative encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer, self.head = nn.Linear(60, 2 * DIM), nn.Linear(DIM, 60), nn.Linear(DIM, DIM)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return self.generate(windows).vectors

    def generate(self, windows: torch.Tensor) -> Generated:
        mean, log_variance = self.inner(windows.flatten(1)).chunk(2, dim=1)
        latent = mean + self.training * torch.randn_like(mean) * (0.5 * log_variance).exp()
        return Generated(self.head(mean), self.outer(latent).view_as(windows), mean, log_variance)


def learned(terms: str, net: nn.Module) -> tuple[float, list[dict[str, float]]]:
    """Mean reciprocal rank among 20 held-out items, of windows that carry their item."""
    rng = np.random.default_rng(0)
    vectors = functional.normalize(torch.from_numpy(rng.standard_normal((120, DIM), dtype=np.float32)), dim=1).numpy()
    mixing = rng.standard_normal((DIM, 60))
    rows = np.repeat(np.arange(120), 4)
    windows = (2 * vectors[rows] @ mixing + rng.standard_normal((480, 60))).reshape(-1, 3, 20).astype(np.float32)
    train, held = (Examples(windows[part], rows[part]) for part in (rows < 100, rows >= 100))
    how = fit.FitSettings(
        epochs=12,
        batch=100,
        learning_rate=1e-2,
        weight_decay=1e-3,
        patience=None,
        seed=0,
        device="cpu",
        objectives=tuple(parse(text) for text in terms.split()),
    )
    found = fit.fit(net, train, held, vectors, how)
    return found.history[-1]["validation_mrr"], list(found.history)


@pytest.mark.parametrize(
    "terms", ["infonce", "siglip", "multi_head", "snr", "siamese", "mse", "cosine", "mse rsa", "mse mmd=0.5"]
)
def test_learning_by_it_beats_chance(terms: str) -> None:
    torch.manual_seed(0)
    mrr, history = learned(terms, nn.Sequential(nn.Flatten(), nn.Linear(60, DIM)))
    chance = (1 / np.arange(1, 21)).mean()
    assert mrr > 2 * chance
    assert history[-1]["training_loss"] < history[0]["training_loss"]


def test_learning_to_reconstruct_and_to_find() -> None:
    torch.manual_seed(0)
    mrr, history = learned("infonce vae", Reconstructing())
    assert mrr > 2 * (1 / np.arange(1, 21)).mean()
    assert history[-1]["vae_loss"] < 0.8 * history[0]["vae_loss"]
    with pytest.raises(SettingsError, match="needs an encoder that reconstructs its windows, such as vae or vrae"):
        learned("infonce vae", nn.Sequential(nn.Flatten(), nn.Linear(60, DIM)))
