// Evoked responses: one panel a channel, mean and standard error of each category; below, maps at chosen times.
const DASHES = [[], [10, 3], [2, 3], [9, 3, 2, 3], [5, 2], [1, 2]];
const PAD = { left: 54, right: 12, top: 22, bottom: 26 };

function floats(text) {
  return new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

export default {
  template: `<div class="evoked"><canvas role="img" tabindex="0"></canvas></div>`,
  mounted() {
    this.canvas = this.$el.querySelector("canvas");
    this.data = null;
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.$el);
    this.shade = new MutationObserver(() => this.draw());
    this.shade.observe(document.body, { attributes: true, attributeFilter: ["class"] });
    this.$el.evoked = this; // for tests and measurements
  },
  unmounted() {
    this.watch.disconnect();
    this.shade.disconnect();
  },
  methods: {
    // data: channels, categories [{name, n, mean, error}] with base64 float32 (channels, times), first_ms, step_ms,
    // times, cursors_ms, maps {size, values: base64 int8 each, titles, limit, spots, outside}
    show(data) {
      this.data = data;
      for (const one of data.categories) {
        one.meanOf = floats(one.mean);
        one.errorOf = floats(one.error);
      }
      const trials = data.categories.map((one) => `${one.name}: ${one.n} trials`).join(", ");
      this.canvas.setAttribute("aria-label", `Evoked responses at ${data.channels.join(", ")}; ${trials}`);
      this.draw();
    },
    colours() {
      const style = getComputedStyle(document.body);
      const of = (name) => style.getPropertyValue(name).trim() || "#888";
      return {
        text: of("--text"), muted: of("--muted"), line: of("--line"), card: of("--card"),
        traces: ["--blue", "--bad-mark", "--good-mark", "--purple", "--orange", "--text"].map(of),
      };
    },
    draw() {
      const data = this.data;
      if (!data || this.$el.clientWidth < 150) return; // not shown yet
      const ratio = window.devicePixelRatio || 1;
      const wide = this.$el.clientWidth;
      const columns = Math.max(1, Math.min(data.channels.length, Math.floor(wide / 280) || 1));
      const rows = Math.ceil(data.channels.length / columns);
      const panelHigh = rows > 2 ? 170 : 210;
      const key = 26;
      const maps = data.maps;
      const across = maps ? Math.max(1, Math.min(maps.values.length, Math.floor((wide - 70) / 110))) : 0;
      const mapSize = maps ? Math.min(190, (wide - 70) / across) : 0;
      const mapRows = maps ? Math.ceil(maps.values.length / across) : 0;
      const high = key + rows * panelHigh + (maps ? 30 + mapRows * (mapSize + 22) : 0);
      this.$el.style.height = `${high}px`;
      this.canvas.width = Math.round(wide * ratio);
      this.canvas.height = Math.round(high * ratio);
      const g = this.canvas.getContext("2d");
      g.scale(ratio, ratio);
      const c = this.colours();
      this.key(g, c, wide);
      const limit = this.limit();
      data.channels.forEach((name, k) => {
        const panelWide = wide / columns;
        this.panel(g, c, k, name, (k % columns) * panelWide, key + Math.floor(k / columns) * panelHigh, panelWide, panelHigh, limit);
      });
      if (maps) this.maps(g, c, key + rows * panelHigh + 6, wide, mapSize, across);
    },
    key(g, c, wide) {
      g.font = "14px system-ui, sans-serif";
      g.textBaseline = "middle";
      g.textAlign = "left";
      let x = 4;
      this.data.categories.forEach((one, k) => {
        const words = `${one.name.slice(0, 28)} (${one.n})`;
        if (x + 44 + g.measureText(words).width > wide) return;
        g.strokeStyle = c.traces[k % 6];
        g.setLineDash(DASHES[k % 6]);
        g.lineWidth = 2.5;
        g.beginPath();
        g.moveTo(x, 12);
        g.lineTo(x + 30, 12);
        g.stroke();
        g.setLineDash([]);
        g.fillStyle = c.text;
        g.fillText(words, x + 36, 12);
        x += 52 + g.measureText(words).width;
      });
    },
    // the same µV for all panels
    limit() {
      let most = 0.5;
      for (const one of this.data.categories)
        for (let k = 0; k < one.meanOf.length; k++) {
          const error = Number.isFinite(one.errorOf[k]) ? one.errorOf[k] : 0;
          most = Math.max(most, Math.abs(one.meanOf[k]) + error);
        }
      const power = 10 ** Math.floor(Math.log10(most));
      return [1, 1.5, 2, 3, 5, 7.5, 10].map((step) => step * power).find((step) => step >= most);
    },
    panel(g, c, k, name, left, top, wide, high, limit) {
      const d = this.data;
      const w = wide - PAD.left - PAD.right;
      const h = high - PAD.top - PAD.bottom;
      const x0 = left + PAD.left;
      const y0 = top + PAD.top;
      const last = d.first_ms + (d.times - 1) * d.step_ms;
      const X = (ms) => x0 + ((ms - d.first_ms) / (last - d.first_ms || 1)) * w;
      const Y = (uv) => y0 + h / 2 - (uv / limit) * (h / 2);
      g.font = "12px system-ui, sans-serif";
      g.lineWidth = 1;
      g.strokeStyle = c.line;
      g.fillStyle = c.muted;
      g.textBaseline = "middle";
      g.textAlign = "right";
      for (const uv of [-limit, 0, limit]) {
        g.beginPath();
        g.moveTo(x0, Y(uv));
        g.lineTo(x0 + w, Y(uv));
        g.stroke();
        const inward = uv > 0 ? 6 : uv < 0 ? -6 : 0; // clear of the times below, and of the name above
        g.fillText(`${uv > 0 ? "+" : uv < 0 ? "−" : ""}${Math.abs(uv)} µV`, x0 - 4, Y(uv) + inward);
      }
      g.textAlign = "center";
      g.textBaseline = "top";
      const step = [50, 100, 200, 250, 500, 1000].find((one) => ((last - d.first_ms) / one) * 52 <= w) || 1000;
      for (let ms = Math.ceil(d.first_ms / step) * step; ms <= last + 1; ms += step) {
        g.beginPath();
        g.moveTo(X(ms), y0);
        g.lineTo(X(ms), y0 + h);
        g.stroke();
        if (X(ms) < x0 + w - 20) g.fillText(ms ? `${ms}` : "0 ms", X(ms), y0 + h + 4);
      }
      g.strokeStyle = c.muted;
      g.setLineDash([2, 3]);
      for (const ms of d.cursors_ms) {
        g.beginPath();
        g.moveTo(X(ms), y0);
        g.lineTo(X(ms), y0 + h);
        g.stroke();
      }
      g.setLineDash([]);
      d.categories.forEach((one, index) => this.trace(g, c, one, index, k, X, Y));
      g.fillStyle = c.text;
      g.font = "600 14px system-ui, sans-serif";
      g.textAlign = "left";
      g.textBaseline = "top";
      g.fillText(name, x0, top + 2);
    },
    trace(g, c, one, index, k, X, Y) {
      const d = this.data;
      const at = k * d.times;
      g.fillStyle = g.strokeStyle = c.traces[index % 6];
      g.globalAlpha = 0.2;
      g.beginPath();
      for (let t = 0; t < d.times; t++) g.lineTo(X(d.first_ms + t * d.step_ms), Y(one.meanOf[at + t] + (one.errorOf[at + t] || 0)));
      for (let t = d.times - 1; t >= 0; t--) g.lineTo(X(d.first_ms + t * d.step_ms), Y(one.meanOf[at + t] - (one.errorOf[at + t] || 0)));
      g.fill();
      g.globalAlpha = 1;
      g.lineWidth = 2;
      g.setLineDash(DASHES[index % 6]);
      g.beginPath();
      for (let t = 0; t < d.times; t++) g.lineTo(X(d.first_ms + t * d.step_ms), Y(one.meanOf[at + t]));
      g.stroke();
      g.setLineDash([]);
    },
    maps(g, c, top, wide, size, across) {
      const m = this.data.maps;
      g.fillStyle = c.text;
      g.font = "600 14px system-ui, sans-serif";
      g.textAlign = "left";
      g.textBaseline = "top";
      g.fillText(m.title, 4, top);
      m.values.forEach((text, k) => {
        const x = (k % across) * size;
        const y = top + 24 + Math.floor(k / across) * (size + 22);
        this.map(g, c, text, x, y, size);
        g.fillStyle = c.text;
        g.font = "12px system-ui, sans-serif";
        g.textAlign = "center";
        g.fillText(m.titles[k], x + size / 2, y + size);
      });
      this.bar(g, c, across * size + 14, top + 24, size);
    },
    map(g, c, text, x, y, size) {
      const m = this.data.maps;
      const steps = new Int8Array(Uint8Array.from(atob(text), (b) => b.charCodeAt(0)).buffer);
      const small = document.createElement("canvas");
      small.width = small.height = m.size;
      const image = small.getContext("2d").createImageData(m.size, m.size);
      for (let k = 0; k < steps.length; k++) {
        const [r, green, b] = shade(steps[k] / 127);
        image.data.set([r, green, b, steps[k] === m.outside ? 0 : 255], 4 * k);
      }
      small.getContext("2d").putImageData(image, 0, 0);
      g.imageSmoothingEnabled = true;
      const middle = [x + size / 2, y + size / 2];
      const unit = size / 2 / m.extent;
      g.save();
      g.beginPath();
      g.arc(middle[0], middle[1], unit, 0, 2 * Math.PI);
      g.clip();
      g.drawImage(small, x, y, size, size);
      g.restore();
      g.strokeStyle = c.muted;
      g.lineWidth = 1.5;
      g.beginPath();
      g.arc(middle[0], middle[1], unit, 0, 2 * Math.PI);
      g.moveTo(middle[0] - 8, middle[1] - unit);
      g.lineTo(middle[0], middle[1] - unit - 8);
      g.lineTo(middle[0] + 8, middle[1] - unit);
      g.stroke();
      g.fillStyle = "#14181d";
      for (const [u, v] of m.spots) if (u * u + v * v <= 1) g.fillRect(middle[0] + u * unit - 1, middle[1] - v * unit - 1, 2, 2);
    },
    bar(g, c, x, y, size) {
      for (let k = 0; k < 60; k++) {
        g.fillStyle = `rgb(${shade(1 - k / 29.5).join(",")})`;
        g.fillRect(x, y + 8 + (k / 60) * (size - 16), 10, (size - 16) / 60 + 1);
      }
      g.fillStyle = c.muted;
      g.textAlign = "left";
      g.textBaseline = "middle";
      const limit = this.data.maps.limit;
      g.fillText(`+${limit}`, x + 13, y + 8);
      g.fillText("0 µV", x + 13, y + size / 2);
      g.fillText(`−${limit}`, x + 13, y + size - 8);
    },
  },
};

// blue, white, orange: told apart with any colour vision
function shade(value) {
  const ends = value < 0 ? [0, 90, 181] : [220, 96, 0];
  const share = Math.min(1, Math.abs(value));
  return ends.map((end) => Math.round(247 + (end - 247) * share));
}
