"""Every error of the project.

Tree
----
::

    EegseekError
    ├── SettingsError        a setting is unknown, missing or out of range
    ├── BundleError          an encoder or gallery bundle is truncated, foreign or does not fit
    ├── SourceError          a stream, board or recording cannot give what was asked
    │   ├── StreamNotFound
    │   ├── AmbiguousStream
    │   ├── StreamLost
    │   └── RecordingError   a recording is empty, has no markers, or cannot be read
    ├── WireError            a message is malformed or of another version
    │   └── EndpointError    a port or socket path is in use or not allowed
    ├── JournalError         the journal cannot be written or read
    └── ProcessError         a process did not start, answer or stop in time

A message says what, which (quoted), what was expected, and what to do next, in one sentence.
"""


class EegseekError(Exception):
    """Base of every error that eegseek raises on purpose."""


class SettingsError(EegseekError):
    """A setting is unknown, missing or out of range."""


class BundleError(EegseekError):
    """A bundle is truncated, foreign, or does not fit what it is used with."""


class SourceError(EegseekError):
    """A source of EEG cannot give what was asked of it."""


class StreamNotFound(SourceError):
    """No stream matches the query."""


class AmbiguousStream(SourceError):
    """More than one stream matches the query."""


class StreamLost(SourceError):
    """A stream went away and did not come back."""


class RecordingError(SourceError):
    """A recording is empty, has no markers, or cannot be read."""


class WireError(EegseekError):
    """A message is malformed or of another protocol version."""


class EndpointError(WireError):
    """An endpoint is in use or may not be bound."""


class JournalError(EegseekError):
    """The journal cannot be written or read."""


class ProcessError(EegseekError):
    """A process did not start, answer or stop in time."""
