// A canvas to draw on, and beside it what a model makes of the drawing. Strokes are kept as lines, painted twice: large
// to be seen, and as large as the model takes its sources, to be sent. One drawing is under way at a time.
const LARGE = 512; // pixels of the longer side as shown
const MOST = 256; // pixels of the longer side of a picture that sets its own size

function trace(context, points) {
  context.beginPath();
  context.moveTo(...points[0]);
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i];
    context.quadraticCurveTo(x, y, (x + points[i + 1][0]) / 2, (y + points[i + 1][1]) / 2);
  }
  context.lineTo(...points[points.length - 1]);
  context.stroke();
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

function paint(strokes, size, scale, picture, erasing) {
  const canvas = canvasOf(Math.round(size.width * scale), Math.round(size.height * scale));
  const context = canvas.getContext("2d");
  if (picture !== null) {
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = scale <= 1;
    if (picture) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  }
  context.scale(scale, scale);
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.globalCompositeOperation = stroke.erases ? erasing : "source-over";
    context.strokeStyle = stroke.erases ? "white" : stroke.color;
    context.lineWidth = stroke.width;
    trace(context, stroke.points);
  }
  return canvas;
}

function over(color, layer) {
  const canvas = canvasOf(layer.width, layer.height);
  const context = canvas.getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(layer, 0, 0);
  return canvas;
}

export default {
  template: `
    <div class="lab-sketch">
      <div style="display: flex; flex-wrap: wrap; gap: 1rem">
        <figure style="margin: 0; flex: 1 1 16rem; max-width: 34rem">
          <canvas ref="canvas" tabindex="0" role="application" :aria-label="help"
            :style="frame + 'cursor: crosshair; touch-action: none'"
            @pointerdown="begin" @pointermove="move" @pointerup="end" @pointercancel="end"
            @keydown="key" @focus="focused = true; show()" @blur="focused = false; down = null; show()"></canvas>
          <figcaption>{{ completes ? "Paint over what shall be replaced" : "Draw here" }},
            {{ size.width }} x {{ size.height }} pixels</figcaption>
        </figure>
        <figure style="margin: 0; flex: 1 1 16rem; max-width: 34rem">
          <img ref="result" :src="result" :aria-busy="busy" :alt="'What ' + model + ' makes of the drawing'"
            :style="frame + 'image-rendering: pixelated; background: white'">
          <figcaption aria-live="off">{{ model }}{{ ms === null ? ", is being opened ..." : ", " + ms + " ms" }}</figcaption>
        </figure>
      </div>
      <div style="display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin-top: 0.75rem">
        <q-btn-toggle v-model="tool" no-caps unelevated toggle-color="primary" aria-label="Tool" :options="[
          { label: completes ? 'Brush' : 'Pen', value: 'pen' }, { label: 'Eraser', value: 'eraser' }]"></q-btn-toggle>
        <label style="display: flex; gap: 0.4rem">Width
          <input type="range" v-model.number="width" min="0.5" :max="widest" step="0.05" style="width: 7rem"></label>
        <label v-if="colors && !completes" style="display: flex; gap: 0.4rem">Color
          <input type="color" v-model="color"></label>
        <q-btn no-caps flat icon="undo" label="Undo" :disable="!strokes.length" @click="undo"></q-btn>
        <q-btn no-caps flat icon="delete" label="Clear" @click="clear"></q-btn>
        <q-btn no-caps flat icon="auto_awesome" label="Example" @click="example"></q-btn>
        <q-btn no-caps flat icon="image" label="Open a picture" @click="$refs.file.click()"></q-btn>
        <q-btn no-caps flat icon="download" label="Save" :disable="!result" @click="save"></q-btn>
        <input ref="file" type="file" accept="image/*" hidden @change="read">
      </div>
    </div>`,
  props: { model: String, height: Number, breadth: Number, line: Number, colors: Boolean, completes: Boolean, free: Boolean },
  data() {
    return {
      strokes: [], tool: "pen", width: this.line, color: "#000000", result: "", ms: null, focused: false, busy: true,
      size: { width: this.breadth, height: this.height },
      help: "Drawing area. Arrow keys move the pen, with Shift further; Space puts it down and lifts it.",
    };
  },
  computed: {
    widest() { return Math.max(this.size.width, this.size.height) / 4; },
    frame() {
      return `width: 100%; aspect-ratio: ${this.size.width} / ${this.size.height}; border: 1px solid #888; display: block; border-radius: 4px;`;
    },
  },
  created() {
    this.picture = undefined; // what was opened; the strokes lie above it
    this.down = null; // the stroke that is being drawn
    this.pen = { x: this.size.width / 2, y: this.size.height / 2 };
    this.waiting = this.changed = false;
  },
  mounted() {
    this.show();
  },
  methods: {
    begin(event) {
      this.$refs.canvas.setPointerCapture(event.pointerId);
      this.place(event);
      this.start();
    },
    move(event) {
      this.place(event);
      if (this.down) this.extend();
    },
    end() {
      this.down = null;
    },
    place(event) {
      const box = this.$refs.canvas.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      this.pen = { x: x * this.size.width, y: y * this.size.height };
    },
    key(event) {
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key === " ") this.down ? this.end() : this.start();
      else if (ways[event.key]) {
        const far = event.shiftKey ? 4 : 1;
        this.pen.x = Math.min(this.size.width, Math.max(0, this.pen.x + far * ways[event.key][0]));
        this.pen.y = Math.min(this.size.height, Math.max(0, this.pen.y + far * ways[event.key][1]));
        this.down ? this.extend() : this.show();
      } else return;
      event.preventDefault();
    },
    start() {
      const erases = this.tool === "eraser";
      const color = this.completes ? "white" : this.color;
      this.down = { points: [], width: erases ? 3 * this.width : this.width, color, erases };
      this.strokes.push(this.down);
      this.extend();
    },
    extend() {
      this.down.points.push([this.pen.x, this.pen.y]);
      this.send();
    },
    undo() {
      this.strokes.pop();
      this.send();
    },
    clear() {
      this.strokes = [];
      if (!this.completes) this.picture = undefined;
      this.send();
    },
    example() {
      this.busy = true;
      this.$emit("example");
    },
    read(event) {
      const [file] = event.target.files;
      if (file) this.open(URL.createObjectURL(file));
      event.target.value = "";
    },
    open(url) {
      this.busy = true;
      const image = new Image();
      image.onload = () => this.take(image, url);
      image.onerror = () => {
        this.busy = false;
        this.$emit("refused");
      };
      image.src = url;
    },
    take(image, url) {
      URL.revokeObjectURL(url);
      if (this.free) {
        const scale = Math.min(1, MOST / Math.max(image.width, image.height));
        this.size = { width: Math.max(8, Math.round(image.width * scale)), height: Math.max(8, Math.round(image.height * scale)) };
      }
      const { width, height } = this.size; // the middle of the picture, in the shape of the drawing
      const scale = Math.max(width / image.width, height / image.height);
      this.picture = canvasOf(width, height);
      const context = this.picture.getContext("2d");
      context.imageSmoothingQuality = "high";
      const [w, h] = [image.width * scale, image.height * scale];
      context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
      this.strokes = [];
      this.send();
    },
    save() {
      const link = document.createElement("a");
      [link.href, link.download] = [this.result, "drawing.png"];
      link.click();
    },
    send() {
      this.show();
      this.changed = this.busy = true;
      if (this.waiting) return;
      [this.waiting, this.changed, this.since] = [true, false, performance.now()];
      const drawn = paint(this.completes ? [] : this.strokes, this.size, 1, this.picture, "source-over");
      const holes = this.completes ? over("black", paint(this.strokes, this.size, 1, null, "destination-out")) : null;
      this.$emit("drawn", { image: drawn.toDataURL("image/png"), mask: holes && holes.toDataURL("image/png") });
    },
    answer(url) {
      this.waiting = false;
      if (url) [this.result, this.ms] = [url, Math.round(performance.now() - this.since)];
      if (url && this.changed) this.send();
      else this.busy = false;
    },
    show() {
      const canvas = this.$refs.canvas;
      const scale = LARGE / Math.max(this.size.width, this.size.height);
      const drawn = paint(this.completes ? [] : this.strokes, this.size, scale, this.picture, "source-over");
      [canvas.width, canvas.height] = [drawn.width, drawn.height];
      const context = canvas.getContext("2d");
      context.drawImage(drawn, 0, 0);
      if (this.completes) {
        const holes = paint(this.strokes, this.size, scale, null, "destination-out");
        const inside = holes.getContext("2d");
        inside.setTransform(1, 0, 0, 1, 0, 0);
        inside.globalCompositeOperation = "source-in";
        inside.fillStyle = "#c2185b";
        inside.fillRect(0, 0, holes.width, holes.height);
        context.globalAlpha = 0.7;
        context.drawImage(holes, 0, 0);
      }
      if (this.focused) this.cross(context, scale);
    },
    cross(context, scale) {
      const [x, y] = [this.pen.x * scale, this.pen.y * scale];
      context.globalAlpha = 1;
      context.strokeStyle = "#1565c0";
      context.lineWidth = this.down ? 3 : 1;
      context.beginPath();
      context.moveTo(x - 12, y); context.lineTo(x + 12, y);
      context.moveTo(x, y - 12); context.lineTo(x, y + 12);
      context.stroke();
    },
  },
};
