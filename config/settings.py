"""All settings of a run: typed, frozen, unknown keys refused. ``config.load`` reads them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from config.chain import ChainSettings, Frozen, Probability, RejectionSettings, WindowSettings
from config.index_kinds import ASKED_INDEXES


class SessionSettings(Frozen):
    """Who and where."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "session"
    """A pseudonym, never a person's name; the folder of the session carries it. A live run of a name used before
    continues its averages; `eegseek run` puts the date and time in place of the default."""
    folder: str = "sessions"
    """Where session folders (journals, reports) are made."""
    truth: str = ""
    """Session file that maps marker labels to gallery ids; empty: truth unknown, no accuracy is shown."""
    journal: bool = True
    """Write everything down; without it segments are numbered by the wall clock."""
    bids: bool = True
    """Make BIDS recordings of the journal (docs/recordings.md): when a session ends, when a journal goes on in another
    file, and at the next start of what was interrupted. ``eegseek recover`` does so at any time."""
    rotate_bytes: Annotated[int, Field(ge=65_536)] = 2_000_000_000
    """A journal that would grow past this goes on in another file."""
    sync_s: NonNegativeFloat = 0.2
    """What was written reaches the disk so often, so that a crash of the machine loses no more (one of a process loses
    nothing that was written); 0 leaves it to the system."""
    free_bytes: NonNegativeInt = 100_000_000
    """With less free space than this no recording begins."""
    calibrate: bool = False
    """The encoder bundle is made during the session: until its folder is there and ``start`` is
    said, windows are cut as [chain] and [window] say, go out as taps, and are rejected with the reason ``calibration``.
    """


class LslSource(Frozen):
    """An EEG stream on LSL, with markers on a second stream or on a channel of the first."""

    kind: Literal["lsl"] = "lsl"
    name: str = ""
    type: str = "EEG"
    source_id: str = ""
    channels: tuple[str, ...] = ()
    """Names for a stream that carries none."""
    unit: Literal["auto", "uV", "mV", "V", "nV"] = "auto"
    """``auto`` believes the stream's own description and takes microvolts where it has none."""
    markers: Literal["stream", "channel", "none"] = "stream"
    marker_name: str = ""
    marker_type: str = "Markers"
    marker_source_id: str = ""
    marker_channel: str = ""
    """With ``markers = "channel"``: the stimulus channel in the EEG stream (0 = nothing)."""
    wait_s: PositiveFloat = 10.0
    """How long to look for the streams."""
    stalled_s: PositiveFloat = 0.4
    """Silence after which the stream is called stalled; it is on the screen a tenth of a second later at most."""
    lost_s: PositiveFloat = 0.8
    """... and lost."""
    give_up_s: PositiveFloat = 60.0
    """A stream lost for this long ends the run."""


class BrainFlowSource(Frozen):
    """Any BrainFlow board by name; the other keys are BrainFlow's own parameters."""

    kind: Literal["brainflow"] = "brainflow"
    board: str = "SYNTHETIC_BOARD"
    serial_port: str = ""
    mac_address: str = ""
    serial_number: str = ""
    ip_address: str = ""
    ip_port: NonNegativeInt = 0
    ip_protocol: NonNegativeInt = 0
    other_info: str = ""
    timeout: NonNegativeInt = 0
    file: str = ""
    master_board: str = ""
    """For the playback and streaming boards: the board whose data they carry."""
    loop: bool = False
    """For the playback board: start the file again at its end."""
    config: tuple[str, ...] = ()
    """Board commands sent before the stream starts."""
    marker_lsl: str = ""
    """Name of an LSL marker stream to listen to (precise); empty: the board's own marker row."""
    streamer: str = ""
    """Where BrainFlow also sends the data, such as streaming_board://225.1.1.1:6677."""
    stalled_s: PositiveFloat = 0.4
    """Silence after which the stream is called stalled; it is on the screen a tenth of a second later at most."""
    lost_s: PositiveFloat = 0.8
    """... and lost."""
    give_up_s: PositiveFloat = 60.0


class RecordingSource(Frozen):
    """A recording played straight into the pipeline."""

    kind: Literal["recording"] = "recording"
    file: str
    speed: NonNegativeFloat = 1.0
    """Times real time; 0 plays as fast as it goes."""
    channels: tuple[str, ...] = ()
    """EEG channels to use; empty: all that the file calls EEG."""
    stim_channel: str = ""
    stream: str = ""
    """XDF: name, or name#number (the stream's id in the file), of the EEG stream."""
    marker_stream: str = ""
    board: str = ""
    """BrainFlow CSV: the board that wrote it, such as CYTON_BOARD (the file does not say)."""
    chunk_s: PositiveFloat = 0.04


class ParticipantSource(Frozen):
    """A simulated person looking at pictures. Everything shown from it is marked as simulated."""

    kind: Literal["participant"] = "participant"
    montage: str = "standard_1020"
    channels: tuple[str, ...] = ()
    """Names from the montage; empty: the 17 posterior channels of THINGS-EEG2."""
    rate_hz: PositiveFloat = 250.0
    responses: str = ""
    """A .safetensors file of what each picture evokes (see acquisition/participant); empty: random unit vectors."""
    stimuli: PositiveInt = 50
    """How many of the pictures are shown."""
    repeats: PositiveInt = 12
    rsvp_hz: PositiveFloat = 5.0
    snr_db: float = -16.0
    """Power of the evoked response over the background's, within the signal band, dB; ``signal = false`` for none."""
    level_uv: NonNegativeFloat | None = None
    """Amplitude of a response of weight 1, µV, in place of ``snr_db``: the same whatever pictures are shown."""
    signal: bool = True
    react_to: str = ""
    """Name of an LSL marker stream: in place of a schedule of its own the participant reacts to each marker that comes
    there, at its stamp, until stopped. ``category/name`` evokes mostly what all of its category do; with ``responses``
    what that file says of the label, or of its category. ``rsvp_hz`` then only says what ``snr_db`` is meant for."""
    line_hz: PositiveFloat = 50.0
    line_uv: NonNegativeFloat = 5.0
    alpha_uv: NonNegativeFloat = 4.0
    blinks_per_minute: NonNegativeFloat = 6.0
    drift_uv: NonNegativeFloat = 10.0
    person: NonNegativeInt = 0
    """Which simulated person: their spatial patterns and kernels."""
    seed: NonNegativeInt = 0
    """Which session of that person: background and order of pictures."""
    speed: NonNegativeFloat = 1.0
    lead_s: NonNegativeFloat = 12.0
    """EEG before the first picture, so that the chain has settled."""
    chunk_s: PositiveFloat = 0.016


AnySource = Annotated[LslSource | BrainFlowSource | RecordingSource | ParticipantSource, Field(discriminator="kind")]


class MarkerSettings(Frozen):
    """Which markers are stimuli, and how far they may stray."""

    stimulus: str = r"^(?!0$)(?!catch/).+"
    """Regular expression that a stimulus label matches from start to end; others are notes, as catch trials are."""
    early_s: PositiveFloat = 2.0
    """A marker may arrive this long before its samples."""
    late_s: PositiveFloat = 2.0
    """... or this long after them."""
    delay_s: float = 0.0
    """Constant delay from marker to light on the screen, measured with a photodiode; added to every onset."""

    @field_validator("stimulus")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        import re

        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class DispatchSettings(Frozen):
    """Delivery of windows to workers."""

    queue: PositiveInt = 256
    policy: Literal["drop_oldest", "block"] = "drop_oldest"
    """Live drops the oldest and counts it on screen; replay blocks."""
    age_s: PositiveFloat = 10.0
    """A window not answered within this is expired (live only)."""
    heartbeat_s: PositiveFloat = 0.25
    dead_s: PositiveFloat = 1.0
    lease_s: PositiveFloat = 5.0
    attempts: PositiveInt = 3
    history: PositiveInt = 10_000
    """Results kept for displays that join late."""
    drain_s: PositiveFloat = 10.0
    """How long a stopping run waits for outstanding answers."""
    max_stimuli: PositiveInt = 1000
    """Running averages held; the least recently seen goes first."""


class InferenceSettings(Frozen):
    """Encoder, gallery and workers."""

    encoder: str = ""
    """Folder of the encoder bundle."""
    gallery: str = ""
    """Folder of the gallery bundle."""
    index: str = "auto"
    """What the gallery is searched with: the index that ``eegseek gallery index`` gave it, else one by its size
    (``auto``), a kind by name (flat and 8bit need no building), or milvus:ADDRESS, where the gallery was filled in."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    mode: Literal["exact", "throughput"] = "exact"
    top_k: PositiveInt = 10
    batch: PositiveInt = 32
    """Windows taken at once in throughput mode; a worker holds twice as many."""
    workers: PositiveInt = 1
    spare: bool = True
    withhold_below: Probability = 0.0
    """Answers that are right with a lower probability than this are withheld. The probability is that of the bundle's
    relevance filter where it has one, else that of the best item."""

    @field_validator("index")
    @classmethod
    def _known(cls, index: str) -> str:
        if index not in ASKED_INDEXES and not re.fullmatch("milvus:.+", index):
            raise ValueError(f"give {', '.join(ASKED_INDEXES)}, or milvus:ADDRESS")
        return index


class DashboardSettings(Frozen):
    """The dashboard (``eegseek dashboard``, ``eegseek run --dashboard``)."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    """Address it listens at. Beyond this machine (0.0.0.0 or an address of it) a token is asked for; what is sent is
    not encrypted, so it is better to stay on loopback and use a tunnel (docs/dashboard.md)."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8477
    token: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{16,128})?$")] = ""
    """Whoever opens the dashboard must show it. Empty: none on loopback, and beyond it one that is made anew for each
    session and printed with the address."""
    names: tuple[str, ...] = ()
    """More names that browsers reach it by, without a port; others than its address and this machine's are refused."""


class DisplaySettings(Frozen):
    """What is shown."""

    plain: bool = False
    top_k: PositiveInt = 5
    lsl: bool = False
    """LSL outlets ``eegseek-results`` and ``eegseek-states`` (changes of state), JSON strings."""
    lan: bool = False
    """Let LSL outlets of ours be seen beyond this machine (unencrypted)."""
    report: str = ""
    """File the final numbers are written to, as JSON."""


class RunSettings(Frozen):
    """Where the sockets live, and how children are watched."""

    folder: str = ""
    """Folder for ipc sockets (made private), or tcp://HOST:PORT, which goes with keys; empty: this user's default."""
    keys: str = ""
    """Folder of keys for TCP; empty: eegseek/keys in $XDG_CONFIG_HOME or ~/.config."""
    client: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "client"
    """Over TCP: name of the key that workers and displays here show themselves by."""
    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "server"
    """Over TCP: name of the key that acquisition must show itself by."""
    start_s: PositiveFloat = 60.0
    """A child that is not ready within this is an error."""
    hung_s: PositiveFloat = 5.0
    stop_s: PositiveFloat = 15.0
    restarts: NonNegativeInt = 5
    """Restarts of one child before the run gives up."""
    log_mb: PositiveInt = 10
    """Size at which the session's log (``logs/session.log``) is put aside and begun anew, MiB."""
    log_files: NonNegativeInt = 4
    """Older logs of a session that are kept."""
    awake: bool = True
    """Live, processors are kept from sleeping while a window is about to be answered, where the system allows it
    (Linux: whoever may write to /dev/cpu_dma_latency, such as root). It costs power, and no processor time."""
    realtime: bool = False
    """Live, acquisition, workers and displays go before everything that is not real-time, where the system allows it
    (Linux: root, or a limit of rtprio in /etc/security/limits.conf)."""


class Settings(Frozen):
    """Everything a run needs. Sections are tables of the TOML file."""

    session: SessionSettings = SessionSettings()
    source: AnySource = LslSource()
    markers: MarkerSettings = MarkerSettings()
    chain: ChainSettings | None = None
    """For training; a live run takes the encoder bundle's, and refuses a different one here."""
    window: WindowSettings | None = None
    rejection: RejectionSettings | None = None
    """Overrides the bundle's where given."""
    dispatch: DispatchSettings = DispatchSettings()
    inference: InferenceSettings = InferenceSettings()
    display: DisplaySettings = DisplaySettings()
    dashboard: DashboardSettings = DashboardSettings()
    run: RunSettings = RunSettings()
