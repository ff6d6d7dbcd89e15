// A game on images as it is now: samples and real images with what D says of them, what comes back, and the losses.
import { THEMES, drawChart, short } from "/static/drawing.js";

const MOST = 1500; // points of a curve; then every second one goes
const EVERY = 100; // milliseconds from picture to picture, at least: each costs the game some of its time

export default {
  props: { source: String, rebuilt: Boolean, batch: Number },
  template: `
    <section class="lab-gallery" aria-label="The game now">
      <p v-if="waiting" class="lab-waiting-line" role="status">{{ waiting }}</p>
      <dl class="lab-numbers">
        <div v-for="[name, value] in numbers" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
      </dl>
      <div class="lab-rows">
        <figure v-for="row in rows" :key="row.title">
          <figcaption>{{ row.title }}</figcaption>
          <div class="lab-tiles">
            <div v-for="(url, i) in row.images" :key="i" class="lab-tile" :class="row.verdicts ? sided(row.verdicts[i]) : ''">
              <img :src="url" :alt="row.title + ' ' + (i + 1)"><span v-if="row.verdicts">{{ Math.round(row.verdicts[i]) }}%</span>
            </div>
          </div>
        </figure>
        <figure v-for="(url, name) in visuals" :key="name"><figcaption>{{ name }}</figcaption>
          <img :src="url" :alt="name" class="lab-visual"></figure>
      </div>
      <figure class="lab-chart">
        <figcaption>Losses
          <span v-for="each in legend" :key="each.name"><i :style="{ background: each.color }"></i>{{ each.name }} {{ each.last }}</span>
        </figcaption>
        <canvas ref="losses" role="img" :aria-label="'Losses: ' + legend.map((each) => each.name + ' ' + each.last).join(', ')"></canvas>
      </figure>
    </section>`,
  data() {
    return { state: "loading", error: "", rows: [], visuals: {}, numbers: [], legend: [], theme: "light" };
  },
  computed: {
    waiting() {
      if (this.error) return this.error;
      return this.state === "loading" ? "The game is being set up" : "";
    },
  },
  watch: {
    source() {
      this.listen();
    },
  },
  created() {
    [this.scene, this.frame, this.curves, this.seconds] = [null, null, {}, 0];
  },
  mounted() {
    this.dress();
    this.watcher = new MutationObserver(() => this.dress());
    this.watcher.observe(document.body, { attributeFilter: ["class"] });
    this.sizes = new ResizeObserver(() => this.chart());
    this.sizes.observe(this.$refs.losses);
    this.listen();
  },
  unmounted() {
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.leave(this.socket);
  },
  methods: {
    dress() {
      this.theme = document.body.classList.contains("body--dark") ? "dark" : "light";
      this.$nextTick(() => this.chart());
    },
    sided(percent) {
      return percent >= 50 ? "lab-for-real" : "lab-for-fake";
    },
    /** Close a socket; one that is still being opened when it is, since browsers complain of less. */
    leave(socket) {
      if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
      else socket?.close();
    },
    listen() {
      this.leave(this.socket);
      [this.scene, this.frame, this.curves, this.seconds] = [null, null, {}, 0];
      [this.state, this.error, this.rows, this.visuals, this.numbers] = ["loading", "", [], {}, []];
      if (!this.source) return;
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}${this.source}`);
      socket.onopen = () => socket.send("next");
      socket.onmessage = (event) => {
        if (socket !== this.socket) return;
        const since = performance.now();
        this.take(JSON.parse(event.data));
        const rest = Math.max(0, EVERY - (performance.now() - since));
        setTimeout(() => requestAnimationFrame(() => socket.readyState === 1 && socket.send("next")), rest);
      };
      this.socket = socket;
    },
    take({ state, error, scene, frames }) {
      const now = performance.now();
      if (this.state === "playing" && this.last) this.seconds += (now - this.last) / 1000;
      [this.state, this.error, this.last] = [state, error || "", now];
      if (scene) this.scene = scene;
      for (const frame of frames) this.record(frame);
      if (this.scene && this.frame) this.arrange();
      this.chart();
    },
    record(frame) {
      if (this.frame && frame.step < this.frame.step) {
        for (const name in this.curves) this.curves[name] = this.curves[name].filter(([at]) => at <= frame.step);
      }
      for (const [player, told] of Object.entries(frame.losses || {})) {
        const curve = (this.curves[player] || []).concat(told);
        this.curves[player] = curve.length > MOST ? curve.filter((_, i) => i % 2) : curve;
      }
      this.frame = frame;
    },
    arrange() {
      const { scene, frame } = this;
      const judged = scene.verdict === "probability" ? "real with this probability, says D" : "scored above this share of real images";
      const rows = [{ title: "Real images", images: scene.real, verdicts: frame.real_verdicts }];
      if (frame.samples) rows.push({ title: `Generated${frame.verdicts ? ": " + judged : ""}`, images: frame.samples, verdicts: frame.verdicts });
      if (frame.rebuilt) rows.push({ title: "The real images, encoded and made again", images: frame.rebuilt });
      [this.rows, this.visuals] = [rows, frame.visuals || {}];
      const speed = frame.steps_per_second;
      this.numbers = [
        ["Step", frame.step],
        ["Next to learn", frame.player || "-"],
        ["Images seen", (frame.step * (this.batch || 0)).toLocaleString("en-US")],
        ["Time of a step", speed ? `${short(1000 / speed)} ms` : "-"],
        ["Played for", `${Math.round(this.seconds)} s`],
      ];
    },
    chart() {
      const colors = THEMES[this.theme].players;
      const names = Object.keys(this.curves).sort().reverse();
      const series = names.map((name, i) => ({ name, color: colors[i % colors.length], points: this.curves[name] }));
      this.legend = series.map((each) => ({ name: each.name, color: each.color, last: short(each.points.at(-1)?.[1]) }));
      if (this.$refs.losses) drawChart(this.$refs.losses, series, this.theme);
    },
  },
};
