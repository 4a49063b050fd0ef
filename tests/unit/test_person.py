"""What a picture evokes in the simulated person: when, where, how loud, and what the demo's eye sees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from acquisition.participant import kernels
from acquisition.participant.person import Evoked, Person, evoked_power, make_person
from acquisition.participant.topographies import back_of_head, bump, direction, positions
from eegseek.demo import controls, perception
from eegseek.demo.controls import Answers, against_chance, exact_interval, shuffled_gallery
from eegseek.demo.pictures import choose, draw_all

NAMES = ("Fp1", "Fp2", "Cz", "P3", "Pz", "P4", "PO7", "PO8", "O1", "Oz", "O2")


def person(latents: int = 20, rate_hz: float = 250.0, names: tuple[str, ...] = NAMES, seed: int = 0) -> Person:
    return make_person(positions("standard_1005", names), rate_hz, latents, 0.25, seed)


def test_kernels_act_between_100_and_600_ms() -> None:
    times = np.arange(-100, 1000) / 1000
    waves = kernels.sample(kernels.evoked_kernels(40, np.random.default_rng(1)), times)
    active = np.abs(waves) > 1e-9
    assert not active[:, (times < 0.1) | (times > 0.6)].any()
    first, last = times[active.argmax(axis=1)], times[::-1][active[:, ::-1].argmax(axis=1)]
    assert first.min() < 0.13 and last.max() > 0.5 and np.ptp(first) > 0.1
    assert np.abs(waves).max() <= 1


def test_a_person_is_the_same_at_any_rate_and_on_any_channels() -> None:
    one, fast = person(), person(rate_hz=1000.0)
    few = person(names=("O2", "Pz"))
    weights = np.random.default_rng(0).standard_normal(20)
    whole = one.response(weights)
    assert np.allclose(few.response(weights), whole[[NAMES.index("O2"), NAMES.index("Pz")]])
    # sample k of 250 Hz lies at (k + 0.75) / 250 s, which is sample 4 k + 2.25 of 1000 Hz
    grid = np.arange(fast.waves.shape[1])
    there = np.array([np.interp(4 * np.arange(150) + 2.25, grid, row) for row in fast.response(weights)])
    assert np.allclose(there, whole[:, :150], atol=0.02 * np.abs(whole).max())
    assert not np.allclose(person(seed=1).response(weights), whole)


def test_responses_are_linear_and_overlap() -> None:
    one = person()
    a, b = np.random.default_rng(0).standard_normal((2, 20))
    assert np.allclose(one.response(2 * a + b), 2 * one.response(a) + one.response(b))
    stream = Evoked(one, 3.0)
    blocks = [stream.block(50, [(0, a), (25, b)]), stream.block(50, []), stream.block(200, [])]
    wave = np.concatenate(blocks, axis=1)
    expected = np.zeros_like(wave)
    for row, weights in ((0, a), (25, b)):
        expected[:, row + 1 : row + 1 + one.waves.shape[1]] += 3 * one.response(weights)
    assert np.allclose(wave, expected)


def test_responses_are_strongest_at_the_back() -> None:
    one = person()
    weights = np.random.default_rng(0).standard_normal((100, 20))
    power = np.mean([(one.response(w) ** 2).mean(axis=1) for w in weights], axis=0)
    assert power[NAMES.index("PO7") :].mean() > 20 * power[:2].mean()


def test_latents_are_told_apart_alike() -> None:
    """The energy matrix of latents is nearer to a multiple of the identity than that of the sources themselves."""

    def flatness(vectors: np.ndarray) -> float:
        values = np.linalg.svd(vectors.reshape(len(vectors), -1), compute_uv=False) ** 2
        return float(values.sum() ** 2 / (values**2).sum() / len(values))

    where = np.concatenate([back_of_head(), positions("standard_1005", NAMES)])
    one = make_person(where, 250.0, 20, 0.25, 3)
    mixed = np.array([one.response(w) for w in np.eye(20)])
    sources = np.array([np.outer(one.maps[:, k], one.waves[k]) for k in range(20)])
    assert flatness(mixed) > flatness(sources) * 1.2


def test_expected_power_is_the_power_that_comes() -> None:
    generator = np.random.default_rng(2)
    one, vectors = person(), generator.standard_normal((30, 20)) + 0.5
    stream = Evoked(one, 1.0)
    order = np.concatenate([generator.permutation(30) for _ in range(80)])
    parts = [stream.block(25, [(0, vectors[k])]) for k in order]
    hz, density = signal.welch(np.concatenate(parts, axis=1)[:, 250:], 250.0, nperseg=2000, axis=1)
    inside = (hz >= 1) & (hz <= 30)
    measured = float(density[:, inside].sum(axis=1).mean() * hz[1])
    assert evoked_power(one, vectors, 10.0, 1.0, 30.0) == pytest.approx(measured, rel=0.1)


def test_a_bump_falls_with_the_angle() -> None:
    values = bump(np.array([direction(a, 10) for a in (0, 20, 40, 80)]), direction(0, 10), np.radians(20))
    assert values[0] == pytest.approx(1) and (np.diff(values) < 0).all()


def test_the_eye_sees_what_is_drawn_and_nothing_explains_the_rest() -> None:
    _, others = choose(1, 60, 0)
    pictures, again = (list(draw_all(others, prefix, 0)) for prefix in ("one", "two"))
    seen = perception.look(pictures)
    eye = perception.Perception(seen.mean(axis=0), seen.std(axis=0) + 1e-9, np.eye(seen.shape[1])[:, :40])
    one, two = eye.responses(seen), eye.responses(perception.look(again))
    assert np.allclose(np.linalg.norm(one[:, :-1], axis=1), 1, atol=1e-5)
    alike = one[:, :-1] @ two[:, :-1].T
    assert np.diag(alike).mean() > alike[~np.eye(60, dtype=bool)].mean() + 0.3
    hidden = perception.unexplained(pictures, 0)
    assert np.array_equal(hidden, perception.unexplained(pictures, 0))
    assert np.abs(np.corrcoef(hidden.ravel(), perception.unexplained(again, 0).ravel())[0, 1]) < 0.2
    share = (hidden**2).sum(axis=1).mean() / (1 + (hidden**2).sum(axis=1).mean())
    assert share == pytest.approx(perception.UNEXPLAINED_SHARE, abs=0.03)


def test_fitted_latents_are_equally_strong() -> None:
    seen = np.random.default_rng(0).standard_normal((200, 60)) * np.linspace(1, 3, 60)
    eye = perception.fit(seen)
    latents = (seen - eye.mean) / eye.scale @ eye.axes
    assert np.allclose(np.cov(latents, rowvar=False), np.eye(perception.LATENTS), atol=0.02)


def test_a_shuffled_gallery_gives_chance_even_to_perfect_answers() -> None:
    rows = np.arange(50)
    control = shuffled_gallery(Answers(rows, rows), 200, 0)
    assert control["top1"] == pytest.approx(1 / 200, abs=0.001)
    assert control["interval"][0] <= 1 / 200 <= control["interval"][1]
    assert control["within_chance"] and control["n"] == 50 and control["shuffles"] == controls.SHUFFLES


def test_chance_is_told_from_more_than_chance() -> None:
    assert against_chance(10 / 2000, 2000, 200)["within_chance"]
    assert not against_chance(25 / 2000, 2000, 200)["within_chance"]
    assert not against_chance(0.0, 2000, 200)["within_chance"]
    low, high = exact_interval(10, 2000)
    assert low < 0.005 < high < 0.01
    assert exact_interval(0, 10)[0] == 0.0 and exact_interval(10, 10)[1] == 1.0
