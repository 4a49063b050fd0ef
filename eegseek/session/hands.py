"""What a guided session does: starts and ends its processes, and writes what they read."""

from __future__ import annotations

from eegseek.session import commands
from eegseek.session.place import Workplace
from eegseek.session.processes import Processes
from wire.clock import now


class Hands:
    """Actions of a session. The constructor only stores.

    Parameters
    ----------
    work
        The session's folder, settings and plans.
    """

    def __init__(self, work: Workplace) -> None:
        self.work = work
        self.processes = Processes(work.folder)
        self.stopping = False

    def open(self) -> None:
        """What is there from the first to the last moment: the marker stream's place, the participant."""
        work = self.work
        self.processes.open()
        work.write_settings()
        if work.ask.presenter and not work.ask.recordings:
            self.hold()
        if work.ask.participant:
            source = work.write_participant()
            self.processes.start("participant", commands.participant(source, work.ask.eeg_stream))

    def hold(self) -> None:
        """Keep the marker stream's place while nothing is shown."""
        self.processes.start("holder", commands.holder(self.work.ask.stream))

    def dashboard(self) -> bool:
        """Show everything in the browser, where that is asked for; whether it begins now."""
        if not self.work.ask.dashboard or self.processes.runs("dashboard"):
            return False
        self.work.address.unlink(missing_ok=True)
        self.processes.start("dashboard", commands.dashboard(self.work.settings_file))
        return True

    def look(self) -> None:
        """Look for the headset."""
        ask = self.work.ask
        argv = commands.looker(self.work.settings_file, markers=not ask.presenter, others=ask.recordings[1:])
        self.processes.start("looker", argv, out=self.work.found)

    def run(self, file: int) -> None:
        """Start acquisition, workers and what watches them; of recordings the one of this number."""
        self.stopping = False
        self.work.write_settings(file=file)
        self.processes.start("run", commands.run(self.work.settings_file))

    def calibrate(self) -> None:
        """Train while windows come; what runs already goes on."""
        if self.processes.runs("calibration"):
            return
        work = self.work
        plan = work.write_plan(using=False)
        ask = work.ask
        argv = commands.calibration(work.settings_file, plan, alpha=ask.alpha, files=work.way.files, former=ask.former)
        self.processes.start("calibration", argv)

    def show(self, *, using: bool, done: int) -> str:
        """Show pictures, of a calibration from block ``done`` on.

        Returns
        -------
        Why none can be shown; empty where they are, and where nothing is left.
        """
        work = self.work
        if why := work.no_display():
            return why
        plan = work.write_showing(using=using, done=done)
        if plan is None:
            return ""
        self.processes.end("holder")
        name = "use" if using else "calibration"
        log = work.folder / f"presented-{name}-{round(now() * 1e3)}.jsonl"
        self.processes.start("presenter", commands.presenter(plan, work.ask.stream, log, size=work.ask.size))
        return ""

    def hide(self) -> None:
        """Show no more."""
        if self.processes.runs("presenter"):
            self.processes.end("presenter")
            self.hold()

    def stop(self) -> bool:
        """End the run, its recording written; whether there is one to end."""
        self.stopping = True
        self.processes.end("calibration")
        self.processes.ask("run")
        return self.processes.runs("run")

    def report(self) -> bool:
        """Make the report; False where nothing was recorded."""
        if self.work.recorded:
            self.processes.start("report", commands.report(self.work.folder))
        return self.work.recorded

    def close(self) -> None:
        """End what still runs."""
        self.processes.close(self.work.settings.run.stop_s)
