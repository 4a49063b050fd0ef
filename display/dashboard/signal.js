// Scrolling EEG on a canvas. Columns (least and greatest sample) are drawn once, into a ring; each frame shows the ring
// shifted. What has gone from the ring is drawn again from the columns kept here when size, scale or colours change.
const HOLE = -32768;
const DELAY = 0.15; // s behind the newest sample, so that it glides between packets
const FRAME_MS = 30;
const GUTTER = { top: 20, bottom: 20 };

export default {
  template: `<div class="signal"><canvas role="img" tabindex="0"></canvas><div class="signal-none"></div></div>`,
  props: { seconds: { type: Number, default: 10 } },
  mounted() {
    this.canvas = this.$el.querySelector("canvas");
    this.none = this.$el.querySelector(".signal-none");
    this.none.textContent = "no signal yet";
    this.layout = null;
    this.uv = 50;
    this.states = [];
    this.frozen = false;
    this.count = { frames: 0, packets: 0, busy_ms: 0, began: performance.now() };
    this.dark = null;
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.$el);
    this.loop = (at) => {
      this.handle = requestAnimationFrame(this.loop);
      if (at - (this.drawn || 0) < FRAME_MS) return;
      const began = performance.now();
      this.frame(at);
      this.count.busy_ms += performance.now() - began;
    };
    this.handle = requestAnimationFrame(this.loop);
    this.$el.signal = this; // for tests and measurements
  },
  unmounted() {
    cancelAnimationFrame(this.handle);
    this.watch.disconnect();
  },
  methods: {
    // channels: names; hz: columns a second; step: microvolts of one unit
    configure(channels, hz, step) {
      const kept = Math.ceil((this.seconds + 1) * hz);
      this.layout = { channels, hz, step, kept };
      this.values = new Int16Array(channels.length * kept * 2).fill(HOLE);
      this.numbers = new Float64Array(kept).fill(-1);
      this.newest = null;
      this.markers = [];
      this.states = channels.map(() => "");
      this.offset = null;
      const lane = Math.min(70, Math.max(11, 560 / channels.length));
      this.$el.style.height = `${Math.round(lane * channels.length) + GUTTER.top + GUTTER.bottom}px`;
      this.canvas.setAttribute("aria-label", `Scrolling EEG of ${channels.length} channels, the last ${this.seconds} s`);
      this.fit();
    },
    // pieces: [first column, columns, base64 of int16 (channels, columns, 2)]; markers: [time in s, label, is a stimulus]
    add(pieces, markers) {
      if (!this.layout) return;
      this.count.packets++;
      const began = performance.now();
      this.none.style.display = "none";
      const { hz } = this.layout;
      for (const marker of markers) this.markers.push(marker);
      for (const [first, n, text] of pieces) {
        if (this.newest !== null && first <= this.newest - this.layout.kept) this.forget(); // another clock
        this.store(first, n, text);
        this.paint(first, n);
        this.newest = first + n - 1;
      }
      this.count.busy_ms += performance.now() - began;
      if (this.newest === null) return;
      const oldest = (this.newest - this.layout.kept) / hz;
      this.markers = this.markers.filter(([at]) => at > oldest && at < oldest + 2 * (this.seconds + 1));
      const ahead = this.newest / hz - performance.now() / 1000;
      if (this.offset === null || Math.abs(ahead - this.offset) > 1) this.offset = ahead;
      this.offset += (ahead - this.offset) * (ahead > this.offset ? 0.3 : 0.03);
    },
    // one word for each channel, '' for not known; letters: what stands beside the names
    quality(states, letters) {
      this.states = states;
      this.letters = letters;
      this.repaint();
    },
    scale(uv) {
      this.uv = uv;
      this.repaint();
    },
    freeze(frozen) {
      this.frozen = frozen;
    },
    forget() {
      this.numbers.fill(-1);
      this.newest = null;
      this.offset = null;
      this.wipe();
    },
    store(first, n, text) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const packed = new Int16Array(bytes.buffer);
      const { channels, kept } = this.layout;
      for (let k = 0; k < n; k++) {
        const slot = (first + k) % kept;
        this.numbers[slot] = first + k;
        for (let c = 0; c < channels.length; c++) {
          this.values[(c * kept + slot) * 2] = packed[(c * n + k) * 2];
          this.values[(c * kept + slot) * 2 + 1] = packed[(c * n + k) * 2 + 1];
        }
      }
    },
    colours() {
      const style = getComputedStyle(document.body);
      const of = (name) => style.getPropertyValue(name).trim() || "#888";
      this.dark = document.body.classList.contains("body--dark");
      this.colour = {
        text: of("--text"), muted: of("--muted"), line: of("--line"), card: of("--card"), odd: of("--text"),
        even: of("--blue"), good: of("--good"), warn: of("--warn"), bad: of("--bad"), stimulus: of("--purple"),
      };
    },
    fit() {
      if (!this.layout) return;
      const ratio = window.devicePixelRatio || 1;
      const width = Math.round(this.$el.clientWidth * ratio);
      const height = Math.round(this.$el.clientHeight * ratio);
      if (!width || !height) return;
      this.ratio = ratio;
      this.canvas.width = width;
      this.canvas.height = height;
      const font = this.font();
      const context = this.canvas.getContext("2d");
      context.font = font;
      const widest = Math.max(...this.layout.channels.map((name) => context.measureText(name.slice(0, 8)).width));
      this.left = Math.round(widest + 22 * ratio);
      this.top = GUTTER.top * ratio;
      this.wide = Math.max(10, width - this.left);
      this.high = height - (GUTTER.top + GUTTER.bottom) * ratio;
      this.ring = document.createElement("canvas");
      this.ring.width = Math.ceil((this.wide * (this.seconds + 1)) / this.seconds);
      this.ring.height = this.high;
      this.repaint();
    },
    font() {
      const lane = (this.$el.clientHeight - GUTTER.top - GUTTER.bottom) / this.layout.channels.length;
      return `${Math.round(Math.min(13, Math.max(8, lane * 0.8)) * (this.ratio || 1))}px system-ui, sans-serif`;
    },
    wipe() {
      if (this.ring) this.ring.getContext("2d").clearRect(0, 0, this.ring.width, this.ring.height);
    },
    repaint() {
      if (!this.layout || !this.ring) return;
      this.colours();
      this.wipe();
      if (this.newest === null) return;
      const { kept } = this.layout;
      let first = null;
      for (let number = this.newest - kept + 1; number <= this.newest + 1; number++) {
        const there = number <= this.newest && number >= 0 && this.numbers[number % kept] === number;
        if (there && first === null) first = number;
        if (!there && first !== null) {
          this.paint(first, number - first);
          first = null;
        }
      }
    },
    x(number) {
      return Math.floor(((number % this.layout.kept) / this.layout.kept) * this.ring.width);
    },
    // draw columns into the ring, after what stood there a round ago is cleared
    paint(first, n) {
      if (!this.ring) return;
      const context = this.ring.getContext("2d");
      const { channels, kept, step } = this.layout;
      const joined = first > 0 && this.numbers[(first - 1) % kept] === first - 1;
      this.clear(context, first, n);
      const lane = this.high / channels.length;
      const scale = (lane * step) / this.uv;
      context.lineWidth = Math.max(1, this.ratio * 0.9);
      context.lineJoin = "round";
      for (let c = 0; c < channels.length; c++) {
        const middle = lane * (c + 0.5);
        context.strokeStyle = this.traceColour(c);
        context.beginPath();
        let before = null;
        let last = -1;
        for (let k = joined ? -1 : 0; k < n; k++) {
          const at = (c * kept + ((first + k) % kept)) * 2;
          const low = this.values[at];
          if (low === HOLE) {
            before = null;
            continue;
          }
          const bottom = middle - low * scale;
          const top = middle - this.values[at + 1] * scale;
          const x = this.x(first + k) + 0.5;
          if (before === null || x < last) context.moveTo(x, bottom);
          else if (k < 0) context.moveTo(x, bottom);
          const rising = before === null || Math.abs(before - bottom) < Math.abs(before - top);
          const [one, two] = rising ? [bottom, top] : [top, bottom];
          if (k < 0) context.moveTo(x, two);
          else {
            if (before === null || x < last) context.moveTo(x, one);
            else context.lineTo(x, one);
            // a level stretch is a dot at least
            context.lineTo(x, Math.abs(two - one) < 0.5 ? one + 0.5 : two);
          }
          before = two;
          last = x;
        }
        context.stroke();
      }
    },
    clear(context, first, n) {
      const from = first > 0 && this.numbers[(first - 1) % this.layout.kept] === first - 1 ? this.x(first - 1) + 1 : this.x(first);
      const to = this.x(first + n - 1) + 1;
      const span = Math.min(this.ring.width, to >= from ? to - from : to + this.ring.width - from);
      // what lies between two runs is a hole
      let start = from;
      let length = span;
      if (this.newest !== null && first > this.newest + 1) {
        start = (this.x(this.newest) + 1) % this.ring.width;
        length = Math.min(this.ring.width, (to - start + this.ring.width) % this.ring.width);
      }
      context.clearRect(start, 0, length, this.ring.height);
      if (start + length > this.ring.width) context.clearRect(0, 0, start + length - this.ring.width, this.ring.height);
    },
    traceColour(c) {
      const kind = (this.letters || {})[this.states[c]];
      if (kind) return this.colour[kind[1]] || this.colour.bad;
      return c % 2 ? this.colour.even : this.colour.odd;
    },
    frame(at) {
      this.drawn = at;
      if (!this.layout || this.newest === null || this.frozen || !this.ring) return;
      if (this.dark !== document.body.classList.contains("body--dark")) this.repaint();
      const { hz, kept } = this.layout;
      const head = Math.min(this.newest + 1, (at / 1000 + this.offset - DELAY) * hz);
      if (this.shown === head && this.shownAt === this.newest) return;
      this.shown = head;
      this.shownAt = this.newest;
      this.count.frames++;
      const context = this.canvas.getContext("2d");
      const c = this.colour;
      context.clearRect(0, 0, this.canvas.width, this.canvas.height);
      this.axes(context, head, c);
      const width = this.ring.width;
      const right = ((((head % kept) + kept) % kept) / kept) * width;
      const from = Math.round(right - this.wide);
      if (from >= 0) context.drawImage(this.ring, from, 0, this.wide, this.high, this.left, this.top, this.wide, this.high);
      else {
        const old = -from;
        context.drawImage(this.ring, width - old, 0, old, this.high, this.left, this.top, old, this.high);
        context.drawImage(this.ring, 0, 0, this.wide - old, this.high, this.left + old, this.top, this.wide - old, this.high);
      }
      this.names(context, c);
      this.marks(context, head, c);
    },
    axes(context, head, c) {
      const pixels = this.wide / this.seconds;
      context.font = `${11 * this.ratio}px system-ui, sans-serif`;
      context.textBaseline = "top";
      context.textAlign = "center";
      context.strokeStyle = c.line;
      context.fillStyle = c.muted;
      context.lineWidth = 1;
      context.beginPath();
      for (let s = 0; s <= this.seconds; s++) {
        const x = Math.round(this.left + this.wide - s * pixels) - 0.5;
        context.moveTo(x, this.top);
        context.lineTo(x, this.top + this.high);
        const every = pixels < 45 * this.ratio ? 2 : 1;
        if (s && s % every === 0 && x > this.left + 14 * this.ratio)
          context.fillText(`−${s} s`, x, this.top + this.high + 4 * this.ratio);
      }
      context.stroke();
      context.textAlign = "right";
      context.fillText("now", this.left + this.wide, this.top + this.high + 4 * this.ratio);
    },
    names(context, c) {
      const { channels } = this.layout;
      const lane = this.high / channels.length;
      context.font = this.font();
      context.textBaseline = "middle";
      context.textAlign = "left";
      for (let k = 0; k < channels.length; k++) {
        const kind = (this.letters || {})[this.states[k]];
        context.fillStyle = kind ? c[kind[1]] : c.text;
        const y = this.top + lane * (k + 0.5);
        context.fillText(channels[k].slice(0, 8), 2 * this.ratio, y);
        if (kind) context.fillText(kind[0], this.left - 14 * this.ratio, y);
      }
    },
    marks(context, head, c) {
      const { hz } = this.layout;
      context.font = `${11 * this.ratio}px system-ui, sans-serif`;
      context.textBaseline = "middle";
      context.textAlign = "left";
      let free = -1;
      for (const [time, label, stimulus] of this.markers) {
        const x = Math.round(this.left + this.wide - ((head - time * hz) / hz / this.seconds) * this.wide) + 0.5;
        if (x < this.left || x > this.left + this.wide) continue;
        context.strokeStyle = context.fillStyle = stimulus ? c.stimulus : c.muted;
        context.lineWidth = this.ratio;
        context.setLineDash(stimulus ? [] : [3 * this.ratio, 3 * this.ratio]);
        context.globalAlpha = 0.75;
        context.beginPath();
        context.moveTo(x, this.top * 0.55);
        context.lineTo(x, this.top + this.high);
        context.stroke();
        context.globalAlpha = 1;
        const wide = context.measureText(label).width;
        if (x + 3 > free && x + wide < this.left + this.wide) {
          context.fillStyle = c.text;
          context.fillText(label, x + 3, this.top * 0.5);
          free = x + wide + 10 * this.ratio;
        }
      }
      context.setLineDash([]);
    },
  },
};
