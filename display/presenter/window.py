"""The window: SDL through pygame-ce, every picture a texture of the graphics card, one flip a frame."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from config.errors import ScreenError
from config.presentation import Look
from display.presenter.frames import NOTHING
from display.presenter.pictures import Pixels
from display.presenter.show import Key
from display.presenter.timing import Screen
from wire.clock import now

if TYPE_CHECKING:
    from pygame import Surface
    from pygame._sdl2.video import Renderer, Texture

UNSEEN = ("offscreen", "dummy", "evdev")
"""Video drivers of SDL that show nothing."""
TRIED = 45
"""Flips that are tried to see what they wait for."""
SPIN_S = 0.001
"""The last bit before a flip is waited for awake, as sleeping ends late."""
CENTRED = 0x2FFF0000
"""SDL's word for the middle of a display, whose number is added."""
_TEXT, _PAPER = (240, 240, 240), (64, 64, 64)


class Window:
    """A window on a screen; the constructor only stores.

    Parameters
    ----------
    look
        Background, size of the pictures, fixation, patch.
    size
        Of a window, pixels; None: the full screen.
    display
        Which screen, from 0.
    vsync
        Ask for vertical sync.
    """

    screen: Screen

    def __init__(
        self, look: Look, *, size: tuple[int, int] | None = None, display: int = 0, vsync: bool = True
    ) -> None:
        self.look = look
        self._asked_size = size
        self._display = display
        self._vsync = vsync
        self._window: Any = None
        self._renderer: Renderer | None = None
        self._textures: dict[int, Texture] = {}
        self._fixation: Texture | None = None
        self._words: tuple[str, Texture | None] = ("", None)
        self._due: float | None = None
        self._content: tuple[Any, ...] = ()
        self._changed = True

    def open(self) -> Screen:
        """Open the window, and find out what flips wait for.

        Raises
        ------
        ScreenError
            There is no screen, or not that one, or no window can be had.
        """
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        try:
            pygame.display.init()
            pygame.font.init()
            sizes, rates = pygame.display.get_desktop_sizes(), pygame.display.get_desktop_refresh_rates()
        except pygame.error as error:
            raise ScreenError(_no_screen(str(error))) from error
        driver = pygame.display.get_driver()
        if driver in UNSEEN:
            raise ScreenError(_no_screen(f"SDL found only '{driver}', which shows nothing"))
        if self._display >= len(sizes):
            raise ScreenError(f"there is no display {self._display}: displays 0 to {len(sizes) - 1} are there")
        refresh = float(rates[self._display])
        granted = self._vsync and _grants_sync()
        try:
            self._make(sizes[self._display], sync=granted and refresh > 0, plain=refresh <= 0)
            self.screen = self._found(driver, refresh, granted)
            if granted and refresh > 0 and not self.screen.synced:
                self._make(sizes[self._display], sync=False, plain=False)
        except pygame.error as error:
            raise ScreenError(f"no window can be opened on display {self._display}: {error}") from error
        self._frame_s = 1 / self.screen.rate_hz
        self._fixation = self._texture(_fixation(self._side))
        pygame.mouse.set_visible(False)
        return self.screen

    @property
    def side(self) -> int:
        """Of the square that pictures are fitted into, pixels."""
        return max(1, round(self.look.height * self._side))

    def take(self, row: int, pixels: Pixels) -> None:
        """Keep a picture ready, as a texture: (height, width, 3)."""
        self._textures[row] = self._texture(_surface(pixels))

    def picture(self, row: int, patch: bool) -> None:
        """Draw a stimulus, or nothing, and the patch."""
        if self._same(("picture", row, patch)):
            return
        renderer = self._clear(self.look.background)
        if row != NOTHING:
            self._centred(self._textures[row])
        if self.look.fixation and self._fixation is not None:
            self._centred(self._fixation)
        if self.look.patch != "none":
            renderer.draw_color = (255, 255, 255, 255) if patch else (0, 0, 0, 255)
            renderer.fill_rect(self._patch)

    def words(self, text: str, below: str = "", share: float | None = None, above: Sequence[int] = ()) -> None:
        """Draw words, a bar where a share is given, and stimuli small above the words, by their rows."""
        import pygame

        if self._same(("words", text, below, share, tuple(above))):
            return
        renderer = self._clear(None)
        key = f"{text}\0{below}"
        if self._words[0] != key:
            self._words = (key, self._texture(self._written(text, below)))
        if self._words[1] is not None:
            self._centred(self._words[1], down=0.12 if above else 0.0)
        self._beside(above)
        if share is not None:
            wide, high = self._size
            bar = pygame.Rect(wide // 4, high * 4 // 5, wide // 2, max(4, high // 60))
            renderer.draw_color = (*_TEXT, 255)
            renderer.draw_rect(bar)
            renderer.fill_rect(pygame.Rect(bar.x, bar.y, round(bar.w * min(1.0, max(0.0, share))), bar.h))

    def flip(self) -> float:
        """Show what was drawn: when the screen takes it, or at the program's own next frame; the stamp after it."""
        if self.screen.synced:
            self._drawn.present()
            return now()
        due = now() if self._due is None else self._due
        while (left := due - now()) > 0:
            time.sleep(left - SPIN_S if left > SPIN_S else 0)
        if self._changed:
            self._drawn.present()
        stamp = now()
        # a frame that came too late leaves the next ones where they were
        late = max(0.0, stamp - due)
        self._due = due + self._frame_s * (1 + int(late / self._frame_s))
        return stamp

    def pressed(self) -> list[tuple[Key, float]]:
        """Keys since the last call, with when they were noticed."""
        import pygame

        at = now()
        found: list[tuple[Key, float]] = []
        for event in pygame.event.get():
            if event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
                found.append(("escape", at))
            elif event.type == pygame.KEYDOWN:
                names: dict[int, Key] = {pygame.K_SPACE: "space", pygame.K_ESCAPE: "escape"}
                found.append((names.get(event.key, "other"), at))
        return found

    def close(self) -> None:
        """Close it; harmless twice, and before it was opened."""
        if self._window is None:
            return
        import pygame

        self._let_go()
        pygame.font.quit()
        pygame.display.quit()

    def _make(self, desktop: tuple[int, int], *, sync: bool, plain: bool) -> None:
        import pygame

        self._let_go()
        size = self._asked_size or desktop
        middle = CENTRED | self._display
        self._window = pygame.Window(
            "eegseek present", size, (middle, middle), fullscreen_desktop=self._asked_size is None
        )
        self._window.focus()
        self._size = (int(size[0]), int(size[1]))
        self._side = min(self._size)
        self._renderer, self._driver = _renderer(self._window, sync=sync, plain=plain)
        patch = max(1, round(self.look.patch_height * self._side))
        left = 0 if self.look.patch.endswith("left") else self._size[0] - patch
        top = 0 if self.look.patch.startswith("top") else self._size[1] - patch
        self._patch = pygame.Rect(left, top, patch, patch)

    def _let_go(self) -> None:
        """Of textures first, then of what draws them, then of the window: SDL frees the others with it."""
        self._textures.clear()
        self._words = ("", None)
        self._fixation = self._renderer = None
        if self._window is not None:
            self._window.destroy()
            self._window = None

    def _found(self, driver: str, refresh: float, granted: bool) -> Screen:
        """The screen, after flips that nobody waits for but itself."""
        import pygame

        trial: list[float] = []
        if granted and refresh > 0:
            stamps = []
            for _ in range(TRIED):
                pygame.event.pump()
                self._clear(None).present()
                stamps.append(now())
            # the first ones fill the queue of the driver
            trial = [1e3 * (b - a) for a, b in pairwise(stamps[5:])]
        full = self._asked_size is None
        return Screen(driver, self._driver, self._size, full, refresh, self._vsync, granted, tuple(trial))

    @property
    def _drawn(self) -> Renderer:
        """What draws, while the window is open."""
        if self._renderer is None:
            raise ScreenError("the window of the presenter is not open; open it before anything is drawn")
        return self._renderer

    def _same(self, content: tuple[Any, ...]) -> bool:
        """Whether the screen shows that already, and nothing is to be done: only a screen that is waited for minds."""
        self._changed = content != self._content or self.screen.synced
        self._content = content
        return not self._changed

    def _clear(self, colour: str | None) -> Renderer:
        renderer = self._drawn
        if colour is None:
            renderer.draw_color = (*_PAPER, 255)
        else:
            renderer.draw_color = (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16), 255)
        renderer.clear()
        return renderer

    def _centred(self, texture: Texture, down: float = 0.0) -> None:
        wide, high = self._size
        place = texture.get_rect()
        place.center = (wide // 2, high // 2 + round(down * high))
        texture.draw(dstrect=place)

    def _beside(self, rows: Sequence[int]) -> None:
        """Stimuli beside each other in the upper part of the window, each within a square."""
        import pygame

        wide, high = self._size
        side = min(high // 4, wide * 9 // (10 * max(1, len(rows))))
        for k, row in enumerate(rows):
            texture = self._textures[row]
            scale = 0.9 * side / max(texture.width, texture.height)
            place = pygame.Rect(0, 0, max(1, round(texture.width * scale)), max(1, round(texture.height * scale)))
            place.center = (wide // 2 + round((k - (len(rows) - 1) / 2) * side), high // 6)
            texture.draw(dstrect=place)

    def _texture(self, surface: Surface) -> Texture:
        from pygame._sdl2.video import Texture

        return Texture.from_surface(self._drawn, surface)

    def _written(self, text: str, below: str) -> Surface:
        """Words on a transparent surface, wrapped to the window."""
        import pygame

        font = pygame.font.Font(None, max(16, self._side // 20))
        small = pygame.font.Font(None, max(14, self._side // 28))
        for one in (font, small):
            one.align = pygame.FONT_CENTER
        width = self._size[0] * 4 // 5
        parts = [font.render(_printable(text) or " ", True, _TEXT, None, width)]
        if below:
            parts.append(small.render(_printable(below), True, _TEXT, None, width))
        wide, high = max(part.get_width() for part in parts), sum(part.get_height() + 20 for part in parts)
        sheet = pygame.Surface((wide, high), pygame.SRCALPHA)
        top = 0
        for part in parts:
            sheet.blit(part, ((wide - part.get_width()) // 2, top))
            top += part.get_height() + 20
        return sheet


def _grants_sync() -> bool:
    """Whether the driver can wait for the screen: OpenGL says so honestly, SDL's renderer pretends where it cannot."""
    import pygame

    try:
        pygame.display.set_mode((64, 64), pygame.OPENGL | pygame.DOUBLEBUF | pygame.HIDDEN, vsync=1)
    except pygame.error:
        return False
    else:
        return True
    finally:
        # the module is begun anew, without that window
        pygame.display.quit()
        pygame.display.init()


def _renderer(window: Any, *, sync: bool, plain: bool) -> tuple[Renderer, str]:
    """The first renderer that works, and its name; ``plain``: the one without a graphics card first."""
    import pygame
    from pygame._sdl2 import video

    names = [str(driver.name) for driver in video.get_drivers()]
    order: Iterable[int] = range(len(names))
    if plain:
        order = sorted(order, key=lambda k: names[k] != "software")
    last: Exception = pygame.error("there is no renderer")
    for index in order:
        try:
            return video.Renderer(window, index, vsync=sync), names[index]
        except pygame.error as error:
            last = error
    raise last


def _surface(pixels: Pixels) -> Surface:
    import pygame

    high, wide = pixels.shape[:2]
    return pygame.image.frombytes(pixels.tobytes(), (wide, high), "RGB")


def _fixation(side: int) -> Surface:
    """A dark disc with a light ring and a dark dot, which is seen on any picture."""
    import pygame

    radius = max(5, side // 90)
    whole = 2 * radius + 1
    sheet = pygame.Surface((whole, whole), pygame.SRCALPHA)
    for colour, share in (((0, 0, 0), 1.0), ((255, 255, 255), 0.75), ((0, 0, 0), 0.35)):
        pygame.draw.circle(sheet, colour, (radius, radius), max(1, round(radius * share)))
    return sheet


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _no_screen(why: str) -> str:
    return (
        f"there is no screen to present on ({why}): start it from the desktop of this machine, or set DISPLAY or "
        "WAYLAND_DISPLAY"
    )
