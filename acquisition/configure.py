"""What a run is made from: the plan that the encoder bundle asks for, and the session's folder."""

from __future__ import annotations

from pathlib import Path

from acquisition.plan import Plan
from config.bundles import ENCODER_JSON, EncoderSpec, read_encoder_spec
from config.chain import ChainSettings, Frozen, RejectionSettings
from config.errors import JournalError, SettingsError
from config.settings import Settings


def encoder_of(settings: Settings) -> EncoderSpec:
    """Description of the encoder bundle that the settings name.

    Raises
    ------
    SettingsError
        They name none.
    BundleError
        It is missing, truncated or foreign.
    """
    if not settings.inference.encoder:
        raise SettingsError(
            "inference.encoder is empty, expected the folder of an encoder bundle, which says how windows are cut; "
            "train one with 'eegseek train', or give --set inference.encoder=DIR"
        )
    return read_encoder_spec(Path(settings.inference.encoder))


def bundle_of(settings: Settings) -> EncoderSpec | None:
    """The same; None where the session calibrates and has not written the bundle yet.

    Raises
    ------
    SettingsError
        The settings name none.
    BundleError
        It is truncated or foreign, or missing where no calibration will make it.
    """
    folder = settings.inference.encoder
    if settings.session.calibrate and folder and not (Path(folder) / ENCODER_JSON).exists():
        return None
    return encoder_of(settings)


def plan_of(settings: Settings, spec: EncoderSpec | None) -> Plan:
    """How windows are cut: as the encoder was trained; ``rejection`` may be overridden.

    A session that calibrates cuts windows as its settings say, before there is an encoder (None) and after.

    Raises
    ------
    SettingsError
        The settings ask for another chain or window than the bundle's, or do not say how to cut without one.
    """
    if spec is None:
        return _own_plan(settings)
    bundle = settings.inference.encoder
    if settings.chain is not None:
        given: ChainSettings = settings.chain
        if not given.channels:  # not named: the encoder's
            given = given.model_copy(update={"channels": spec.channels})
        _refuse_difference("chain", given, spec.chain, bundle)
    if settings.window is not None:
        _refuse_difference("window", settings.window, spec.window, bundle)
    return Plan(
        chain=spec.chain,
        window=spec.window,
        rejection=settings.rejection or (RejectionSettings() if settings.session.calibrate else spec.rejection),
        markers=settings.markers,
        max_stimuli=settings.dispatch.max_stimuli,
    )


def _own_plan(settings: Settings) -> Plan:
    chain, window = settings.chain, settings.window
    if chain is None or not chain.channels or window is None:
        raise SettingsError(
            f"session.calibrate is set and encoder bundle '{settings.inference.encoder}' is not there yet, so the "
            "settings must say how windows are cut: give [window], and [chain] with its channels by name"
        )
    return Plan(
        chain=chain,
        window=window,
        rejection=settings.rejection or RejectionSettings(),
        markers=settings.markers,
        max_stimuli=settings.dispatch.max_stimuli,
    )


def _refuse_difference(section: str, given: Frozen, trained: Frozen, bundle: str) -> None:
    for name in type(given).model_fields:
        here, there = getattr(given, name), getattr(trained, name)
        if here != there:
            raise SettingsError(
                f"{section}.{name} is {here!r} in the settings, but encoder '{bundle}' was trained with {there!r}; "
                f"leave [{section}] out of the settings, or train an encoder with it"
            )


def session_folder(settings: Settings) -> Path:
    """Folder of the session's journals, private to this user.

    Raises
    ------
    JournalError
        It cannot be made or written.
    """
    folder = Path(settings.session.folder) / settings.session.name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise JournalError(
            f"session folder '{folder}' cannot be written ({error.strerror}); choose another with "
            "--set session.folder=DIR, or record nothing with --set session.journal=false"
        ) from error
    return folder
