// Answers and scores of the Live page. `show` and `score` are called by the server.
// What was painted when is kept in window.eegseek.lags, for whoever measures it.
const KEPT = 600;

export default {
  template: `
  <div class="live" ref="live" :data-key="now.key">
    <div v-if="!now.key" class="card empty" role="status">
      <h2>No answer yet</h2>
      <p>Answers appear here as soon as a picture was looked at and its brain signal was decoded.</p>
    </div>
    <template v-else>
      <section class="card found" :class="{ early: now.provisional }" aria-label="Pictures found">
        <div class="row between">
          <h2>{{ main.name === 'single trial' ? 'Found from a single trial' : 'Found from the ' + main.name + (main.name.endsWith(' 1') ? ' trial' : ' trials') }}</h2>
          <span class="row">
            <span v-if="now.provisional" class="badge warn">◔ provisional, after {{ now.provisional }}</span>
            <span v-for="flag in now.flags" class="badge warn">▲ {{ flag }}</span>
            <button type="button" class="plain" :aria-pressed="held" @click="hold" title="Key h">
              {{ held ? '▶ Go on' : '❙❙ Hold' }}</button>
          </span>
        </div>
        <p v-if="main.standing" class="muted small">{{ main.standing }}</p>
        <div v-if="main.withheld" class="withheld" role="status">
          <div class="big">Withheld</div><p>Too unsure for an answer.</p>
        </div>
        <ol v-else class="ranks">
          <li v-for="(hit, k) in main.hits" :key="hit.id" :class="{ first: !k }">
            <div class="frame">
              <img v-if="pictured(hit)" :src="url(hit)" alt="" :data-first="!k || null" @error="missing(hit)">
              <span v-else class="word">{{ hit.label }}</span>
              <span class="rank" aria-hidden="true">{{ k + 1 }}</span>
              <span v-if="hit.right" class="seen">✓ this was shown</span>
            </div>
            <div class="told">
              <span class="label" :title="hit.label">{{ hit.label }}</span>
              <span class="figure p">{{ percent(hit.p) }}</span>
            </div>
            <div class="track" aria-hidden="true"><span :style="{ width: 100 * hit.p + '%' }"></span></div>
          </li>
        </ol>
        <p v-if="!main.withheld" class="muted small">Percentages: how likely each is right, calibrated.</p>
        <p v-for="other in others" class="other">
          <b class="one">{{ other.name }}:</b>
          <span v-if="other.withheld" class="one">withheld</span>
          <span v-for="hit in other.hits.slice(0, 3)" class="one figure">{{ hit.label }} {{ percent(hit.p) }}{{ hit.right ? ' ✓' : '' }}</span>
          <span v-if="other.standing" class="muted">{{ other.standing }}</span>
        </p>
      </section>
    </template>
    <div class="beside">
      <template v-if="now.key">
        <section class="card shown" aria-label="What was shown">
          <h2>What was shown</h2>
          <template v-if="now.truth">
            <div class="row">
              <img v-if="pictured(now.truth)" class="thumb" :src="url(now.truth)" alt="" @error="missing(now.truth)">
              <div class="grow"><div class="big">{{ now.truth.label }}</div>
                <div :class="verdict.kind">{{ verdict.words }}</div></div>
            </div>
          </template>
          <p v-else class="muted">Marker '{{ now.stimulus }}'. {{ now.truth_unknown || 'The session file does not say what it was.' }}</p>
        </section>
        <section class="card" aria-label="Time to answer">
          <h2>Time to answer</h2>
          <div v-if="now.after_s !== null"><span class="big figure">{{ now.after_s.toFixed(2) }} s</span>
            <span class="muted"> after the picture appeared</span></div>
          <div v-if="now.took_ms !== null" class="figure">{{ now.took_ms.toFixed(1) }} ms
            <span class="muted">after the last sample that it needs</span></div>
          <p v-if="now.after_s === null && now.took_ms === null" class="muted">Not known: what is played from a recording, or was answered before this page came, says nothing of it.</p>
          <div v-if="scores && scores.p50 !== null" class="muted figure small">
            lately {{ scores.p50.toFixed(1) }} ms (half of the answers), {{ scores.p95.toFixed(1) }} ms (95 %)</div>
        </section>
      </template>
    <section v-if="scores" class="card accuracy" aria-label="Accuracy so far">
      <h2>Accuracy so far</h2>
      <p v-if="scores.unknown" class="muted">{{ scores.unknown }}</p>
      <p v-else-if="!scores.rows.length" class="muted">No answer with a known truth yet.</p>
      <div v-for="row in scores.rows" class="score">
        <div class="row between"><span>{{ row.name }}</span>
          <span class="figure"><b class="big">{{ percent(row.top1) }}</b>
            <span class="muted"> right, chance {{ row.chance1 === null ? 'unknown' : percent(row.chance1) }}</span></span></div>
        <div class="interval" role="img" :aria-label="said(row)">
          <span v-if="row.interval" class="band" :style="band(row.interval)"></span>
          <span class="dot" :style="{ left: 100 * row.top1 + '%' }"></span>
          <span v-if="row.chance1 !== null" class="chance" :style="{ left: 100 * row.chance1 + '%' }"></span>
        </div>
        <div class="muted small figure">{{ said(row) }}</div>
      </div>
      <p v-for="words in scores.early" class="small">{{ words }}</p>
      <p v-if="scores.others.length" class="muted small">Besides: {{ scores.others.join(', ') }}.</p>
      <p v-for="note in scores.notes" class="muted small">{{ note }}</p>
    </section>
    </div>
    <section v-if="now.strip && now.strip.length" class="card strip" aria-label="Latest answers">
      <h2>Latest answers</h2>
      <ol>
        <li v-for="one in now.strip.slice().reverse()" :key="one.key" :class="{ right: one.right, wrong: one.right === false }">
          <span aria-hidden="true">{{ one.right ? '✓' : one.right === false ? '✗' : one.withheld ? '–' : '·' }}</span>
          {{ one.label }}<span v-if="one.right === false && one.truth" class="muted"> (shown: {{ one.truth }})</span>
        </li>
      </ol>
    </section>
  </div>`,
  props: { first: Object },
  data() {
    return { now: this.first, scores: null, held: false, without: {} };
  },
  computed: {
    main() { return this.now.answers[0]; },
    others() { return this.now.answers.slice(1); },
    verdict() {
      if (this.main.withheld) return { kind: "muted", words: "no answer was given" };
      const at = this.main.hits.findIndex((hit) => hit.right);
      if (at === 0) return { kind: "good", words: "✓ found first" };
      if (at > 0) return { kind: "warn", words: `◐ found as number ${at + 1}` };
      return { kind: "bad", words: `✗ not among the first ${this.main.hits.length}` };
    },
  },
  mounted() {
    window.eegseek = window.eegseek || { lags: [] };
    this.since = Date.now();
    this.pressed = (event) => {
      const typing = /input|textarea|select/i.test(event.target.tagName);
      if (event.key === "h" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) this.hold();
    };
    window.addEventListener("keydown", this.pressed);
  },
  unmounted() { window.removeEventListener("keydown", this.pressed); },
  methods: {
    // Results may come faster than this browser draws: only the latest is drawn, once a frame.
    show(told) {
      this.waiting = told;
      this.got = Date.now();
      if (this.held || this.drawing) return;
      this.drawing = true;
      requestAnimationFrame(() => { this.drawing = false; if (!this.held) this.draw(); });
    },
    draw() {
      const told = this.waiting;
      if (!told) return;
      this.waiting = null;
      const fresh = told.key !== this.now.key;
      this.now = told;
      // what was committed before this page was there says nothing of how fast it is
      if (fresh && told.committed_ms !== null && told.committed_ms > this.since) this.measure(told, this.got);
    },
    score(found) { this.scores = found; },
    hold() {
      this.held = !this.held;
      if (!this.held) this.draw();
    },
    async measure(told, got) {
      const lag = { key: told.key, committed: told.committed_ms, got, painted: null, pictured: null };
      await this.$nextTick();
      const image = this.$refs.live && this.$refs.live.querySelector("img[data-first]");
      const next = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      const picture = image ? image.decode().catch(() => null) : null;
      await next();
      lag.painted = Date.now();
      if (picture) {
        await picture;
        await next();
        if (this.now.key === told.key) lag.pictured = Date.now();
      }
      const lags = window.eegseek.lags;
      lags.push(lag);
      if (lags.length > KEPT) lags.shift();
    },
    url(hit) { return "/picture?item=" + encodeURIComponent(hit.id); },
    pictured(hit) { return !hit.text && !this.without[hit.id]; },
    missing(hit) { this.without[hit.id] = true; },
    percent(share) {
      if (share > 0 && share < 0.0005) return "< 0.1 %";
      return (100 * share).toFixed(share < 0.0995 ? 1 : 0) + " %";
    },
    band(interval) {
      return { left: 100 * interval[0] + "%", width: 100 * (interval[1] - interval[0]) + "%" };
    },
    said(row) {
      const between = row.interval
        ? `95 % interval ${this.percent(row.interval[0])} to ${this.percent(row.interval[1])}`
        : "too few different pictures for an interval";
      return `${between}; among the first ${row.depth}: ${this.percent(row.top5)}; ` +
        `${row.n} answers to ${row.stimuli} pictures`;
    },
  },
};
