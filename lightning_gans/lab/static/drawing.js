// What a frame of a game looks like: plain functions of a canvas, without dependencies, so that the lab's pages and a run
// that replays offline draw the same.
//
// Points are base64 of little-endian int16 pairs; 32767 is twice the window's half side from its center.

export const THEMES = {
  light: {
    ground: "#ffffff", text: "#1b1f24", quiet: "#4d5660", line: "#c4cad1", real: "#1f6fb5", fake: "#c2570c",
    grid: "rgba(110, 60, 140, .55)", pull: "#5b2a86", transport: "rgba(20, 110, 60, .8)", modes: "#1b1f24",
    realSurface: [96, 165, 224], fakeSurface: [244, 164, 96], neutral: [255, 255, 255],
    players: ["#c2570c", "#1f6fb5", "#2f7d32", "#8e2c8b"], measures: ["#5b2a86", "#00696b", "#8a5a00"],
  },
  dark: {
    ground: "#14171a", text: "#e8ebee", quiet: "#b4bcc4", line: "#4a535b", real: "#6db6f2", fake: "#f5a15a",
    grid: "rgba(205, 160, 235, .6)", pull: "#d3a8f5", transport: "rgba(120, 220, 160, .85)", modes: "#e8ebee",
    realSurface: [32, 92, 146], fakeSurface: [150, 82, 26], neutral: [20, 23, 26],
    players: ["#f5a15a", "#6db6f2", "#83cf86", "#e391e0"], measures: ["#d3a8f5", "#5fd0d2", "#e6bd62"],
  },
};

/** The color of a curve: a player's own wherever it stands, others' by their order. */
export function colorOf(theme, palette, name, index) {
  const own = palette === "players" ? ["generator", "discriminator"].indexOf(name) : -1;
  const colors = theme[palette];
  return colors[own >= 0 ? own : (index + (palette === "players" ? 2 : 0)) % colors.length];
}

/** The bytes of a base64 text. */
export function bytes(text) {
  const raw = atob(text || "");
  const found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

/** Coordinates [x, y, x, y, ...] of encoded points, in those of the plane. */
export function points(text, window) {
  const [x, y, half] = window;
  const coded = new Int16Array(bytes(text).buffer);
  const found = new Float32Array(coded.length);
  for (let i = 0; i < coded.length; i++) found[i] = (i % 2 ? y : x) + (coded[i] / 32767) * 2 * half;
  return found;
}

/** Draw a frame of points: what is switched on among surface, transport, grid, real, fake, pull, modes. */
export function draw(canvas, scene, frame, parts, theme) {
  const colors = THEMES[theme] || THEMES.light;
  const pen = prepared(canvas, colors);
  const side = Math.min(canvas.clientWidth || canvas.width, canvas.clientHeight || canvas.height);
  const view = { pen, side, colors, window: scene.window, dot: Math.max(1.6, side / 240) };
  const on = (name) => parts.includes(name) && frame && frame[name];
  if (on("surface")) drawSurface(view, frame);
  if (on("grid")) drawGrid(view, points(frame.grid, scene.window), frame.grid_side);
  if (parts.includes("real") && scene.real) drawDots(view, points(scene.real, scene.window), colors.real);
  if (on("transport")) drawLines(view, points(frame.transport, scene.window), colors.transport, false);
  if (on("fake")) drawSquares(view, points(frame.fake, scene.window), colors.fake);
  if (on("pull")) drawLines(view, steps(points(frame.pull, scene.window), scene.window), colors.pull, true);
  if (parts.includes("modes") && scene.modes) drawModes(view, scene.modes);
}

/** A pen on a cleared canvas, whose unit is a pixel of the page however fine the screen is. */
function prepared(canvas, colors) {
  const fine = globalThis.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth || canvas.width, canvas.clientHeight || canvas.height];
  if (canvas.clientWidth && canvas.width !== Math.round(width * fine)) canvas.width = Math.round(width * fine);
  if (canvas.clientHeight && canvas.height !== Math.round(height * fine)) canvas.height = Math.round(height * fine);
  const pen = canvas.getContext("2d");
  pen.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
  pen.fillStyle = colors.ground;
  pen.fillRect(0, 0, width, height);
  return pen;
}

const across = (view, x) => ((x - view.window[0]) / view.window[2] + 1) * 0.5 * view.side;
const down = (view, y) => (1 - (y - view.window[1]) / view.window[2]) * 0.5 * view.side;

/** Where D says real, in the color of real points, and where fake, in that of fakes; a line where it is undecided. */
function drawSurface(view, frame) {
  const values = bytes(frame.surface);
  const count = Math.round(Math.sqrt(values.length));
  const [low, high] = frame.surface_range;
  const level = frame.boundary ?? (low + high) / 2;
  const reach = Math.max(high - level, level - low) || 1;
  const image = new ImageData(count, count);
  for (let i = 0; i < values.length; i++) {
    const share = (low + (values[i] / 255) * (high - low) - level) / reach;
    const to = share > 0 ? view.colors.realSurface : view.colors.fakeSurface;
    const weight = Math.sqrt(Math.abs(share));
    const place = 4 * ((count - 1 - Math.floor(i / count)) * count + (i % count)); // the lowest row comes first
    for (let c = 0; c < 3; c++) image.data[place + c] = view.colors.neutral[c] + weight * (to[c] - view.colors.neutral[c]);
    image.data[place + 3] = 255;
  }
  const small = new OffscreenCanvas(count, count);
  small.getContext("2d").putImageData(image, 0, 0);
  view.pen.imageSmoothingEnabled = true;
  view.pen.drawImage(small, 0, 0, view.side, view.side);
  if (low < level && level < high) drawContour(view, values, count, ((level - low) / (high - low)) * 255);
}

/** The line of a level: marching squares, with linear interpolation on each side of a cell. */
function drawContour(view, values, count, level) {
  const { pen, side } = view;
  const place = (column, row) => [((column + 0.5) / count) * side, (1 - (row + 0.5) / count) * side];
  pen.beginPath();
  for (let row = 0; row + 1 < count; row++) {
    for (let column = 0; column + 1 < count; column++) {
      const at = row * count + column;
      const corners = [values[at], values[at + 1], values[at + count + 1], values[at + count]];
      const crossings = [];
      for (let k = 0; k < 4; k++) {
        const [from, to] = [corners[k], corners[(k + 1) % 4]];
        if (from < level === to < level) continue;
        const share = (level - from) / (to - from);
        const [dx, dy] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][k];
        crossings.push(place(column + dx, row + dy));
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        pen.moveTo(...crossings[k]);
        pen.lineTo(...crossings[k + 1]);
      }
    }
  }
  pen.strokeStyle = view.colors.quiet;
  pen.lineWidth = 1.2;
  pen.stroke();
}

/** Where the generator brings a regular grid of latents, row by row. */
function drawGrid(view, places, side) {
  const { pen } = view;
  const move = (index, first) => {
    const [x, y] = [across(view, places[2 * index]), down(view, places[2 * index + 1])];
    if (first) pen.moveTo(x, y);
    else pen.lineTo(x, y);
  };
  const rows = places.length / 2 / side;
  pen.beginPath();
  for (let row = 0; row < rows; row++) for (let k = 0; k < side; k++) move(row * side + k, k === 0);
  if (rows > 1) for (let k = 0; k < side; k++) for (let row = 0; row < rows; row++) move(row * side + k, row === 0);
  pen.strokeStyle = view.colors.grid;
  pen.lineWidth = 1;
  pen.stroke();
}

function drawDots(view, places, color) {
  view.pen.fillStyle = color;
  view.pen.globalAlpha = 0.75;
  view.pen.beginPath();
  for (let i = 0; i < places.length; i += 2) {
    const [x, y] = [across(view, places[i]), down(view, places[i + 1])];
    view.pen.moveTo(x + view.dot, y);
    view.pen.arc(x, y, view.dot, 0, 2 * Math.PI);
  }
  view.pen.fill();
  view.pen.globalAlpha = 1;
}

/** Squares: told from dots without color too. Those outside of the picture are at its edge, and counted. */
function drawSquares(view, places, color) {
  view.pen.fillStyle = color;
  view.pen.globalAlpha = 0.8;
  const side = 1.8 * view.dot;
  const within = (place) => Math.min(Math.max(place, side / 2), view.side - side / 2);
  let outside = 0;
  for (let i = 0; i < places.length; i += 2) {
    const [x, y] = [across(view, places[i]), down(view, places[i + 1])];
    if (Math.min(x, y) < 0 || Math.max(x, y) > view.side) outside += 1;
    view.pen.fillRect(within(x) - side / 2, within(y) - side / 2, side, side);
  }
  view.pen.globalAlpha = 1;
  if (outside) {
    view.pen.fillStyle = view.colors.text;
    view.pen.font = "12px system-ui, sans-serif";
    view.pen.textAlign = "left";
    view.pen.textBaseline = "top";
    view.pen.fillText(`${outside} of ${places.length / 2} generated points lie outside; shown at the edge`, 8, 8);
  }
}

/** Ends instead of differences: [x, y, dx, dy] becomes [x, y, x + dx, y + dy]. */
function steps(places, window) {
  const found = places.slice();
  for (let i = 0; i < found.length; i += 4) {
    found[i + 2] = places[i] + places[i + 2] - window[0]; // a difference was decoded as a place
    found[i + 3] = places[i + 1] + places[i + 3] - window[1];
  }
  return found;
}

function drawLines(view, ends, color, arrows) {
  const { pen } = view;
  pen.beginPath();
  for (let i = 0; i < ends.length; i += 4) {
    const [x, y, u, v] = [across(view, ends[i]), down(view, ends[i + 1]), across(view, ends[i + 2]), down(view, ends[i + 3])];
    pen.moveTo(x, y);
    pen.lineTo(u, v);
    const length = Math.hypot(u - x, v - y);
    if (!arrows || length < 3) continue;
    const tip = Math.min(5, length / 2) / length;
    const [dx, dy] = [(u - x) * tip, (v - y) * tip];
    pen.moveTo(u - dx - 0.6 * dy, v - dy + 0.6 * dx);
    pen.lineTo(u, v);
    pen.lineTo(u - dx + 0.6 * dy, v - dy - 0.6 * dx);
  }
  pen.strokeStyle = color;
  pen.lineWidth = arrows ? 1.4 : 1;
  pen.stroke();
}

function drawModes(view, modes) {
  const { pen } = view;
  pen.beginPath();
  for (const [x, y] of modes) {
    const [u, v] = [across(view, x), down(view, y)];
    pen.moveTo(u - 5, v);
    pen.lineTo(u + 5, v);
    pen.moveTo(u, v - 5);
    pen.lineTo(u, v + 5);
  }
  pen.strokeStyle = view.colors.modes;
  pen.lineWidth = 1.5;
  pen.stroke();
}

/** D's value at a place of the plane, and 1 / (1 + exp(-value)) where it is a logit; null outside what is known. */
export function valueAt(scene, frame, x, y) {
  if (!frame || !frame.surface) return null;
  const values = bytes(frame.surface);
  const count = Math.round(Math.sqrt(values.length));
  const column = Math.floor(((x - scene.window[0]) / scene.window[2] + 1) * 0.5 * count);
  const row = Math.floor(((y - scene.window[1]) / scene.window[2] + 1) * 0.5 * count);
  if (column < 0 || row < 0 || column >= count || row >= count) return null;
  const [low, high] = frame.surface_range;
  return low + (values[row * count + column] / 255) * (high - low);
}

/**
 * Draw lines over steps.
 *
 * series: [{name, color, points: [[step, value], ...], floor: value or none}]: a floor is drawn as a broken line;
 * until: the step up to which they are drawn, or null.
 */
export function drawChart(canvas, series, theme, until = null) {
  const colors = THEMES[theme] || THEMES.light;
  const pen = prepared(canvas, colors);
  const [width, height] = [canvas.clientWidth || canvas.width, canvas.clientHeight || canvas.height];
  const kept = series.map((each) => ({ ...each, points: each.points.filter((p) => Number.isFinite(p[1])) }));
  const all = kept.flatMap((each) => each.points);
  const frame = { left: 42, right: 6, top: 6, bottom: 16, width, height };
  const steps = range(all.map((p) => p[0]));
  const floors = kept.map((each) => each.floor).filter(Number.isFinite);
  const values = widened(range([...all.map((p) => p[1]), ...floors]));
  const x = (step) => frame.left + ((step - steps[0]) / (steps[1] - steps[0] || 1)) * (width - frame.left - frame.right);
  const y = (value) =>
    height - frame.bottom - ((value - values[0]) / (values[1] - values[0])) * (height - frame.top - frame.bottom);
  drawAxes(pen, colors, frame, steps, values, y);
  for (const { color, points, floor } of kept) {
    pen.strokeStyle = color;
    pen.lineWidth = 1.4;
    pen.beginPath();
    points.forEach(([step, value], i) => (i ? pen.lineTo(x(step), y(value)) : pen.moveTo(x(step), y(value))));
    pen.stroke();
    if (!Number.isFinite(floor)) continue;
    pen.setLineDash([3, 4]);
    pen.beginPath();
    pen.moveTo(frame.left, y(floor));
    pen.lineTo(width - frame.right, y(floor));
    pen.stroke();
    pen.setLineDash([]);
  }
  if (until !== null && until < steps[1]) {
    pen.fillStyle = colors.quiet;
    pen.fillRect(x(until), frame.top, 1.5, height - frame.top - frame.bottom);
  }
}

function range(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const number of numbers) [low, high] = [Math.min(low, number), Math.max(high, number)];
  return low > high ? [0, 1] : [low, high];
}

function widened([low, high]) {
  const more = (high - low) * 0.05 || Math.abs(high) * 0.1 || 0.5;
  return [low - more, high + more];
}

function drawAxes(pen, colors, frame, steps, values, y) {
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = colors.quiet;
  pen.strokeStyle = colors.line;
  pen.lineWidth = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of ticks(values)) {
    pen.fillText(short(value), frame.left - 4, y(value));
    pen.beginPath();
    pen.moveTo(frame.left, y(value));
    pen.lineTo(frame.width - frame.right, y(value));
    pen.stroke();
  }
  pen.textBaseline = "bottom";
  pen.fillText(short(steps[1]), frame.width - frame.right, frame.height);
  pen.textAlign = "left";
  pen.fillText(short(steps[0]), frame.left, frame.height);
}

/** Two to four round numbers within a range. */
function ticks([low, high]) {
  const rough = (high - low) / 3;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * size).find((k) => k >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

/** A number in few characters. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(1);
  return String(Number(value.toPrecision(size >= 1000 ? 6 : 3)));
}
