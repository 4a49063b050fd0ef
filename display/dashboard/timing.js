// Latencies, counters and states of the Timing page. `show` is called by the server with what has changed.
const COLOURS = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999"];
const SIGNS = { waiting: "◌", connected: "●", stalled: "▲", lost: "✖", recovered: "↺", degraded: "◐", paused: "❙❙", stopped: "■" };
const KINDS = { waiting: "warn", connected: "good", stalled: "warn", lost: "bad", recovered: "good", degraded: "warn", paused: "warn", stopped: "muted" };

export default {
  template: `
  <div class="cards timing">
    <section class="card wide" aria-label="Latency by stage">
      <h2>From the last sample that an answer needs to the answer, by stage</h2>
      <p class="muted hint">Of the latest 500 answers, in milliseconds: half of them took less than p50, 95 of 100 less than p95.</p>
      <p v-if="!told.total || told.total.p50 === null" class="muted">No answer has been timed yet.</p>
      <template v-else>
        <div class="stack" role="img" aria-label="Share of each stage in the middle latency">
          <span v-for="(stage, k) in told.stages" :style="{ width: share(stage) + '%', background: colour(k) }"
            :title="stage.name + ': ' + ms(stage.p50)"></span>
        </div>
        <div class="scroll" tabindex="0" role="region" aria-label="Latency table"><table class="plain">
          <thead><tr><th>stage</th><th>p50, ms</th><th>p95, ms</th><th class="less">p99, ms</th><th>longest, ms</th><th class="less">answers</th></tr></thead>
          <tbody>
            <tr v-for="(stage, k) in told.stages"><td><span class="key" :style="{ background: colour(k) }"></span>{{ stage.name }}</td>
              <td>{{ ms(stage.p50) }}</td><td>{{ ms(stage.p95) }}</td><td class="less">{{ ms(stage.p99) }}</td><td>{{ ms(stage.max) }}</td><td class="less">{{ stage.n }}</td></tr>
            <tr v-for="row in totals" class="total"><td>{{ row.name }}</td>
              <td>{{ ms(row.p50) }}</td><td>{{ ms(row.p95) }}</td><td class="less">{{ ms(row.p99) }}</td><td>{{ ms(row.max) }}</td><td class="less">{{ row.n }}</td></tr>
          </tbody></table></div>
      </template>
    </section>
    <section class="card wide" aria-label="History">
      <h2>Each answer, latest at the right</h2>
      <p v-if="!told.history.length" class="muted">No answer has been timed yet.</p>
      <template v-else>
        <svg class="history" viewBox="0 0 600 120" preserveAspectRatio="none" role="img"
          :aria-label="told.history.length + ' answers, the last took ' + ms(last) + ' milliseconds'">
          <line v-for="tick in ticks" x1="0" x2="600" :y1="y(tick)" :y2="y(tick)" class="tick"></line>
          <path :d="path" class="trace"></path>
        </svg>
        <div class="row between muted small figure"><span>{{ told.history.length }} answers; lines at {{ ticks.join(', ') }} ms, on a logarithmic scale</span>
          <span>last: {{ ms(last) }} ms</span></div>
      </template>
    </section>
    <section class="card" aria-label="Windows">
      <h2>Windows</h2>
      <p class="muted hint">Each picture shown gives one window of EEG; every one is accounted for.</p>
      <div v-for="sum in told.sums" class="sum"><b class="figure">{{ sum.name }} {{ sum.value }}</b> =
        <span v-for="(term, k) in sum.terms" class="figure" :class="{ muted: !term[1] }">{{ k ? ' + ' : '' }}{{ term[0] }} {{ term[1] }}</span></div>
      <p class="figure" :class="worst ? 'bad' : 'good'">{{ worst ? '✖' : '✓' }} lost {{ told.bad.lost }}, doubled {{ told.bad.doubled }}<span v-if="told.bad.malformed">, malformed {{ told.bad.malformed }}</span></p>
      <p v-if="told.rejected.length">Rejected: <span v-for="(row, k) in told.rejected" class="figure">{{ k ? ', ' : '' }}{{ row[0].replaceAll('_', ' ') }} {{ row[1] }}</span></p>
    </section>
    <section class="card" aria-label="Processes">
      <h2>Processes</h2>
      <ul class="processes"><li v-for="row in told.processes"><b class="one">{{ row[0] }}</b>
        <span :class="kind(row[1])">{{ sign(row[1]) }} {{ row[1] }}</span></li></ul>
    </section>
    <section class="card wide" aria-label="Changes of state">
      <h2>Changes of state, latest first</h2>
      <p v-if="!told.changes.length" class="muted">Nothing has been heard yet.</p>
      <ol class="changes" tabindex="0"><li v-for="change in told.changes">
        <span class="figure muted when">{{ change.s.toFixed(1) }} s</span>
        <b class="one">{{ change.name }}</b><span :class="kind(change.state)">{{ sign(change.state) }} {{ change.state }}</span>
        <span v-if="change.message">: {{ change.message }}</span></li></ol>
    </section>
  </div>`,
  props: { first: Object },
  data() { return { told: this.first }; },
  computed: {
    totals() { return [this.told.total, this.told.parts].filter((row) => row); },
    worst() { return this.told.bad.lost + this.told.bad.doubled + this.told.bad.malformed > 0; },
    last() { return this.told.history[this.told.history.length - 1]; },
    low() { return Math.max(0.5, Math.min(...this.told.history) * 0.8); },
    high() { return Math.max(this.low * 4, Math.max(...this.told.history) * 1.25); },
    ticks() { return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter((t) => t > this.low && t < this.high); },
    path() {
      const n = this.told.history.length, step = n > 1 ? 600 / (n - 1) : 0;
      return this.told.history.map((took, k) => `${k ? "L" : "M"}${(k * step).toFixed(1)},${this.y(took).toFixed(1)}`).join("")
        + (n === 1 ? "h600" : "");
    },
  },
  methods: {
    show(changed) { this.told = { ...this.told, ...changed }; },
    y(took) {
      const [low, high] = [Math.log(this.low), Math.log(this.high)];
      return 118 - 116 * (Math.log(Math.max(took, this.low)) - low) / (high - low);
    },
    ms(value) { return value === null ? "–" : value.toFixed(value < 99.95 ? 2 : 0); },
    share(stage) {
      const all = this.told.stages.reduce((sum, one) => sum + Math.max(one.p50 || 0, 0), 0);
      return all ? 100 * Math.max(stage.p50 || 0, 0) / all : 0;
    },
    colour(k) { return COLOURS[k % COLOURS.length]; },
    first_word(words) { return words.split(/[:,]/)[0]; },
    kind(words) { return KINDS[this.first_word(words)] || ""; },
    sign(words) { return SIGNS[this.first_word(words)] || ""; },
  },
};
