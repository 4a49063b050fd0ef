"""Models of braindecode by name (its import alone takes seconds, hence not among the unit tests)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference.bundle import load_encoder, write_encoder
from inference.encoders import network, registry, zoo, zoo_parts
from inference.encoders.base import unit_norm
from inference.encoders.network import state_arrays

CHANNELS = tuple(f"c{k}" for k in range(6))
PLACED = ("Fz", "Cz", "Pz", "O1", "oz", "O2")
OWN_LAST_LAYER = ("EEGNet", "ShallowFBCSPNet", "Deep4Net", "EEGConformer")
SMALL_LABRAM = {"num_layers": 1, "embed_dim": 40, "num_heads": 2, "patch_size": 40, "conv_out_channels": 4}


def make(
    name: str, times: int = 200, channels: tuple[str, ...] = CHANNELS, restoring: bool = False, **parameters: object
) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {"times": times, "rate_hz": 200.0, "dim": 10, "restoring": restoring}
    return registry.build(name, channels=channels, parameters=parameters, **sizes)


def fields(name: str, channels: tuple[str, ...], end_s: float, parameters: dict[str, object]) -> dict[str, object]:
    return {
        "architecture": name,
        "parameters": parameters,
        "channels": channels,
        "window": WindowSettings(end_s=end_s, rate_hz=200.0),
        "chain": ChainSettings(channels=channels),
        "space": "s",
        "dim": 10,
    }


@pytest.mark.parametrize("name", [*OWN_LAST_LAYER, "SignalJEPA_PreLocal", "DGCNN", "InterpolatedBIOT", "CBraMod"])
def test_bundle_round_trip(tmp_path: Path, name: str) -> None:
    """With their own last layer, through ``return_features``, or with places of electrodes and whole patches."""
    channels = CHANNELS if name in OWN_LAST_LAYER else PLACED
    times = 500 if name == "Deep4Net" else 240
    net = make(f"braindecode:{name}", times, channels).eval()
    write_encoder(tmp_path / "b", fields(f"braindecode:{name}", channels, times / 200, {}), state_arrays(net))
    windows = np.random.default_rng(0).standard_normal((3, 6, times)).astype(np.float32)
    encoder = load_encoder(tmp_path / "b", "cpu")
    vectors = encoder.encode(windows)
    assert vectors.shape == (3, 10)
    assert np.array_equal(vectors, unit_norm(network.Network(net, "cpu").embed(windows)))
    alone = np.concatenate([encoder.encode(windows[k : k + 1]) for k in range(3)])
    assert np.allclose(vectors, alone, atol=1e-4), "a vector must not depend on the windows beside it"


def test_models_get_what_they_ask_for_beside_the_windows() -> None:
    assert isinstance(make("braindecode:SignalJEPA_PreLocal", 200, PLACED), zoo_parts.Features)
    labram = make("braindecode:Labram", 90, PLACED, **SMALL_LABRAM)
    assert isinstance(labram, zoo_parts.Padded)
    assert labram.zeros == 30
    assert isinstance(labram.body, zoo_parts.Features)
    assert labram.body.told == {"ch_names": list(PLACED)}
    assert isinstance(make("braindecode:EEGNet"), torch.nn.Sequential)


def test_the_place_of_an_electrode_is_that_of_its_name() -> None:
    found, unplaced = zoo.positions(PLACED, 200.0)
    assert found is not None
    assert unplaced == ""
    o1, oz, o2 = (found[k]["loc"][:3] for k in (3, 4, 5))
    assert o1[0] < oz[0] < o2[0], "left, middle, right"
    assert o1[1] < found[0]["loc"][1], "the occiput is behind Fz"
    assert zoo.positions(("Cz", "AUX1"), 200.0) == (None, "AUX1")


def test_parameters_reach_the_model_and_unknown_ones_are_named() -> None:
    small, large = make("braindecode:EEGNet", F1=4), make("braindecode:EEGNet", F1=8)
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in large.parameters())
    with pytest.raises(BundleError, match=r"'braindecode:EEGNet' has no parameter 'F9'; known are .*F1"):
        make("braindecode:EEGNet", F9=1)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(BundleError, match="nearest: 'braindecode:EEGNet'"):
        make("braindecode:EEGnet")


def test_a_model_that_cannot_take_these_sizes_says_why() -> None:
    with pytest.raises(
        BundleError, match=r"cannot embed 6 channels x 200 times .*chs_info.*'c0' is no electrode of the 10-05 system"
    ):
        make("braindecode:DGCNN")
    with pytest.raises(BundleError, match="Use a longer window"):
        make("braindecode:VEMG2Pose")


def test_nothing_is_downloaded_unasked() -> None:
    with pytest.raises(BundleError, match="downloads electrode positions"):
        make("braindecode:REVE")


def saved(folder: Path, name: str, **parameters: object) -> dict[str, torch.Tensor]:
    """Another training's weights, as safetensors, for five outputs instead of ten."""
    torch.manual_seed(7)
    sizes = {"channels": PLACED, "times": 200, "rate_hz": 200.0, "dim": 5}
    net = registry.build(f"braindecode:{name}", parameters=parameters, **sizes)
    body = net.body if isinstance(net, zoo_parts.Features) else net
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.clone().contiguous() for key, value in body.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return state


@pytest.mark.parametrize(("name", "options"), [("EEGNet", {}), ("Labram", SMALL_LABRAM)])
def test_pretrained_weights_of_a_file(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    state = saved(tmp_path, name, **options)
    net = make(f"braindecode:{name}", 200, PLACED, pretrained=str(tmp_path / "model.safetensors"), **options)
    body = net.body if isinstance(net, zoo_parts.Features) else net
    taken = [key for key, value in body.state_dict().items() if value.shape == state[key].shape]
    assert len(taken) >= len(state) - 2
    assert all(torch.equal(body.state_dict()[key], state[key]) for key in taken)


def test_a_bundle_of_a_pretrained_model_needs_no_pretrained_file(tmp_path: Path) -> None:
    saved(tmp_path / "w", "EEGNet")
    options: dict[str, object] = {"pretrained": str(tmp_path / "w")}
    net = make("braindecode:EEGNet", 200, PLACED, **options)
    (tmp_path / "w" / "model.safetensors").unlink()
    again = make("braindecode:EEGNet", 200, PLACED, restoring=True, **options)
    assert [v.shape for v in again.state_dict().values()] == [v.shape for v in net.state_dict().values()]
    with pytest.raises(BundleError, match="not a whole safetensors file"):
        make("braindecode:EEGNet", 200, PLACED, **options)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "eegnet", "EEGNet")
    path = str(tmp_path / "eegnet" / "model.safetensors")
    with pytest.raises(BundleError, match=r"lack .* they are another model's"):
        make("braindecode:ShallowFBCSPNet", 200, PLACED, pretrained=path)
    with pytest.raises(BundleError, match=r"hold 'conv_temporal.weight' as \(8, .* needs \(12, "):
        make("braindecode:EEGNet", 200, PLACED, pretrained=path, F1=12)
    (tmp_path / "eegnet" / "config.json").write_text(json.dumps({"F1": 8, "D": 3, "n_outputs": 5}))
    with pytest.raises(BundleError, match=r"were made with D = 3, .* has 2; give D as a parameter"):
        make("braindecode:EEGNet", 200, PLACED, pretrained=str(tmp_path / "eegnet"))
    (tmp_path / "eegnet" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BundleError, match="not a whole safetensors file"):
        make("braindecode:EEGNet", 200, PLACED, pretrained=path)


def test_weights_that_cannot_be_had_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        BundleError, match=r"'some/where' cannot be fetched \('other.safetensors': .*give the file's path"
    ):
        make("braindecode:EEGNet", 200, PLACED, pretrained="some/where:other.safetensors")
    with pytest.raises(BundleError, match="are no file or folder here"):
        make("braindecode:EEGNet", 200, PLACED, pretrained="/no/such/file.safetensors")
    with pytest.raises(BundleError, match="is True; expected the path"):
        make("braindecode:EEGNet", 200, PLACED, pretrained=True)


def test_pooling_keeps_windows_and_features() -> None:
    features = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert torch.equal(zoo_parts.pooled(features), features.reshape(2, 6, 2).mean(1))
    assert torch.equal(zoo_parts.pooled(features[:, 0, 0]), features[:, 0, 0])
