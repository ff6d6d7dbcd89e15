// One game in the plane: what it looks like now, its numbers and its curves. It asks for the next frame when it has drawn
// the last, so that a slow browser is sent fewer.
import { THEMES, colorOf, draw, drawChart, short, valueAt } from "/static/drawing.js";

const MOST = 1500; // points of a curve; then every second one goes
const CHARTS = {
  losses: { title: "Losses", of: (name) => name.startsWith("loss/"), palette: "players" },
  kl: { title: "KL, in nats", of: (name) => name === "kl", palette: "measures" },
  js: { title: "JS, in nats: log 2 = 0.693 at most", of: (name) => name === "js", palette: "measures" },
  w1: { title: "W1, in units of the plane", of: (name) => name === "w1", palette: "measures" },
  modes: { title: "Modes found", of: (name) => name === "modes", palette: "measures" },
};
const ORDER = ["js", "kl", "loss/discriminator", "loss/generator"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export default {
  props: { label: String, source: String, parts: Array, charts: Array, drawing: Boolean, refused: Boolean, most: Number, window: Array },
  emits: ["points", "done"],
  template: `
    <section class="lab-game" :aria-label="label">
      <div class="lab-plane">
        <canvas ref="plane" role="img" tabindex="0" :aria-label="summary" :class="{ drawing }" @keydown="onKey"
          @pointerdown="onDown" @pointermove="onMove" @pointerup="onUp" @pointerleave="cursor = null"></canvas>
        <output v-if="hint" class="lab-hint">{{ hint }}</output>
        <p v-if="waiting" class="lab-waiting">{{ waiting }}</p>
      </div>
      <div v-if="drawing" class="lab-drawing" role="status">
        <span>Draw points with the mouse, or with the arrow keys and the space bar: {{ count }} of {{ most }}</span>
        <button type="button" @click="erase">Erase</button>
        <button type="button" :disabled="count < 2" @click="$emit('done')">Use these points</button>
      </div>
      <dl class="lab-numbers">
        <div v-for="[name, value] in numbers" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
      </dl>
      <figure v-for="chart in shown" :key="chart.key" class="lab-chart">
        <figcaption>{{ chart.title }}
          <span v-for="each in chart.series" :key="each.name"><i :style="{ background: each.color }"></i>{{ each.name }}
            {{ each.last }}</span>
        </figcaption>
        <canvas :ref="chart.key" role="img" :aria-label="chart.summary"></canvas>
      </figure>
    </section>`,
  data() {
    return { state: "loading", error: "", numbers: [], legend: {}, cursor: null, count: 0, theme: "light", past: null };
  },
  created() {
    this.scene = null; // large, and drawn by hand: not watched by Vue
    this.frame = null;
    this.curves = {};
    this.drawn = [];
  },
  mounted() {
    this.dress();
    this.watcher = new MutationObserver(() => this.dress());
    this.watcher.observe(document.body, { attributeFilter: ["class"] });
    this.sizes = new ResizeObserver(() => this.paint());
    this.sizes.observe(this.$refs.plane);
    this.listen();
  },
  unmounted() {
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.leave(this.socket);
  },
  watch: {
    source() {
      this.listen();
    },
    parts() {
      this.paint();
    },
    drawing(on) {
      if (on) this.$nextTick(() => this.$el.scrollIntoView({ block: "center" }));
    },
    charts() {
      this.$nextTick(() => this.paint());
    },
  },
  computed: {
    waiting() {
      if (this.error) return this.error;
      return this.state === "loading" && !this.drawing && !this.refused ? "The game is being set up" : "";
    },
    shown() {
      return (this.charts || []).map((key) => {
        const series = this.legend[key] || [];
        const summary = `${CHARTS[key].title}: ${series.map((each) => `${each.name} ${each.last}`).join(", ")}`;
        return { key, title: CHARTS[key].title, series, summary };
      });
    },
    summary() {
      const told = this.numbers.map(([name, value]) => `${name} ${value}`).join(", ");
      return `${this.label}: real points as dots, generated ones as squares. ${told}`;
    },
    hint() {
      if (!this.cursor || !this.numbers) return "";
      const [x, y] = this.cursor;
      const value = this.scene && this.parts.includes("surface") ? valueAt(this.scene, this.past || this.frame, x, y) : null;
      if (value === null) return `(${x.toFixed(2)}, ${y.toFixed(2)})`;
      const percent = this.scene.probability ? `, real by ${Math.round(100 / (1 + Math.exp(-value)))}%` : "";
      return `(${x.toFixed(2)}, ${y.toFixed(2)}) D: ${this.scene.probability ? "logit " : ""}${short(value)}${percent}`;
    },
  },
  methods: {
    dress() {
      this.theme = document.body.classList.contains("body--dark") ? "dark" : "light";
      this.$nextTick(() => this.paint());
    },
    leave(socket) {
      if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
      else socket?.close();
    },
    listen() {
      this.leave(this.socket);
      [this.scene, this.frame, this.curves, this.past, this.error] = [null, null, {}, null, ""];
      [this.numbers, this.legend, this.state] = [[], {}, "loading"];
      this.paint();
      if (!this.source) return;
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}${this.source}`);
      socket.onopen = () => socket.send("next");
      socket.onmessage = (event) => {
        if (socket !== this.socket) return;
        this.take(JSON.parse(event.data));
        requestAnimationFrame(() => {
          this.paint();
          if (socket.readyState === 1) socket.send("next");
        });
      };
      this.socket = socket;
    },
    take({ state, error, scene, frames }) {
      [this.state, this.error] = [state, error || ""];
      if (scene) this.scene = scene;
      for (const frame of frames) {
        if (this.frame && frame.step < this.frame.step) this.forget(frame.step);
        this.record(frame);
        this.frame = { ...this.frame, ...frame };
      }
      if (this.frame) this.count_up();
    },
    /** Add what a frame tells to the curves. */
    record(frame) {
      for (const [player, told] of Object.entries(frame.losses || {})) this.add(`loss/${player}`, told);
      for (const [name, value] of Object.entries(frame.measures || {})) this.add(name, [[frame.step, value]]);
    },
    add(name, told) {
      let curve = (this.curves[name] = (this.curves[name] || []).concat(told));
      if (curve.length > MOST) this.curves[name] = curve.filter((_, i) => i % 2 === curve.length % 2 || i > MOST - 50);
    },
    /** Drop what came after a step that the game went back to. */
    forget(step) {
      this.past = null;
      for (const name in this.curves) this.curves[name] = this.curves[name].filter(([at]) => at <= step);
    },
    count_up() {
      const frame = this.past || this.frame;
      const measures = frame.measures || {};
      this.numbers = [
        ["Step", frame.step],
        ["Next to learn", frame.player || "-"],
        ["Steps a second", this.past ? "-" : short(frame.steps_per_second)],
        ...["kl", "js", "w1"].map((name) => [name.toUpperCase(), this.withFloor(name, measures[name])]),
        ["D's values", frame.surface_range ? frame.surface_range.map(short).join(" to ") : "-"],
        ["Pull, longest", short(frame.pull_length)],
        ["Modes", measures.modes === undefined ? "-" : `${measures.modes}${this.scene?.modes ? ` of ${this.scene.modes.length}` : ""}`],
      ];
    },
    /** A measure, and what it is between two real samples: it cannot be expected to be less. */
    withFloor(name, value) {
      const floor = this.scene?.floor?.[name];
      return Number.isFinite(floor) ? `${short(value)} (real ${short(floor)})` : short(value);
    },
    /** Show a frame of the past, or with null what is now. */
    show(frame) {
      this.past = frame;
      if (this.frame) this.count_up();
      this.paint();
    },
    paint() {
      const plane = this.$refs.plane;
      if (!plane) return;
      const scene = this.scene || { window: this.window || [0, 0, 2] };
      draw(plane, scene, this.past || this.frame, this.scene ? this.parts : [], this.theme);
      if (this.drawing) this.paintDrawn(plane, scene);
      if (this.cursor && this.$el.contains(document.activeElement)) this.paintCursor(plane, scene);
      for (const key of this.charts || []) this.paintChart(key);
    },
    paintChart(key) {
      const { of, palette } = CHARTS[key];
      const theme = THEMES[this.theme];
      const names = Object.keys(this.curves).filter(of).sort((a, b) => ORDER.indexOf(b) - ORDER.indexOf(a));
      const series = names.map((name, i) => ({
        name: name.replace("loss/", ""),
        color: colorOf(theme, palette, name.replace("loss/", ""), i),
        points: this.curves[name],
        floor: this.scene?.floor?.[name],
      }));
      this.legend[key] = series.map((each) => ({ ...each, points: null, last: short(each.points.at(-1)?.[1]) }));
      const canvas = this.$refs[key]?.[0];
      if (canvas) drawChart(canvas, series, this.theme, this.past ? this.past.step : null);
    },
    paintDrawn(plane, { window: [x, y, half] }) {
      const pen = plane.getContext("2d");
      pen.fillStyle = THEMES[this.theme].real;
      for (const [u, v] of this.drawn) {
        pen.fillRect(((u - x) / half + 1) * 0.5 * plane.clientWidth - 3, (1 - (v - y) / half) * 0.5 * plane.clientHeight - 3, 6, 6);
      }
    },
    paintCursor(plane, { window: [x, y, half] }) {
      const [u, v] = [((this.cursor[0] - x) / half + 1) * 0.5 * plane.clientWidth, (1 - (this.cursor[1] - y) / half) * 0.5 * plane.clientHeight];
      const pen = plane.getContext("2d");
      pen.strokeStyle = THEMES[this.theme].text;
      pen.strokeRect(u - 5, v - 5, 10, 10);
    },
    place(event) {
      const box = this.$refs.plane.getBoundingClientRect();
      const [x, y, half] = this.scene?.window || this.window || [0, 0, 2];
      return [x + ((2 * (event.clientX - box.left)) / box.width - 1) * half, y + (1 - (2 * (event.clientY - box.top)) / box.height) * half];
    },
    onDown(event) {
      if (!this.drawing) return;
      event.preventDefault();
      this.$refs.plane.setPointerCapture(event.pointerId);
      this.stroke = true;
      this.put(this.place(event));
    },
    onMove(event) {
      this.cursor = this.place(event);
      if (this.stroke) this.put(this.cursor);
    },
    onUp() {
      if (this.stroke) this.tell();
      this.stroke = false;
    },
    onKey(event) {
      const [x, y, half] = this.scene?.window || this.window || [0, 0, 2];
      const way = ARROWS[event.key];
      if (way) {
        const [u, v] = this.cursor || [x, y];
        this.cursor = [u + (way[0] * half) / 20, v + (way[1] * half) / 20];
      } else if (this.drawing && [" ", "Enter"].includes(event.key)) {
        this.put(this.cursor || [x, y]);
        this.tell();
      } else return;
      event.preventDefault();
      this.paint();
    },
    /** Add a point, unless there are as many as may be, or the last is as good as there. */
    put(place) {
      const [x, y] = place;
      const half = (this.scene?.window || this.window || [0, 0, 2])[2];
      const last = this.drawn.at(-1);
      if (this.drawn.length >= (this.most || 200) || (last && Math.hypot(last[0] - x, last[1] - y) < half / 25)) return;
      this.drawn.push([Number(x.toFixed(3)), Number(y.toFixed(3))]);
      this.count = this.drawn.length;
      this.paint();
    },
    tell() {
      this.$emit("points", this.drawn);
    },
    /** Begin the drawing anew. */
    erase() {
      [this.drawn, this.count] = [[], 0];
      this.paint();
      this.tell();
    },
  },
};
